/* Products as our launchers run them: which plan is picked, and what a shape beside it costs more. */
#include "sim/explore/row_prediction.h"

#include <criterion/criterion.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

static void load(arena *a, machine_block *block) {
    error err;
    cr_assert_eq(load_machine_block(a, CONFIGS, "h100-sxm", block, &err), STATUS_OK, "%s", err.text);
}

static cost_block cost_of(data_type type, data_type weights, int64_t m, int64_t n, int64_t k, residency where,
                          const machine_block *block) {
    op o = {.kind = OP_gemm, .own = true};
    o.as.gemm = (gemm_params){.m = m, .n = n, .k = k, .batch = 1, .dtype = type, .weights_dtype = weights};
    cost_block cost;
    cost_analytic(&o, where, block, &cost);
    return cost;
}

/* Recorded: 288 outputs of 5,336 long reductions for 5 rows are split by 4, those of 472 are not. */
Test(own_products, long_reductions_of_few_outputs_are_split) {
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, m);
    cost_block longer = cost_of(DTYPE_bf16, DTYPE_bf16, 5, 288, 5336, RESIDENCY_REPEATED, m);
    cost_block shorter = cost_of(DTYPE_bf16, DTYPE_bf16, 5, 192, 472, RESIDENCY_REPEATED, m);
    cr_expect_gt(longer.picked[0].split_k, 1);
    cr_expect_eq(longer.launches[0], 2);
    cr_expect_eq(shorter.picked[0].split_k, 1);
    cr_expect_eq(shorter.launches[0], 1);
    arena_free(&a);
}

/* One side of a tile is what the instruction takes, and a large product fills its SMs. */
Test(own_products, tiles_are_the_instructions) {
    static const int64_t rows[] = {8, 64, 218, 512, 2048, 4096};
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, m);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        plan p = cost_of(DTYPE_bf16, DTYPE_bf16, rows[i], 8192, 8192, RESIDENCY_COLD, m).picked[0];
        cr_expect(p.tile_m % 64 == 0 || p.tile_n % 64 == 0, "%d x %d", p.tile_m, p.tile_n);
        cr_expect_geq(p.ctas, 64, "%ld rows", (long)rows[i]);
    }
    arena_free(&a);
}

/* Shorter reductions that take longer: their rows begin between sectors. */
Test(own_products, rows_between_sectors_are_slower) {
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, m);
    double aligned_s = cost_of(DTYPE_fp8, DTYPE_fp8, 2048, 8192, 4096, RESIDENCY_COLD, m).time_s[0];
    double shifted_s = cost_of(DTYPE_fp8, DTYPE_fp8, 2048, 8192, 4080, RESIDENCY_COLD, m).time_s[0];
    cr_expect_gt(shifted_s, 1.2 * aligned_s);
    arena_free(&a);
}

/* Two blocks of 16 features are on each of 132 SMs. A third on a few of them takes as long as if all had one. */
Test(own_products, last_waves_of_streams_are_whole) {
    static const int64_t K = 12288;
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, m);
    double full_s = cost_of(DTYPE_bf16, DTYPE_int8, 1, 16 * 264, K, RESIDENCY_COLD, m).time_s[0];
    double more_s = cost_of(DTYPE_bf16, DTYPE_int8, 1, 16 * 268, K, RESIDENCY_COLD, m).time_s[0];
    double twice_s = cost_of(DTYPE_bf16, DTYPE_int8, 1, 16 * 528, K, RESIDENCY_COLD, m).time_s[0];
    cr_expect_gt(more_s - full_s, 0.1 * full_s);
    cr_expect_gt(more_s - full_s, 0.2 * (twice_s - full_s));
    arena_free(&a);
}
