/* Bytes that pass through the GPU's memories, by its own counters (CUPTI's range profiler). */
#ifndef INGOT_COUNTERS_H
#define INGOT_COUNTERS_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What is counted: called once a pass, as often as the hardware needs to see it; it launches, waits, and does the same
 * each time. */
typedef gpu_status counted_work(void *data);

/* STATUS_ENVIRONMENT, saying why in one line, where there is no CUPTI or the driver lets nobody count. */
status counters_measure(gpu_context *context, counted_work *work, void *data, gpu_counters *out, error *err);

#ifdef __cplusplus
}
#endif
#endif
