/* Fewer SMs: a green context (driver API), whose streams run on a part of the SMs; every later allocation and library
 * handle of the process is made in it. Less bandwidth: blocks on SMs of their own, the rest of such a split, keep
 * writing to device memory while the measured work runs; how many is calibrated against a read of the measured part.
 * Less L2: a part is set aside for persisting accesses, and blocks on the rest of the SMs keep reading a buffer of that
 * size that is to be evicted last. (Set aside alone, a part stays open to ordinary reads, and a buffer touched once is
 * soon gone.) So what such a variant lacks beside the same SMs undisturbed is bandwidth or L2 alone.
 *
 * Traffic writes: a few SMs draw more that way than by reading, and lines marked to be evicted first leave what others
 * keep in L2. What knobs leave of each rate and of the L2 is measured and told. */
#include "kernels/variant.h"

#include "core/base/si.h"
#include "kernels/device.cuh"
#include "kernels/memory_rates.h"

#include <algorithm>
#include <cuda.h>
#include <cuda_runtime.h>
#include <stdlib.h>

enum {
    THREADS = 512,
    BLOCKS_PER_SM = 4, /* all that fit */
    TRAFFIC_SMS = 28,  /* taken where the caller names no part of the GPU, at least, in whole groups */
    KEEPING_SMS = 20,  /* the same, to keep lines in L2 */
    KEEPING_BLOCKS = 8,
    SM_GROUP = 8,                           /* SMs that keep clusters of thread blocks possible */
    GREEN_CONTEXT_VERSION = CUDART_VERSION, /* as the headers declare these functions */
};

/* A sum that does not come about: what depends on it keeps loads from being left out. */
static const unsigned NO_SUM = 0x9e3779b9u;

static const size_t TRAFFIC_BYTES = 512u << 20; /* far above any L2 */
static const double RESIDENT_LIMIT_NS = 20e9;   /* a resident kernel ends by itself after so long */
static const double LOOK_NS = 100e3; /* between looks at the host's flag: each holds up L2, and many slow it by half */
static const double WRITE_SHARE_MIN = 0.7; /* below it, too few ways are left for stores: no smaller L2 is like that */

/* Written by the host, read by one thread of a resident kernel, and the other way round. */
typedef struct resident_flags {
    volatile int stop, started;
} resident_flags;

typedef enum resident_work { RESIDENT_NONE, RESIDENT_TRAFFIC, RESIDENT_KEEPS_L2 } resident_work;

typedef struct variant_state {
    CUgreenCtx green, others; /* the measured SMs, and the rest of them */
    CUcontext whole, measured;
    decltype(&cuCtxSetCurrent) set_current;
    int rest_sms;
    resident_work work; /* on the rest, while measured work runs */
    uint4 *buffer;      /* that it writes or reads */
    size_t buffer_bytes;
    volatile int *ends;    /* on the GPU: its blocks are to end */
    resident_flags *flags; /* in host memory that the GPU sees */
    cudaStream_t stream;   /* on the rest */
    int blocks;
    bool set_aside, running;
} variant_state;

/* ---- SMs ---- */

template <typename F> static bool driver_function(const char *name, F *out) {
    cudaDriverEntryPointQueryResult found;
    void *address = nullptr;
    if (cudaGetDriverEntryPointByVersion(name, &address, GREEN_CONTEXT_VERSION, cudaEnableDefault, &found) !=
            cudaSuccess ||
        found != cudaDriverEntryPointSuccess)
        return false;
    *out = reinterpret_cast<F>(address);
    return true;
}

typedef struct green_functions {
    decltype(&cuDeviceGet) get_device;
    decltype(&cuDeviceGetDevResource) get_resource;
    decltype(&cuDevSmResourceSplitByCount) split;
    decltype(&cuDevResourceGenerateDesc) describe;
    decltype(&cuGreenCtxCreate) create;
    decltype(&cuCtxFromGreenCtx) as_context;
    decltype(&cuCtxGetCurrent) get_current;
    decltype(&cuCtxSetCurrent) set_current;
    decltype(&cuGreenCtxStreamCreate) make_stream;
} green_functions;

static bool find_functions(green_functions *f) {
    return driver_function("cuDeviceGet", &f->get_device) &&
           driver_function("cuDeviceGetDevResource", &f->get_resource) &&
           driver_function("cuDevSmResourceSplitByCount", &f->split) &&
           driver_function("cuDevResourceGenerateDesc", &f->describe) &&
           driver_function("cuGreenCtxCreate", &f->create) && driver_function("cuCtxFromGreenCtx", &f->as_context) &&
           driver_function("cuCtxGetCurrent", &f->get_current) && driver_function("cuCtxSetCurrent", &f->set_current) &&
           driver_function("cuGreenCtxStreamCreate", &f->make_stream);
}

/* A context on these SMs and a stream in it. */
static bool make_green(const green_functions *f, CUdevice device, CUdevResource *sms, CUgreenCtx *green,
                       CUstream *stream) {
    CUdevResourceDesc description;
    return f->describe(&description, sms, 1) == CUDA_SUCCESS &&
           f->create(green, description, device, CU_GREEN_CTX_DEFAULT_STREAM) == CUDA_SUCCESS &&
           f->make_stream(stream, *green, CU_STREAM_NON_BLOCKING, 0) == CUDA_SUCCESS;
}

/* Just `wanted` SMs: in whole groups where they make that number, else SM pair by SM pair. */
static bool split_sms(const green_functions *f, const CUdevResource *all, int wanted, CUdevResource *part,
                      CUdevResource *rest) {
    static const unsigned ways[] = {0, CU_DEV_SM_RESOURCE_SPLIT_IGNORE_SM_COSCHEDULING};
    for (unsigned way : ways) {
        unsigned groups = 1;
        if (f->split(part, &groups, all, rest, way, static_cast<unsigned>(wanted)) == CUDA_SUCCESS && groups == 1 &&
            static_cast<int>(part->sm.smCount) == wanted)
            return true;
    }
    return false;
}

static status fewer_sms(gpu_context *context, variant_state *v, int wanted, gpu_variant_actual *actual, error *err) {
    green_functions f;
    CUdevice device;
    CUdevResource all, part, rest;
    if (!find_functions(&f) || f.get_device(&device, context->device) != CUDA_SUCCESS ||
        f.get_resource(device, &all, CU_DEV_RESOURCE_TYPE_SM) != CUDA_SUCCESS)
        return error_set(err, STATUS_ENVIRONMENT, "this driver has no green contexts, which fewer SMs need");
    if (!split_sms(&f, &all, wanted, &part, &rest))
        return error_set(err, STATUS_NEGATIVE, "%d SMs cannot be split off this GPU's %d: even numbers below it can",
                         wanted, context->info.sm_count);
    CUstream stream = nullptr;
    v->rest_sms = static_cast<int>(rest.sm.smCount);
    v->set_current = f.set_current;
    bool fine = f.get_current(&v->whole) == CUDA_SUCCESS && make_green(&f, device, &part, &v->green, &stream) &&
                f.as_context(&v->measured, v->green) == CUDA_SUCCESS &&
                make_green(&f, device, &rest, &v->others, &v->stream) && f.set_current(v->measured) == CUDA_SUCCESS;
    if (!fine)
        return error_set(err, STATUS_ENVIRONMENT, "the driver makes no green context of %d SMs", wanted);
    cudaStreamDestroy(context->stream);
    context->stream = stream;
    context->info.sm_count = wanted;
    actual->sm_count = wanted;
    actual->sm_method = "green context";
    return STATUS_OK;
}

/* ---- resident kernels ---- */

static __device__ unsigned long long timer_ns(void) {
    unsigned long long now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    return now;
}

/* What a resident block knows of its end. */
typedef struct resident_clock {
    resident_flags *flags;
    volatile int *ends;
    unsigned long long begin_ns, looked_ns;
    double limit_ns;
} resident_clock;

/* Of all threads together: whether the block is to end. The first block looks at the host's flag for all. */
static __device__ bool resident_ends(resident_clock *c) {
    bool ends = false;
    if (threadIdx.x == 0) {
        unsigned long long now = timer_ns();
        if (blockIdx.x == 0 && static_cast<double>(now - c->looked_ns) > LOOK_NS) {
            c->looked_ns = now;
            if (c->flags->stop)
                *c->ends = 1;
        }
        ends = *c->ends != 0 || static_cast<double>(now - c->begin_ns) > c->limit_ns;
    }
    return __syncthreads_or(ends);
}

static __device__ void resident_started(const resident_clock *c) {
    if (blockIdx.x != 0 || threadIdx.x != 0)
        return;
    c->flags->started = 1;
    __threadfence_system();
}

/* Streams writes over the buffer, round after round. */
static __global__ void __launch_bounds__(THREADS) traffic_kernel(uint4 *data, size_t count, resident_clock clock) {
    enum { WRITES_A_LOOK = 256 };
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    unsigned long long first_out;
    asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(first_out));
    clock.begin_ns = timer_ns();
    resident_started(&clock);
    do {
        for (int k = 0; k < WRITES_A_LOOK; k++) {
            asm volatile("st.global.L1::no_allocate.L2::cache_hint.v4.u32 [%0], {%1, %1, %1, %1}, %2;" ::"l"(data + i),
                         "r"(k), "l"(first_out)
                         : "memory");
            i += stride;
            i = i < count ? i : i % stride;
        }
    } while (!resident_ends(&clock));
}

/* Reads the buffer over and over, so that its lines stay. */
static __global__ void __launch_bounds__(THREADS) keep_kernel(uint4 *data, size_t count, resident_clock clock) {
    enum { TOGETHER = 8, ROUNDS_TO_FILL = 3 };
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    unsigned long long last_out;
    unsigned sum = 0;
    int rounds = 0;
    asm volatile("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(last_out));
    clock.begin_ns = timer_ns();
    do {
        for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i + (TOGETHER - 1) * stride < count;
             i += TOGETHER * stride) {
            uint4 v[TOGETHER];
#pragma unroll
            for (int k = 0; k < TOGETHER; k++)
                asm volatile("ld.global.L1::no_allocate.L2::cache_hint.v4.u32 {%0, %1, %2, %3}, [%4], %5;"
                             : "=r"(v[k].x), "=r"(v[k].y), "=r"(v[k].z), "=r"(v[k].w)
                             : "l"(data + i + k * stride), "l"(last_out));
#pragma unroll
            for (int k = 0; k < TOGETHER; k++)
                sum ^= v[k].x ^ v[k].y ^ v[k].z ^ v[k].w;
        }
        if (++rounds == ROUNDS_TO_FILL)
            resident_started(&clock);
    } while (!resident_ends(&clock));
    if (sum == NO_SUM)
        data->x = sum;
}

/* From the context of the whole GPU, which any stream's kernels may be launched from. */
static status start_resident(const variant_state *v, double limit_ns, error *err) {
    const resident_clock clock = {v->flags, v->ends, 0, 0, limit_ns};
    unsigned blocks = static_cast<unsigned>(v->blocks);
    v->set_current(v->whole);
    cudaMemsetAsync(const_cast<int *>(v->ends), 0, sizeof *v->ends, v->stream);
    if (v->work == RESIDENT_TRAFFIC)
        traffic_kernel<<<blocks, THREADS, 0, v->stream>>>(v->buffer, v->buffer_bytes / VECTOR_BYTES, clock);
    else
        keep_kernel<<<blocks, THREADS, 0, v->stream>>>(v->buffer, v->buffer_bytes / VECTOR_BYTES, clock);
    status result = gpu_check(gpu_last_error(), "starting a resident kernel", err);
    v->set_current(v->measured);
    return result;
}

status variant_run_begins(gpu_context *context, error *err) {
    variant_state *v = context->variant;
    if (!v || v->blocks == 0)
        return STATUS_OK;
    v->flags->stop = v->flags->started = 0;
    status result = start_resident(v, RESIDENT_LIMIT_NS, err);
    v->running = result == STATUS_OK;
    while (v->running && !v->flags->started && cudaStreamQuery(v->stream) == cudaErrorNotReady)
        ;
    return result;
}

void variant_run_ends(gpu_context *context) {
    variant_state *v = context->variant;
    if (!v || !v->running)
        return;
    v->flags->stop = 1;
    cudaStreamSynchronize(v->stream);
    v->running = false;
}

/* Buffers, and all kernels loaded before they run side by side. */
static status prepare_resident(gpu_context *context, variant_state *v, resident_work work, size_t bytes, uint4 *data,
                               error *err) {
    gpu_memory_rates ignored;
    v->set_current(v->whole);
    v->work = work;
    v->buffer_bytes = bytes;
    status result = gpu_check(cudaMalloc(&v->buffer, bytes), "allocating a resident kernel's buffer", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(const_cast<int **>(&v->ends), sizeof *v->ends), "allocating a flag", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaHostAlloc(reinterpret_cast<void **>(&v->flags), sizeof *v->flags, cudaHostAllocMapped),
                           "allocating flags", err);
    v->set_current(v->measured);
    if (result != STATUS_OK)
        return result;
    v->blocks = 1;
    v->flags->stop = 1;
    result = start_resident(v, 0, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(v->stream), "loading a resident kernel", err);
    v->blocks = 0;
    return result == STATUS_OK ? memory_rates(context, data, &ignored, err) : result;
}

/* ---- L2 ---- */

static status less_l2(gpu_context *context, variant_state *v, double wanted_bytes, uint4 *data,
                      gpu_variant_actual *actual, error *err) {
    if (wanted_bytes > context->info.persisting_l2_max_bytes)
        return error_set(err, STATUS_NEGATIVE, "at most %.0f bytes of this L2 can be set aside",
                         context->info.persisting_l2_max_bytes);
    size_t bytes = static_cast<size_t>(wanted_bytes) / VECTOR_BYTES * VECTOR_BYTES, limit = 0;
    status result = prepare_resident(context, v, RESIDENT_KEEPS_L2, bytes, data, err);
    if (result == STATUS_OK)
        result = memory_rates(context, data, &actual->alone, err);
    v->set_current(v->whole);
    if (result == STATUS_OK)
        result = gpu_check(cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, bytes), "setting L2 aside", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaDeviceGetLimit(&limit, cudaLimitPersistingL2CacheSize), "setting L2 aside", err);
    v->set_current(v->measured);
    if (result != STATUS_OK)
        return result;
    v->set_aside = true;
    v->blocks = actual->resident_blocks = std::min<int>(KEEPING_BLOCKS, v->rest_sms);
    actual->l2_set_aside_bytes = static_cast<double>(limit);
    result = memory_rates(context, data, &actual->left, err);
    double write_share = actual->left.write_bytes_per_s / actual->alone.write_bytes_per_s;
    if (result == STATUS_OK && write_share < WRITE_SHARE_MIN)
        return error_set(
            err, STATUS_NEGATIVE,
            "with %.0f MB of L2 set aside, stores reach %.2f of their rate, which no smaller L2 does: leave "
            "more of it",
            actual->l2_set_aside_bytes / BYTES_PER_MB, write_share);
    return result;
}

/* ---- bandwidth ---- */

/* The fewest blocks beside which a read gets no more than its share, by bisection. */
static status find_blocks(gpu_context *context, variant_state *v, uint4 *data, double wanted_bytes_per_s, error *err) {
    int too_few = 0, enough = v->rest_sms * BLOCKS_PER_SM;
    double rate = 0;
    v->blocks = enough;
    status result = memory_read_rate(context, data, &rate, err);
    if (result == STATUS_OK && rate > wanted_bytes_per_s)
        return error_set(err, STATUS_NEGATIVE,
                         "%d SMs of traffic leave the other %d still %.3g TB/s: take fewer of these (--sms)",
                         v->rest_sms, context->info.sm_count, rate / 1e12);
    while (result == STATUS_OK && enough - too_few > 1) {
        v->blocks = (too_few + enough) / 2;
        result = memory_read_rate(context, data, &rate, err);
        if (rate > wanted_bytes_per_s)
            too_few = v->blocks;
        else
            enough = v->blocks;
    }
    v->blocks = enough;
    return result;
}

static status less_bandwidth(gpu_context *context, variant_state *v, double share, uint4 *data,
                             gpu_variant_actual *actual, error *err) {
    status result = prepare_resident(context, v, RESIDENT_TRAFFIC, TRAFFIC_BYTES, data, err);
    if (result == STATUS_OK)
        result = memory_rates(context, data, &actual->alone, err);
    if (result == STATUS_OK)
        result = find_blocks(context, v, data, share * actual->alone.read_bytes_per_s, err);
    if (result == STATUS_OK)
        result = memory_rates(context, data, &actual->left, err);
    actual->resident_blocks = v->blocks;
    return result;
}

/* ---- all of them ---- */

void variant_free(struct variant_state *v) {
    if (!v)
        return;
    cudaFree(v->buffer);
    cudaFree(const_cast<int *>(v->ends));
    if (v->flags)
        cudaFreeHost(v->flags);
    if (v->stream)
        cudaStreamDestroy(v->stream);
    if (v->set_aside)
        cudaCtxResetPersistingL2Cache();
    free(v); /* green contexts go with the process: streams and memory were made in them */
}

/* What a resident kernel takes where the caller names no part of the GPU. */
static int default_sms(int all, bool traffic) {
    return (all - (traffic ? TRAFFIC_SMS : KEEPING_SMS)) / SM_GROUP * SM_GROUP;
}

status variant_begin(gpu_context *context, const gpu_variant *wanted, gpu_variant_actual *actual, error *err) {
    *actual = gpu_variant_actual{};
    int all = context->info.sm_count;
    actual->sm_count = all;
    actual->sm_method = "whole GPU";
    bool traffic = wanted->bandwidth_share > 0 && wanted->bandwidth_share < 1;
    double aside_bytes =
        wanted->l2_share > 0 ? (1 - wanted->l2_share) * context->info.l2_bytes : wanted->l2_set_aside_bytes;
    if (traffic && aside_bytes > 0)
        return error_set(err, STATUS_NEGATIVE, "less L2 and less bandwidth cannot be had at once");
    variant_state *v = static_cast<variant_state *>(calloc(1, sizeof *v));
    if (!v)
        abort();
    context->variant = v;
    bool resident = traffic || aside_bytes > 0;
    int sms = wanted->sm_count > 0 ? wanted->sm_count : resident ? default_sms(all, traffic) : all;
    status result = sms < all ? fewer_sms(context, v, sms, actual, err) : STATUS_OK;
    if (result != STATUS_OK || !resident)
        return result;
    if (v->rest_sms == 0)
        return error_set(err, STATUS_NEGATIVE, "less L2 or bandwidth takes SMs of its own: measure fewer than %d", sms);
    actual->resident_sm_count = v->rest_sms;
    uint4 *data = nullptr;
    result = gpu_check(cudaMalloc(&data, MEMORY_RATES_BYTES), "allocating a calibration buffer", err);
    if (result == STATUS_OK)
        result = traffic ? less_bandwidth(context, v, wanted->bandwidth_share, data, actual, err)
                         : less_l2(context, v, aside_bytes, data, actual, err);
    cudaFree(data);
    return result;
}
