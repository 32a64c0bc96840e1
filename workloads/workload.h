/* Workloads by name: a model and, after a slash, one of its tasks. */
#ifndef INGOT_WORKLOAD_H
#define INGOT_WORKLOAD_H

#include "core/scenario.h"
#include "workloads/build.h"

typedef struct workload {
    const char *name; /* as asked for */
    model shape;
    const task *task; /* NULL for a bare model */
} workload;

/* "codellama-34b/humaneval", "codellama-34b", or a path to a model file (ending in .yaml). */
status workload_find(arena *a, const char *config_dir, const char *name, workload *out, error *err);

typedef struct workload_request {
    int64_t batch;         /* sequences */
    int64_t prompt_tokens; /* 0: the task's */
    int64_t decode_steps;  /* -1: the task's */
    const char *statistic; /* of the task's lengths: mean, p50, p90, p99, min or max */
    uint64_t seed;
} workload_request;

status workload_scenario(const workload *w, const workload_request *request, scenario *out, error *err);

#endif
