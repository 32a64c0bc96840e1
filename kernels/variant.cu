/* Fewer SMs: a green context (driver API) where the driver's granularity gives just that number, whose streams run on a
 * part of the SMs; every later allocation and library handle of the process is made in it. Else a resident kernel,
 * which holds the other SMs while measured work runs: a block an SM, with all of its shared memory, so that no other
 * block fits beside it. Less L2: a part is set aside for persisting accesses, and filled by a buffer that is touched
 * that way, so that ordinary accesses find the rest. Less bandwidth: a kernel on a stream of its own keeps copying
 * while the measured work runs; how many blocks it takes is calibrated against a read.
 *
 * What the knobs cannot do alone: a background copy also takes a few SMs' issue slots and passes through L2; persisting
 * lines may lie twice in an L2 of two partitions. Actual figures are measured and told. */
#include "kernels/variant.h"

#include "kernels/device.cuh"

#include <algorithm>
#include <cuda.h>
#include <cuda_runtime.h>
#include <stdlib.h>

enum {
    HELD_MAX = 1024, /* SMs of any GPU */
    HOLD_THREADS = 32,
    HOLD_SLEEP_NS = 10000, /* between looks at the host's flag */
    BACKGROUND_THREADS = 256,
    BACKGROUND_STEP = 4, /* blocks that calibration adds at a time */
    CALIBRATION_RUNS = 5,
    GREEN_CONTEXT_VERSION = CUDART_VERSION, /* as the headers declare these functions */
};

static const size_t BACKGROUND_BYTES = 512u << 20; /* far above any L2 */
static const double BACKGROUND_LIMIT_NS = 20e9;    /* a background kernel ends by itself after so long */

/* Written by the host, read by the background kernels, and the other way round. */
typedef struct background_flags {
    volatile int stop, started;
    volatile int held[HELD_MAX]; /* by block of the resident kernel: it has its SM */
} background_flags;

typedef struct variant_state {
    CUgreenCtx green;
    void *persisting;
    uint4 *traffic;
    background_flags *flags; /* in host memory that the GPU sees */
    cudaStream_t stream, hold_stream;
    int blocks; /* 0: no background traffic */
    int held;   /* SMs that the resident kernel takes; 0: none */
    size_t hold_bytes;
    bool running;
} variant_state;

static __device__ unsigned long long timer_ns(void) {
    unsigned long long now;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
    return now;
}

static status make_flags(variant_state *v, error *err) {
    if (v->flags)
        return STATUS_OK;
    return gpu_check(cudaHostAlloc(reinterpret_cast<void **>(&v->flags), sizeof *v->flags, cudaHostAllocMapped),
                     "allocating flags", err);
}

/* ---- SMs ---- */

/* A block an SM; it does nothing but be there. */
static __global__ void __launch_bounds__(HOLD_THREADS) hold_kernel(background_flags *flags, double limit_ns) {
    extern __shared__ char all_of_it[];
    unsigned long long begin = timer_ns();
    if (threadIdx.x != 0)
        return;
    *reinterpret_cast<volatile char *>(all_of_it) = 0;
    flags->held[blockIdx.x] = 1;
    __threadfence_system();
    while (!flags->stop && static_cast<double>(timer_ns() - begin) < limit_ns)
        __nanosleep(HOLD_SLEEP_NS);
}

static bool all_held(const variant_state *v) {
    for (int i = 0; i < v->held; i++)
        if (!v->flags->held[i])
            return false;
    return true;
}

static status hold_sms(const variant_state *v, double limit_ns, error *err) {
    hold_kernel<<<static_cast<unsigned>(v->held), HOLD_THREADS, v->hold_bytes, v->hold_stream>>>(v->flags, limit_ns);
    return gpu_check(gpu_last_error(), "holding SMs", err);
}

static status resident_sms(gpu_context *context, variant_state *v, int wanted, gpu_variant_actual *actual, error *err) {
    v->held = context->info.sm_count - wanted;
    v->hold_bytes = static_cast<size_t>(context->info.shared_bytes_per_block);
    if (v->held > HELD_MAX)
        return error_set(err, STATUS_NEGATIVE, "at most %d SMs can be held", HELD_MAX);
    status result = make_flags(v, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamCreateWithFlags(&v->hold_stream, cudaStreamNonBlocking), "making a stream", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaFuncSetAttribute(hold_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(v->hold_bytes)),
                           "holding SMs", err);
    v->flags->stop = 1;
    if (result == STATUS_OK) /* loaded before it must run beside others */
        result = hold_sms(v, 0, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(v->hold_stream), "holding SMs", err);
    context->info.sm_count = wanted;
    actual->sm_count = wanted;
    actual->sm_method = "resident kernel";
    return result;
}

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

/* False when the driver has no green contexts, or none of just so many SMs. */
static bool green_sms(gpu_context *context, variant_state *v, int wanted, gpu_variant_actual *actual) {
    decltype(&cuDeviceGet) get_device = nullptr;
    decltype(&cuDeviceGetDevResource) get_resource = nullptr;
    decltype(&cuDevSmResourceSplitByCount) split = nullptr;
    decltype(&cuDevResourceGenerateDesc) describe = nullptr;
    decltype(&cuGreenCtxCreate) create = nullptr;
    decltype(&cuCtxFromGreenCtx) as_context = nullptr;
    decltype(&cuCtxSetCurrent) set_current = nullptr;
    decltype(&cuGreenCtxStreamCreate) make_stream = nullptr;
    bool found =
        driver_function("cuDeviceGet", &get_device) && driver_function("cuDeviceGetDevResource", &get_resource) &&
        driver_function("cuDevSmResourceSplitByCount", &split) &&
        driver_function("cuDevResourceGenerateDesc", &describe) && driver_function("cuGreenCtxCreate", &create) &&
        driver_function("cuCtxFromGreenCtx", &as_context) && driver_function("cuCtxSetCurrent", &set_current) &&
        driver_function("cuGreenCtxStreamCreate", &make_stream);
    if (!found)
        return false;
    CUdevice device;
    CUdevResource all, part, rest;
    CUdevResourceDesc description;
    CUcontext as_current;
    CUstream stream = nullptr;
    unsigned groups = 1;
    bool fine = get_device(&device, context->device) == CUDA_SUCCESS &&
                get_resource(device, &all, CU_DEV_RESOURCE_TYPE_SM) == CUDA_SUCCESS &&
                split(&part, &groups, &all, &rest, 0, static_cast<unsigned>(wanted)) == CUDA_SUCCESS && groups == 1 &&
                static_cast<int>(part.sm.smCount) == wanted && describe(&description, &part, 1) == CUDA_SUCCESS &&
                create(&v->green, description, device, CU_GREEN_CTX_DEFAULT_STREAM) == CUDA_SUCCESS &&
                as_context(&as_current, v->green) == CUDA_SUCCESS && set_current(as_current) == CUDA_SUCCESS &&
                make_stream(&stream, v->green, CU_STREAM_NON_BLOCKING, 0) == CUDA_SUCCESS;
    if (!fine)
        return false;
    cudaStreamDestroy(context->stream);
    context->stream = stream;
    context->info.sm_count = wanted;
    actual->sm_count = wanted;
    actual->sm_method = "green context";
    return true;
}

static status fewer_sms(gpu_context *context, variant_state *v, const gpu_variant *wanted, gpu_variant_actual *actual,
                        error *err) {
    if (!wanted->sm_resident && green_sms(context, v, wanted->sm_count, actual))
        return STATUS_OK;
    return resident_sms(context, v, wanted->sm_count, actual, err);
}

/* ---- L2 ---- */

static __global__ void touch_kernel(uint4 *data, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        uint4 v = data[i];
        v.x ^= 1;
        data[i] = v;
    }
}

static status less_l2(gpu_context *context, variant_state *v, double wanted_bytes, gpu_variant_actual *actual,
                      error *err) {
    if (wanted_bytes > context->info.persisting_l2_max_bytes)
        return error_set(err, STATUS_NEGATIVE, "at most %.0f bytes of this L2 can be set aside",
                         context->info.persisting_l2_max_bytes);
    size_t bytes = static_cast<size_t>(wanted_bytes) / VECTOR_BYTES * VECTOR_BYTES, limit = 0;
    status result = gpu_check(cudaDeviceSetLimit(cudaLimitPersistingL2CacheSize, bytes), "setting L2 aside", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaDeviceGetLimit(&limit, cudaLimitPersistingL2CacheSize), "setting L2 aside", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&v->persisting, bytes), "allocating what fills L2", err);
    if (result != STATUS_OK)
        return result;
    cudaStream_t stream = nullptr;
    cudaStreamAttrValue attribute = {};
    attribute.accessPolicyWindow.base_ptr = v->persisting;
    attribute.accessPolicyWindow.num_bytes = bytes;
    attribute.accessPolicyWindow.hitRatio = 1.0f;
    attribute.accessPolicyWindow.hitProp = cudaAccessPropertyPersisting;
    attribute.accessPolicyWindow.missProp = cudaAccessPropertyStreaming;
    result = gpu_check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSetAttribute(stream, cudaStreamAttributeAccessPolicyWindow, &attribute),
                           "setting L2 aside", err);
    enum { TOUCH_BLOCKS = 256, TOUCH_THREADS = 256, TOUCHES = 2 };
    for (int i = 0; i < TOUCHES && result == STATUS_OK; i++) {
        touch_kernel<<<TOUCH_BLOCKS, TOUCH_THREADS, 0, stream>>>(static_cast<uint4 *>(v->persisting),
                                                                 bytes / VECTOR_BYTES);
        result = gpu_check(gpu_last_error(), "filling L2", err);
    }
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(stream), "filling L2", err);
    if (stream)
        cudaStreamDestroy(stream);
    actual->l2_set_aside_bytes = static_cast<double>(limit);
    return result;
}

/* ---- bandwidth ---- */

/* Copies one half of the buffer onto the other, in pieces, until it is told to stop. */
static __global__ void __launch_bounds__(BACKGROUND_THREADS)
    background_kernel(uint4 *data, size_t count, background_flags *flags, double limit_ns) {
    unsigned long long begin = timer_ns();
    size_t half = count / 2, stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    enum { COPIES_A_CHECK = 256 };
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        flags->started = 1;
        __threadfence_system();
    }
    while (!flags->stop && static_cast<double>(timer_ns() - begin) < limit_ns) {
        for (int k = 0; k < COPIES_A_CHECK; k++) {
            data[half + i] = data[i];
            i += stride;
            i = i < half ? i : i % half;
        }
    }
}

status variant_run_begins(gpu_context *context, error *err) {
    variant_state *v = context->variant;
    if (!v || (v->blocks == 0 && v->held == 0))
        return STATUS_OK;
    v->flags->stop = v->flags->started = 0;
    for (int i = 0; i < v->held; i++)
        v->flags->held[i] = 0;
    status result = v->held > 0 ? hold_sms(v, BACKGROUND_LIMIT_NS, err) : STATUS_OK;
    v->running = result == STATUS_OK;
    while (v->running && !all_held(v) && cudaStreamQuery(v->hold_stream) == cudaErrorNotReady)
        ;
    if (v->blocks == 0 || result != STATUS_OK)
        return result;
    background_kernel<<<static_cast<unsigned>(v->blocks), BACKGROUND_THREADS, 0, v->stream>>>(
        v->traffic, BACKGROUND_BYTES / VECTOR_BYTES, v->flags, BACKGROUND_LIMIT_NS);
    result = gpu_check(gpu_last_error(), "starting background traffic", err);
    bool started = result == STATUS_OK;
    while (started && !v->flags->started && cudaStreamQuery(v->stream) == cudaErrorNotReady)
        ;
    return result;
}

void variant_run_ends(gpu_context *context) {
    variant_state *v = context->variant;
    if (!v || !v->running)
        return;
    v->flags->stop = 1;
    if (v->stream)
        cudaStreamSynchronize(v->stream);
    if (v->hold_stream)
        cudaStreamSynchronize(v->hold_stream);
    v->running = false;
}

static __global__ void __launch_bounds__(BACKGROUND_THREADS) read_all(const uint4 *in, size_t count, unsigned *sink) {
    unsigned sum = 0;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
#pragma unroll 4
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        uint4 x = in[i];
        sum ^= x.x ^ x.y ^ x.z ^ x.w;
    }
    if (sum == 0x9e3779b9u)
        *sink = sum;
}

/* Bytes a second of a large read beside the background traffic, the median of several. */
static status read_rate(gpu_context *context, const uint4 *data, size_t bytes, double *out, error *err) {
    enum { READ_BLOCKS_PER_SM = 8 };
    unsigned blocks = static_cast<unsigned>(context->info.sm_count) * READ_BLOCKS_PER_SM;
    unsigned *sink = reinterpret_cast<unsigned *>(const_cast<uint4 *>(data));
    cudaEvent_t before, after;
    cudaEventCreate(&before);
    cudaEventCreate(&after);
    double times[CALIBRATION_RUNS];
    status result = STATUS_OK;
    read_all<<<blocks, BACKGROUND_THREADS, 0, context->stream>>>(data, bytes / VECTOR_BYTES, sink);
    cudaStreamSynchronize(context->stream);
    for (int i = 0; i < CALIBRATION_RUNS && result == STATUS_OK; i++) {
        result = variant_run_begins(context, err);
        cudaEventRecord(before, context->stream);
        read_all<<<blocks, BACKGROUND_THREADS, 0, context->stream>>>(data, bytes / VECTOR_BYTES, sink);
        cudaEventRecord(after, context->stream);
        cudaEventSynchronize(after);
        variant_run_ends(context);
        float ms = 0;
        if (result == STATUS_OK)
            result = gpu_check(cudaEventElapsedTime(&ms, before, after), "calibrating background traffic", err);
        times[i] = ms * 1e-3;
    }
    cudaEventDestroy(before);
    cudaEventDestroy(after);
    std::sort(times, times + CALIBRATION_RUNS);
    *out = static_cast<double>(bytes) / times[CALIBRATION_RUNS / 2];
    return result;
}

static status less_bandwidth(gpu_context *context, variant_state *v, double share, gpu_variant_actual *actual,
                             error *err) {
    const size_t read_bytes = static_cast<size_t>(1) << 30;
    uint4 *data = nullptr;
    status result = gpu_check(cudaMalloc(&v->traffic, BACKGROUND_BYTES), "allocating background traffic", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&data, read_bytes), "allocating a calibration buffer", err);
    if (result == STATUS_OK)
        result = make_flags(v, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamCreateWithFlags(&v->stream, cudaStreamNonBlocking), "making a stream", err);
    if (result == STATUS_OK) { /* both kernels loaded before they run side by side */
        v->flags->stop = 1;
        background_kernel<<<1, BACKGROUND_THREADS, 0, v->stream>>>(v->traffic, BACKGROUND_BYTES / VECTOR_BYTES,
                                                                   v->flags, 0);
        result = gpu_check(cudaStreamSynchronize(v->stream), "loading background traffic", err);
    }
    if (result == STATUS_OK)
        result = read_rate(context, data, read_bytes, &actual->read_alone_bytes_per_s, err);
    actual->read_bytes_per_s = actual->read_alone_bytes_per_s;
    while (result == STATUS_OK && actual->read_bytes_per_s > share * actual->read_alone_bytes_per_s &&
           v->blocks + BACKGROUND_STEP <= 4 * context->info.sm_count) {
        v->blocks += BACKGROUND_STEP;
        result = read_rate(context, data, read_bytes, &actual->read_bytes_per_s, err);
    }
    actual->background_blocks = v->blocks;
    cudaFree(data);
    return result;
}

/* ---- all of them ---- */

void variant_free(struct variant_state *v) {
    if (!v)
        return;
    cudaFree(v->persisting);
    cudaFree(v->traffic);
    if (v->flags)
        cudaFreeHost(v->flags);
    if (v->stream)
        cudaStreamDestroy(v->stream);
    if (v->hold_stream)
        cudaStreamDestroy(v->hold_stream);
    if (v->persisting)
        cudaCtxResetPersistingL2Cache();
    free(v); /* a green context goes with the process: streams and memory were made in it */
}

status variant_begin(gpu_context *context, const gpu_variant *wanted, gpu_variant_actual *actual, error *err) {
    *actual = gpu_variant_actual{};
    actual->sm_count = context->info.sm_count;
    actual->sm_method = "whole GPU";
    variant_state *v = static_cast<variant_state *>(calloc(1, sizeof *v));
    if (!v)
        abort();
    context->variant = v;
    status result = STATUS_OK;
    if (wanted->sm_count > 0 && wanted->sm_count < context->info.sm_count)
        result = fewer_sms(context, v, wanted, actual, err);
    double set_aside_bytes = wanted->l2_set_aside_bytes;
    if (wanted->l2_share > 0)
        set_aside_bytes = (1 - wanted->l2_share) * context->info.l2_bytes;
    if (result == STATUS_OK && set_aside_bytes > 0)
        result = less_l2(context, v, set_aside_bytes, actual, err);
    if (result == STATUS_OK && wanted->bandwidth_share > 0 && wanted->bandwidth_share < 1)
        result = less_bandwidth(context, v, wanted->bandwidth_share, actual, err);
    return result;
}
