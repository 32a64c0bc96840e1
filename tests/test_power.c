/* Energy and the clock under the power limit: exact limits, order, and what one H200 draws. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const host_profile fast_host = {.name = "fast", .launch_scale_ratio = 1e-3};

static machine load_named(arena *a, const char *name, machine_block *block) {
    machine m;
    calibration c;
    error err = {0};
    cr_assert_eq(machine_load(a, CONFIG_DIR, name, &m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, CONFIG_DIR, &m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
    return m;
}

static machine load(arena *a, machine_block *block) {
    return load_named(a, "h200-sxm", block);
}

/* A step of one second, all of it clocked and busy, on lane 0. */
static step_power one_second(double core_j, double memory_j) {
    return (step_power){
        .core_j = {core_j}, .seen_j = {core_j}, .memory_j = {memory_j}, .clocked_s = {1}, .busy_s = {1}};
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
    const double core_j = 1000; /* over the limit, within what the supply gives */
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

/* A run as short is slowed down at once where it would draw more than the board's supply gives, and to that. */
Test(power, supply_limits_bursts) {
    arena a = {0};
    machine_block block;
    machine m = load(&a, &block);
    const double core_j = 3 * m.power.peak_ratio * m.power.limit_w;
    step_power sum = one_second(core_j, 50);
    step_clock clock = solve(&block, core_j, m.power.loop_s, THERMAL_BY_DURATION);
    double time_s = clock.stretch[0], ratio = clock.burst_ratio[0];
    cr_assert(ratio < 1 && ratio > clock.ratio[0]);
    cr_expect_float_eq(time_s, 1 / ratio, 1e-12);
    double power_w = power_step_j(&sum, &clock, time_s, time_s, &block, 0) / time_s;
    cr_expect_lt(fabs(power_w / (m.power.peak_ratio * m.power.limit_w) - 1), 0.1, "%g W", power_w);
    arena_free(&a);
}

/* Clocks that are up cost their power whether kernels run or not; kernels add what running costs. */
Test(power, a_gap_is_not_free) {
    arena a = {0};
    machine_block block;
    machine m = load(&a, &block);
    step_power none = {0}, running = {.busy_s = {1}};
    step_clock clock = step_clock_full();
    cr_expect_float_eq(power_step_j(&none, &clock, 2, 0, &block, 0), 2 * (m.power.idle_w + m.power.awake_w), 1e-9);
    double gap_j = power_step_j(&running, &clock, 2, 1, &block, 0) - power_step_j(&none, &clock, 2, 0, &block, 0);
    cr_expect_float_eq(gap_j, m.power.clock_w, 1e-9);
    arena_free(&a);
}

/* Tensor work takes longer only below the clock that it holds in short runs; other work at once. */
Test(power, tensor_work_is_held_to_a_lower_clock) {
    arena a = {0};
    machine_block block;
    machine m = load(&a, &block);
    const lanes wall_s = {1}, durations = {1e6};
    double hold = m.power.tensor_hold_ratio;
    cr_assert(hold > 0.5 && hold < 1);
    for (double core_j = 650; core_j < 3000; core_j *= 1.2) {
        step_power sum = one_second(core_j, 50);
        sum.held_s[0] = 1;
        step_clock clock;
        power_solve(&sum, wall_s, durations, THERMAL_SUSTAINED, &block, &clock);
        double expected = fmax(1, hold / clock.ratio[0]);
        cr_expect_float_eq(clock.held_stretch[0], expected, 1e-12);
        cr_expect_geq(clock.stretch[0], clock.held_stretch[0]);
        const op_power one = {.clocked_s = {1}, .held_s = {1}};
        cr_expect_float_eq(power_longer_s(&one, &clock, 0), expected - 1, 1e-12);
    }
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

/* Measured on one H100: a product of zeros runs at 1,637 of 1,980 MHz, held down for power, and draws 497 of 700 W. */
Test(power, zeros_are_held_down_below_the_limit) {
    arena a = {0};
    machine_block block;
    machine m = load_named(&a, "h100-sxm", &block);
    power_point zeros = repeated(&block, DTYPE_bf16, 60, 0), random = repeated(&block, DTYPE_bf16, 60, 1);
    cr_expect_lt(zeros.power_w, 0.8 * m.power.limit_w);
    cr_expect_lt(zeros.clock_hz, 0.9 * m.sm.clock_max_hz);
    cr_expect_gt(zeros.clock_hz, 1.1 * random.clock_hz);
    cr_expect(fabs(zeros.clock_hz / 1637e6 - 1) < 0.06, "%g Hz", zeros.clock_hz);
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

static void build_on(prefill *f, const char *machine_name, const char *preset, workload_request request) {
    error err = {0};
    load_named(&f->memory, machine_name, &f->block);
    cr_assert_eq(levers_parse(preset, &f->l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIG_DIR, "codellama-7b", &f->w, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &f->l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &f->l, &f->g, &err), STATUS_OK, "%s", err.text);
}

static void build(prefill *f, const char *preset) {
    build_on(f, "h200-sxm", preset,
             (workload_request){.batch = 8, .prompt_tokens = 1024, .decode_steps = 2, .statistic = "mean"});
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

/* What decoding draws follows from loads of one thing each, which it is not among: idle clocks, a warp that spins, a
 * large read, a read from L2. Measured on two H100s: 507 and 489 W at one sequence, 494 at sixteen, 492 with weights of
 * int8, at the highest clock. */
Test(power, decoding_draws_what_its_bytes_do) {
    const struct {
        const char *preset;
        int64_t batch, prompt_tokens;
        double power_w;
    } measured[] = {{"compile flavour=ingot", 1, 512, 507},
                    {"compile flavour=ingot", 1, 512, 489},
                    {"compile flavour=ingot", 16, 512, 494},
                    {"compile flavour=ingot weights=int8", 1, 64, 492}};
    for (size_t i = 0; i < sizeof measured / sizeof measured[0]; i++) {
        prefill f = {0};
        build_on(&f, "h100-sxm", measured[i].preset,
                 (workload_request){.batch = measured[i].batch,
                                    .prompt_tokens = measured[i].prompt_tokens,
                                    .decode_steps = 2,
                                    .statistic = "mean"});
        engine_result r = run(&f, (engine_options){.kind = ENGINE_ANALYTIC, .thermal = THERMAL_SUSTAINED});
        double power_w = r.phases[1].energy_j[0] / r.phases[1].latency_s[0];
        cr_expect(fabs(power_w / measured[i].power_w - 1) < 0.10, "%g W of %g", power_w, measured[i].power_w);
        arena_free(&f.memory);
    }
}
