/* Products through cuBLASLt: algorithms chosen once a shape, and remembered. */
#ifndef INGOT_GEMM_LIBRARY_H
#define INGOT_GEMM_LIBRARY_H

#include "kernels/launch.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Scratch memory that algorithms may ask for: what NVIDIA recommends on Hopper (cuBLAS, cublasSetWorkspace). */
enum { GEMM_LIBRARY_WORKSPACE_BYTES = 32 * 1024 * 1024 };

/* The product as the library does it: D = A B^T, row by row.
 *   types: 16-bit or fp32 inputs give their own type; fp8 gives bf16, scaled; int8 gives int32, unscaled.
 * prepare measures the library's candidates on random data and keeps the fastest; it allocates and waits. */
gpu_status gemm_library_prepare(gpu_context *context, const gemm_params *p, plan *actual);

/* GPU_NOT_PREPARED before prepare. Scales (fp32: one a row of a, one a row of b) are for fp8 and NULL otherwise. */
gpu_status gemm_library_launch(gpu_context *context, const gemm_params *p, const void *a, const void *b, void *d,
                               const void *a_scales, const void *b_scales, void *workspace, gpu_stream stream);

#ifdef __cplusplus
}
#endif
#endif
