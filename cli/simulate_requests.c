#include "cli/simulate_requests.h"

#include "core/base/hash.h"
#include "core/base/si.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- distributions ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The smallest value that at least the share of all do not exceed. Sorts. */
static quantiles quantiles_of(double *values, int64_t count) {
    quantiles q = {0};
    qsort(values, (size_t)count, sizeof *values, by_value);
    for (int64_t i = 0; i < count; i++)
        q.mean += values[i] / (double)count;
    const double shares[] = {0.5, 0.9, 0.99};
    double *out[] = {&q.p50, &q.p90, &q.p99};
    for (int i = 0; i < 3; i++)
        *out[i] = values[(int64_t)ceil(shares[i] * (double)count) - 1];
    return q;
}

static status run_request(const setup *s, const workload_request *request, double *const *columns, int64_t at,
                          error *err) {
    arena scratch = {0};
    scenario drawn;
    engine_result *r = ARENA_NEW(&scratch, engine_result);
    status result = workload_scenario(&scratch, &s->workload, request, &s->levers, &drawn, err);
    if (result == STATUS_OK)
        result = engine_run(&s->graph, &drawn, &s->block, &s->options, &scratch, r, NULL, err);
    if (result == STATUS_OK) {
        columns[0][at] = r->latency_s[0];
        columns[1][at] = r->ttft_s[0];
        columns[2][at] = isnan(r->tpot_s[0]) ? 0 : r->tpot_s[0];
        columns[3][at] = drawn.values[SCENARIO_DECODE_STEPS];
    }
    arena_free(&scratch);
    return result;
}

status requests_distribution(const setup *s, const workload_request *request, int64_t requests,
                             request_distribution *out, error *err) {
    enum { COLUMNS = 4 };
    arena scratch = {0};
    double *columns[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        columns[c] = ARENA_ARRAY(&scratch, double, (size_t)requests);
    status result = STATUS_OK;
    for (int64_t i = 0; i < requests && result == STATUS_OK; i++) {
        workload_request one = *request;
        one.drawn = true;
        one.seed = hash_mix64(request->seed + (uint64_t)i) >> 11; /* fits a double, for scenario files */
        result = run_request(s, &one, columns, i, err);
    }
    if (result == STATUS_OK) {
        *out = (request_distribution){.requests = requests};
        quantiles *parts[COLUMNS] = {&out->latency_s, &out->ttft_s, &out->tpot_s, &out->decode_steps};
        for (int c = 0; c < COLUMNS; c++)
            *parts[c] = quantiles_of(columns[c], requests);
    }
    arena_free(&scratch);
    return result;
}

/* A row for people and for programs. */
typedef struct distribution_row {
    const char *key, *text;
    const quantiles *q;
    double scale; /* for people */
} distribution_row;

enum { DISTRIBUTION_ROWS = 4 };

static void rows_of(const request_distribution *d, distribution_row rows[DISTRIBUTION_ROWS]) {
    rows[0] = (distribution_row){"latency_s", "latency, ms", &d->latency_s, MS_PER_S};
    rows[1] = (distribution_row){"ttft_s", "first token, ms", &d->ttft_s, MS_PER_S};
    rows[2] = (distribution_row){"tpot_s", "a token, ms", &d->tpot_s, MS_PER_S};
    rows[3] = (distribution_row){"decode_steps", "steps", &d->decode_steps, 1};
}

void distribution_json(json_writer *w, const char *key, const request_distribution *d) {
    distribution_row rows[DISTRIBUTION_ROWS];
    rows_of(d, rows);
    json_object_begin(w, key);
    json_integer(w, "requests", d->requests);
    for (int i = 0; i < DISTRIBUTION_ROWS; i++) {
        json_object_begin(w, rows[i].key);
        json_number(w, "mean", rows[i].q->mean);
        json_number(w, "p50", rows[i].q->p50);
        json_number(w, "p90", rows[i].q->p90);
        json_number(w, "p99", rows[i].q->p99);
        json_object_end(w);
    }
    json_object_end(w);
}

void distribution_print(const request_distribution *d) {
    distribution_row rows[DISTRIBUTION_ROWS];
    rows_of(d, rows);
    char title[64];
    snprintf(title, sizeof title, "%lld drawn requests", (long long)d->requests);
    printf("  %-20s %12s %12s %12s %12s\n", title, "mean", "p50", "p90", "p99");
    for (int i = 0; i < DISTRIBUTION_ROWS; i++) {
        const quantiles *q = rows[i].q;
        printf("  %-20s %12.3f %12.3f %12.3f %12.3f\n", rows[i].text, q->mean * rows[i].scale, q->p50 * rows[i].scale,
               q->p90 * rows[i].scale, q->p99 * rows[i].scale);
    }
}

/* ---- the largest batch ---- */

/* Batches beyond this are no single request batch anywhere. */
static const int64_t BATCH_LIMIT = 1 << 20;

static status memory_of(const setup *s, const workload_request *request, int64_t batch, graph_memory *out, error *err) {
    arena scratch = {0};
    workload_request sized = *request;
    sized.batch = batch;
    scenario drawn;
    status result = workload_scenario(&scratch, &s->workload, &sized, &s->levers, &drawn, err);
    if (result == STATUS_OK)
        *out = engine_memory(&s->graph, &drawn, &s->block, &s->options, &scratch);
    arena_free(&scratch);
    return result;
}

static const char *limit_of(const graph_memory *now, const graph_memory *next) {
    double kv = next->kv_bytes - now->kv_bytes, activations = next->activation_bytes - now->activation_bytes;
    if (kv <= 0 && activations <= 0)
        return "weights";
    return next->kv_bytes >= next->activation_bytes ? "kv" : "activations";
}

status requests_largest_batch(arena *a, const workload_request *request, setup *s, batch_limit *out, error *err) {
    *out = (batch_limit){.capacity_bytes = s->machine.hbm.capacity_bytes};
    graph_memory one, low, high;
    status result = memory_of(s, request, 1, &one, err);
    if (result != STATUS_OK)
        return result;
    if (one.total_bytes > out->capacity_bytes)
        return error_set(err, STATUS_NEGATIVE, "%s does not fit %s: needs %.1f GB of %.1f GB at batch 1",
                         s->workload.name, s->machine.name, one.total_bytes / BYTES_PER_GB,
                         out->capacity_bytes / BYTES_PER_GB);
    low = one;
    int64_t fits = 1, above = 2;
    for (; above <= BATCH_LIMIT; above *= 2) {
        result = memory_of(s, request, above, &high, err);
        if (result != STATUS_OK)
            return result;
        if (high.total_bytes > out->capacity_bytes)
            break;
        fits = above, low = high;
    }
    while (above - fits > 1 && above <= BATCH_LIMIT) {
        int64_t middle = fits + (above - fits) / 2;
        graph_memory at;
        result = memory_of(s, request, middle, &at, err);
        if (result != STATUS_OK)
            return result;
        if (at.total_bytes > out->capacity_bytes)
            above = middle, high = at;
        else
            fits = middle, low = at;
    }
    out->batch = fits;
    out->limited_by = above > BATCH_LIMIT ? "nothing" : limit_of(&low, &high);
    out->next = above > BATCH_LIMIT ? (graph_memory){0} : high;
    workload_request sized = *request;
    sized.batch = fits;
    return workload_scenario(a, &s->workload, &sized, &s->levers, &s->scenario, err);
}
