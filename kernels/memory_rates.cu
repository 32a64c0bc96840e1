#include "kernels/memory_rates.h"

#include "core/base/si.h"
#include "kernels/device.cuh"
#include "kernels/variant.h"

#include <algorithm>

enum {
    THREADS = 512,
    BLOCKS_PER_SM = 4, /* all that fit */
    RUNS = 3,          /* the median counts */
    CAPACITY_STEPS = 24,
};

/* A sum that does not come about: what depends on it keeps loads from being left out. */
static const unsigned NO_SUM = 0x9e3779b9u;
static const double NEAR_FRAC = 0.2;         /* of L2: a buffer that is found there again */
static const double CAPACITY_FRAC_MAX = 1.3; /* of L2: the largest buffer tried */

static __global__ void __launch_bounds__(THREADS) read_all(const uint4 *in, size_t count, int rounds, unsigned *sink) {
    unsigned sum = 0;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (int round = 0; round < rounds; round++)
#pragma unroll 4
        for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
            uint4 x = __ldcg(in + i);
            sum ^= x.x ^ x.y ^ x.z ^ x.w;
        }
    if (sum == NO_SUM)
        *sink = sum;
}

static __global__ void __launch_bounds__(THREADS) write_all(uint4 *out, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
        out[i] = make_uint4(0, 0, 0, 0);
}

/* A buffer, and how often a kernel reads it; 0: it is written once. */
typedef struct stream_work {
    uint4 *data;
    size_t bytes;
    int rounds;
} stream_work;

/* Bytes a second, the median of several, beside the resident kernel. */
static status stream_rate(gpu_context *context, const stream_work *w, double *out, error *err) {
    unsigned blocks = static_cast<unsigned>(context->info.sm_count) * BLOCKS_PER_SM;
    size_t count = w->bytes / VECTOR_BYTES;
    cudaEvent_t before, after;
    cudaEventCreate(&before);
    cudaEventCreate(&after);
    double times[RUNS];
    status result = STATUS_OK;
    for (int i = 0; i < RUNS && result == STATUS_OK; i++) {
        result = variant_run_begins(context, err);
        cudaEventRecord(before, context->stream);
        if (w->rounds == 0)
            write_all<<<blocks, THREADS, 0, context->stream>>>(w->data, count);
        else
            read_all<<<blocks, THREADS, 0, context->stream>>>(w->data, count, w->rounds,
                                                              reinterpret_cast<unsigned *>(w->data));
        cudaEventRecord(after, context->stream);
        cudaEventSynchronize(after);
        variant_run_ends(context);
        float ms = 0;
        if (result == STATUS_OK)
            result = gpu_check(cudaEventElapsedTime(&ms, before, after), "timing a stream", err);
        times[i] = ms * S_PER_MS;
    }
    cudaEventDestroy(before);
    cudaEventDestroy(after);
    if (result != STATUS_OK)
        return result;
    std::sort(times, times + RUNS);
    *out = static_cast<double>(w->bytes) * std::max(w->rounds, 1) / times[RUNS / 2];
    return STATUS_OK;
}

/* The buffer whose repeated reading is half way between the rates of L2 and of device memory. */
static status find_capacity(gpu_context *context, uint4 *data, gpu_memory_rates *out, error *err) {
    enum { CAPACITY_ROUNDS = 20 };
    double rates[CAPACITY_STEPS], sizes[CAPACITY_STEPS], best = 0;
    for (int i = 0; i < CAPACITY_STEPS; i++) {
        double frac = NEAR_FRAC + (CAPACITY_FRAC_MAX - NEAR_FRAC) * i / (CAPACITY_STEPS - 1);
        stream_work w = {data, static_cast<size_t>(frac * context->info.l2_bytes), CAPACITY_ROUNDS};
        sizes[i] = static_cast<double>(w.bytes);
        status result = stream_rate(context, &w, &rates[i], err);
        if (result != STATUS_OK)
            return result;
        best = std::max(best, rates[i]);
    }
    double half = (best + out->read_bytes_per_s) / 2;
    int last = CAPACITY_STEPS - 1;
    while (last > 0 && rates[last] < half)
        last--;
    double beyond = last + 1 < CAPACITY_STEPS ? (rates[last] - half) / (rates[last] - rates[last + 1]) : 0;
    out->l2_bytes = sizes[last] + beyond * (sizes[1] - sizes[0]);
    return STATUS_OK;
}

status memory_read_rate(gpu_context *context, uint4 *data, double *out_bytes_per_s, error *err) {
    const stream_work reads = {data, MEMORY_RATES_BYTES, 1};
    return stream_rate(context, &reads, out_bytes_per_s, err);
}

status memory_rates(gpu_context *context, uint4 *data, gpu_memory_rates *out, error *err) {
    enum { NEAR_ROUNDS = 100 };
    const stream_work writes = {data, MEMORY_RATES_BYTES, 0};
    const stream_work near = {data, static_cast<size_t>(NEAR_FRAC * context->info.l2_bytes), NEAR_ROUNDS};
    status result = memory_read_rate(context, data, &out->read_bytes_per_s, err);
    if (result == STATUS_OK)
        result = stream_rate(context, &writes, &out->write_bytes_per_s, err);
    if (result == STATUS_OK)
        result = stream_rate(context, &near, &out->l2_read_bytes_per_s, err);
    return result == STATUS_OK ? find_capacity(context, data, out, err) : result;
}
