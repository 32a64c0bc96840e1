/* Elements of 8 and 4 bits with a scale: levels, rounding, packing. */
#ifndef INGOT_QUANTISED_CUH
#define INGOT_QUANTISED_CUH

#include "kernels/device.cuh"

static const float INT8_LARGEST = 127.0f, INT4_LARGEST = 7.0f;

__device__ inline int quantise_level(float value, float scale, float largest) {
    return static_cast<int>(fminf(fmaxf(rintf(value / scale), -largest), largest));
}

/* value / divisor, correctly rounded: from the divisor's rounded reciprocal one step of correction suffices
 * (Markstein), and many values share the reciprocal. */
__device__ inline float divide_by(float value, float divisor, float reciprocal) {
    float quotient = value * reciprocal;
    return fmaf(fmaf(-quotient, divisor, value), reciprocal, quotient);
}

/* 1 / x within two units in the last place, for x that is no denormal. */
__device__ inline float reciprocal_of(float x) {
    float y = __fdividef(1.0f, x);
    return fmaf(y, fmaf(-x, y, 1.0f), y);
}

/* The sum with it is rounded to a whole number, to even between two, and that is in its low bits, in two's complement:
 * 1.5 * 2^23. */
static const float LEVEL_BITS = 12582912.0f;

/* A level in the low bits, from value / scale. */
__device__ inline uint32_t level_bits(float quotient, float largest) {
    return __float_as_uint(fminf(fmaxf(quotient, -largest), largest) + LEVEL_BITS);
}

/* The low bytes of four words. */
__device__ inline uint32_t pack_bytes(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return __byte_perm(__byte_perm(a, b, 0x0040), __byte_perm(c, d, 0x0040), 0x5410);
}

/* N levels as int8; N a multiple of 4, or one. */
template <int N> __device__ inline vector<int8_t, N> pack_int8(const uint32_t *bits) {
    vector<int8_t, N> to;
    if constexpr (N % 4 == 0) {
        uint32_t words[N / 4];
#pragma unroll
        for (int w = 0; w < N / 4; w++)
            words[w] = pack_bytes(bits[4 * w], bits[4 * w + 1], bits[4 * w + 2], bits[4 * w + 3]);
        memcpy(&to, words, sizeof to);
    } else {
        to.at[0] = static_cast<int8_t>(bits[0]);
    }
    return to;
}

/* N levels as int4, the even column in the low half of a byte; N a multiple of 8. */
template <int N> __device__ inline vector<uint32_t, N / 8> pack_int4(const uint32_t *bits) {
    vector<uint32_t, N / 8> to;
    uint32_t bytes[N / 2];
#pragma unroll
    for (int i = 0; i < N / 2; i++)
        bytes[i] = (bits[2 * i] & 0xfu) | bits[2 * i + 1] << 4; /* its low byte */
#pragma unroll
    for (int w = 0; w < N / 8; w++)
        to.at[w] = pack_bytes(bytes[4 * w], bytes[4 * w + 1], bytes[4 * w + 2], bytes[4 * w + 3]);
    return to;
}

/* Two 4-bit levels, the even column in the low half. */
__device__ inline uint8_t pack_int4(int even, int odd) {
    return static_cast<uint8_t>((even & 0xf) | ((odd & 0xf) << 4));
}

#endif
