/* Top-k of many rows, inside libingot_gpu.so. */
#ifndef INGOT_TOPK_H
#define INGOT_TOPK_H

#include "kernels/context.h"

/* One kernel, a block a row; the input begins at 16 bytes. GPU_NO_KERNEL: rows are long and too few to fill the GPU. */
gpu_status topk_stream(const topk_params *p, const gpu_device_info *gpu, const void *x, void *values, int32_t *columns,
                       gpu_stream stream);

#endif
