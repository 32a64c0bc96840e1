/* A step: the host issues operators in order, each stream runs its kernels in order, and what depends on another
 * stream's kernels waits for them.
 *
 *   start = max(issue + launch latency, latest end of predecessors + gap)
 *
 * the recurrence of schedule.h, with several streams. */
#include "sim/engine/event.h"

#include "sim/engine/cost_memory.h"

#include <assert.h>

bool event_phase_overlaps(const graph_phase *phase) {
    for (size_t n = 1; n < phase->node_count; n++)
        if (phase->nodes[n].stream != phase->nodes[0].stream)
            return true;
    return false;
}

typedef struct step_run {
    event_chip chip;
    event_op *ops;
    event_kernel *kernels; /* one an operator */
    size_t *previous;      /* the operator before on the same stream, plus one; 0: none */
    bool *added, *done;
    size_t count;
    size_t issued;     /* operators that the host has issued */
    uint64_t streams;  /* that occur, a bit each */
    size_t first_open; /* all before it have been handed to the chip */
    double *issued_s;  /* when they reach the GPU */
    double idle_since_s;
    event_step_totals *out;
} step_run;

static uint64_t stream_bit(const graph_node *node) {
    enum { STREAMS_MAX = 64 };
    assert(node->stream >= 0 && node->stream < STREAMS_MAX);
    return 1ull << node->stream;
}

static void find_previous(step_run *run) {
    for (size_t i = 0; i < run->count; i++)
        run->streams |= stream_bit(run->ops[i].flat->node);
    for (size_t i = 0; i < run->count; i++)
        for (size_t j = i; j-- > 0;)
            if (run->ops[j].launches && run->ops[j].flat->node->stream == run->ops[i].flat->node->stream) {
                run->previous[i] = j + 1;
                break;
            }
}

/* Whether everything before it has ended, and when the last of it did. */
static bool is_ready(const step_run *run, size_t i, double *after_s) {
    const flat_op *flat = run->ops[i].flat;
    *after_s = 0;
    for (size_t d = 0; d <= flat->dependency_count; d++) {
        size_t before = d < flat->dependency_count ? flat->dependencies[d] + 1 : run->previous[i];
        if (before == 0)
            continue;
        if (!run->done[before - 1])
            return false;
        *after_s = larger(*after_s, run->ops[before - 1].end_s);
    }
    return true;
}

/* What launches nothing is over once the host has been there, and passes on when its own predecessors end. */
static bool pass_over(step_run *run, size_t i) {
    double after_s;
    if (run->ops[i].launches || !is_ready(run, i, &after_s))
        return false;
    run->ops[i].start_s = run->ops[i].end_s = after_s;
    return run->done[i] = true;
}

/* Hands over what may start. Streams are in order, so only the first open operator of each is looked at. */
static void start_ready(step_run *run) {
    bool again = true;
    while (again) {
        again = false;
        while (run->first_open < run->issued && (run->added[run->first_open] || run->done[run->first_open]))
            run->first_open++;
        uint64_t seen = 0;
        for (size_t i = run->first_open; i < run->issued && seen != run->streams; i++) {
            uint64_t stream = stream_bit(run->ops[i].flat->node);
            double after_s;
            if (run->added[i] || run->done[i] || seen & stream)
                continue;
            seen |= stream;
            if (!run->ops[i].launches) {
                again |= pass_over(run, i);
                continue;
            }
            if (run->chip.kernel_count == EVENT_KERNELS_MAX || !is_ready(run, i, &after_s))
                continue;
            run->kernels[i].start_s = larger(after_s + run->ops[i].gap_s, run->issued_s[i]);
            event_chip_add(&run->chip, &run->kernels[i]);
            run->added[i] = again = true;
        }
    }
}

/* An idle stretch ends with the start of a kernel: its own gap, and the rest for want of work. */
static void account_idle(step_run *run, const event_kernel *kernel) {
    double idle_s = kernel->start_s - run->idle_since_s;
    double gap_s = smaller(idle_s, run->ops[kernel - run->kernels].gap_s);
    run->out->gap_s += gap_s;
    run->out->starved_s += idle_s - gap_s;
}

static void advance(step_run *run) {
    event_chip *chip = &run->chip;
    event_kernel *held[EVENT_KERNELS_MAX];
    bool works[EVENT_KERNELS_MAX];
    size_t count = chip->kernel_count, working = 0;
    for (size_t k = 0; k < count; k++) {
        held[k] = chip->kernels[k];
        working += works[k] = held[k]->stage != EVENT_WAITING;
    }
    double from_s = chip->now_s;
    event_chip_advance(chip);
    double dt_s = chip->now_s - from_s;
    run->out->busy_s += working > 0 ? dt_s : 0;
    bool was_idle = working == 0;
    for (size_t k = 0; k < count; k++) {
        event_op *o = &run->ops[held[k] - run->kernels];
        if (works[k])
            run->out->category_s[o->flat->node->category] += dt_s / (double)working;
        if (was_idle && held[k]->stage != EVENT_WAITING) {
            account_idle(run, held[k]);
            was_idle = false;
        }
        if (held[k]->stage == EVENT_DONE) {
            o->start_s = held[k]->start_s;
            o->end_s = held[k]->end_s;
            run->done[o - run->ops] = true;
            run->idle_since_s = chip->now_s;
        }
    }
    start_ready(run);
}

static void run_until_idle(step_run *run) {
    start_ready(run);
    while (run->chip.kernel_count > 0)
        advance(run);
}

void event_step(const event_machine *on, event_op *ops, size_t count, double host_s, double launch_latency_s,
                arena *memory, event_step_totals *out) {
    *out = (event_step_totals){0};
    step_run run = {.chip.machine = *on,
                    .ops = ops,
                    .count = count,
                    .kernels = ARENA_ARRAY(memory, event_kernel, count),
                    .previous = ARENA_ARRAY(memory, size_t, count),
                    .added = ARENA_ARRAY(memory, bool, count),
                    .done = ARENA_ARRAY(memory, bool, count),
                    .issued_s = ARENA_ARRAY(memory, double, count),
                    .out = out};
    find_previous(&run);
    for (size_t i = 0; i < count; i++) {
        ops[i].issue_s = host_s;
        host_s += ops[i].host_s;
        run.issued_s[i] = host_s + launch_latency_s;
        run.kernels[i] = (event_kernel){.work = ops[i].work, .time_s = ops[i].time_s};
        run.issued = i + 1;
        if (ops[i].waits) {
            run_until_idle(&run);
            host_s = larger(host_s, run.idle_since_s);
        }
    }
    run_until_idle(&run);
    out->host_s = host_s;
    out->gpu_s = run.idle_since_s;
}

event_op event_op_of(const flat_op *flat, const node_cost *cost, const cost_block *block, size_t lane) {
    return (event_op){.flat = flat,
                      .work = &block->ctas[lane],
                      .time_s = block->time_s[lane],
                      .host_s = cost->host_s[lane],
                      .gap_s = cost->gap_s[lane],
                      .waits = cost->waits,
                      .launches = cost->launches};
}

void event_step_lanes(const graph_view *view, const node_cost *costs, const cost_block *const *blocks,
                      const machine_block *machines, const hbm_efficiency *memory, const lanes launch_latency_s,
                      step_clocks *clocks, lanes category_s[CATEGORY_COUNT]) {
    for (size_t lane = 0; lane < machines->count; lane++) {
        arena scratch = {0};
        event_op *ops = ARENA_ARRAY(&scratch, event_op, view->count);
        for (size_t i = 0; i < view->count; i++) {
            size_t n = (size_t)(view->ops[i].node - view->phase->nodes);
            ops[i] = event_op_of(&view->ops[i], &costs[n], blocks[n], lane);
        }
        event_machine on = event_machine_of(machines, memory, lane);
        event_step_totals totals;
        event_step(&on, ops, view->count, clocks->host_s[lane], launch_latency_s[lane], &scratch, &totals);
        clocks->host_s[lane] = totals.host_s;
        clocks->gpu_s[lane] = totals.gpu_s;
        clocks->busy_s[lane] = totals.busy_s;
        clocks->starved_s[lane] = totals.starved_s;
        clocks->gap_s[lane] = totals.gap_s;
        for (int c = 0; c < CATEGORY_COUNT; c++)
            category_s[c][lane] = totals.category_s[c];
        arena_free(&scratch);
    }
    for (size_t lane = machines->count; lane < MACHINE_LANES; lane++) { /* which repeat the last machine */
        size_t last = machines->count - 1;
        clocks->host_s[lane] = clocks->host_s[last];
        clocks->gpu_s[lane] = clocks->gpu_s[last];
        clocks->busy_s[lane] = clocks->busy_s[last];
        clocks->starved_s[lane] = clocks->starved_s[last];
        clocks->gap_s[lane] = clocks->gap_s[last];
        for (int c = 0; c < CATEGORY_COUNT; c++)
            category_s[c][lane] = category_s[c][last];
    }
}
