/* Counter tracks of exported timelines: HBM bandwidth, power and SMs in use while each kernel runs.
 *
 * Bytes and energy are the model's, of the kernel's operator; times are those of the timeline. So the bandwidth of a
 * measured kernel is what its operator must have moved in the time that it took. */
#ifndef INGOT_TRACE_COUNTERS_H
#define INGOT_TRACE_COUNTERS_H

#include "cli/trace_prediction.h"
#include "reports/chrome_trace.h"

/* A kernel of an operator. `share` of the operator's work: 1, or less where several kernels do it; `ctas` of its
 * launch, 0: as planned. */
typedef struct counted_kernel {
    const graph_phase *phase;
    const graph_node *node;
    int64_t step, layer;
    double start_s, duration_s, share, ctas;
} counted_kernel;

/* Levels while the kernel runs, and at rest behind it. */
void counters_write(chrome_trace *out, int pid, const setup *s, const counted_kernel *kernel);

/* Counters of every kernel of a trace that is a run of the workload; nothing where it is none. */
void counters_of_trace(arena *a, const setup_options *common, const trace *t, int64_t origin_ns, int pid,
                       chrome_trace *out);

#endif
