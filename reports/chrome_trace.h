/* Chrome JSON traces for Perfetto, chrome://tracing and Holistic Trace Analysis, in the form of PyTorch's profiler:
 * complete events, flows from launches to kernels, counters, names of processes and threads. Times are seconds here
 * and microseconds in the file. */
#ifndef INGOT_CHROME_TRACE_H
#define INGOT_CHROME_TRACE_H

#include "core/base/error.h"

#include <stdint.h>

typedef struct chrome_trace chrome_trace;

/* Writes beside `path` and renames when closed, so that the file is whole or absent; ".gz" at its end compresses.
 * `device` is what readers show as the GPU's name. */
status chrome_trace_open(const char *path, const char *device, chrome_trace **out, error *err);
status chrome_trace_close(chrome_trace *c, error *err); /* frees it, whatever the result */
void chrome_trace_abandon(chrome_trace *c);             /* frees it and removes the partial file; NULL is fine */

void chrome_trace_process(chrome_trace *c, int pid, const char *name);
void chrome_trace_thread(chrome_trace *c, int pid, int tid, const char *name);

typedef struct chrome_event {
    const char *category; /* "kernel", "gpu_memcpy", "cuda_runtime", "cpu_op", "user_annotation" */
    const char *name;
    int pid, tid;
    double start_s, duration_s;
    int64_t correlation;  /* joins a launch with its GPU events; 0: none */
    const char *op_class; /* the project's category of operators, or NULL */
    const char *phase;    /* with step and layer, or NULL */
    int64_t step, layer;
} chrome_event;

void chrome_trace_event(chrome_trace *c, const chrome_event *e);

/* An arrow from a launch to a kernel: two halves of the same id. */
void chrome_trace_flow(chrome_trace *c, int64_t id, int from_pid, int from_tid, double from_s, int to_pid, int to_tid,
                       double to_s);

void chrome_trace_counter(chrome_trace *c, int pid, const char *name, double at_s, double value);

#endif
