/* What variants of a GPU stand on: rows that ran on a part of the SMs, an SM's own ways to L2, and products that the
 * power limit slows as they start, but not twice. */
#include "sim/engine/power.h"
#include "sim/explore/row_prediction.h"
#include "validate/rows.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"
#define SHIPPED INGOT_SOURCE_DIR "/validate/measured/h100-sxm"

static void load(arena *a, machine_block *block) {
    error err;
    cr_assert_eq(load_machine_block(a, CONFIGS, "h100-sxm", block, &err), STATUS_OK, "%s", err.text);
}

static void set_sms(machine_block *block, double count) {
    for (size_t i = 0; i < MACHINE_LANES; i++)
        block->sm_count[i] = count;
    machine_block_derive(block);
}

static void load_rows(const char *path, source_map *sources, row_table *rows) {
    error err;
    cr_assert_eq(sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", sources, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(rows_load(path, sources, EMPTY_ROWS_SKIPPED, rows, &err), STATUS_OK, "%s", err.text);
}

Test(variants, a_row_on_fewer_sms_is_one_of_a_machine_that_has_as_many) {
    arena a = {0};
    source_map sources = {0};
    row_table rows = {0};
    machine_block whole, part;
    load(&a, &whole);
    load_rows(SHIPPED "/operators-fewer-sms.csv", &sources, &rows);
    cr_assert_gt(rows.count, 400);
    for (size_t i = 0; i < rows.count; i++) {
        operator_row row = rows.rows[i];
        cr_assert_gt(row.sm_count, 0);
        double time_s = predict_row(&row, &whole).time_s;
        part = whole;
        set_sms(&part, row.sm_count);
        row.sm_count = 0;
        cr_assert_eq(time_s, predict_row(&row, &part).time_s, "row %zu", i);
    }
    rows_free(&rows);
    sources_free(&sources);
    arena_free(&a);
}

Test(variants, where_an_operator_ran_leaves_its_half_alone) {
    source_map sources = {0};
    row_table rows = {0};
    char path[] = "/tmp/ingot-variants-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("op,dtype,rows,cols,measured_us,sms\nadd,bf16,64,64,2,\nadd,bf16,64,64,3,32\n", file);
    fclose(file);
    load_rows(path, &sources, &rows);
    unlink(path);
    cr_assert_eq(rows.count, 2);
    cr_expect_eq(rows.rows[0].hash, rows.rows[1].hash);
    cr_expect_eq(rows.rows[0].sm_count, 0);
    cr_expect_eq(rows.rows[1].sm_count, 32);
    rows_free(&rows);
    sources_free(&sources);
}

Test(variants, few_sms_move_no_more_than_their_own_ways_let_them) {
    enum { ROWS = 65536, COLS = 4096, FEW = 16 };
    arena a = {0};
    machine_block block;
    load(&a, &block);
    set_sms(&block, FEW);
    op copy = {.kind = OP_copy,
               .own = true,
               .as.copy = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_bf16, .out_dtype = DTYPE_bf16}};
    cost_block cost;
    cost_analytic(&copy, RESIDENCY_COLD, &block, &cost);
    double one_way_bytes = 2.0 * ROWS * COLS;
    double ways_bytes_per_s = FEW * block.sm_clock_max_hz[0] * block.own_sm_write_bytes_per_clk[0];
    cr_expect_geq(cost.time_s[0], one_way_bytes / ways_bytes_per_s);
    arena_free(&a);
}

static double product_s(const machine_block *block, residency where, cost_block *cost) {
    op o = {.kind = OP_gemm,
            .own = true,
            .as.gemm = {.m = 4096, .n = 8192, .k = 8192, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16}};
    cost_analytic(&o, where, block, cost);
    return cost->time_s[0];
}

Test(variants, a_whole_gpu_is_limited_by_power_and_a_quarter_of_it_is_not) {
    arena a = {0};
    machine_block whole, quarter;
    cost_block cost;
    load(&a, &whole);
    quarter = whole;
    set_sms(&quarter, whole.sm_count[0] / 4);
    double whole_s = product_s(&whole, RESIDENCY_REPEATED, &cost);
    cr_expect_gt(cost.limited_s[0], 0);
    cr_expect_leq(cost.limited_s[0], cost.clocked_s[0]);
    double quarter_s = product_s(&quarter, RESIDENCY_REPEATED, &cost);
    cr_expect_eq(cost.limited_s[0], 0);
    cr_expect_lt(quarter_s, 3.7 * whole_s, "measured 3.4: %g", quarter_s / whole_s);
    product_s(&whole, RESIDENCY_PREDECESSORS, &cost);
    cr_expect_gt(cost.limited_s[0], 0, "also inside a step");
    arena_free(&a);
}

Test(variants, power_slows_by_the_larger_of_two_reasons) {
    const op_power one = {.clocked_s = {1.2}, .limited_s = {0.2}};
    step_clock clock = step_clock_full();
    cr_expect_eq(power_longer_s(&one, &clock, 0), 0);
    clock.stretch[0] = 1.1;
    cr_expect_eq(power_longer_s(&one, &clock, 0), 0, "its own power has it slower already");
    clock.stretch[0] = 1.5;
    cr_expect_float_eq(power_longer_s(&one, &clock, 0), 0.3, 1e-12, "1.5 s in all");
}
