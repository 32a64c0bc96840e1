/* What `ingot run` was asked, what it built of that, and how it says what came of it. */
#ifndef INGOT_RUN_PRINT_H
#define INGOT_RUN_PRINT_H

#include "cli/run_graph.h"
#include "cli/setup_arguments.h"
#include "workloads/workload.h"

typedef struct run_arguments {
    setup_options common; /* of which workload, levers and lengths are used */
    const char *output;
    int64_t layers; /* 0: the model's */
    gpu_run_options options;
    bool json, check, dry;
    gpu_variant variant;
    argument_failure failure;
    int argc;
    char **argv;
} run_arguments;

typedef struct run_setup {
    workload work;
    levers levers;
    scenario scenario;
    graph graph;
    memory_plan plan;
    run_picks picks; /* autoquant's */
} run_setup;

/* The members that head a run file and the JSON result: where, what and how (docs/formats.md). */
void run_header_json(json_writer *w, arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu);

/* The result to stdout; `check` where it was asked for. */
status run_print_json(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu, const run_result *r,
                      const run_check *check, error *err);
void run_print_text(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu, const run_result *r,
                    const run_check *check);

/* What would be run, and the memory it takes. */
void run_print_plan(arena *a, const run_arguments *o, const run_setup *s);

#endif
