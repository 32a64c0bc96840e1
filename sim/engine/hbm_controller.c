/* The controller of one pseudo-channel: FR-FCFS (Rixner et al., ISCA 2000) over a queue of reads and one of writes.
 *
 * Writes wait until their queue is nearly full and then go in one batch, because turning the bus round costs tens of
 * clocks. A row command may prepare the other queue's rows meanwhile. Refreshes are issued when due, never postponed.
 */
#include "sim/engine/hbm.h"

#include <assert.h>
#include <string.h>

/* The read queue follows from a measured gather of 128 bytes on an H100, the write batch from the copy rate of an H200
 * (see docs/model.md). */
enum { QUEUE_MAX = 184, READ_QUEUE = 42, WRITE_QUEUE = 184, WRITE_HIGH = 176, WRITE_LOW = 8 };

typedef struct queued {
    int32_t bank, row;
} queued;

typedef struct queue {
    queued items[QUEUE_MAX];
    size_t count, capacity;
    int32_t hits[HBM_BANKS_MAX]; /* requests for each bank's open row */
    uint64_t hit_banks;          /* banks that have any */
} queue;

typedef struct controller {
    hbm_device device;
    queue reads, writes;
    hbm_source source;
    hbm_request waiting; /* the next one, which found its queue full */
    bool has_waiting, ended;
    bool draining, last_was_write;
    int64_t refresh_due_clk;
    int32_t refresh_bank; /* whose turn it is */
    hbm_counts counts;
} controller;

static void add_hits(queue *q, int32_t bank, int32_t count) {
    uint64_t bit = 1ull << bank;
    q->hits[bank] += count;
    q->hit_banks = q->hits[bank] > 0 ? q->hit_banks | bit : q->hit_banks & ~bit;
}

/* After a bank's row has opened or closed. */
static void recount_hits(const hbm_device *device, queue *q, int32_t bank) {
    int32_t row = device->open_row[bank], count = 0;
    for (size_t i = 0; i < q->count && row != HBM_ROW_CLOSED; i++)
        count += q->items[i].bank == bank && q->items[i].row == row;
    add_hits(q, bank, count - q->hits[bank]);
}

static void fill(controller *c) {
    for (;;) {
        if (!c->has_waiting) {
            if (c->ended || !c->source.next(c->source.context, &c->waiting)) {
                c->ended = true;
                return;
            }
            c->has_waiting = true;
        }
        queue *q = c->waiting.write ? &c->writes : &c->reads;
        if (q->count == q->capacity)
            return;
        const hbm_place *place = &c->waiting.place;
        q->items[q->count++] = (queued){place->bank, place->row};
        add_hits(q, place->bank, c->device.open_row[place->bank] == place->row);
        c->has_waiting = false;
    }
}

static void choose_direction(controller *c) {
    if (c->writes.count >= WRITE_HIGH || c->reads.count == 0)
        c->draining = true;
    /* Reads wait for the end of a batch; the last writes go when no read is left. */
    if (c->writes.count == 0 || (c->writes.count <= WRITE_LOW && c->reads.count > 0))
        c->draining = false;
}

/* The soonest thing to do, as found in one look through the queues. */
typedef struct choice {
    bool has_column, has_row;
    size_t column; /* index in the active queue */
    hbm_command row_command;
    int32_t row_bank, row;
    int64_t next_clk; /* when anything becomes possible, if nothing is now */
} choice;

static void sooner(choice *out, int64_t clk) {
    if (clk < out->next_clk)
        out->next_clk = clk;
}

/* The row command that the oldest request in need of one asks for. Only one request a bank is looked at. */
static void choose_row(const controller *c, const queue *q, uint64_t blocked, int64_t clk, choice *out) {
    uint64_t seen = blocked, all = (1ull << (c->device.memory->banks - 1) << 1) - 1;
    for (size_t i = 0; i < q->count && (seen & all) != all; i++) {
        const queued *item = &q->items[i];
        uint64_t bit = 1ull << item->bank;
        if (seen & bit)
            continue;
        seen |= bit;
        int32_t open = c->device.open_row[item->bank];
        if (open == item->row)
            continue;
        hbm_command command = open == HBM_ROW_CLOSED ? HBM_ACT : HBM_PRE;
        int64_t ready_clk = hbm_device_earliest(&c->device, command, item->bank);
        if (ready_clk <= clk) {
            out->has_row = true;
            out->row_command = command;
            out->row_bank = item->bank;
            out->row = item->row;
            return;
        }
        sooner(out, ready_clk);
    }
}

static void choose_column(const controller *c, const queue *q, hbm_command command, uint64_t blocked, int64_t clk,
                          choice *out) {
    uint64_t ready = 0;
    for (uint64_t banks = q->hit_banks & ~blocked; banks != 0; banks &= banks - 1) {
        int32_t bank = __builtin_ctzll(banks);
        int64_t ready_clk = hbm_device_earliest(&c->device, command, bank);
        if (ready_clk <= clk)
            ready |= 1ull << bank;
        else
            sooner(out, ready_clk);
    }
    for (size_t i = 0; i < q->count && ready != 0; i++) {
        const queued *item = &q->items[i];
        if ((ready >> item->bank & 1) && c->device.open_row[item->bank] == item->row) {
            out->has_column = true;
            out->column = i;
            return;
        }
    }
}

/* Refresh goes first: its bank (or all) is closed and then refreshed. Returns the banks that
 * others must leave alone meanwhile.
 */
static uint64_t choose_refresh(controller *c, int64_t clk, choice *out) {
    const hbm_memory *memory = c->device.memory;
    if (memory->no_refresh)
        return 0;
    if (clk < c->refresh_due_clk) {
        sooner(out, c->refresh_due_clk);
        return 0;
    }
    bool open = c->device.open_row[c->refresh_bank] != HBM_ROW_CLOSED;
    uint64_t banks = 1ull << c->refresh_bank;
    hbm_command refresh = HBM_REFPB, close = HBM_PRE;
    if (memory->refresh_all) {
        refresh = HBM_REFAB, close = HBM_PREA, banks = ~0ull, open = false;
        for (int32_t b = 0; b < memory->banks; b++)
            open |= c->device.open_row[b] != HBM_ROW_CLOSED;
    }
    hbm_command command = open ? close : refresh;
    int64_t ready_clk = hbm_device_earliest(&c->device, command, c->refresh_bank);
    if (ready_clk <= clk) {
        out->has_row = true;
        out->row_command = command;
        out->row_bank = c->refresh_bank;
    } else {
        sooner(out, ready_clk);
    }
    return banks;
}

static void issue_row(controller *c, const choice *what, int64_t clk) {
    const hbm_memory *memory = c->device.memory;
    hbm_device_issue(&c->device, what->row_command, what->row_bank, what->row, clk);
    int32_t first = what->row_command == HBM_PREA ? 0 : what->row_bank;
    int32_t last = what->row_command == HBM_PREA ? memory->banks - 1 : what->row_bank;
    for (int32_t bank = first; bank <= last; bank++) {
        recount_hits(&c->device, &c->reads, bank);
        recount_hits(&c->device, &c->writes, bank);
    }
    if (what->row_command == HBM_ACT)
        c->counts.activates++;
    if (what->row_command == HBM_REFAB || what->row_command == HBM_REFPB) {
        bool all = what->row_command == HBM_REFAB;
        c->counts.refreshes++;
        c->counts.refresh_clk += memory->clk[all ? HBM_T_RFCAB : HBM_T_RFCPB];
        c->refresh_due_clk += memory->clk[all ? HBM_T_REFI : HBM_T_REFIPB];
        c->refresh_bank = (c->refresh_bank + 1) % memory->banks;
    }
}

static void issue_column(controller *c, queue *q, size_t index, bool write, int64_t clk) {
    hbm_device_issue(&c->device, write ? HBM_WR : HBM_RD, q->items[index].bank, 0, clk);
    add_hits(q, q->items[index].bank, -1);
    q->count--;
    memmove(&q->items[index], &q->items[index + 1], (q->count - index) * sizeof *q->items);
    *(write ? &c->counts.writes : &c->counts.reads) += 1;
    c->counts.turnarounds += write != c->last_was_write;
    c->last_was_write = write;
}

hbm_counts hbm_serve(const hbm_memory *memory, hbm_source source) {
    controller c = {.source = source, .reads.capacity = READ_QUEUE, .writes.capacity = WRITE_QUEUE};
    size_t rule_count;
    const hbm_rule *rules = hbm_rules(&rule_count);
    hbm_device_start(&c.device, memory, rules, rule_count);
    c.refresh_due_clk = memory->clk[memory->refresh_all ? HBM_T_REFI : HBM_T_REFIPB];
    int64_t clk = 0;
    for (;;) {
        fill(&c);
        if (c.reads.count + c.writes.count == 0)
            break;
        choose_direction(&c);
        queue *active = c.draining ? &c.writes : &c.reads, *other = c.draining ? &c.reads : &c.writes;
        choice what = {.next_clk = INT64_MAX};
        uint64_t blocked = choose_refresh(&c, clk, &what);
        choose_column(&c, active, c.draining ? HBM_WR : HBM_RD, blocked, clk, &what);
        /* A row with requests stays open, but for a refresh. */
        uint64_t hits = active->hit_banks;
        if (!what.has_row)
            choose_row(&c, active, blocked | hits, clk, &what);
        if (!what.has_row)
            choose_row(&c, other, blocked | hits | other->hit_banks, clk, &what);
        /* A refresh that closes a row must not take it from under a column command of the same clock. */
        if (what.has_column)
            issue_column(&c, active, what.column, c.draining, clk);
        if (what.has_row && hbm_device_ready(&c.device, what.row_command, what.row_bank, clk))
            issue_row(&c, &what, clk);
        clk = what.has_column || what.has_row ? clk + 1 : what.next_clk;
        assert(clk < INT64_MAX);
    }
    c.counts.clocks = clk;
    return c.counts;
}
