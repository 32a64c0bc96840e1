/* The memory model: every timing rule by a pair of clocks, conservation, refresh, addresses, and measured rates. */
#include "core/base/random.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/hbm.h"

#include <criterion/criterion.h>
#include <math.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";

/* A machine of one stack (or device) of a kind, at the pin rate that its times were published for. */
static machine machine_of(const hbm_kind *kind) {
    machine m = {.name = "test", .memory_kind = kind->name};
    m.sm.count = 8, m.l2.bytes = 1e6;
    m.hbm.bus_bits = kind->pins * kind->pseudo_channels * kind->channels_per_stack;
    m.hbm.bandwidth_bytes_per_s = m.hbm.bus_bits * kind->pin_bits_per_s / 8;
    m.hbm.capacity_bytes = 16e9;
    return m;
}

static hbm_memory memory_of(const char *kind) {
    machine m = machine_of(hbm_kind_find(kind));
    hbm_memory memory;
    error err = {0};
    cr_assert_eq(hbm_memory_of(&m, &memory, &err), STATUS_OK, "%s", err.text);
    return memory;
}

/* A bank on which a rule of this level acts after a command to bank 0, and the farthest such one. */
static int32_t following_bank(const hbm_memory *memory, hbm_level level) {
    return level == HBM_BANK ? 0 : level == HBM_GROUP ? memory->bank_groups : 1;
}

static void put_in_state(hbm_device *d, hbm_command command, int32_t bank) {
    bool open = command == HBM_RD || command == HBM_WR || command == HBM_PRE;
    d->open_row[bank] = open ? 7 : HBM_ROW_CLOSED;
}

static void check_rule(const hbm_memory *memory, const hbm_rule *rule) {
    static const int64_t START_CLK = 1000;
    hbm_device d;
    hbm_device_start(&d, memory, rule, 1);
    int32_t bank = following_bank(memory, rule->level);
    int64_t commands = rule->window > 0 ? rule->window : 1;
    for (int32_t i = 0; i < commands; i++) {
        put_in_state(&d, rule->preceding, i);
        hbm_device_issue(&d, rule->preceding, i, 7, START_CLK + i);
    }
    if (rule->window > 0)
        bank = rule->window;
    for (int32_t b = 0; b < memory->banks; b++)
        put_in_state(&d, rule->following, b);
    int64_t t = START_CLK + hbm_rule_clk(rule, memory);
    cr_expect(!hbm_device_ready(&d, rule->following, bank, t - 1), "%s: %d after %d at t-1", memory->kind->name,
              rule->following, rule->preceding);
    cr_expect(hbm_device_ready(&d, rule->following, bank, t), "%s: %d after %d at t", memory->kind->name,
              rule->following, rule->preceding);
    hbm_device_issue(&d, rule->following, bank, 7, t);
}

Test(hbm, every_rule_holds_to_the_clock) {
    size_t count;
    const hbm_rule *rules = hbm_rules(&count);
    for (size_t k = 0; k < hbm_kind_count(); k++) {
        hbm_memory memory = memory_of(hbm_kind_at(k)->name);
        for (size_t r = 0; r < count; r++)
            check_rule(&memory, &rules[r]);
    }
}

/* HBM3 at 6.4 Gbit/s, written out from the published clocks (0.625 ns): with all rules at once. */
Test(hbm, hbm3_intervals_are_the_published_ones) {
    static const struct {
        hbm_command preceding, following;
        int32_t bank; /* of the following command; the preceding one goes to bank 0 */
        int32_t clk;
    } pairs[] = {
        {HBM_RD, HBM_RD, 1, 2},               /* tCCD_S */
        {HBM_RD, HBM_RD, 4, 4},               /* tCCD_L: bank 4 is in group 0 */
        {HBM_WR, HBM_WR, 1, 2},               /* tCCD_S */
        {HBM_WR, HBM_WR, 4, 4},               /* tCCD_L */
        {HBM_RD, HBM_WR, 1, 20 + 2 + 2 - 10}, /* the bus turns: CL + BL + 2 - CWL */
        {HBM_WR, HBM_RD, 1, 10 + 2 + 7},      /* CWL + BL + tWTR_S */
        {HBM_WR, HBM_RD, 4, 10 + 2 + 10},     /* CWL + BL + tWTR_L */
        {HBM_ACT, HBM_ACT, 1, 4},             /* tRRD_S */
        {HBM_ACT, HBM_ACT, 4, 5},             /* tRRD_L */
        {HBM_ACT, HBM_RD, 0, 31},             /* tRCDRD */
        {HBM_ACT, HBM_WR, 0, 15},             /* tRCDWR */
        {HBM_ACT, HBM_PRE, 0, 45},            /* tRAS */
        {HBM_RD, HBM_PRE, 0, 9},              /* tRTP */
        {HBM_WR, HBM_PRE, 0, 10 + 2 + 33},    /* CWL + BL + tWR */
        {HBM_PRE, HBM_ACT, 0, 26},            /* tRP */
        {HBM_REFPB, HBM_ACT, 0, 320},         /* tRFCpb */
        {HBM_REFPB, HBM_ACT, 1, 8},           /* tRREFD */
        {HBM_ACT, HBM_REFPB, 0, 72},          /* tRC */
    };
    hbm_memory memory = memory_of("HBM3");
    cr_assert_float_eq(memory.clock_s, 0.625e-9, 1e-15);
    cr_assert_eq(memory.clk[HBM_T_REFI], 6240);
    cr_assert_eq(memory.clk[HBM_T_FAW], 24);
    size_t count;
    const hbm_rule *rules = hbm_rules(&count);
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        hbm_device d;
        hbm_device_start(&d, &memory, rules, count);
        put_in_state(&d, pairs[p].preceding, 0);
        hbm_device_issue(&d, pairs[p].preceding, 0, 7, 0);
        cr_expect_eq(hbm_device_earliest(&d, pairs[p].following, pairs[p].bank), pairs[p].clk, "pair %zu: %d not %d", p,
                     (int)hbm_device_earliest(&d, pairs[p].following, pairs[p].bank), pairs[p].clk);
    }
}

/* ---- the controller against closed forms ---- */

typedef struct made {
    const hbm_memory *memory;
    int64_t left, given;
    int32_t banks; /* goes round so many */
    bool same_row;
    double write_frac; /* drawn */
    bool scattered;    /* drawn banks and rows */
} made;

static bool make_next(void *context, hbm_request *out) {
    made *s = context;
    if (s->left == 0)
        return false;
    s->left--;
    uint64_t i = (uint64_t)s->given++;
    *out = (hbm_request){.place = {.bank = (int32_t)(i % (uint64_t)s->banks), .row = s->same_row ? 3 : (int32_t)i},
                         .write = random_uniform(9, 1, i) < s->write_frac};
    if (s->scattered) {
        out->place.bank = (int32_t)(random_bits(9, 2, i) % (uint64_t)s->memory->banks);
        out->place.row = (int32_t)(random_bits(9, 3, i) % 64);
    }
    return true;
}

static hbm_counts serve(made *s) {
    return hbm_serve(s->memory, (hbm_source){.next = make_next, .context = s});
}

enum { MANY = 6000 };

Test(hbm, one_bank_of_misses_takes_a_row_cycle_each) {
    for (size_t k = 0; k < hbm_kind_count(); k++) {
        hbm_memory memory = memory_of(hbm_kind_at(k)->name);
        memory.no_refresh = true;
        hbm_counts c = serve(&(made){.memory = &memory, .left = MANY, .banks = 1});
        const int32_t *clk = memory.clk;
        double open = fmax(clk[HBM_T_RAS], clk[HBM_T_RCDRD] + clk[HBM_T_RTP]);
        double cycle = fmax(clk[HBM_T_RC], open + clk[HBM_T_RP]);
        cr_expect(fabs((double)c.clocks / (MANY * cycle) - 1) < 1e-3, "%s: %g a row, not %g", memory.kind->name,
                  (double)c.clocks / MANY, cycle);
        cr_expect_eq(c.activates, MANY);
    }
}

Test(hbm, misses_on_all_banks_are_held_by_the_window_of_four) {
    hbm_memory memory = memory_of("HBM3");
    memory.no_refresh = true;
    hbm_counts c = serve(&(made){.memory = &memory, .left = MANY, .banks = memory.banks});
    double each = memory.clk[HBM_T_FAW] / 4.0;
    cr_expect(fabs((double)c.clocks / (MANY * each) - 1) < 0.01, "%g clocks, not %g", (double)c.clocks / MANY, each);
}

Test(hbm, hits_in_two_groups_fill_the_bus_and_in_one_half_of_it) {
    hbm_memory memory = memory_of("HBM3");
    memory.no_refresh = true;
    hbm_counts two = serve(&(made){.memory = &memory, .left = MANY, .banks = 2, .same_row = true});
    hbm_counts one = serve(&(made){.memory = &memory, .left = MANY, .banks = 1, .same_row = true});
    cr_expect(fabs((double)two.clocks / (MANY * HBM_BURST_CLK) - 1) < 0.01);
    cr_expect(fabs((double)one.clocks / (MANY * memory.clk[HBM_T_CCDL]) - 1) < 0.01);
}

Test(hbm, bytes_are_conserved_and_never_above_the_pin_rate) {
    static const double write_fracs[] = {0, 0.1, 0.5, 1};
    for (size_t k = 0; k < hbm_kind_count(); k++) {
        hbm_memory memory = memory_of(hbm_kind_at(k)->name);
        for (size_t w = 0; w < sizeof write_fracs / sizeof *write_fracs; w++) {
            made s = {.memory = &memory, .left = MANY, .banks = 1, .write_frac = write_fracs[w], .scattered = true};
            int64_t writes = 0;
            for (uint64_t i = 0; i < MANY; i++)
                writes += random_uniform(9, 1, i) < write_fracs[w];
            hbm_counts c = serve(&s);
            cr_expect_eq(c.reads + c.writes, MANY);
            cr_expect_eq(c.writes, writes);
            cr_expect_geq(c.clocks, (int64_t)MANY * HBM_BURST_CLK);
        }
    }
}

/* As many refreshes as intervals have passed: none lost, none postponed by more than a row cycle, whichever the mode.
 */
Test(hbm, refresh_takes_its_exact_share) {
    for (size_t k = 0; k < hbm_kind_count(); k++) {
        for (int all = 0; all <= 1; all++) {
            hbm_memory memory = memory_of(hbm_kind_at(k)->name);
            memory.refresh_all = all;
            hbm_counts c = serve(&(made){.memory = &memory, .left = 10 * MANY, .banks = 4, .same_row = true});
            int32_t interval = memory.clk[all ? HBM_T_REFI : HBM_T_REFIPB];
            int32_t duration = memory.clk[all ? HBM_T_RFCAB : HBM_T_RFCPB];
            int64_t due = c.clocks / interval;
            cr_expect(c.refreshes == due || c.refreshes == due - 1, "%s: %ld refreshes in %ld intervals",
                      memory.kind->name, (long)c.refreshes, (long)due);
            cr_expect_eq(c.refresh_clk, c.refreshes * duration);
        }
    }
}

/* While all banks refresh nothing moves: reads take 1 / (1 - tRFC / tREFI) as long, and the rows' reopening. */
Test(hbm, refreshing_all_banks_costs_its_duty) {
    hbm_memory memory = memory_of("HBM3");
    memory.refresh_all = true;
    hbm_counts c = serve(&(made){.memory = &memory, .left = 10 * MANY, .banks = 4, .same_row = true});
    const int32_t *clk = memory.clk;
    double reopening = clk[HBM_T_RTP] + clk[HBM_T_RP] + clk[HBM_T_RCDRD] + 3.0 * clk[HBM_T_RRDS];
    double lost = (double)c.clocks - 10.0 * MANY * HBM_BURST_CLK, each = lost / (double)c.refreshes;
    cr_expect(each >= clk[HBM_T_RFCAB] && each <= clk[HBM_T_RFCAB] + reopening + 8, "%g clocks a refresh", each);
}

/* ---- addresses ---- */

Test(hbm, places_are_one_to_one) {
    enum { CHANNELS = 12, BLOCKS = 4096 };
    hbm_memory memory = memory_of("HBM3");
    memory.pseudo_channels = CHANNELS;
    static uint8_t seen[CHANNELS][1 << 21];
    for (uint64_t granule = 0; granule < (uint64_t)CHANNELS * BLOCKS; granule++) {
        hbm_place p = hbm_place_of(&memory, granule * HBM_GRANULE_BYTES);
        uint32_t columns = (uint32_t)memory.kind->row_bytes / HBM_GRANULE_BYTES;
        uint32_t column = (uint32_t)p.column * (uint32_t)memory.kind->burst_bytes / HBM_GRANULE_BYTES;
        size_t key = ((size_t)p.row * (size_t)memory.banks + (size_t)p.bank) * columns + column;
        cr_assert(p.bank < memory.banks && column < columns && key < sizeof seen[0]);
        cr_assert_eq(seen[p.pseudo_channel][key]++, 0);
    }
}

Test(hbm, powers_of_two_reach_every_pseudo_channel_alike) {
    enum { CHANNELS = 192, EACH = 400 };
    hbm_memory memory = memory_of("HBM3e");
    memory.pseudo_channels = CHANNELS;
    for (uint64_t stride = HBM_GRANULE_BYTES; stride <= 1 << 20; stride *= 2) {
        int counts[CHANNELS] = {0}, most = 0;
        for (uint64_t i = 0; i < CHANNELS * EACH; i++)
            counts[hbm_place_of(&memory, i * stride).pseudo_channel]++;
        for (int c = 0; c < CHANNELS; c++)
            most = counts[c] > most ? counts[c] : most;
        cr_expect_leq(most, EACH * 5 / 4, "stride %lu: %d in place of %d", (unsigned long)stride, most, EACH);
    }
}

/* ---- efficiencies ---- */

static machine load(arena *a, const char *name) {
    machine m;
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIG_DIR, name, &m, NULL, &err), STATUS_OK, "%s", err.text);
    return m;
}

/* PyTorch on an H200, 4 GB each: see docs/model.md for which term sets which. */
Test(hbm, h200_streams_at_measured_rates) {
    static const double BYTES = 4e9, COPY = 4273e9, READ = 4341e9, WRITE = 4655e9, WITHIN = 0.02;
    arena a = {0};
    machine m = load(&a, "h200-sxm");
    hbm_efficiency e;
    cr_assert_eq(hbm_streams_of(&m, &e, NULL), STATUS_OK);
    double written = hbm_written_bytes(&e, BYTES);
    double read = BYTES / hbm_stream_s(&e, BYTES, 0), write = BYTES / hbm_stream_s(&e, 0, written);
    double copy = 2 * BYTES / hbm_stream_s(&e, BYTES, written);
    cr_expect(fabs(read / READ - 1) < WITHIN, "read %g", read);
    cr_expect(fabs(write / WRITE - 1) < WITHIN, "write %g", write);
    cr_expect(fabs(copy / COPY - 1) < WITHIN, "copy %g", copy);
    arena_free(&a);
}

/* One H100, 8 GB each (validate/measured/h100-sxm/ceilings.json): nothing but the read queue was fitted to them. */
Test(hbm, h100_streams_and_scattered_reads) {
    static const double BYTES = 8e9, READ_ROWS = 3191e9, WRITE = 3191e9, COPY = 3025e9, WITHIN = 0.02;
    static const double GATHER_128 = 2659e9, STRIDE_128 = 1411e9, STRIDE_512 = 1049e9, SCATTERED_WITHIN = 0.10;
    enum { INDEX_128 = 2, INDEX_512 = 4 };
    arena a = {0};
    machine m = load(&a, "h100-sxm");
    hbm_efficiency e;
    cr_assert_eq(hbm_efficiency_of(&m, &e, NULL), STATUS_OK);
    double written = hbm_written_bytes(&e, BYTES), peak = e.peak_bytes_per_s;
    cr_expect(fabs(BYTES / hbm_stream_s(&e, BYTES, 0) / READ_ROWS - 1) < WITHIN, "rows of reduce, end to end");
    cr_expect(fabs(BYTES / hbm_stream_s(&e, 0, written) / WRITE - 1) < WITHIN);
    cr_expect(fabs(2 * BYTES / hbm_stream_s(&e, BYTES, written) / COPY - 1) < WITHIN);
    cr_expect(fabs(e.gather_frac[INDEX_128] * peak / GATHER_128 - 1) < SCATTERED_WITHIN);
    cr_expect(fabs(e.stride_frac[INDEX_128] * peak / STRIDE_128 - 1) < SCATTERED_WITHIN);
    cr_expect(fabs(e.stride_frac[INDEX_512] * peak / STRIDE_512 - 1) < SCATTERED_WITHIN);
    arena_free(&a);
}

/* A loop over the grid is at four places in either direction, so that more rows are opened for the same bytes; the rate
 * was fitted to nothing (ceilings.json: 2,809 GB/s of 3,350 copied, 3,076 read). */
Test(hbm, streams_at_several_places_open_more_rows) {
    static const double READ = 3076e9, COPY = 2809e9, GRID_BYTES = 132 * 8 * 256 * 16, WITHIN = 0.02;
    arena a = {0};
    machine m = load(&a, "h100-sxm");
    hbm_memory memory;
    hbm_counts one, same, four;
    cr_assert_eq(hbm_memory_of(&m, &memory, NULL), STATUS_OK);
    hbm_pattern pattern = {.kind = HBM_STREAM, .write_frac = 0.5};
    double plain = hbm_pattern_busy_frac(&memory, &pattern, &one);
    pattern.ways = 1, pattern.apart_bytes = GRID_BYTES;
    cr_expect_eq(hbm_pattern_busy_frac(&memory, &pattern, &same), plain, "one place is a plain stream");
    pattern.ways = 4;
    double loop = hbm_pattern_busy_frac(&memory, &pattern, &four);
    cr_expect_eq(four.reads, one.reads);
    cr_expect_eq(four.writes, one.writes);
    cr_expect_gt(four.activates, one.activates * 3 / 2);
    cr_expect(fabs(loop * m.hbm.bandwidth_bytes_per_s / COPY - 1) < WITHIN, "%g", loop);
    pattern.write_frac = 0;
    double read = hbm_pattern_busy_frac(&memory, &pattern, &four);
    cr_expect(fabs(read * m.hbm.bandwidth_bytes_per_s / READ - 1) < WITHIN, "%g", read);
    arena_free(&a);
}

Test(hbm, every_machine_has_a_table_under_its_pin_rate) {
    static const char *const names[] = {"v100-sxm", "t4", "a100-sxm-80gb", "h100-sxm", "h200-sxm", "b200-sxm",
                                        "l40s",     "l4", "rtx-pro-6000",  "mi300x"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        arena a = {0};
        machine m = load(&a, names[n]);
        hbm_efficiency e;
        cr_assert_eq(hbm_efficiency_of(&m, &e, NULL), STATUS_OK);
        cr_expect(e.read_frac > 0.9 && e.read_frac <= 1 && e.write_frac > 0.9 && e.write_frac <= 1);
        cr_expect(e.copy_frac > 0.75 && e.copy_frac < fmin(e.read_frac, e.write_frac), "%s copies at %g", names[n],
                  e.copy_frac);
        for (size_t i = 0; i < HBM_GATHER_SIZES; i++) {
            cr_expect(e.gather_frac[i] > 0 && e.gather_frac[i] <= 1 && e.stride_frac[i] <= 1);
            cr_expect(i == 0 || e.gather_frac[i] >= e.gather_frac[i - 1] - 0.02, "%s: larger items are no slower",
                      names[n]);
        }
        arena_free(&a);
    }
}

Test(hbm, an_unknown_memory_is_bad_input) {
    machine m = {.name = "x", .memory_kind = "HBM9"};
    hbm_memory memory;
    error err = {0};
    cr_expect_eq(hbm_memory_of(&m, &memory, &err), STATUS_BAD_INPUT);
    cr_expect_str_not_empty(err.text);
}

/* Of two streams of the same total, the mixed one is never faster; half and half costs the copy's rate. */
Test(hbm, turning_round_costs_most_at_half_and_half) {
    hbm_efficiency e = {.read_frac = 0.98,
                        .write_frac = 0.98,
                        .copy_frac = 0.9,
                        .peak_bytes_per_s = 1e12,
                        .fabric = {.read_frac = 1, .write_frac = 1}};
    cr_expect_float_eq(hbm_stream_s(&e, 1e9, 1e9), 2e9 / 0.9e12, 1e-12);
    double last_s = hbm_stream_s(&e, 2e9, 0);
    for (int tenth = 1; tenth <= 10; tenth++) {
        double write = 1e8 * tenth, now_s = hbm_stream_s(&e, 2e9 - write, write);
        cr_expect_geq(now_s, last_s);
        last_s = now_s;
    }
}
