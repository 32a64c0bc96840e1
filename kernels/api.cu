/* The function table of libingot_gpu.so. */
#include "core/base/si.h"
#include "kernels/bench.h"
#include "kernels/context.h"
#include "kernels/gpu_executor.h"
#include "kernels/ranks.h"
#include "kernels/variant.h"

#include <cuda_runtime.h>
#include <stdio.h>
#include <stdlib.h>

const char *gpu_status_text(gpu_status code) {
    switch (code) {
    case GPU_NO_KERNEL:
        return "no kernel for these parameters";
    case GPU_BAD_OPERANDS:
        return "an operand is missing, misaligned or laid out as no kernel takes it";
    case GPU_LIBRARY_FAILED:
        return "a library refused";
    case GPU_NOT_PREPARED:
        return "not prepared";
    case GPU_NO_RANKS:
        return "no ranks were opened for it";
    default:
        return cudaGetErrorName(static_cast<cudaError_t>(code));
    }
}

status gpu_check(gpu_status code, const char *doing, error *err) {
    if (code == 0)
        return STATUS_OK;
    const char *text = code > 0 ? cudaGetErrorString(static_cast<cudaError_t>(code)) : "";
    return error_set(err, STATUS_ENVIRONMENT, "GPU: %s: %s %s", doing, gpu_status_text(code), text);
}

static double attribute(cudaDeviceAttr name, int device) {
    int value = 0;
    cudaDeviceGetAttribute(&value, name, device);
    return value;
}

static status read_info(int device, gpu_device_info *info, error *err) {
    cudaDeviceProp prop;
    status result = gpu_check(cudaGetDeviceProperties(&prop, device), "reading its properties", err);
    if (result != STATUS_OK)
        return result;
    int driver = 0, runtime = 0;
    size_t free_bytes = 0, total_bytes = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    result = gpu_check(cudaMemGetInfo(&free_bytes, &total_bytes), "reading its memory", err);
    *info = gpu_device_info{};
    snprintf(info->name, sizeof info->name, "%s", prop.name);
    snprintf(info->driver, sizeof info->driver, "%d.%d", driver / 1000, driver % 1000 / 10);
    snprintf(info->runtime, sizeof info->runtime, "%d.%d", runtime / 1000, runtime % 1000 / 10);
    info->sm_count = prop.multiProcessorCount;
    info->compute_major = prop.major;
    info->compute_minor = prop.minor;
    info->max_threads_per_sm = prop.maxThreadsPerMultiProcessor;
    info->max_ctas_per_sm = prop.maxBlocksPerMultiProcessor;
    info->registers_per_sm = prop.regsPerMultiprocessor;
    info->memory_bytes = static_cast<double>(total_bytes);
    info->free_bytes = static_cast<double>(free_bytes);
    info->l2_bytes = prop.l2CacheSize;
    info->shared_bytes_per_sm = static_cast<double>(prop.sharedMemPerMultiprocessor);
    info->shared_bytes_per_block = static_cast<double>(prop.sharedMemPerBlockOptin);
    info->sm_clock_max_hz = attribute(cudaDevAttrClockRate, device) * HZ_PER_KHZ;
    info->memory_clock_max_hz = attribute(cudaDevAttrMemoryClockRate, device) * HZ_PER_KHZ;
    info->memory_bus_bits = prop.memoryBusWidth;
    info->persisting_l2_max_bytes = prop.persistingL2CacheMaxSize;
    return result;
}

void gpu_context_close(gpu_context *context) {
    if (!context)
        return;
    bench_ranks_free(context);
    rank_enter(context);
    rank_free(context->rank);
    if (gemm_cache_free)
        gemm_cache_free(context->gemm);
    nvml_free(context->nvml);
    variant_free(context->variant);
    if (context->stream)
        cudaStreamDestroy(context->stream);
    free(context);
}

status gpu_context_open(int32_t device, gpu_context **out, gpu_device_info *info, error *err) {
    *out = nullptr;
    int count = 0;
    cudaError_t code = cudaGetDeviceCount(&count);
    if (code != cudaSuccess || count == 0)
        return error_set(err, STATUS_ENVIRONMENT, "no GPU: %s", cudaGetErrorString(code ? code : cudaErrorNoDevice));
    if (device < 0 || device >= count)
        return error_set(err, STATUS_ENVIRONMENT, "no GPU %d: there are %d", device, count);
    gpu_context *context = static_cast<gpu_context *>(calloc(1, sizeof *context));
    if (!context)
        abort();
    context->device = device;
    status result = gpu_check(cudaSetDevice(device), "opening it", err);
    if (result == STATUS_OK)
        result = read_info(device, &context->info, err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamCreateWithFlags(&context->stream, cudaStreamNonBlocking), "making a stream", err);
    if (result != STATUS_OK) {
        gpu_context_close(context);
        return result;
    }
    if (info)
        *info = context->info;
    *out = context;
    return STATUS_OK;
}

static status api_allocate(gpu_context *context, size_t bytes, void **out, error *err) {
    rank_enter(context);
    return gpu_check(cudaMalloc(out, bytes), "allocating memory", err);
}

static void api_release(gpu_context *, void *memory) {
    cudaFree(memory);
}

/* On the context's stream, which waits for no other: a plain copy may return while its last bytes are still on their
 * way, and those would fall on what the next kernel writes. */
static status copy_in_order(gpu_context *context, void *to, const void *from, size_t bytes, cudaMemcpyKind direction,
                            const char *doing, error *err) {
    gpu_status code = cudaMemcpyAsync(to, from, bytes, direction, context->stream);
    return gpu_check(code ? code : cudaStreamSynchronize(context->stream), doing, err);
}

static status api_copy_in(gpu_context *context, void *device, const void *host, size_t bytes, error *err) {
    rank_enter(context);
    return copy_in_order(context, device, host, bytes, cudaMemcpyHostToDevice, "copying to it", err);
}

static status api_copy_out(gpu_context *context, void *host, const void *device, size_t bytes, error *err) {
    rank_enter(context);
    return copy_in_order(context, host, device, bytes, cudaMemcpyDeviceToHost, "copying from it", err);
}

static bool api_has_kernel(op_kind kind) {
    return gpu_launcher_of(kind) != nullptr;
}

static size_t api_workspace_bytes(const op *o, const plan *p) {
    gpu_workspace *bytes = gpu_workspace_of(o->kind);
    return bytes ? bytes(o, p) : 0;
}

static gpu_status api_prepare(gpu_context *context, const op *o, plan *actual) {
    gpu_preparer *prepare = gpu_preparer_of(o->kind);
    return prepare ? prepare(context, o, actual) : 0;
}

static gpu_status api_launch(gpu_context *context, const op *o, const plan *p, const gpu_operands *operands,
                             void *workspace) {
    gpu_launcher *launcher = gpu_launcher_of(o->kind);
    if (!launcher)
        return GPU_NO_KERNEL;
    gpu_operands x = *operands;
    x.context = context;
    gpu_status code = launcher(o, p, &x, workspace, context->stream);
    return code ? code : cudaStreamSynchronize(context->stream);
}

const gpu_api *ingot_gpu_api(void) {
    static const gpu_api api = {
        GPU_API_VERSION, gpu_context_open, gpu_context_close,   api_allocate,          api_release,    api_copy_in,
        api_copy_out,    api_has_kernel,   api_workspace_bytes, api_prepare,           api_launch,     gpu_status_text,
        executor_open,   executor_step,    executor_read,       executor_memory_bytes, executor_close, telemetry_read,
        variant_begin,   bench_op,         measure_ceilings,    power_loads,           ranks_open,     launch_ranks,
    };
    return &api;
}
