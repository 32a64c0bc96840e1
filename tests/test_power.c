/* Energy and the clock under the power limit: exact limits, order, and what one H200 draws. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const host_profile fast_host = {.name = "fast", .launch_scale_ratio = 1e-3};

static machine load(arena *a, machine_block *block) {
    machine m;
    calibration c;
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIG_DIR, "h200-sxm", &m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, CONFIG_DIR, &m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
    return m;
}

/* A step of one second, all of it clocked and busy, on lane 0. */
static step_power one_second(double core_j, double memory_j) {
    return (step_power){.core_j = {core_j}, .memory_j = {memory_j}, .clocked_s = {1}, .busy_s = {1}};
}

static step_clock solve(const machine_block *block, double core_j, double duration_s, thermal_mode mode) {
    step_power sum = one_second(core_j, 50);
    const lanes wall_s = {1}, durations = {duration_s};
    step_clock clock;
    power_solve(&sum, wall_s, durations, mode, block, &clock);
    return clock;
}

Test(power, sustained_power_is_the_limit) {
    arena a = {0};
    machine_block block;
    machine m = load(&a, &block);
    double last = 1;
    for (double core_j = 650; core_j < 3000; core_j *= 1.2) {
        step_power sum = one_second(core_j, 50);
        step_clock clock = solve(&block, core_j, 1e6, THERMAL_SUSTAINED);
        cr_assert(clock.throttles && clock.ratio[0] < last, "more energy, a lower clock");
        last = clock.ratio[0];
        double time_s = clock.stretch[0];
        cr_expect_float_eq(time_s, 1 / clock.ratio[0], 1e-12);
        double power_w = power_step_j(&sum, &clock, time_s, time_s, &block, 0) / time_s;
        cr_expect(fabs(power_w / m.power.limit_w - 1) < 1e-3, "%g W at %g", power_w, clock.ratio[0]);
    }
    arena_free(&a);
}

Test(power, below_the_limit_the_clock_stays) {
    arena a = {0};
    machine_block block;
    load(&a, &block);
    step_clock clock = solve(&block, 400, 1e6, THERMAL_SUSTAINED);
    cr_expect(!clock.throttles);
    cr_expect_eq(clock.ratio[0], 1);
    cr_expect_eq(clock.stretch[0], 1);
    arena_free(&a);
}

/* A run no longer than the control's answer is a burst; a long one is sustained; between, time grows with duration. */
Test(power, duration_decides) {
    arena a = {0};
    machine_block block;
    machine m = load(&a, &block);
    const double core_j = 1200;
    cr_expect_eq(solve(&block, core_j, m.power.loop_s, THERMAL_BY_DURATION).stretch[0], 1);
    cr_expect_eq(solve(&block, core_j, 1e9, THERMAL_BURST).stretch[0], 1);
    double last = 1, sustained = solve(&block, core_j, 0, THERMAL_SUSTAINED).stretch[0];
    for (double times = 1.1; times < 1e5; times *= 3) {
        double stretch = solve(&block, core_j, times * m.power.loop_s, THERMAL_BY_DURATION).stretch[0];
        cr_expect(stretch > last && stretch < sustained);
        last = stretch;
    }
    cr_expect(fabs(last / sustained - 1) < 1e-4);
    arena_free(&a);
}

static power_point repeated(const machine_block *block, data_type type, double seconds, double switching) {
    op o = {.kind = OP_gemm,
            .as.gemm = {.m = 8192, .n = 8192, .k = 8192, .batch = 1, .dtype = type, .weights_dtype = type}};
    return power_repeated(&o, RESIDENCY_PREDECESSORS, seconds, switching, block);
}

/* Measured on one H200: bf16 694 W at 1,470 MHz and 659 TFLOP/s, fp8 695 W at 1,335 MHz and 1,182. */
Test(power, products_on_an_h200) {
    arena a = {0};
    machine_block block;
    load(&a, &block);
    const struct {
        data_type type;
        double power_w, clock_hz, flops_per_s;
    } measured[] = {{DTYPE_bf16, 694, 1470e6, 659e12}, {DTYPE_fp8, 695, 1335e6, 1182e12}};
    for (size_t i = 0; i < 2; i++) {
        power_point p = repeated(&block, measured[i].type, 60, 1);
        double rate = 2 * pow(8192, 3) / p.time_s;
        cr_expect(fabs(p.power_w / measured[i].power_w - 1) < 0.10, "%g W", p.power_w);
        cr_expect(fabs(p.clock_hz / measured[i].clock_hz - 1) < 0.06, "%g Hz", p.clock_hz);
        cr_expect(fabs(rate / measured[i].flops_per_s - 1) < 0.06, "%g FLOP/s", rate);
        cr_expect_lt(repeated(&block, measured[i].type, 0.01, 1).time_s, p.time_s, "a burst is faster");
        cr_expect_lt(repeated(&block, measured[i].type, 60, 0).power_w, p.power_w, "zeros switch less");
    }
    arena_free(&a);
}

typedef struct prefill {
    arena memory;
    machine_block block;
    workload w;
    scenario s;
    graph g;
    levers l;
} prefill;

static void build(prefill *f, const char *preset) {
    error err = {0};
    load(&f->memory, &f->block);
    cr_assert_eq(levers_preset(preset, &f->l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIG_DIR, "codellama-7b", &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = 8, .prompt_tokens = 1024, .decode_steps = 2, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &f->l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &f->l, &f->g, &err), STATUS_OK, "%s", err.text);
}

static engine_result run(prefill *f, engine_options options) {
    engine_result r;
    options.host = &fast_host;
    cr_assert_eq(engine_run(&f->g, &f->s, &f->block, &options, &f->memory, &r, NULL, NULL), STATUS_OK);
    return r;
}

static status add_busy(void *context, const interval *item, error *err) {
    (void)err;
    double *busy_s = context;
    *busy_s += item->lane == LANE_GPU ? item->duration_s : 0;
    return STATUS_OK;
}

/* A long prefill is throttled, a decode step is not; and the flat simulation finds the same clock. */
Test(power, a_long_prefill_is_sustained) {
    for (int kind = ENGINE_ANALYTIC; kind <= ENGINE_EVENT; kind++) {
        prefill f = {0};
        build(&f, "sdpa");
        engine_options options = {.kind = (engine_kind)kind, .host = &fast_host};
        engine_result r = run(&f, options);
        options.thermal = THERMAL_BURST;
        engine_result burst = run(&f, options);
        cr_expect_gt(r.phases[0].busy_s[0], 1.05 * burst.phases[0].busy_s[0]);
        cr_expect_eq(r.phases[1].busy_s[0], burst.phases[1].busy_s[0]);
        cr_expect_lt(r.energy_j[0], burst.energy_j[0], "a lower voltage saves energy");
        cr_expect_lt(r.sm_clock_hz[0], burst.sm_clock_hz[0]);
        double busy_s = 0;
        options.thermal = THERMAL_BY_DURATION;
        timeline_sink sink = {.emit = add_busy, .context = &busy_s};
        cr_assert_eq(engine_timeline(&f.g, &f.s, &f.block, &options, 0, sink, NULL), STATUS_OK);
        cr_expect(fabs(busy_s / r.busy_s[0] - 1) < 1e-9, "%.12g flat, %.12g folded", busy_s, r.busy_s[0]);
        arena_free(&f.memory);
    }
}

Test(power, results_hang_together) {
    prefill f = {0};
    build(&f, "compile");
    engine_result r = run(&f, (engine_options){.kind = ENGINE_ANALYTIC});
    cr_expect(fabs(r.power_w[0] * r.latency_s[0] / r.energy_j[0] - 1) < 1e-12);
    cr_expect(fabs(r.token_j[0] * 2 * 8 / r.phases[1].energy_j[0] - 1) < 1e-12, "two tokens of eight sequences");
    engine_result zeros = run(&f, (engine_options){.kind = ENGINE_ANALYTIC, .zeros_frac = 1});
    cr_expect_lt(zeros.energy_j[0], r.energy_j[0]);
    cr_expect_lt(zeros.latency_s[0], r.latency_s[0]);
    arena_free(&f.memory);
}
