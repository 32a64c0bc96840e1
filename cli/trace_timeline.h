/* Timelines on their way into a file of Chrome JSON: intervals of simulated and executed runs as events of two
 * processes, the GPU and its host. */
#ifndef INGOT_TRACE_TIMELINE_H
#define INGOT_TRACE_TIMELINE_H

#include "cli/setup.h"
#include "core/timeline.h"
#include "reports/chrome_trace.h"

/* Processes of the file: two a timeline, its GPU and its host. */
enum { PIDS_A_TIMELINE = 2 };
/* Correlation ids of different timelines in one file differ, and stay within 32 bits. */
enum { CORRELATIONS_A_TIMELINE = 400 * 1000 * 1000 };

/* One timeline on its way into the file. */
typedef struct timeline_export {
    chrome_trace *out;
    int gpu_pid, host_pid;
    int64_t next_correlation;
    const setup *s; /* of a simulated one: counters can be told; else NULL */
    /* The step that is open. */
    const char *phase;
    int64_t step;
    bool any_step;
    double step_start_s, step_end_s;
    int64_t step_number, graph_correlation;
    interval host; /* the last one, whose launch the next GPU interval is */
    bool has_host;
    double launch_s; /* how long a launch call takes, at most */
} timeline_export;

/* The first correlation id of the timeline whose GPU is process `gpu_pid`. */
int64_t timeline_first_correlation(int gpu_pid);

/* Names both processes: "predicted: GPU h200-sxm". */
void timeline_name_processes(chrome_trace *out, int gpu_pid, const char *kind, const char *gpu, const char *host);

/* A timeline_sink's function; the context is a timeline_export. */
status timeline_take_interval(void *context, const interval *item, error *err);

/* Behind the last interval. */
void timeline_close(timeline_export *x);

#endif
