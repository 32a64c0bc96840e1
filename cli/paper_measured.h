/* Measured runs that the project ships, each held against its prediction: validate/measured/MACHINE. */
#ifndef INGOT_PAPER_MEASURED_H
#define INGOT_PAPER_MEASURED_H

#include "core/base/arena.h"
#include "core/base/error.h"

#include <stddef.h>

enum { MEASURED_RUNS_MAX = 256 };

/* A step of a model, of a task's model at least: "codellama-7b" stands for all of codellama-7b's tasks. */
typedef struct measured_run {
    const char *machine, *workload, *levers;
    const char *what;                         /* "decode step after 218 tokens, batch 1" */
    double measured_busy_s, predicted_busy_s; /* a step */
    double measured_wall_s, predicted_wall_s; /* NaN where the host was too noisy to be scored */
    const char *source;                       /* the file */
} measured_run;

/* Steps of PyTorch and runs of ingot's own kernels. A run that cannot be read or matched is an error. */
status measured_runs(arena *a, measured_run *out, size_t *count, error *err);

/* Whether a run is of the task, or of its model. */
int measured_run_of_task(const measured_run *found, const char *task_name);

#endif
