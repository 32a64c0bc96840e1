/* Products of 8-bit integers, and of 16-bit activations by narrower weights, for warp instructions: TensorRT-LLM's
 * plugins, which run CUTLASS kernels and, for few rows, kernels of vectors. Which of them runs is measured when an
 * engine is built, for the next power of two of rows (TensorRT-LLM, Apache-2.0: cutlass_heuristic.cpp,
 * gemmPluginProfiler.cpp, weightOnlyQuantMatmulPlugin.cpp, smoothQuantGemmPlugin.cpp). */
#ifndef INGOT_PLAN_GEMM_CUTLASS_H
#define INGOT_PLAN_GEMM_CUTLASS_H

#include "core/plan.h"

#include <stdbool.h>

bool gemm_is_cutlass(const op *gemm, generation family);
bool gemm_cutlass_is_vector(const plan *p);

/* Every kernel that the plugin tries; slices of a reduction add up one after the other within the kernel (split_k). */
void plan_gemm_cutlass(const op *gemm, const plan_limits *limits, plan_list *out);

/* Rows that the choice is measured with: each number that vector kernels take, and from there on powers of two. */
double gemm_cutlass_profiled_rows(double rows);

/* Blocks of a plan for so many rows. */
double gemm_cutlass_ctas(const plan *p, const gemm_params *g, double rows);

#endif
