/* Device helpers that kernels share: element types as floats, 16-byte vectors, reductions over warps and blocks. */
#ifndef INGOT_DEVICE_CUH
#define INGOT_DEVICE_CUH

#include "kernels/launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>

enum { WARP_SIZE = 32, VECTOR_BYTES = 16 };

/* ---- elements ---- */

__device__ inline float to_float(float x) {
    return x;
}
__device__ inline float to_float(__half x) {
    return __half2float(x);
}
__device__ inline float to_float(__nv_bfloat16 x) {
    return __bfloat162float(x);
}
__device__ inline float to_float(__nv_fp8_e4m3 x) {
    return static_cast<float>(x);
}

template <typename T> __device__ inline T from_float(float x);
template <> __device__ inline float from_float<float>(float x) {
    return x;
}
template <> __device__ inline __half from_float<__half>(float x) {
    return __float2half_rn(x);
}
template <> __device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}
template <> __device__ inline __nv_fp8_e4m3 from_float<__nv_fp8_e4m3>(float x) {
    return __nv_fp8_e4m3(x);
}

/* N elements moved as one access; N * sizeof(T) is 4, 8 or 16 bytes. */
template <typename T, int N> struct alignas(sizeof(T) * N) vector { T at[N]; };

/* Elements of T in 16 bytes. */
template <typename T> constexpr int vector_elements() {
    return VECTOR_BYTES / sizeof(T);
}

/* ---- reductions ---- */

__device__ inline float warp_sum(float x) {
    for (int offset = WARP_SIZE / 2; offset > 0; offset /= 2)
        x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
}

__device__ inline float warp_max(float x) {
    for (int offset = WARP_SIZE / 2; offset > 0; offset /= 2)
        x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
    return x;
}

/* Sum over a one-dimensional block of whole warps (at most 32), the same in every thread. Every thread must call it;
 * it may be called again at once. */
__device__ inline float block_sum(float x) {
    __shared__ float partial[WARP_SIZE];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    x = warp_sum(x);
    __syncthreads(); /* an earlier call's readers are done */
    if (lane == 0)
        partial[warp] = x;
    __syncthreads();
    return warp_sum(lane < warps ? partial[lane] : 0.0f);
}

__device__ inline float block_max(float x) {
    __shared__ float partial[WARP_SIZE];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    x = warp_max(x);
    __syncthreads();
    if (lane == 0)
        partial[warp] = x;
    __syncthreads();
    return warp_max(lane < warps ? partial[lane] : -INFINITY);
}

/* ---- launching ---- */

inline bool is_aligned(const void *pointer, size_t bytes) {
    return (reinterpret_cast<size_t>(pointer) & (bytes - 1)) == 0;
}

inline int64_t divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Whether every operand that the operator has is bound; those that may be left out aside. */
inline bool operands_are_there(const op *o, const gpu_operands *x) {
    operand_list list;
    operands_of(o, &list);
    for (size_t i = 0; i < list.count; i++)
        if (operand_present(&list.at[i]) && !list.at[i].optional && !x->at[i].data)
            return false;
    return true;
}

/* Calls f with a null pointer of the C++ type of a floating-point element type: f(static_cast<__half *>(nullptr)).
 * Other types return GPU_NO_KERNEL. */
template <typename F> gpu_status with_float_type(data_type type, F f) {
    switch (type) {
    case DTYPE_bf16:
        return f(static_cast<__nv_bfloat16 *>(nullptr));
    case DTYPE_fp16:
        return f(static_cast<__half *>(nullptr));
    case DTYPE_fp32:
        return f(static_cast<float *>(nullptr));
    default:
        return GPU_NO_KERNEL;
    }
}

#endif
