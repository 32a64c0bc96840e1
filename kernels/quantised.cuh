/* Elements of 8 and 4 bits with a scale: levels, rounding, packing. */
#ifndef INGOT_QUANTISED_CUH
#define INGOT_QUANTISED_CUH

#include "kernels/device.cuh"

static const float INT8_LARGEST = 127.0f, INT4_LARGEST = 7.0f;

__device__ inline int quantise_level(float value, float scale, float largest) {
    return static_cast<int>(fminf(fmaxf(rintf(value / scale), -largest), largest));
}

/* Two 4-bit levels, the even column in the low half. */
__device__ inline uint8_t pack_int4(int even, int odd) {
    return static_cast<uint8_t>((even & 0xf) | ((odd & 0xf) << 4));
}

#endif
