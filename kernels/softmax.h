/* Softmax of rows too long for a block's registers, inside libingot_gpu.so. */
#ifndef INGOT_SOFTMAX_H
#define INGOT_SOFTMAX_H

#include "kernels/context.h"

/* Each row in the registers and shared memory of one block, or of a cluster of blocks where the GPU has clusters; both
 * tensors begin at 16 bytes, rows anywhere. GPU_NO_KERNEL: rows do not fit. */
gpu_status softmax_resident(const softmax_params *p, const gpu_device_info *gpu, const void *x, void *out,
                            gpu_stream stream);

#endif
