/* Evaluated points: the same bits whatever stands beside them in a block, and reasons where there are no numbers. */
#include "sim/explore/evaluate.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";

static const char text[] = "schema: 1\n"
                           "name: evaluate\n"
                           "question: q\n"
                           "machines: [h200-sxm]\n"
                           "workloads: [codellama-7b/humaneval]\n"
                           "levers: [baseline, autoquant, sdpa streams=2]\n"
                           "vary:\n"
                           "  sm.count: [132]\n"
                           "  sm.shared_bytes: [233472]\n"
                           "  hbm.bandwidth_bytes_per_s: [4.8e12]\n"
                           "  hbm.capacity_bytes: [141e9]\n"
                           "objectives: [latency_s]\n";

static sweep *load(arena *a) {
    char path[] = "/tmp/ingot-evaluate-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0 && write(file, text, sizeof text - 1) == sizeof text - 1);
    close(file);
    sweep *s = ARENA_NEW(a, sweep);
    error err;
    cr_assert_eq(sweep_load(a, CONFIG_DIR, path, "test", s, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    cr_assert_eq(s->knob_count, 4);
    return s;
}

enum { POINTS = 21, KNOBS = 4 };

/* Shared memory differs from point to point, and with it the plans; some do not fit, one is no machine. */
static void fill_knobs(double *knobs) {
    static const double shared_bytes[] = {233472, 102400, 167936};
    for (int i = 0; i < POINTS; i++) {
        double *k = &knobs[i * KNOBS];
        k[0] = 132 - 5 * i;
        k[1] = shared_bytes[i % 3];
        k[2] = 2e12 + 3e11 * i;
        k[3] = i % 7 == 5 ? 1e9 : 141e9;
    }
    knobs[9 * KNOBS] = 65.5; /* half an SM */
    knobs[11 * KNOBS + 2] = NAN;
}

static void expect_same(const evaluated *a, const evaluated *b, size_t c, int i) {
    if (a->point.reason || b->point.reason)
        cr_expect_str_eq(a->point.reason ? a->point.reason : "none", b->point.reason ? b->point.reason : "none");
    const double left[] = {a->point.latency_s, a->point.ttft_s,   a->point.energy_j,
                           a->point.area_m2,   a->point.cost_usd, a->point.peak_memory_bytes};
    const double right[] = {b->point.latency_s, b->point.ttft_s,   b->point.energy_j,
                            b->point.area_m2,   b->point.cost_usd, b->point.peak_memory_bytes};
    cr_expect_eq(memcmp(left, right, sizeof left), 0, "case %zu, point %d: %.17g and %.17g", c, i, left[0], right[0]);
}

Test(evaluate, neighbours_do_not_matter) {
    arena a = {0};
    sweep *s = load(&a);
    double knobs[POINTS * KNOBS];
    fill_knobs(knobs);
    evaluator *e = evaluator_new(s);
    evaluate_worker *together = evaluate_worker_new(e), *one_by_one = evaluate_worker_new(e);
    evaluated *all = ARENA_ARRAY(&a, evaluated, POINTS), *one = ARENA_NEW(&a, evaluated);
    error err;
    for (size_t c = 0; c < s->case_count; c++) {
        cr_assert_eq(evaluate_knobs(together, 0, c, knobs, POINTS, all, &err), STATUS_OK, "%s", err.text);
        for (int i = POINTS - 1; i >= 0; i--) {
            cr_assert_eq(evaluate_knobs(one_by_one, 0, c, &knobs[i * KNOBS], 1, one, &err), STATUS_OK);
            expect_same(&all[i], one, c, i);
        }
        cr_expect(all[0].point.reason == NULL && all[0].point.latency_s > 0);
        cr_expect(all[5].point.reason && strstr(all[5].point.reason, "needs"));
        cr_expect(all[9].point.reason && strstr(all[9].point.reason, "must be whole"));
        cr_expect(all[11].point.reason && strstr(all[11].point.reason, "must be from"));
    }
    evaluate_worker_free(together);
    evaluate_worker_free(one_by_one);
    evaluator_free(e);
    arena_free(&a);
}
