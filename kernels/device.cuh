/* Device helpers that kernels share: element types as floats, 16-byte vectors, reductions over warps and blocks. */
#ifndef INGOT_DEVICE_CUH
#define INGOT_DEVICE_CUH

#include "kernels/launch.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>
#include <cuda_runtime.h>
#include <string.h>

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

/* N elements moved as one access; N * sizeof(T) is 1, 2, 4, 8 or 16 bytes. */
template <typename T, int N> struct alignas(sizeof(T) * N) vector { T at[N]; };

/* Elements of T in 16 bytes. */
template <typename T> constexpr int vector_elements() {
    return VECTOR_BYTES / sizeof(T);
}

template <int BYTES> struct access_word;
template <> struct access_word<1> { typedef unsigned char type; };
template <> struct access_word<2> { typedef unsigned short type; };
template <> struct access_word<4> { typedef unsigned type; };
template <> struct access_word<8> { typedef uint2 type; };
template <> struct access_word<16> { typedef uint4 type; };

/* Loads and stores a vector as one access. An assignment would write elements of 8 bits by fours. */
template <typename V> __device__ inline V load_vector(const V *from) {
    auto bits = *reinterpret_cast<const typename access_word<sizeof(V)>::type *>(from);
    V value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
/* The same of what is read once and not written: leaves L2 first, and what others have there stays. */
template <typename V> __device__ inline V load_vector_once(const V *from) {
    auto bits = __ldcs(reinterpret_cast<const typename access_word<sizeof(V)>::type *>(from));
    V value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
template <typename V> __device__ inline void store_vector(V *to, const V &value) {
    typename access_word<sizeof(V)>::type bits;
    memcpy(&bits, &value, sizeof bits);
    *reinterpret_cast<typename access_word<sizeof(V)>::type *>(to) = bits;
}

/* Two at a time: one instruction for 16-bit types, and for fp8 where the GPU has it. */
template <typename T> __device__ inline vector<T, 2> pair_from_floats(float a, float b) {
    return {{from_float<T>(a), from_float<T>(b)}};
}
template <typename T, typename Pair> __device__ inline vector<T, 2> as_pair(Pair from) {
    vector<T, 2> to;
    static_assert(sizeof from == sizeof to, "two elements");
    memcpy(&to, &from, sizeof to);
    return to;
}
template <> __device__ inline vector<__half, 2> pair_from_floats<__half>(float a, float b) {
    return as_pair<__half>(__floats2half2_rn(a, b));
}
template <> __device__ inline vector<__nv_bfloat16, 2> pair_from_floats<__nv_bfloat16>(float a, float b) {
    return as_pair<__nv_bfloat16>(__floats2bfloat162_rn(a, b));
}
template <> __device__ inline vector<__nv_fp8_e4m3, 2> pair_from_floats<__nv_fp8_e4m3>(float a, float b) {
    return as_pair<__nv_fp8_e4m3>(__nv_cvt_float2_to_fp8x2(make_float2(a, b), __NV_SATFINITE, __NV_E4M3));
}

template <typename T, int N> __device__ inline vector<T, N> vector_from_floats(const float *x) {
    vector<T, N> to;
    if constexpr (N == 1) {
        to.at[0] = from_float<T>(x[0]);
    } else {
#pragma unroll
        for (int i = 0; i < N; i += 2) {
            vector<T, 2> two = pair_from_floats<T>(x[i], x[i + 1]);
            memcpy(&to.at[i], &two, sizeof two);
        }
    }
    return to;
}

/* Elements as floats, from words of 32 bits: taken one by one, 16-bit elements would each stay in a register. */
__device__ inline float2 floats_of_word(uint32_t word, __nv_bfloat16) {
    return make_float2(__uint_as_float(word << 16), __uint_as_float(word & 0xffff0000u));
}
__device__ inline float2 floats_of_word(uint32_t word, __half) {
    __half2 two;
    memcpy(&two, &word, sizeof two);
    return __half22float2(two);
}
template <typename T, int N> __device__ inline void floats_of(const vector<T, N> &x, float *to) {
    if constexpr (sizeof(T) == 2 && N % 2 == 0) {
        uint32_t words[N / 2];
        memcpy(words, &x, sizeof words);
#pragma unroll
        for (int i = 0; i < N / 2; i++) {
            float2 two = floats_of_word(words[i], T());
            to[2 * i] = two.x;
            to[2 * i + 1] = two.y;
        }
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            to[i] = to_float(x.at[i]);
    }
}

/* The largest magnitude; of 16-bit elements two at a time. NaN counts for nothing. */
__device__ inline __nv_bfloat162 pair_of_word(uint32_t word, __nv_bfloat16) {
    __nv_bfloat162 two;
    memcpy(&two, &word, sizeof two);
    return two;
}
__device__ inline __half2 pair_of_word(uint32_t word, __half) {
    __half2 two;
    memcpy(&two, &word, sizeof two);
    return two;
}
template <typename T, int N> __device__ inline float largest_magnitude(const vector<T, N> &x) {
    if constexpr (sizeof(T) == 2 && N % 2 == 0) {
        uint32_t words[N / 2];
        memcpy(words, &x, sizeof words);
        auto top = __habs2(pair_of_word(words[0], T()));
#pragma unroll
        for (int i = 1; i < N / 2; i++)
            top = __hmax2(top, __habs2(pair_of_word(words[i], T())));
        return fmaxf(to_float(static_cast<T>(top.x)), to_float(static_cast<T>(top.y)));
    } else {
        float top = 0;
#pragma unroll
        for (int i = 0; i < N; i++)
            top = fmaxf(top, fabsf(to_float(x.at[i])));
        return top;
    }
}

/* Makes the compiler convert a vector's elements anew at the next use, instead of keeping them as floats in twice as
 * many registers. */
template <typename T, int N> __device__ inline void keep_packed(vector<T, N> *x) {
    if constexpr (sizeof(T) < sizeof(float) && sizeof *x % sizeof(uint32_t) == 0) {
        uint32_t words[sizeof *x / sizeof(uint32_t)];
        memcpy(words, x, sizeof words);
#pragma unroll
        for (uint32_t &word : words)
            asm volatile("" : "+r"(word));
        memcpy(x, words, sizeof words);
    }
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
