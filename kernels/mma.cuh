/* Warp-level matrix products of 16-bit elements, and narrow elements widened to 16 bits on their way into them.
 *
 * Fragments of m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16"), lane = 4 g + j with g in 0..7 and j in 0..3:
 *   a[0], a[2]  row g,     columns 2j, 2j + 1 and 2j + 8, 2j + 9;  a[1], a[3] the same of row g + 8
 *   b[0], b[1]  column g,  rows    2j, 2j + 1 and 2j + 8, 2j + 9
 *   c[0], c[1]  row g,     columns 2j, 2j + 1;                     c[2], c[3] the same of row g + 8
 * The reduction may run over its elements in any order, as long as it is the same for a and b: kernels read 16 bytes of
 * a row at once and let them be what the fragment wants. */
#ifndef INGOT_MMA_CUH
#define INGOT_MMA_CUH

#include "kernels/device.cuh"

enum { MMA_M = 16, MMA_N = 8, MMA_K = 16 };

template <typename T> __device__ inline void mma_16816(float *c, const uint32_t *a, uint32_t b0, uint32_t b1);
template <> __device__ inline void mma_16816<__half>(float *c, const uint32_t *a, uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <> __device__ inline void mma_16816<__nv_bfloat16>(float *c, const uint32_t *a, uint32_t b0, uint32_t b1) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Two floats as two 16-bit elements, the first in the low half. */
template <typename T> __device__ inline uint32_t pack2(float low, float high);
template <> __device__ inline uint32_t pack2<__half>(float low, float high) {
    __half2 x = __floats2half2_rn(low, high);
    return *reinterpret_cast<uint32_t *>(&x);
}
template <> __device__ inline uint32_t pack2<__nv_bfloat16>(float low, float high) {
    __nv_bfloat162 x = __floats2bfloat162_rn(low, high);
    return *reinterpret_cast<uint32_t *>(&x);
}

/* ---- widening: the words of a vector to pairs of 16-bit elements, in their order ---- */

/* A vector of two 4-bit elements a byte, the even one in the low half. */
struct int4_pair {
    uint8_t bits;
};

template <typename W> struct element_bits { static constexpr int value = 8 * sizeof(W); };
template <> struct element_bits<int4_pair> { static constexpr int value = 4; };

__device__ inline uint32_t subtract2(uint32_t x, uint32_t y, __half) {
    __half2 r = __hsub2(*reinterpret_cast<__half2 *>(&x), *reinterpret_cast<__half2 *>(&y));
    return *reinterpret_cast<uint32_t *>(&r);
}
__device__ inline uint32_t subtract2(uint32_t x, uint32_t y, __nv_bfloat16) {
    __nv_bfloat162 r = __hsub2(*reinterpret_cast<__nv_bfloat162 *>(&x), *reinterpret_cast<__nv_bfloat162 *>(&y));
    return *reinterpret_cast<uint32_t *>(&r);
}
__device__ inline uint32_t multiply2(uint32_t x, uint32_t y, __half) {
    __half2 r = __hmul2(*reinterpret_cast<__half2 *>(&x), *reinterpret_cast<__half2 *>(&y));
    return *reinterpret_cast<uint32_t *>(&r);
}
__device__ inline uint32_t multiply2(uint32_t x, uint32_t y, __nv_bfloat16) {
    __nv_bfloat162 r = __hmul2(*reinterpret_cast<__nv_bfloat162 *>(&x), *reinterpret_cast<__nv_bfloat162 *>(&y));
    return *reinterpret_cast<uint32_t *>(&r);
}

/* How a word of narrow elements becomes pairs: out[i] holds elements 2 i and 2 i + 1. Exact. */
template <typename T, typename W> struct widen {
    /* As they are: one pair a word. */
    __device__ static void word(uint32_t w, uint32_t *out) {
        out[0] = w;
    }
};

/* 1024 + u is 0x6400 | u in fp16, for u below 1024. */
template <> struct widen<__half, int8_t> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        const uint32_t magic = 0x64646464u, offset = 0x64806480u; /* 1024 + 128 */
        w ^= 0x80808080u;
        out[0] = subtract2(__byte_perm(w, magic, 0x4140), offset, __half());
        out[1] = subtract2(__byte_perm(w, magic, 0x4342), offset, __half());
    }
};

/* 2^23 + u is 0x4b000000 | u in fp32; integers up to 256 are their upper halves in bf16. */
template <> struct widen<__nv_bfloat16, int8_t> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        const uint32_t magic = 0x4b000000u;
        const float offset = 8388608.0f + 128.0f;
        w ^= 0x80808080u;
        float x0 = __uint_as_float(__byte_perm(w, magic, 0x7650)) - offset;
        float x1 = __uint_as_float(__byte_perm(w, magic, 0x7651)) - offset;
        float x2 = __uint_as_float(__byte_perm(w, magic, 0x7652)) - offset;
        float x3 = __uint_as_float(__byte_perm(w, magic, 0x7653)) - offset;
        out[0] = __byte_perm(__float_as_uint(x0), __float_as_uint(x1), 0x7632);
        out[1] = __byte_perm(__float_as_uint(x2), __float_as_uint(x3), 0x7632);
    }
};

/* E4M3's exponent and mantissa, moved to their places, are the number times a power of two: of the difference of the
 * exponents' biases (7, and 15 or 127). Subnormal numbers too. */
template <typename T> __device__ inline void widen_fp8(uint32_t w, uint32_t *out, int shift, uint32_t factor) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint32_t spread = __byte_perm(w, 0, i == 0 ? 0x1404 : 0x3424); /* each byte in the upper half of 16 bits */
        uint32_t magnitude = (spread & 0x7f007f00u) >> shift;
        out[i] = multiply2((spread & 0x80008000u) | magnitude, factor, T());
    }
}
template <> struct widen<__half, __nv_fp8_e4m3> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        widen_fp8<__half>(w, out, 1, 0x5c005c00u); /* 2^8 */
    }
};
template <> struct widen<__nv_bfloat16, __nv_fp8_e4m3> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        widen_fp8<__nv_bfloat16>(w, out, 4, 0x7b807b80u); /* 2^120 */
    }
};

/* u = n + 8 in the low bits of 1024 (fp16) or 128 (bf16). */
template <typename T> __device__ inline void widen_int4(uint32_t w, uint32_t *out, uint32_t offset) {
    uint32_t odd = w >> 4;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t pair = __byte_perm(w, odd, 0x4400 + 0x1111 * i); /* byte i of each, twice */
        out[i] = subtract2((pair & 0x000f000fu) ^ offset, offset, T());
    }
}
template <> struct widen<__half, int4_pair> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        widen_int4<__half>(w, out, 0x64086408u); /* 1032 */
    }
};
template <> struct widen<__nv_bfloat16, int4_pair> {
    __device__ static void word(uint32_t w, uint32_t *out) {
        widen_int4<__nv_bfloat16>(w, out, 0x43084308u); /* 136 */
    }
};

/* Pairs a word holds. */
template <typename W> constexpr int pairs_a_word() {
    return 16 / element_bits<W>::value;
}

#endif
