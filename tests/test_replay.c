/* Replays: without changes the trace itself; with changes what can be worked out by hand. Host profiles from traces
 * whose costs are known. */
#include "validate/host_fit.h"
#include "validate/trace_idle.h"
#include "validate/trace_replay.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACES INGOT_SOURCE_DIR "/validate/measured/h200-sxm/traces/codellama-7b-"

static const char *const recorded[] = {TRACES "eager-decode.json.gz", TRACES "sdpa-prefill.json.gz",
                                       TRACES "compile-decode.json.gz"};

Test(replay, unchanged_is_the_trace_itself) {
    for (size_t i = 0; i < 3; i++) {
        trace t;
        error err = {0};
        arena a = {0};
        cr_assert_eq(trace_read(recorded[i], false, &t, &err), STATUS_OK, "%s", err.text);
        replay_change change = replay_unchanged(&a, &t);
        replay_result r;
        replay_run(&a, &t, &change, &r);
        for (size_t e = 0; e < t.gpu_count; e++)
            cr_assert_eq(r.start_ns[e], t.gpu[e].start_ns, "%s: event %zu: %lld", recorded[i], e,
                         (long long)(r.start_ns[e] - t.gpu[e].start_ns));
        trace_window w = trace_window_of(&t);
        cr_expect_float_eq(r.wall_s, (double)(w.end_ns - w.start_ns) * 1e-9, 1e-12);
        cr_expect_float_eq(r.busy_s, trace_busy_s(&t, 0, t.gpu_count), 1e-12);
        arena_free(&a);
        trace_free(&t);
    }
}

/* `steps` steps of `kernels` kernels: host work of `host_us` then a launch of 5 us each; a kernel takes `kernel_us`
 * and starts 2 us after its launch on an idle GPU, 1 us after the kernel before it otherwise; a wait ends each step. */
static char *made_up(int steps, int kernels, double host_us, double kernel_us) {
    char *path = strdup("/tmp/ingot_replay_XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("[", file);
    double host = 0, gpu = -100;
    int id = 1;
    for (int s = 0; s < steps; s++) {
        for (int k = 0; k < kernels; k++, id++) {
            fprintf(
                file,
                "{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"aten::op%d\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f}"
                ","
                "{\"ph\":\"X\",\"cat\":\"cuda_runtime\",\"name\":\"cudaLaunchKernel\",\"pid\":1,\"tid\":1,\"ts\":%.3f,"
                "\"dur\":5,\"args\":{\"correlation\":%d}},",
                k % 2, host, host_us + 5, host + host_us, id);
            host += host_us + 5;
            double start = fmax(host + 2, gpu + 1);
            fprintf(
                file,
                "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"kernel_%d\",\"pid\":0,\"tid\":7,\"ts\":%.3f,\"dur\":%.3f,"
                "\"args\":{\"correlation\":%d}},",
                k, start, kernel_us, id);
            gpu = start + kernel_us;
        }
        double end = fmax(host, gpu) + 3;
        fprintf(file,
                "{\"ph\":\"X\",\"cat\":\"cuda_runtime\",\"name\":\"cudaDeviceSynchronize\",\"pid\":1,\"tid\":1,"
                "\"ts\":%.3f,\"dur\":%.3f,\"args\":{\"correlation\":%d}},",
                host, end - host, 100000 + id);
        host = end;
    }
    fputs("{\"ph\":\"M\",\"name\":\"process_name\"}]", file);
    fclose(file);
    return path;
}

typedef struct played {
    arena memory;
    trace trace;
    replay_change change;
    replay_result before, after;
} played;

static void load(played *p, int steps, int kernels, double host_us, double kernel_us) {
    char *path = made_up(steps, kernels, host_us, kernel_us);
    error err = {0};
    cr_assert_eq(trace_read(path, false, &p->trace, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    free(path);
    p->change = replay_unchanged(&p->memory, &p->trace);
    replay_run(&p->memory, &p->trace, &p->change, &p->before);
}

static void play(played *p) {
    replay_run(&p->memory, &p->trace, &p->change, &p->after);
}

static void done(played *p) {
    arena_free(&p->memory);
    trace_free(&p->trace);
}

/* Bound by the host: 10 + 5 us a kernel of 2 us. Faster kernels save the last one's share alone. */
Test(replay, a_host_bound_step_gains_nothing_from_faster_kernels) {
    played p = {0};
    load(&p, 3, 20, 10, 2);
    cr_expect_float_eq(p.before.wall_s, 3 * (20 * 15 + 2 + 2 + 3) * 1e-6, 1e-12);
    size_t count;
    replay_scale(&p.trace, replay_select(&p.memory, &p.trace, "kernel_", &count), 2, &p.change);
    play(&p);
    cr_expect_eq(count, 60);
    cr_expect_float_eq(p.after.busy_s, p.before.busy_s / 2, 1e-12);
    cr_expect_float_eq(p.before.wall_s - p.after.wall_s, 3 * 1e-6, 1e-12, "the host waits for the last kernel only");
    done(&p);
}

/* Bound by the GPU: 1 + 5 us of host a kernel of 40 us, 1 us between kernels. Twice as fast kernels halve that. */
Test(replay, a_gpu_bound_step_follows_its_kernels) {
    played p = {0};
    load(&p, 2, 10, 1, 40);
    cr_expect_float_eq(p.before.wall_s, 2 * (6 + 2 + 10 * 40 + 9 + 3) * 1e-6, 1e-12);
    size_t count;
    replay_scale(&p.trace, replay_select(&p.memory, &p.trace, "kernel_", &count), 2, &p.change);
    play(&p);
    cr_expect_float_eq(p.after.wall_s, 2 * (6 + 2 + 10 * 20 + 9 + 3) * 1e-6, 1e-12);
    done(&p);
}

/* Captured, a step costs one launch, its kernels and the gaps between nodes. */
Test(replay, a_captured_step_has_one_launch) {
    played p = {0};
    load(&p, 3, 20, 10, 2);
    replay_capture(&p.trace, 500, &p.change);
    play(&p);
    double step_us = 15 + 2 + 20 * 2 + 19 * 0.5 + 3;
    cr_expect_float_eq(p.after.wall_s, 3 * step_us * 1e-6, 1e-12, "%g", p.after.wall_s * 1e6);
    cr_expect_float_eq(p.after.busy_s, p.before.busy_s, 1e-12);
    done(&p);
}

/* Two kernels in one: its time is theirs less the shortest kernel's, and the second one's host work is gone. */
Test(replay, a_fused_pair_saves_a_launch) {
    played p = {0};
    load(&p, 2, 10, 10, 2);
    size_t count;
    bool *first = replay_select(&p.memory, &p.trace, "kernel_3", &count);
    bool *second = replay_select(&p.memory, &p.trace, "kernel_4", &count);
    cr_assert_eq(replay_fuse(&p.trace, first, second, &p.change), 2, "one a step");
    play(&p);
    cr_expect_eq(p.after.kernels, p.before.kernels - 2);
    cr_expect_float_eq(p.before.wall_s - p.after.wall_s, 2 * 15e-6, 1e-12);
    cr_expect_float_eq(p.before.busy_s - p.after.busy_s, 2 * 2e-6, 1e-12);
    cr_expect_eq(replay_fuse(&p.trace, second, first, &p.change), 0, "4 never comes before 3");
    done(&p);
}

Test(replay, selection_by_operator_and_category) {
    played p = {0};
    load(&p, 2, 10, 10, 2);
    size_t count;
    replay_select(&p.memory, &p.trace, "aten::op1", &count);
    cr_expect_eq(count, 10, "every other kernel");
    replay_select(&p.memory, &p.trace, "linear", &count);
    cr_expect_eq(count, 0);
    done(&p);
}

/* ---- host profiles ---- */

/* 10 us of host a call besides a launch of 5 us: the step's waits, a few microseconds, are within a call's share. */
Test(host_fit, finds_the_cost_of_a_call) {
    played p = {0};
    load(&p, 4, 50, 10, 2);
    host_fit fit = {0};
    error err = {0};
    host_fit_add_trace(&p.memory, &p.trace, &fit);
    cr_assert_eq(host_fit_finish(&p.memory, &fit, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(fit.count, 4);
    cr_expect_eq(fit.steps[0].calls, 50);
    cr_expect_eq(fit.steps[0].launches, 50);
    cr_expect_float_eq(fit.launch_s.median, 5e-6, 1e-9);
    cr_expect(fit.call_s.low > 9.6e-6 && fit.call_s.high < 10.3e-6, "%g to %g", fit.call_s.low, fit.call_s.high);
    done(&p);
}

Test(host_fit, a_busy_gpu_tells_nothing) {
    played p = {0};
    load(&p, 2, 50, 1, 40);
    host_fit fit = {0};
    error err = {0};
    host_fit_add_trace(&p.memory, &p.trace, &fit);
    cr_expect_eq(host_fit_finish(&p.memory, &fit, &err), STATUS_NEGATIVE);
    done(&p);
}

/* The same step with a framework's and a captured graph's host: a call costs microseconds, a graph's step nothing. */
Test(host_fit, recorded_traces) {
    host_fit fit = {0};
    arena a = {0};
    error err = {0};
    for (size_t i = 0; i < 3; i++) {
        trace t;
        cr_assert_eq(trace_read(recorded[i], false, &t, &err), STATUS_OK, "%s", err.text);
        host_fit_add_trace(&a, &t, &fit);
        trace_free(&t);
    }
    cr_assert_eq(host_fit_finish(&a, &fit, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(fit.count, 5);
    /* The shipped trace ends with its last launch: 5,676 framework calls less those behind it. */
    cr_expect(fit.steps[0].calls > 5600 && fit.steps[0].calls <= 5676, "%g", fit.steps[0].calls);
    cr_expect(!fit.steps[0].captured && fit.steps[4].captured);
    cr_expect(fit.call_s.low > 4e-6 && fit.call_s.high < 10e-6);
    cr_expect(fit.steps[2].between_s < 5e-6);
    arena_free(&a);
}
