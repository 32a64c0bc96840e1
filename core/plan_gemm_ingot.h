/* Products that our own kernels run (kernels/gemm_weight_only.cu): a fixed rule, which launchers obey. */
#ifndef INGOT_PLAN_GEMM_INGOT_H
#define INGOT_PLAN_GEMM_INGOT_H

#include "core/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 16-bit weights under so few rows that their bytes bound the product: a vector kernel of ours, not the library's. */
bool gemm_ingot_is_vector(const gemm_params *p);

/* How the streaming kernel tiles 16-bit products with few rows, and 8-bit and 4-bit weights with any. */
plan gemm_ingot_plan(const gemm_params *p);

#ifdef __cplusplus
}
#endif
#endif
