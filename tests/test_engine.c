/* Scheduling and integration: the folded engine against the flat simulation, and limits that hold exactly. */
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "sim/engine/schedule.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";

static const host_profile slow_host = {.name = "slow", .call_s = 5e-6, .launch_scale_ratio = 1};
static const host_profile fast_host = {.name = "fast", .launch_scale_ratio = 1e-3};

typedef struct fixture {
    arena memory;
    machine_block block;
    workload w;
    scenario s;
    graph g;
} fixture;

static void set_up(fixture *f, const char *preset, int64_t steps) {
    error err = {0};
    machine m;
    levers l;
    calibration c = calibration_priors();
    cr_assert_eq(machine_load(&f->memory, CONFIG_DIR, "h200-sxm", &m, NULL, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(&f->block, machines, calibrations, 1);
    cr_assert_eq(levers_preset(preset, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIG_DIR, "codellama-7b", &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = 1, .prompt_tokens = 154, .decode_steps = steps, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &l, &f->g, &err), STATUS_OK, "%s", err.text);
}

static engine_result run(fixture *f, const host_profile *host, bool exact) {
    engine_options options = {.kind = ENGINE_ANALYTIC, .host = host, .exact_steps = exact};
    engine_result r;
    cr_assert_eq(engine_run(&f->g, &f->s, &f->block, &options, &f->memory, &r, NULL, NULL), STATUS_OK);
    return r;
}

typedef struct collected {
    double end_s, busy_s;
} collected;

static status collect(void *context, const interval *item, error *err) {
    (void)err;
    collected *c = context;
    double end_s = item->start_s + item->duration_s;
    if (end_s > c->end_s)
        c->end_s = end_s;
    if (item->lane == LANE_GPU)
        c->busy_s += item->duration_s;
    return STATUS_OK;
}

Test(engine, folded_schedule_equals_flat_simulation) {
    static const char *const presets[] = {"baseline", "sdpa", "compile"};
    const host_profile *hosts[] = {&slow_host, &fast_host};
    for (size_t p = 0; p < 3; p++) {
        for (size_t h = 0; h < 2; h++) {
            fixture f = {0};
            set_up(&f, presets[p], 3);
            engine_result r = run(&f, hosts[h], true);
            engine_options options = {.kind = ENGINE_ANALYTIC, .host = hosts[h]};
            collected c = {0};
            timeline_sink sink = {.emit = collect, .context = &c};
            cr_assert_eq(engine_timeline(&f.g, &f.s, &f.block, &options, 0, sink, NULL), STATUS_OK);
            cr_expect(fabs(c.end_s / r.latency_s[0] - 1) < 1e-9, "%s: %.12g flat, %.12g folded", presets[p], c.end_s,
                      r.latency_s[0]);
            cr_expect(fabs(c.busy_s / r.busy_s[0] - 1) < 1e-9);
            arena_free(&f.memory);
        }
    }
}

Test(engine, five_steps_stand_for_all_within_half_a_percent) {
    fixture f = {0};
    set_up(&f, "sdpa", 700);
    double sampled = run(&f, &fast_host, false).latency_s[0], exact = run(&f, &fast_host, true).latency_s[0];
    cr_expect(fabs(sampled / exact - 1) < 5e-3, "%g against %g", sampled, exact);
    arena_free(&f.memory);
}

Test(engine, categories_sum_to_latency) {
    fixture f = {0};
    set_up(&f, "baseline", 20);
    engine_result r = run(&f, &slow_host, false);
    double sum_s = 0;
    for (size_t p = 0; p < r.phase_count; p++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            sum_s += r.phases[p].category_s[c][0];
    cr_expect(fabs(sum_s / r.latency_s[0] - 1) < 1e-9);
    arena_free(&f.memory);
}

/* A host slower than the GPU sets the pace; a host faster than it is hidden: each limit is exact. */
Test(engine, the_slower_side_sets_the_pace) {
    const double layers = 10;
    for (int slow_gpu = 0; slow_gpu <= 1; slow_gpu++) {
        node_cost node = {.launches = true};
        double gpu_s = slow_gpu ? 3e-6 : 1e-6, host_s = slow_gpu ? 1e-6 : 3e-6;
        lanes latency_s;
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            node.host_s[i] = host_s;
            node.busy_s[i] = gpu_s;
            latency_s[i] = 2e-6;
        }
        step_clocks clocks = {0};
        schedule_segment(&node, 1, (int64_t)layers, latency_s, &clocks);
        double expected_s = slow_gpu ? host_s + 2e-6 + layers * gpu_s : layers * host_s + 2e-6 + gpu_s;
        cr_expect(fabs(clocks.gpu_s[0] - expected_s) < 1e-15, "%g against %g", clocks.gpu_s[0], expected_s);
    }
}

Test(engine, no_prediction_under_the_roofline_of_weights) {
    fixture f = {0};
    set_up(&f, "compile", 20);
    engine_result r = run(&f, &fast_host, false);
    double bytes = 13.21e9 * 0.999, bandwidth = f.block.hbm_bandwidth_bytes_per_s[0];
    cr_expect_gt(r.tpot_s[0], bytes / bandwidth);
    arena_free(&f.memory);
}
