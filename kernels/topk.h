/* Top-k in one kernel, inside libingot_gpu.so. The input begins at 16 bytes. GPU_NO_KERNEL: for another. */
#ifndef INGOT_TOPK_H
#define INGOT_TOPK_H

#include "kernels/context.h"

/* A block a row: rows are many, or short. */
gpu_status topk_stream(const topk_params *p, const gpu_device_info *gpu, const void *x, void *values, int32_t *columns,
                       gpu_stream stream);

/* A large block or two a row: about as many as there are SMs, or few that are not long. */
gpu_status topk_cluster(const topk_params *p, const gpu_device_info *gpu, const void *x, void *values, int32_t *columns,
                        gpu_stream stream);

#endif
