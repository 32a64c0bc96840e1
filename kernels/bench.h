/* Operators timed one by one, and the GPU's ceilings: functions of the table in gpu.h. */
#ifndef INGOT_BENCH_H
#define INGOT_BENCH_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Times an operator on operands of its own with random data. STATUS_NEGATIVE when it has no kernel. */
status bench_op(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err);

/* `bytes`: of each of the two buffers that the bandwidths are measured over. */
status measure_ceilings(gpu_context *context, double bytes, ceiling *out, size_t capacity, size_t *count, error *err);

#ifdef __cplusplus
}
#endif
#endif
