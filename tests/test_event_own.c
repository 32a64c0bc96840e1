/* The event engine on our own kernels, and the blocks that they made it learn: grids whose blocks start as others end,
 * and blocks of different lengths. */
#include "hwmodels/machine_load.h"
#include "sim/engine/event.h"
#include "sim/engine/power.h"
#include "sim/explore/row_prediction.h"
#include "validate/sources.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

static const event_machine plain = {.sms = 100, .hbm_peak_bytes_per_s = 1e12};

/* Blocks of 1 us, one an SM, that do not wait for a wave. */
static cta_work flowing(double ctas) {
    return (cta_work){.ctas = ctas, .slots_per_sm = 1, .least_s = 1e-6, .flows = true};
}

static double alone_on(double sms, cta_work w) {
    event_machine on = plain;
    on.sms = sms;
    return event_alone_s(&on, &w);
}

/* ---- grids that go out at once ---- */

Test(event_own, waves_are_whole_on_the_busiest_sm) {
    cr_expect_float_eq(alone_on(100, flowing(200)), 2e-6, 1e-12);
    cr_expect_float_eq(alone_on(100, flowing(201)), 3e-6, 1e-12);
    cr_expect_float_eq(alone_on(100, flowing(299)), 3e-6, 1e-12);
    cta_work two = flowing(300);
    two.slots_per_sm = 2;
    cr_expect_float_eq(alone_on(100, two), 2e-6, 1e-12, "a full round and one of half the slots");
    two.shared_s = 0.8e-6;
    cr_expect_float_eq(alone_on(100, two), 2.4e-6, 1e-12, "three blocks of one SM's time");
    two.drift_frac = 1, two.ctas = 250;
    cr_expect_float_eq(alone_on(100, two), 2e-6, 1e-12, "all is saved of what the last round lacks");
}

Test(event_own, a_norm_joins_both_sides) {
    cta_work w = flowing(250);
    w.exponent = 2, w.hbm_s = 4e-6, w.hbm_bytes = 1e6;
    cr_expect_float_eq(alone_on(100, w), 5e-6, 1e-12, "3 us of SMs and 4 us of memory, squares added");
    w.hbm_s = 0, w.hbm_bytes = 0, w.shared_s = 4e-6 / 3;
    cr_expect_float_eq(alone_on(100, w), 5e-6, 1e-12, "a loop's times alike");
    w.shared_s = 0, w.dispatch_s = 4e-6;
    cr_expect_float_eq(alone_on(100, w), 5e-6, 1e-12, "and the starts of blocks");
}

Test(event_own, memory_serves_the_whole_grid) {
    cta_work w = flowing(101);
    w.hbm_s = 2e-6, w.hbm_bytes = 1e6;
    cr_expect_float_eq(alone_on(100, w), 2e-6, 1e-12, "the last block's loads hide behind the first wave");
    w.flows = false;
    cr_expect_float_eq(alone_on(100, w), 2e-6 * 100 / 101 + 1e-6, 1e-12, "where it waits for that wave, they do not");
}

Test(event_own, sms_that_are_done_serve_other_kernels) {
    cta_work w = flowing(250), small = flowing(50);
    event_chip chip = {.machine = plain};
    event_kernel kernels[] = {{.work = &w}, {.work = &small}};
    event_chip_add(&chip, &kernels[0]);
    event_chip_add(&chip, &kernels[1]);
    while (chip.kernel_count > 0)
        event_chip_advance(&chip);
    cr_expect_float_eq(kernels[0].end_s, 3e-6, 1e-12);
    cr_expect_float_eq(kernels[1].end_s, 3e-6, 1e-12, "50 SMs are free after two rounds");
}

/* ---- blocks of different lengths ---- */

static cta_work falling(double ctas, double blocks) {
    cta_work w = flowing(ctas);
    w.uneven = (cta_period){.blocks = blocks, .longest_s = blocks * 1e-6, .fall_s = 1e-6, .most_s = blocks * 1e-6};
    return w;
}

Test(event_own, the_next_block_goes_to_the_sm_that_is_free_first) {
    /* 3 2 | 1: 3 and 2 begin, 1 follows 2. Then 3 and 2 again, and 1 behind 2. */
    cr_expect_float_eq(alone_on(2, falling(3, 3)), 3e-6, 1e-12);
    cr_expect_float_eq(alone_on(2, falling(6, 3)), 6e-6, 1e-12);
    cr_expect_float_eq(alone_on(3, falling(3, 3)), 3e-6, 1e-12, "the longest alone");
    cr_expect_float_eq(alone_on(4, falling(3, 3)), 3e-6, 1e-12, "and with an SM to spare");
    cta_work w = falling(3, 3);
    w.uneven.fixed_s = 1e-6;
    cr_expect_float_eq(alone_on(2, w), 5e-6, 1e-12, "4; 3 and 2");
    w.uneven.most_s = 2e-6;
    cr_expect_float_eq(alone_on(3, w), 3e-6, 1e-12, "none above the most");
}

/* Residents are bound to their SM before it works for them: 4 and 3 each have 2 or 1 behind them, whichever is done
 * first. One by one, 2 follows 3 and 1 follows 4. */
Test(event_own, residents_wait_on_their_sm) {
    cta_work w = falling(4, 4);
    cr_expect_float_eq(alone_on(2, w), 5e-6, 1e-12);
    w.uneven.residents = 2;
    double s = alone_on(2, w);
    cr_expect(fabs(s - 5e-6) < 1e-12 || fabs(s - 6e-6) < 1e-12, "%g", s);
    cr_expect_eq(alone_on(2, w), s, "always the same");
    cr_expect_float_eq(alone_on(1, w), 10e-6, 1e-12);
    w.ctas = 40;
    w.uneven.residents = 1;
    double listed_s = alone_on(3, w);
    w.uneven.residents = 3;
    cr_expect(alone_on(3, w) >= 100e-6 / 3 && alone_on(3, w) <= listed_s + 3 * 4e-6);
}

/* What SMs set grows as the clock falls, whichever way a kernel's blocks are told. */
Test(event_own, a_slower_clock_stretches_every_kind_of_block) {
    cta_work kinds[] = {falling(6, 3), flowing(250), flowing(250), flowing(250)};
    kinds[0].uneven.fixed_s = 0.5e-6;
    kinds[2].shared_s = 1.5e-6, kinds[2].slots_per_sm = 2;
    kinds[3].exponent = 2, kinds[3].dispatch_s = 4e-6, kinds[3].l2_s = 2e-6;
    step_clock clock = step_clock_full();
    op_power one = {0};
    cost_block cost = {0};
    clock.stretch[0] = 1.25;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        cost.ctas[0] = kinds[i];
        power_stretch(&clock, &one, &cost);
        cr_expect_float_eq(alone_on(100, cost.ctas[0]) / alone_on(100, kinds[i]), 1.25, 1e-9, "kind %zu", i);
    }
}

/* No schedule beats the mean of the SMs or the longest block, and a list schedule never loses more than the longest
 * block against the mean (Graham 1966). */
Test(event_own, list_schedules_keep_grahams_bounds) {
    for (double blocks = 1; blocks <= 128; blocks = ceil(blocks * 1.7))
        for (double heads = 1; heads <= 4096; heads *= 4) {
            cta_work w = falling(blocks * heads, blocks);
            double mean_s = heads * blocks * (blocks + 1) / 2 * 1e-6 / 100, longest_s = blocks * 1e-6;
            double s = alone_on(100, w), least_s = fmax(mean_s, longest_s);
            cr_expect(s >= least_s * (1 - 1e-9), "%g x %g: %g under %g", heads, blocks, s, least_s);
            cr_expect(s <= (mean_s + longest_s) * (1 + 1e-9), "%g x %g: %g over %g", heads, blocks, s,
                      mean_s + longest_s);
        }
}

/* ---- against the closed form, on every shipped row ---- */

/* The closed form grants last waves a part of what they lack, and takes uneven blocks by their mean. */
static bool may_differ(const cta_work *w, double sms) {
    double waves = w->ctas / sms / w->slots_per_sm;
    bool tail = waves > 1 && waves - floor(waves + 1e-9) > 1e-9;
    return tail || w->uneven.blocks > 1;
}

static void compare_rows(const char *path, residency where, const machine_block *m, const hbm_efficiency *memory,
                         const source_map *sources) {
    static const double WITHIN = 0.05;
    error err = {0};
    row_table table = {0};
    size_t alike = 0, described = 0, own = 0;
    cr_assert_eq(rows_load(path, sources, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < table.count; i++) {
        const operator_row *row = &table.rows[i];
        if (row->unsupported || row->empty || !row->op.own)
            continue;
        cost_block closed, simulated;
        cost_analytic(&row->op, where, m, &closed);
        cost_event(&row->op, where, m, memory, &simulated);
        own++;
        described += simulated.ctas[0].ctas > 0;
        if (may_differ(&closed.ctas[0], m->sm_count[0]))
            continue;
        alike++;
        double off = simulated.time_s[0] / closed.time_s[0] - 1;
        cr_expect(fabs(off) <= WITHIN, "line %d: %+.1f %% and no reason", row->line, 100 * off);
    }
    cr_expect_eq(described, own, "blocks of %zu of %zu rows", described, own);
    cr_expect_gt(own, 2000);
    cr_expect_gt(alike, own / 3, "%zu of %zu", alike, own);
    rows_free(&table);
}

Test(event_own, agrees_with_the_closed_form_where_blocks_are_even_and_waves_full) {
    static const char MEASURED[] = INGOT_SOURCE_DIR "/validate/measured/h100-sxm/operators-";
    arena memory = {0};
    error err = {0};
    machine m;
    machine_block block;
    hbm_efficiency tables[MACHINE_LANES];
    source_map sources = {0};
    char path[512];
    cr_assert_eq(load_machine_block(&memory, INGOT_SOURCE_DIR "/configs", "h100-sxm", &block, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(machine_load(&memory, INGOT_SOURCE_DIR "/configs", "h100-sxm", &m, NULL, &err), STATUS_OK);
    cr_assert_eq(hbm_streams_of(&m, &tables[0], &err), STATUS_OK);
    for (size_t i = 1; i < MACHINE_LANES; i++)
        tables[i] = tables[0];
    cr_assert_eq(sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, &err), STATUS_OK);
    snprintf(path, sizeof path, "%scold.csv", MEASURED);
    compare_rows(path, RESIDENCY_COLD, &block, tables, &sources);
    snprintf(path, sizeof path, "%ssteady.csv", MEASURED);
    compare_rows(path, RESIDENCY_REPEATED, &block, tables, &sources);
    sources_free(&sources);
    arena_free(&memory);
}
