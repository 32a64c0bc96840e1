/* The GPU executor's functions in the table of gpu.h. */
#ifndef INGOT_GPU_EXECUTOR_H
#define INGOT_GPU_EXECUTOR_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

status executor_open(gpu_context *context, const memory_plan *plan, const gpu_run_options *options, gpu_executor **out,
                     error *err);
status executor_step(gpu_executor *x, size_t phase, int64_t step, gpu_step_times *times, error *err);
status executor_read(gpu_executor *x, size_t offset_bytes, size_t bytes, void *out, error *err);
double executor_memory_bytes(const gpu_executor *x);
void executor_close(gpu_executor *x);

#ifdef __cplusplus
}
#endif
#endif
