/* Operators timed one by one, and the GPU's ceilings: functions of the table in gpu.h. */
#ifndef INGOT_BENCH_H
#define INGOT_BENCH_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Times an operator on operands of its own with random data. STATUS_NEGATIVE when it has no kernel. */
status bench_op(gpu_context *context, const op *o, bench_method method, bench_result *out, error *err);

/* An operator's operands and scratch memory. */
typedef struct bench_operands {
    gpu_operands operands;
    char *memory, *workspace;
    size_t memory_bytes;
} bench_operands;

/* Random data in all of them; the operator must be prepared. Freed by bench_operands_free, after a failure too. */
status bench_operands_make(gpu_context *context, const op *o, bench_operands *out, error *err);
void bench_operands_free(bench_operands *b); /* a zeroed one is fine */
gpu_status bench_operands_launch(gpu_context *context, const op *o, const bench_operands *b);

/* A gpu_api.power_loads (gpu.h). */
status power_loads(gpu_context *context, double seconds, power_emit *emit, void *user, error *err);

/* `bytes`: of each of the two buffers that the bandwidths are measured over. */
status measure_ceilings(gpu_context *context, double bytes, ceiling *out, size_t capacity, size_t *count, error *err);

#ifdef __cplusplus
}
#endif
#endif
