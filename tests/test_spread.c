/* Intervals: draws follow the covariance, classes fall back, ranges tell what was measured. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "hwmodels/spread_load.h"
#include "sim/explore/ensemble.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

static ensemble *load(arena *a, const char *name) {
    ensemble *e = ARENA_NEW(a, ensemble);
    error err;
    cr_assert_eq(ensemble_load(a, CONFIGS, name, e, &err), STATUS_OK, "%s", err.text);
    return e;
}

static operator_row gemm_row(int64_t m, int64_t n, int64_t k) {
    return (operator_row){
        .method = ROW_METHOD_GRAPH_STEADY,
        .source = "",
        .op = {.kind = OP_gemm,
               .as.gemm = {.m = m, .n = n, .k = k, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16}}};
}

Test(spread, draws_have_the_covariance) {
    enum { DRAWS = 4000 };
    double factor[] = {0.3, 0, -0.1, 0.2};
    const machine_key *keys[] = {calibration_key_find("gemm.start_clk"), calibration_key_find("gemm.reduce_latencies")};
    calibration_spread s = {.keys = keys, .factor = factor, .key_count = 2};
    calibration center = calibration_priors();
    double variance[2] = {0}, product = 0;
    for (uint64_t d = 0; d < DRAWS; d++) {
        calibration c = spread_draw(&s, &center, d);
        double x[2];
        for (int i = 0; i < 2; i++) {
            x[i] = log(calibration_get(&c, keys[i]) / calibration_get(&center, keys[i]));
            variance[i] += x[i] * x[i] / DRAWS;
        }
        product += x[0] * x[1] / DRAWS;
    }
    cr_expect_float_eq(variance[0], 0.09, 0.01);
    cr_expect_float_eq(variance[1], 0.05, 0.006);
    cr_expect_float_eq(product, -0.03, 0.005);
}

Test(spread, the_same_draw_is_the_same) {
    arena a = {0};
    const ensemble *e = load(&a, "h200-sxm");
    cr_assert(e->spread.key_count > 10);
    calibration one = spread_draw(&e->spread, &e->center, 3), two = spread_draw(&e->spread, &e->center, 3);
    cr_expect_eq(memcmp(&one, &two, sizeof one), 0);
    arena_free(&a);
}

/* Larger than what was measured, or another GPU: flagged, and the other GPU's interval is wider. */
Test(spread, extrapolation_says_so) {
    arena a = {0};
    const ensemble *home = load(&a, "h200-sxm"), *other = load(&a, "h100-sxm");
    operator_row usual = gemm_row(512, 4096, 4096), huge = gemm_row(512, 1 << 20, 4096);
    row_interval at_home = predict_row_interval(&usual, home), away = predict_row_interval(&usual, other);
    cr_expect_not(at_home.extrapolated);
    cr_expect(predict_row_interval(&huge, home).extrapolated);
    cr_expect(away.extrapolated);
    cr_expect(at_home.lower_s < at_home.prediction.time_s && at_home.upper_s > at_home.prediction.time_s);
    cr_expect(log(away.upper_s / away.lower_s) > 1.5 * log(at_home.upper_s / at_home.lower_s));
    arena_free(&a);
}

Test(spread, classes_fall_back_to_the_kind) {
    residual_range ranges[] = {{"gemm", -0.2, 0.2}, {"gemm bf16 bf16", -0.1, 0.1}};
    calibration_spread s = {.residuals = ranges, .residual_count = 2};
    operator_row row = gemm_row(1, 2, 3);
    const spread_subject subject = {&row.op, NULL, NULL, "hbm", 1e-6};
    cr_expect_eq(spread_residual(&s, &subject), &ranges[1]);
    row.op.as.gemm.dtype = DTYPE_fp16;
    cr_expect_eq(spread_residual(&s, &subject), &ranges[0]);
    row.op.kind = OP_softmax;
    cr_expect_null(spread_residual(&s, &subject));
}
