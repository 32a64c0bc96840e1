/* Values and their columns as one 64-bit key: larger values, and of equal ones lower columns, make larger keys. */
#ifndef INGOT_ORDERED_CUH
#define INGOT_ORDERED_CUH

#include "kernels/device.cuh"

typedef unsigned long long ordered_key; /* as CUDA's 64-bit shuffles and maxima take it */

static const ordered_key ORDERED_NONE = 0; /* below every number's */

/* Floats as integers of the same order; -0 as 0. */
__device__ inline uint32_t ordered_bits(float value) {
    uint32_t bits = __float_as_uint(value + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

__device__ inline float ordered_float(uint32_t bits) {
    return __uint_as_float(bits & 0x80000000u ? bits & 0x7fffffffu : ~bits);
}

__device__ inline ordered_key ordered_key_of(float value, uint32_t column) {
    return static_cast<ordered_key>(ordered_bits(value)) << 32 | static_cast<uint32_t>(~column);
}

__device__ inline uint32_t ordered_column(ordered_key key) {
    return ~static_cast<uint32_t>(key);
}

__device__ inline float ordered_value(ordered_key key) {
    return ordered_float(static_cast<uint32_t>(key >> 32));
}

__device__ inline ordered_key warp_largest(ordered_key key) {
    for (int offset = WARP_SIZE / 2; offset > 0; offset /= 2) {
        ordered_key other = __shfl_xor_sync(0xffffffffu, key, offset);
        key = other > key ? other : key;
    }
    return key;
}

/* Of a one-dimensional block of whole warps, in every thread; may be called again at once. */
__device__ inline ordered_key block_largest(ordered_key key) {
    __shared__ ordered_key partial[WARP_SIZE];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    key = warp_largest(key);
    __syncthreads();
    if (lane == 0)
        partial[warp] = key;
    __syncthreads();
    return warp_largest(lane < warps ? partial[lane] : ORDERED_NONE);
}

#endif
