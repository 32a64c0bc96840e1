/* Weights made where they are used: the same counter-based random numbers as core/base/random.c, so that the CPU
 * reference and the GPU begin with the same bits. fp32 products and sums are not contracted: both round alike. */
#include "kernels/gpu_memory.h"

#include "core/base/random.h"
#include "kernels/device.cuh"

#include <math.h>
#include <stdlib.h>

/* core/base/hash.c and random.c, on the device. */
static __host__ __device__ uint64_t mix64(uint64_t x) {
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static const uint64_t GOLDEN = 0x9e3779b97f4a7c15u;

static uint64_t key_of(uint64_t seed, uint64_t stream) {
    return mix64(mix64(seed + GOLDEN) + stream + GOLDEN);
}

/* In [-1, 1), 24 bits. */
static __device__ float uniform(uint64_t key, uint64_t index) {
    uint64_t bits = mix64(key + (index + 1) * 0x9e3779b97f4a7c15u) >> 40;
    return static_cast<float>(bits) * 0x1p-23f - 1.0f;
}

enum { FILL_THREADS = 256, FILL_BLOCKS = 4096 };

template <typename T>
static __global__ void fill_float(T *out, int64_t count, int64_t first, uint64_t key, float base, float spread) {
    int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count; i += stride)
        out[i] = from_float<T>(__fadd_rn(base, __fmul_rn(spread, uniform(key, static_cast<uint64_t>(first + i)))));
}

static __global__ void fill_int8(int8_t *out, int64_t count, int64_t first, uint64_t key, float spread) {
    int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count; i += stride)
        out[i] = static_cast<int8_t>(__float2int_rn(__fmul_rn(spread, uniform(key, static_cast<uint64_t>(first + i)))));
}

/* `count` elements of even-width rows, two a byte. */
static __global__ void fill_int4(uint8_t *out, int64_t count, int64_t first, uint64_t key, float spread) {
    int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x; i < count / 2; i += stride) {
        int low = __float2int_rn(__fmul_rn(spread, uniform(key, static_cast<uint64_t>(first + 2 * i))));
        int high = __float2int_rn(__fmul_rn(spread, uniform(key, static_cast<uint64_t>(first + 2 * i + 1))));
        out[i] = static_cast<uint8_t>((low & 0xf) | (high & 0xf) << 4);
    }
}

static status fill_rotary(const memory_plan *plan, const plan_weight *w, void *memory, error *err) {
    size_t bytes = static_cast<size_t>(operand_bytes(&w->item));
    float *table = static_cast<float *>(malloc(bytes));
    if (!table)
        abort();
    for (int64_t i = 0; i < w->item.cols; i++)
        table[i] = static_cast<float>(weight_element(plan, w, i));
    status result = gpu_check(cudaMemcpy(memory, table, bytes, cudaMemcpyHostToDevice), "filling a table", err);
    free(table);
    return result;
}

static gpu_status fill_layer(const plan_weight *w, uint64_t key, int64_t layer, void *memory, gpu_stream stream) {
    int64_t count = operand_elements(&w->item), first = layer * count;
    if (w->item.type == DTYPE_int8)
        fill_int8<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(static_cast<int8_t *>(memory), count, first, key,
                                                            w->fill.spread);
    else if (w->item.type == DTYPE_int4)
        fill_int4<<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(static_cast<uint8_t *>(memory), count, first, key,
                                                            w->fill.spread);
    else if (w->item.type == DTYPE_fp8)
        fill_float<__nv_fp8_e4m3><<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(static_cast<__nv_fp8_e4m3 *>(memory), count,
                                                                            first, key, w->fill.base, w->fill.spread);
    else
        return with_float_type(w->item.type, [&](auto *type) {
            using T = std::remove_pointer_t<decltype(type)>;
            fill_float<T><<<FILL_BLOCKS, FILL_THREADS, 0, stream>>>(static_cast<T *>(memory), count, first, key,
                                                                    w->fill.base, w->fill.spread);
            return gpu_last_error();
        });
    return gpu_last_error();
}

status gpu_fill_weights(gpu_context *context, const memory_plan *plan, void *memory, error *err) {
    for (size_t i = 0; i < plan->weight_count; i++) {
        const plan_weight *w = &plan->weights[i];
        uint64_t key = key_of(plan->scenario->seed, w->stream);
        for (int64_t layer = 0; layer < w->layers; layer++) {
            char *place =
                static_cast<char *>(memory) + w->offset_bytes + w->layer_stride_bytes * static_cast<size_t>(layer);
            status result = w->fill.rotary
                                ? fill_rotary(plan, w, place, err)
                                : gpu_check(fill_layer(w, key, layer, place, context->stream), "filling weights", err);
            if (result != STATUS_OK)
                return result;
        }
    }
    return gpu_check(cudaStreamSynchronize(context->stream), "filling weights", err);
}
