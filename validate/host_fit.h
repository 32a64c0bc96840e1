/* What the software in front of the GPU costs, from traces of it.
 *
 * A step that the host bounds takes: calls x call_s + launches x launch_s + stalls. Calls are framework operators,
 * launches CUDA calls that start GPU work; a stall is one call that takes far longer than its like (a library planning
 * a new shape). Steps that the GPU bounds tell nothing of the host and are left out; steps of captured graphs tell what
 * lies between two of them. A profiler slows what it records, so that costs from traces are upper bounds. */
#ifndef INGOT_HOST_FIT_H
#define INGOT_HOST_FIT_H

#include "core/base/arena.h"
#include "validate/run_reader.h"
#include "validate/trace.h"

typedef struct host_step {
    const char *path;
    size_t step;
    bool captured;   /* most of its GPU work was launched as a graph */
    bool host_bound; /* the GPU idles more than half of the time */
    double wall_s, busy_s;
    double calls, launches, launch_s; /* launch_s: all its launch calls together */
    double stall_s;
    double call_s;    /* of a host-bound step that was not captured, else NaN */
    double between_s; /* of a captured step: GPU idle up to the next one; NaN for the last */
} host_step;

typedef struct host_range {
    double low, median, high; /* NaN when nothing tells */
} host_range;

typedef struct host_fit {
    host_step *steps;
    size_t count, capacity;
    host_range call_s, launch_s, step_s; /* step_s: stalls, or what lies between captured steps */
} host_fit;

/* Adds the steps of a trace, or of a run whose host intervals are launches; `fit` begins zeroed. Owned by the arena. */
void host_fit_add_trace(arena *a, const trace *t, host_fit *fit);
void host_fit_add_run(arena *a, const char *path, const run *r, host_fit *fit);

/* The ranges over all steps; STATUS_NEGATIVE when no step tells anything of the host. */
status host_fit_finish(arena *a, host_fit *fit, error *err);

#endif
