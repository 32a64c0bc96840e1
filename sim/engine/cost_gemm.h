/* Matrix products for other kinds' costs. */
#ifndef INGOT_COST_GEMM_H
#define INGOT_COST_GEMM_H

#include "core/base/arena.h"
#include "sim/engine/cost.h"

/* A gemm whose left operand is gathered from a tensor of only `left_bytes`: a convolution's rows overlap. */
void cost_gemm_implicit(const op *gemm, double left_bytes, residency where, const machine_block *machines,
                        cost_block *out);

/* A product with its plans and what each of them asks for: everything that its time needs besides the machine. */
typedef struct gemm_recipe gemm_recipe;
const gemm_recipe *gemm_prepare(const op *gemm, double left_bytes, residency where, const plan_limits *limits,
                                arena *memory);
double gemm_left_bytes(const op *gemm); /* of a product that is no convolution */
void gemm_times(const gemm_recipe *r, const machine_block *machines, cost_times *out);

#endif
