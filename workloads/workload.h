/* Workloads by name: a model and, after a slash, one of its tasks. */
#ifndef INGOT_WORKLOAD_H
#define INGOT_WORKLOAD_H

#include "core/graph.h"
#include "workloads/levers.h"
#include "workloads/model.h"

typedef struct workload {
    const char *name; /* as asked for */
    model shape;
    const task *task;        /* NULL for a bare model */
    const char *config_dir;  /* where other models are found */
    double draft_layers_max; /* of a model that drafts; 0: all that it has */
} workload;

/* "codellama-34b/humaneval", "codellama-34b", a path to a model file (ending in .yaml) or to a Hugging Face
 * config.json. */
status workload_find(arena *a, const char *config_dir, const char *name, workload *out, error *err);

typedef struct request_length {
    const char *name;
    double value;
} request_length;

typedef struct workload_request {
    int64_t batch;         /* sequences */
    int64_t prompt_tokens; /* 0: the task's */
    int64_t decode_steps;  /* -1: the task's */
    const char *statistic; /* of the task's lengths: mean, p50, p90, p99, min or max */
    uint64_t seed;
    bool drawn; /* the task's lengths are drawn from its distributions instead: each the longest of the batch */
    const request_length *fixed; /* lengths by name, before all of the above */
    size_t fixed_count;
} workload_request;

/* Reads "name=value" for a length that the workload's task states. */
status workload_read_length(arena *a, const workload *w, const char *text, request_length *out, error *err);

/* A length that the request fixes, else one drawn, else the request's statistic of the task's; rounded to a whole
 * number. A request's prompt is drawn apart; its other lengths share a draw, as long speech has many words and units.
 */
status workload_length(const workload *w, const workload_request *request, const char *name, double *out, error *err);

/* The two lengths of a decoder-only model's request; more than its context is STATUS_NEGATIVE. */
status decoder_lengths(const workload *w, const workload_request *request, int64_t *prompt_tokens,
                       int64_t *decode_steps, error *err);

/* Everything that depends on the data, drawn beforehand. */
status workload_scenario(arena *a, const workload *w, const workload_request *request, const levers *l, scenario *out,
                         error *err);

/* The levers as they apply to a workload: what they leave to the model (auto, an exit layer) decided. STATUS_NEGATIVE
 * when they exclude each other or do not apply. */
status workload_levers(const workload *w, const levers *l, levers *out, error *err);

/* The graph of a workload under levers; everything is owned by the arena. STATUS_NEGATIVE when the levers exclude each
 * other or do not apply. */
status workload_build(arena *a, const workload *w, const levers *l, graph *out, error *err);

#endif
