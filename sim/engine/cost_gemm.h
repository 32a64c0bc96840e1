/* Matrix products for other kinds' costs. */
#ifndef INGOT_COST_GEMM_H
#define INGOT_COST_GEMM_H

#include "sim/engine/cost.h"

/* A gemm whose left operand is gathered from a tensor of only `left_bytes`: a convolution's rows overlap. */
void cost_gemm_implicit(const op *gemm, double left_bytes, residency where, const machine_block *machines,
                        cost_block *out);

#endif
