/* Running a graph on the GPU: the steps, what they took, and whether the numbers are right. */
#ifndef INGOT_RUN_GRAPH_H
#define INGOT_RUN_GRAPH_H

#include "cli/gpu_setup.h"
#include "core/base/json_writer.h"
#include "core/graph_picks.h"
#include "core/timeline.h"

enum { RUN_STEPS_MAX = 4096 };

typedef struct run_step {
    size_t phase;
    int64_t step;
    gpu_step_times times; /* `ops` no longer valid */
    double start_s;       /* from the run's beginning, when steps follow one another without a pause */
} run_step;

typedef struct run_result {
    size_t count;
    run_step *steps;
    double memory_bytes;
    gpu_telemetry before, after;
} run_result;

/* Every step of every phase in order; a sink (may be NULL) gets an interval an operator and lane. */
status run_graph(arena *a, const gpu_setup *gpu, const memory_plan *layout, const gpu_run_options *options,
                 timeline_sink *sink, run_result *out, error *err);

/* What autoquant took for a weight, and how long that is over the request by itself. */
typedef struct run_pick {
    weight_pick pick;
    double request_s;
} run_pick;

typedef struct run_picks {
    run_pick *picks;
    size_t count;
} run_picks;

/* Takes the form of each weight that is fastest over the request, measured, into the graph. */
status run_autoquant(arena *a, const gpu_setup *gpu, graph *g, const scenario *s, run_picks *out, error *err);

/* Member `picks` of a run's header (docs/formats.md); nothing where nothing was to pick. */
void run_picks_json(json_writer *w, const run_picks *picks);

/* How far the GPU is from the CPU reference, and one way of launching from the other. */
typedef struct run_check {
    size_t steps;
    double largest_error;   /* of the logits: |gpu - cpu| / |cpu|, the worst step */
    double allowed_error;   /* see run_check.c */
    size_t differing_bytes; /* between eager and CUDA Graph: logits and caches of all steps */
    size_t compared_bytes;
} run_check;

status run_check_graph(const gpu_setup *gpu, const memory_plan *layout, run_check *out, error *err);

#endif
