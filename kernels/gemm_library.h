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

/* What a product reads besides its matrices; NULL where it has none. */
typedef struct gemm_vectors {
    const void *a_scales, *b_scales; /* fp32, one a row of a and of b: fp8 */
    const void *bias;                /* one a column of d, of its type: epilogues that add one */
} gemm_vectors;

/* GPU_NOT_PREPARED before prepare. */
gpu_status gemm_library_launch(gpu_context *context, const gemm_params *p, const void *a, const void *b, void *d,
                               const gemm_vectors *vectors, void *workspace, gpu_stream stream);

#ifdef __cplusplus
}
#endif
#endif
