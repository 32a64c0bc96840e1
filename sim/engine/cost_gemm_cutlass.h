/* Time of products that TensorRT-LLM's plugins run (core/plan_gemm_cutlass.h). The time is the mean over the kernels
 * that the plugin might have chosen: it measures each a few times, on weights that lie in L2, and a choice among equals
 * is chance. */
#ifndef INGOT_COST_GEMM_CUTLASS_H
#define INGOT_COST_GEMM_CUTLASS_H

#include "sim/engine/gemm_operands.h"

void gemm_cutlass_times(const op *o, const gemm_bytes *b, residency where, const plan_list *plans,
                        const machine_block *m, cost_times *out);

/* The same, with bounds and the blocks of the likeliest kernel, which take the mean's time. */
void gemm_cutlass_cost(const op *o, const gemm_bytes *b, residency where, const plan_list *plans,
                       const machine_block *m, cost_block *out);

#endif
