/* Replaying a trace under changes: what if a kernel were faster, launches were gone, two kernels were one.
 *
 * The host repeats its own work between CUDA calls, the calls, and its waits, which end when the GPU has finished what
 * was issued before. A GPU event starts when it has been issued, its launch latency has passed and the event before it
 * on its stream has ended (and, where the trace has cudaStreamWaitEvent, those that had ended on other streams before
 * it started). Without changes the replay reproduces the trace to the nanosecond. */
#ifndef INGOT_TRACE_REPLAY_H
#define INGOT_TRACE_REPLAY_H

#include "core/base/arena.h"
#include "validate/trace.h"

typedef struct replay_change {
    int64_t *duration_ns; /* one a GPU event */
    bool *dropped;        /* does not run: what it did is in another's duration */
    bool *unlaunched;     /* its launch, and the host's work since the one before, are gone: it follows the event
                             before it after node_gap_ns */
    int64_t node_gap_ns;
    bool any_graph; /* waits of the host inside a step are gone with its launches */
} replay_change;

/* Everything as recorded; owned by the arena. */
replay_change replay_unchanged(arena *a, const trace *t);

/* The events whose name contains `what`, or that it names by category ("linear") or framework operator ("aten::mm").
 * One flag a GPU event. */
bool *replay_select(arena *a, const trace *t, const char *what, size_t *count);

void replay_scale(const trace *t, const bool *selected, double times_faster, replay_change *change);

/* One launch a step. */
void replay_capture(const trace *t, int64_t node_gap_ns, replay_change *change);

/* Every `second` event right behind a `first` one on its stream joins it: together they take as long as both, less one
 * kernel's fixed time (the trace's shortest). The number of pairs. */
size_t replay_fuse(const trace *t, const bool *first, const bool *second, replay_change *change);

typedef struct replay_result {
    double wall_s, busy_s;
    size_t kernels;
    int64_t *start_ns; /* one a GPU event */
} replay_result;

void replay_run(arena *a, const trace *t, const replay_change *change, replay_result *out);

#endif
