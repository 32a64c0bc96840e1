/* A store of made-up points, told apart by their index, and checks of what a file holds. */
#ifndef INGOT_STORE_FIXTURE_H
#define INGOT_STORE_FIXTURE_H

#include "core/store.h"
#include "tests/scratch.h"

#include <math.h>

static inline store_manifest store_example_manifest(void) {
    return (store_manifest){
        .version = "0.1.0",
        .command = "ingot sweep \"h200\".yaml",
        .question = "Which H200 variant?",
        .config_hash = "0123456789abcdef",
        .engine = "analytic",
        .host = "pytorch-compiled",
        .date = "2025-01-31",
        .seed = 42,
        .point_count = 20000,
        .knob_count = 2,
        .knob_keys = {"hbm.bandwidth_bytes_per_s", "sm.count"},
        .knob_base = {4.8e12, 132},
    };
}

static inline store_point store_example_point(int64_t index) {
    double x = (double)index;
    store_point point = {
        .index = index,
        .machine = "h200-sxm",
        .workload = index % 2 ? "codellama-34b/humaneval" : "codellama-34b/mbpp",
        .levers = index % 3 ? "compile" : "baseline",
        .batch = 1 + index % 5,
        .knobs = {4.8e12 + x, 100 + fmod(x, 33)},
        .latency_s = 1 / (x + 1),
        .ttft_s = 0.01,
        .tpot_s = 0.1 + x * 1e-17,
        .gpu_busy_s = 0.7,
        .gpu_idle_s = 0.3,
        .energy_j = sqrt(x),
        .area_m2 = 814e-6,
        .cost_usd = NAN,
        .peak_memory_bytes = 66.96e9,
    };
    for (int i = 0; i < CATEGORY_COUNT; i++)
        point.category_s[i] = x / (i + 1);
    if (index % 7 == 3)
        point.reason = "needs 151 GB, has 141 GB";
    return point;
}

static inline void store_put_range(store *s, int64_t from, int64_t to) {
    error err = {""};
    for (int64_t i = from; i < to; i++) {
        store_point point = store_example_point(i);
        cr_assert_eq(store_put(s, &point, &err), STATUS_OK, "%s", err.text);
    }
}

static inline store *store_create_well(const char *path, bool resume) {
    store_manifest manifest = store_example_manifest();
    store *s;
    error err = {""};
    cr_assert_eq(store_create(path, &manifest, resume, &s, &err), STATUS_OK, "%s", err.text);
    return s;
}

static inline void store_close_well(store *s) {
    error err = {""};
    cr_assert_eq(store_close(s, &err), STATUS_OK, "%s", err.text);
}

static inline bool store_same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

typedef struct store_walk {
    int64_t next, visited;
} store_walk;

static inline status store_check_point(void *context, const store_point *point, error *err) {
    (void)err;
    store_walk *w = context;
    store_point expected = store_example_point(w->next);
    cr_assert_eq(point->index, w->next);
    cr_assert_str_eq(point->machine, expected.machine);
    cr_assert_str_eq(point->workload, expected.workload);
    cr_assert_str_eq(point->levers, expected.levers);
    cr_assert_eq(point->batch, expected.batch);
    cr_assert_eq(point->knobs[0], expected.knobs[0]);
    cr_assert_eq(point->knobs[1], expected.knobs[1]);
    cr_assert_eq(point->reason != NULL, expected.reason != NULL);
    if (expected.reason) {
        cr_assert_str_eq(point->reason, expected.reason);
        cr_assert(isnan(point->latency_s) && isnan(point->category_s[0]), "numbers of an infeasible point are unknown");
    } else {
        cr_assert(store_same(point->latency_s, expected.latency_s) && store_same(point->ttft_s, expected.ttft_s) &&
                  store_same(point->tpot_s, expected.tpot_s) && store_same(point->gpu_busy_s, expected.gpu_busy_s) &&
                  store_same(point->gpu_idle_s, expected.gpu_idle_s) &&
                  store_same(point->energy_j, expected.energy_j) && store_same(point->area_m2, expected.area_m2) &&
                  store_same(point->cost_usd, expected.cost_usd) &&
                  store_same(point->peak_memory_bytes, expected.peak_memory_bytes));
        for (int i = 0; i < CATEGORY_COUNT; i++)
            cr_assert_eq(point->category_s[i], expected.category_s[i]);
    }
    w->next++;
    w->visited++;
    return STATUS_OK;
}

static inline void store_holds_exactly(const char *path, int64_t count) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    error err = {""};
    store_walk w = {0};
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(store_each(s, false, store_check_point, &w, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(w.visited, count);
    store_close_well(s);
    arena_free(&memory);
}

#endif
