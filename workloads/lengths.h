/* Tasks and the lengths of their requests, as model files state them. */
#ifndef INGOT_LENGTHS_H
#define INGOT_LENGTHS_H

#include "core/base/config.h"

#include <stdint.h>

/* A length over requests: tokens, frames, units. */
typedef struct length_distribution {
    double min, mean, p50, p90, p99, max;
} length_distribution;

enum { TASK_LENGTHS_MAX = 8, MODEL_TASKS_MAX = 8 };

typedef struct task_length {
    const char *name; /* "prompt_tokens" */
    length_distribution lengths;
} task_length;

typedef struct task {
    const char *name, *source;
    double images_in, images_out; /* a request's; 0 where the file states none */
    double attended_tokens;       /* of a reserved cache that the authors' runs attend over; 0: as many as needed */
    size_t length_count;
    task_length lengths[TASK_LENGTHS_MAX];
} task;

/* Reads a `tasks:` group into at most MODEL_TASKS_MAX tasks. Each must state `source` and every one of the `required`
 * lengths, which are also all that it may state besides the `optional` ones; both lists end with NULL. */
status tasks_read(const config_node *tasks, const char *const *required, const char *const *optional, task *out,
                  size_t *count, error *err);

/* NULL when the task does not state it. */
const length_distribution *task_length_find(const task *t, const char *name);

/* mean, p50, p90, p99, min or max; STATUS_BAD_INPUT for another word. */
status length_statistic(const length_distribution *lengths, const char *statistic, double *out, error *err);

/* The length that a share `u` in [0, 1) of requests stays below: linear between the stated quantiles. */
double length_quantile(const length_distribution *lengths, double u);

#endif
