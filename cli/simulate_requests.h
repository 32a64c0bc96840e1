/* What `ingot simulate` does over many requests: distributions of drawn lengths, and the largest batch that fits. */
#ifndef INGOT_SIMULATE_REQUESTS_H
#define INGOT_SIMULATE_REQUESTS_H

#include "cli/setup.h"
#include "core/base/json_writer.h"

typedef struct quantiles {
    double mean, p50, p90, p99;
} quantiles;

typedef struct request_distribution {
    int64_t requests;
    quantiles latency_s, ttft_s, tpot_s;
    quantiles decode_steps;
} request_distribution;

/* Runs `requests` batches, each with lengths drawn from the task's distributions, on the set-up machine and graph. */
status requests_distribution(const setup *s, const workload_request *request, int64_t requests,
                             request_distribution *out, error *err);

void distribution_print(const request_distribution *d);
void distribution_json(json_writer *w, const char *key, const request_distribution *d);

typedef struct batch_limit {
    int64_t batch;          /* the largest that fits */
    const char *limited_by; /* "weights", "kv", "activations": the largest part that the next one adds to */
    graph_memory next;      /* of one more; zeros where nothing limits it */
    double capacity_bytes;
} batch_limit;

/* Finds it and leaves its scenario in the set-up. STATUS_NEGATIVE when not even one fits. */
status requests_largest_batch(arena *a, const workload_request *request, setup *s, batch_limit *out, error *err);

#endif
