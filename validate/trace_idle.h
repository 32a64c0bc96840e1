/* Why the GPU idles, and what its host spends on issuing work. */
#ifndef INGOT_TRACE_IDLE_H
#define INGOT_TRACE_IDLE_H

#include "validate/trace.h"
#include "validate/trace_class.h"

#define IDLE_CAUSES(X)                                                                                                 \
    X(launch_bound)   /* the host had not issued the next work yet */                                                  \
    X(launch_latency) /* issued on an idle GPU, not started yet */                                                     \
    X(sync)           /* the host waited for the GPU, which had finished */                                            \
    X(copy)           /* the host was preparing a copy or set */                                                       \
    X(queued)         /* the next work had been issued: gaps between kernels, or nodes of a CUDA graph */              \
    X(unknown)        /* the trace does not say who launched what follows */

typedef enum idle_cause {
#define X(name) IDLE_##name,
    IDLE_CAUSES(X)
#undef X
        IDLE_CAUSE_COUNT
} idle_cause;

const char *idle_cause_name(idle_cause cause);

enum { GAP_SIZES = 6 };
extern const double gap_size_below_s[GAP_SIZES]; /* the last is infinite */

typedef struct trace_idle {
    double cause_s[IDLE_CAUSE_COUNT];
    double size_s[GAP_SIZES];
    size_t size_count[GAP_SIZES];
    size_t gap_count;
} trace_idle;

/* The stretch of time that a trace tells of: from the first framework operator, launch or GPU activity to the last, or
 * to the end of the wait for it. */
typedef struct trace_window {
    int64_t start_ns, end_ns;
} trace_window;

trace_window trace_window_of(const trace *t);

/* Of the whole window: the causes add up to its idle time. */
void trace_idle_of(const trace *t, trace_window window, trace_idle *out);

/* Time by category over a window, idle included: sums to the window. Instants at which several events run are shared
 * equally. */
void trace_categories(const trace *t, const classified *classes, trace_window window, double out_s[CATEGORY_COUNT]);

/* One name's host events. */
typedef struct host_cost {
    uint32_t name;
    size_t count, launches; /* launches: GPU events issued inside */
    double total_s, self_s; /* self: without the host events inside */
} host_cost;

/* Framework operators by name that no other framework operator calls, and CUDA calls by name: most expensive first,
 * `count` of them. The caller frees the list. */
host_cost *trace_host_ops(const trace *t, size_t *count);
host_cost *trace_host_calls(const trace *t, size_t *count);

#endif
