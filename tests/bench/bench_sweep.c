/* Full-request design points a second: Code Llama 34B, HumanEval, prefill and all decode steps, with energy, area and
 * cost; SM count, clock, L2, HBM rate and launch cost drawn anew for every point, so that no two points share an
 * operator's time.
 * usage: bench_sweep LEVERS POINTS THREADS [STORE.db]
 * Prints a line: the rate, processor time a point and most memory held. With POINTS 0 it compares a thousand points
 * with engine_run, which is what `ingot simulate` runs, and prints the largest difference. */
#include "core/base/clock.h"
#include "core/base/random.h"
#include "sim/explore/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const char SWEEP[] = INGOT_SOURCE_DIR "/tests/bench/drawn.yaml";
enum { COMPARED_POINTS = 1000 };

/* What each knob of drawn.yaml is drawn from, evenly. */
static const struct {
    double low, high;
    bool whole;
} ranges[] = {{40, 200, true}, {1.9e9, 2.6e9, false}, {16e6, 128e6, true}, {2e12, 10e12, false}, {0.5e-6, 8e-6, false}};

static void draw_knobs(const sweep *s, int64_t index, double *knobs) {
    for (size_t k = 0; k < s->knob_count; k++) {
        double u = random_uniform((uint64_t)s->seed, k, (uint64_t)index);
        double value = ranges[k].low + (ranges[k].high - ranges[k].low) * u;
        knobs[k] = ranges[k].whole ? floor(value) : value;
    }
}

/* The case of one lever set alone, with as many variants as points are wanted. */
static status load(arena *a, const char *set, int64_t points, sweep *s, error *err) {
    status result = sweep_load(a, CONFIG_DIR, SWEEP, "bench", s, err);
    for (size_t c = 0; c < s->case_count && result == STATUS_OK; c++) {
        if (strcmp(s->cases[c].levers, set) != 0)
            continue;
        s->cases = &s->cases[c];
        s->case_count = 1;
        s->variant_count = s->point_count = points;
        return STATUS_OK;
    }
    return result != STATUS_OK ? result : error_set(err, STATUS_BAD_INPUT, "no lever set '%s' in %s", set, SWEEP);
}

static status measure(arena *a, sweep *s, int threads, const char *path, error *err) {
    store *points = NULL;
    store_manifest manifest = sweep_manifest(a, s);
    status result = path ? store_create(path, &manifest, false, &points, err) : STATUS_OK;
    if (result != STATUS_OK)
        return result;
    sweep_options options = {.threads = threads, .knobs_at = draw_knobs};
    double start_s = clock_now_s(), start_cpu_s = clock_cpu_s();
    int64_t computed;
    result = sweep_run(s, points, &options, &computed, err);
    double elapsed_s = clock_now_s() - start_s, cpu_s = clock_cpu_s() - start_cpu_s;
    status closed = store_close(points, result == STATUS_OK ? err : NULL);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    if (result == STATUS_OK)
        printf(
            "%-9s %9lld points, %d thread%s, %s store: %8.0f points a second, %5.2f us of a core a point, %4.0f MB\n",
            s->cases[0].levers, (long long)computed, threads, threads > 1 ? "s" : " ", path ? "with a" : "without",
            (double)computed / elapsed_s, 1e6 * cpu_s / (double)computed, (double)used.ru_maxrss * 1024 / 1e6);
    return result != STATUS_OK ? result : closed;
}

static double difference(double found, double expected) {
    return expected == 0 ? fabs(found) : fabs(found / expected - 1);
}

static status compare_point(const sweep *s, int64_t index, const store_point *found, double *largest, error *err) {
    arena memory = {0};
    machine m = sweep_machine_at(s, 0, found->knobs);
    const machine *machines[] = {&m};
    const calibration *fitted[] = {&s->machines[0].fitted};
    machine_block *block = ARENA_NEW(&memory, machine_block);
    engine_result *r = ARENA_NEW(&memory, engine_result);
    machine_block_fill(block, machines, fitted, 1);
    engine_options options = {.kind = s->engine, .host = &s->cases[0].host};
    status result = engine_run(&s->cases[0].graph, &s->cases[0].scenario, block, &options, &memory, r, NULL, err);
    const double pairs[][2] = {{found->latency_s, r->latency_s[0]}, {found->ttft_s, r->ttft_s[0]},
                               {found->tpot_s, r->tpot_s[0]},       {found->energy_j, r->energy_j[0]},
                               {found->gpu_busy_s, r->busy_s[0]},   {found->peak_memory_bytes, r->memory_bytes[0]}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs && result == STATUS_OK; i++)
        *largest = fmax(*largest, difference(pairs[i][0], pairs[i][1]));
    if (found->reason)
        result = error_set(err, STATUS_NEGATIVE, "point %lld: %s", (long long)index, found->reason);
    arena_free(&memory);
    return result;
}

static status compare(arena *a, const sweep *s, error *err) {
    double *knobs = ARENA_ARRAY(a, double, COMPARED_POINTS * s->knob_count), largest = 0;
    evaluated *points = ARENA_ARRAY(a, evaluated, COMPARED_POINTS);
    for (int64_t i = 0; i < COMPARED_POINTS; i++)
        draw_knobs(s, i, &knobs[(size_t)i * s->knob_count]);
    evaluator *e = evaluator_new(s);
    evaluate_worker *w = evaluate_worker_new(e);
    status result = evaluate_knobs(w, 0, 0, knobs, COMPARED_POINTS, points, err);
    for (int64_t i = 0; i < COMPARED_POINTS && result == STATUS_OK; i++)
        result = compare_point(s, i, &points[i].point, &largest, err);
    evaluate_worker_free(w);
    evaluator_free(e);
    if (result == STATUS_OK)
        printf("%-9s %9d points against simulate: largest relative difference %.1e (limit 1e-9)\n", s->cases[0].levers,
               COMPARED_POINTS, largest);
    return result != STATUS_OK || largest <= 1e-9 ? result : error_set(err, STATUS_NEGATIVE, "differs from simulate");
}

int main(int argc, char **argv) {
    arena a = {0};
    error err = {""};
    if (argc != 4 && argc != 5) {
        fputs("usage: bench_sweep LEVERS POINTS THREADS [STORE.db]\n", stderr);
        return STATUS_BAD_INPUT;
    }
    sweep *s = ARENA_NEW(&a, sweep);
    int64_t points = strtoll(argv[2], NULL, 10);
    status result = load(&a, argv[1], points > 0 ? points : COMPARED_POINTS, s, &err);
    if (result == STATUS_OK && points == 0)
        result = compare(&a, s, &err);
    else if (result == STATUS_OK)
        result = measure(&a, s, (int)strtol(argv[3], NULL, 10), argc == 5 ? argv[4] : NULL, &err);
    if (result != STATUS_OK)
        fprintf(stderr, "%s\n", err.text);
    arena_free(&a);
    return (int)result;
}
