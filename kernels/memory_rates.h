/* What a GPU's memory and L2 give, measured beside whatever a variant keeps running. */
#ifndef INGOT_MEMORY_RATES_H
#define INGOT_MEMORY_RATES_H

#include "kernels/context.h"

/* Bytes of GPU memory that the measurement works on: far above any L2. */
static const size_t MEMORY_RATES_BYTES = 1u << 30;

/* Streams of reads and writes, repeated reads of what L2 holds, and the bytes that L2 holds. `data` has
 * MEMORY_RATES_BYTES, which are overwritten. Waits for the GPU; STATUS_ENVIRONMENT when it fails. */
status memory_rates(gpu_context *context, uint4 *data, gpu_memory_rates *out, error *err);

/* The stream of reads alone. */
status memory_read_rate(gpu_context *context, uint4 *data, double *out_bytes_per_s, error *err);

#endif
