/* A plan's memory on the GPU. */
#ifndef INGOT_GPU_MEMORY_H
#define INGOT_GPU_MEMORY_H

#include "kernels/context.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes every weight of the plan into `memory` (of plan->total_bytes) as weight_element says, bit for bit. Waits. */
status gpu_fill_weights(gpu_context *context, const memory_plan *plan, void *memory, error *err);

#ifdef __cplusplus
}
#endif
#endif
