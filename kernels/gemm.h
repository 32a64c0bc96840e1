/* Matrix products: who takes which. kernels/gemm.cu routes. */
#ifndef INGOT_GEMM_H
#define INGOT_GEMM_H

#include "kernels/launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* int8 and int4 weights (fp16 scales, one an output feature or a group) under 16-bit activations, dequantised on the
 * way to the product: a GEMV and a small-batch GEMM of our own (gemm_weight_only.cu). Contract of launch.h. */
gpu_status gpu_gemm_weight_only(const op *o, const plan *p, const gpu_operands *x, void *workspace, gpu_stream stream);
size_t gpu_gemm_weight_only_workspace_bytes(const op *o, const plan *p);

static inline bool gemm_is_weight_only(const gemm_params *p) {
    bool narrow_weights = p->weights_dtype == DTYPE_int8 || p->weights_dtype == DTYPE_int4;
    return narrow_weights && (p->dtype == DTYPE_bf16 || p->dtype == DTYPE_fp16);
}

/* 16-bit weights under the few rows that gemm_ingot_is_vector (core/plan_gemm_ingot.h) says (gemm_weight_only.cu). */
gpu_status gpu_gemv_16bit(const op *o, const gpu_operands *x, gpu_stream stream);

/* 8-bit rows (`out` is int8 or fp8) and their scales from 16-bit rows of type `in`: what precedes a product with
 * dynamic_quantise (gemm_int8.cu). values: [rows, cols]; scales: [rows] fp32, the largest magnitude over the type's. */
gpu_status gpu_quantise_rows(data_type in, data_type out, const void *x, int64_t rows, int64_t cols, void *values,
                             void *scales, gpu_stream stream);

/* out[r, c] = sums[r, c] * row_scales[r] * col_scales[c]: int32 sums to bf16. Scales are fp32. */
gpu_status gpu_scale_sums(const void *sums, int64_t rows, int64_t cols, const void *row_scales, const void *col_scales,
                          void *out, gpu_stream stream);

#ifdef __cplusplus
}
#endif
#endif
