/* The kernels behind kernels/power.h. */
#include "kernels/power.h"

#include "kernels/device.cuh"

#include <algorithm>
#include <cuda_runtime.h>

enum {
    WIDE_THREADS = 1024, /* two blocks fill an SM */
    WIDE_BLOCKS_PER_SM = 2,
    LOADS_IN_FLIGHT = 4,
    CHAINS = 8, /* values that FMAs work on, in pairs */
    SHARED_BYTES = 64 << 10,
    FILL_BLOCKS = 1024,
    FILL_THREADS = 256,
};

/* Length of a launch without buffers, in operations of a thread: some milliseconds. */
enum { SPIN_STEPS = 1 << 20, ISSUE_STEPS = 1 << 16, FMA_STEPS = 1 << 14, SHARED_STEPS = 1 << 12, TENSOR_STEPS = 4096 };
static const unsigned long long SLEEP_NS = 5000000;

/* ---- data ---- */

__device__ static uint32_t mixed(uint32_t x) {
    x *= 2654435761u;
    x = (x ^ x >> 16) * 2246822519u;
    x = (x ^ x >> 13) * 3266489917u;
    return x ^ x >> 16;
}

static __global__ void fill_random(uint4 *words, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride) {
        uint32_t seed = static_cast<uint32_t>(i) * 4;
        words[i] = make_uint4(mixed(seed), mixed(seed + 1), mixed(seed + 2), mixed(seed + 3));
    }
}

/* ---- loads without memory ---- */

static __global__ void sleep_kernel(unsigned long long duration_ns) {
    unsigned long long begin_ns, now_ns;
    asm volatile("mov.u64 %0, %globaltimer;" : "=l"(begin_ns));
    do {
        __nanosleep(100000);
        asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now_ns));
    } while (now_ns - begin_ns < duration_ns);
}

static __global__ void __launch_bounds__(WIDE_THREADS) spin_kernel(int steps, unsigned *sink) {
    unsigned x = threadIdx.x + 1;
#pragma unroll 16
    for (int i = 0; i < steps; i++)
        asm volatile("mad.lo.u32 %0, %0, 1664525, 1013904223;" : "+r"(x)); /* one by one: no folding of steps */
    if (x == 0x9e3779b9u) /* here and below: rarely or never, but the compiler cannot know */
        *sink = x;
}

/* Pairs that turn on a circle (x += s y, y -= s x keeps x^2 + y^2 near 1 for any number of steps): ever new operands.
 */
static __global__ void __launch_bounds__(WIDE_THREADS) fma_kernel(int steps, float angle, unsigned *sink) {
    float x[CHAINS / 2], y[CHAINS / 2];
    for (int j = 0; j < CHAINS / 2; j++) {
        x[j] = static_cast<float>(mixed(threadIdx.x * CHAINS + j)) * 0x1p-32f;
        y[j] = static_cast<float>(mixed(threadIdx.x * CHAINS + j + 77777)) * 0x1p-32f;
    }
#pragma unroll 4
    for (int i = 0; i < steps; i++)
#pragma unroll
        for (int j = 0; j < CHAINS / 2; j++) {
            x[j] = fmaf(y[j], angle, x[j]);
            y[j] = fmaf(x[j], -angle, y[j]);
        }
    float sum = 0;
    for (int j = 0; j < CHAINS / 2; j++)
        sum += x[j] + y[j];
    if (sum == 1.25f)
        *sink = 1;
}

static __global__ void __launch_bounds__(WIDE_THREADS) shared_kernel(int steps, unsigned *sink) {
    extern __shared__ uint4 tile[];
    constexpr int VECTORS = SHARED_BYTES / VECTOR_BYTES;
    for (int i = threadIdx.x; i < VECTORS; i += blockDim.x)
        tile[i] = make_uint4(mixed(i * 4), mixed(i * 4 + 1), mixed(i * 4 + 2), mixed(i * 4 + 3));
    __syncthreads();
    unsigned sum = 0, at = threadIdx.x;
    for (int i = 0; i < steps; i++) {
#pragma unroll
        for (int j = 0; j < LOADS_IN_FLIGHT; j++) {
            uint4 v = tile[(at + j * WIDE_THREADS) % VECTORS];
            sum ^= v.x ^ v.y ^ v.z ^ v.w;
        }
        at += WARP_SIZE; /* another vector each time, and whole rows of banks */
    }
    if (sum == 0x9e3779b9u)
        *sink = sum;
}

/* ---- tensor cores from shared memory ---- */

enum {
    TENSOR_GROUPS = 2, /* warpgroups */
    TENSOR_THREADS = TENSOR_GROUPS * 128,
    TENSOR_M = 64,
    TENSOR_N = 256,
    TENSOR_K = 16,
    TENSOR_TILE_K = 64, /* a row of 128 bytes */
    TENSOR_STAGES = 4,
    TENSOR_A_BYTES = TENSOR_M * TENSOR_TILE_K * 2,
    TENSOR_B_BYTES = TENSOR_N * TENSOR_TILE_K * 2,
    TENSOR_STAGE_BYTES = TENSOR_GROUPS * TENSOR_A_BYTES + TENSOR_B_BYTES,
    TENSOR_ALIGNMENT = 1024, /* of a swizzled tile */
    TENSOR_SHARED_BYTES = TENSOR_STAGES * TENSOR_STAGE_BYTES + TENSOR_ALIGNMENT,
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
/* PTX ISA, "Matrix descriptor format": tiles of 8 rows of 128 bytes, swizzled over 128 bytes, 1,024 bytes apart. */
__device__ static uint64_t tile_descriptor(uint32_t shared_bytes) {
    return static_cast<uint64_t>((shared_bytes & 0x3ffff) >> 4) | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 62;
}

#define ACCUMULATORS_4(i) "+f"(c[i]), "+f"(c[(i) + 1]), "+f"(c[(i) + 2]), "+f"(c[(i) + 3])
#define ACCUMULATORS_16(i) ACCUMULATORS_4(i), ACCUMULATORS_4((i) + 4), ACCUMULATORS_4((i) + 8), ACCUMULATORS_4((i) + 12)
#define ACCUMULATORS_64(i)                                                                                             \
    ACCUMULATORS_16(i), ACCUMULATORS_16((i) + 16), ACCUMULATORS_16((i) + 32), ACCUMULATORS_16((i) + 48)

__device__ static void multiply_tiles(float *c, uint64_t a, uint64_t b) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
                 "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
                 "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
                 "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
                 "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
                 "%128, %129, 1, 1, 1, 0, 0;"
                 : ACCUMULATORS_64(0), ACCUMULATORS_64(64)
                 : "l"(a), "l"(b));
}
#endif

/* `keep` and `set` make the data: small finite numbers, or zeros. */
static __global__ void __launch_bounds__(TENSOR_THREADS, 1)
    tensor_kernel(int steps, uint32_t keep, uint32_t set, unsigned *sink) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ uint4 memory[];
    uint32_t begin = static_cast<uint32_t>(__cvta_generic_to_shared(memory));
    uint32_t base = (begin + TENSOR_ALIGNMENT - 1) / TENSOR_ALIGNMENT * TENSOR_ALIGNMENT;
    uint32_t *words = reinterpret_cast<uint32_t *>(memory) + (base - begin) / sizeof(uint32_t);
    for (unsigned i = threadIdx.x; i < TENSOR_STAGES * TENSOR_STAGE_BYTES / sizeof(uint32_t); i += blockDim.x)
        words[i] = (mixed(i + blockIdx.x * 7919) & keep) | set;
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    float c[TENSOR_N / 2] = {0};
    uint32_t group = threadIdx.x / 128;
    for (int i = 0; i < steps; i++) {
        uint32_t stage = base + static_cast<uint32_t>(i % TENSOR_STAGES) * TENSOR_STAGE_BYTES;
        uint64_t a = tile_descriptor(stage + group * TENSOR_A_BYTES);
        uint64_t b = tile_descriptor(stage + TENSOR_GROUPS * TENSOR_A_BYTES);
        asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
        for (int k = 0; k < TENSOR_TILE_K / TENSOR_K; k++)
            multiply_tiles(c, a + k * (TENSOR_K * 2 >> 4), b + k * (TENSOR_K * 2 >> 4));
        asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
        asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
    }
    float sum = 0;
#pragma unroll
    for (int j = 0; j < TENSOR_N / 2; j++)
        sum += c[j];
    if (sum == 1.25f)
        *sink = 1;
#endif
}

/* ---- memory ---- */

static __global__ void __launch_bounds__(WIDE_THREADS)
    read_kernel(const uint4 *in, size_t count, int passes, unsigned *sink) {
    unsigned sum = 0;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (int pass = 0; pass < passes; pass++) {
        size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
        for (; i + (LOADS_IN_FLIGHT - 1) * stride < count; i += LOADS_IN_FLIGHT * stride) {
            uint4 v[LOADS_IN_FLIGHT];
#pragma unroll
            for (int j = 0; j < LOADS_IN_FLIGHT; j++)
                v[j] = __ldcg(in + i + j * stride); /* past L1 */
#pragma unroll
            for (int j = 0; j < LOADS_IN_FLIGHT; j++)
                sum ^= v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
        }
        for (; i < count; i += stride)
            sum ^= __ldcg(in + i).x;
    }
    if (sum == 0x9e3779b9u)
        *sink = sum;
}

static __global__ void __launch_bounds__(WIDE_THREADS) write_kernel(uint4 *out, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    uint32_t x = mixed(static_cast<uint32_t>(i));
    for (; i < count; i += stride) {
        x = x * 1664525u + 1013904223u; /* other data each time */
        out[i] = make_uint4(x, x ^ 0x5bd1e995u, x * 5, x ^ 0xa5a5f00du);
    }
}

static __global__ void __launch_bounds__(WIDE_THREADS) copy_kernel(const uint4 *in, uint4 *out, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i + (LOADS_IN_FLIGHT - 1) * stride < count; i += LOADS_IN_FLIGHT * stride) {
        uint4 v[LOADS_IN_FLIGHT];
#pragma unroll
        for (int j = 0; j < LOADS_IN_FLIGHT; j++)
            v[j] = in[i + j * stride];
#pragma unroll
        for (int j = 0; j < LOADS_IN_FLIGHT; j++)
            out[i + j * stride] = v[j];
    }
    for (; i < count; i += stride)
        out[i] = in[i];
}

/* ---- launches ---- */

static status prepare_product(gpu_context *context, const power_load *load, power_memory *memory, error *err) {
    op *o = &memory->product;
    int64_t side = static_cast<int64_t>(load->size);
    *o = op{};
    o->kind = OP_gemm;
    o->as.gemm.m = o->as.gemm.n = o->as.gemm.k = side;
    o->as.gemm.batch = 1;
    o->as.gemm.dtype = o->as.gemm.weights_dtype = load->type;
    gpu_preparer *prepare = gpu_preparer_of(OP_gemm);
    plan actual;
    gpu_status code = prepare ? prepare(context, o, &actual) : 0;
    if (code == GPU_NO_KERNEL || !gpu_launcher_of(OP_gemm))
        return error_set(err, STATUS_NEGATIVE, "no kernel for products of this type");
    status result = gpu_check(code, "preparing a product", err);
    if (result == STATUS_OK)
        result = bench_operands_make(context, o, &memory->operands, err);
    if (result != STATUS_OK || load->data > 0)
        return result;
    /* Zeros as operands; scales of quantised types keep their values. */
    operand_list list;
    operands_of(o, &list);
    for (size_t i = 0; i < list.count; i++)
        if (memory->operands.operands.at[i].data && list.at[i].content != CONTENT_SCALES)
            cudaMemsetAsync(memory->operands.operands.at[i].data, 0, static_cast<size_t>(operand_bytes(&list.at[i])),
                            context->stream);
    return gpu_check(cudaStreamSynchronize(context->stream), "clearing operands", err);
}

status power_prepare(gpu_context *context, const power_load *load, power_memory *memory, error *err) {
    bench_operands_free(&memory->operands);
    if (load->kind == POWER_GEMM)
        return prepare_product(context, load, memory, err);
    if (load->kind == POWER_L2 || load->kind == POWER_READ || load->kind == POWER_COPY) {
        if (load->data > 0)
            fill_random<<<FILL_BLOCKS, FILL_THREADS, 0, context->stream>>>(reinterpret_cast<uint4 *>(memory->a),
                                                                           memory->bytes / VECTOR_BYTES);
        else
            cudaMemsetAsync(memory->a, 0, memory->bytes, context->stream);
    }
    return gpu_check(cudaStreamSynchronize(context->stream), "filling buffers", err);
}

static status launch_tensor(gpu_context *context, const power_load *load, unsigned blocks, unsigned *sink,
                            power_work *work, error *err) {
    if (context->info.compute_major != 9)
        return error_set(err, STATUS_NEGATIVE, "this GPU has no wgmma");
    gpu_status code =
        cudaFuncSetAttribute(tensor_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, TENSOR_SHARED_BYTES);
    if (code)
        return gpu_check(code, "asking for shared memory", err);
    bool random = load->data > 0;
    tensor_kernel<<<blocks, TENSOR_THREADS, TENSOR_SHARED_BYTES, context->stream>>>(
        TENSOR_STEPS, random ? 0x80ff80ffu : 0, random ? 0x3d003d00u : 0, sink);
    work->flops = 2.0 * TENSOR_M * TENSOR_N * TENSOR_TILE_K * TENSOR_GROUPS * TENSOR_STEPS * blocks;
    return STATUS_OK;
}

status power_launch(gpu_context *context, const power_load *load, const power_memory *memory, power_work *work,
                    error *err) {
    enum { L2_PASSES = 256 };
    gpu_stream stream = context->stream;
    unsigned sms = static_cast<unsigned>(std::max(1.0, context->info.sm_count * load->sm_frac + 0.5));
    unsigned blocks = load->sm_frac < 1 ? sms : sms * WIDE_BLOCKS_PER_SM; /* a block an SM where there are fewer */
    size_t count = static_cast<size_t>(load->size) / VECTOR_BYTES;
    uint4 *a = reinterpret_cast<uint4 *>(memory->a), *b = reinterpret_cast<uint4 *>(memory->b);
    status result = STATUS_OK;
    *work = power_work{0, 0, static_cast<int32_t>(sms)};
    switch (load->kind) {
    case POWER_IDLE:
        work->sm_count = 0;
        break;
    case POWER_SLEEP:
        sleep_kernel<<<sms, WARP_SIZE, 0, stream>>>(SLEEP_NS);
        break;
    case POWER_SPIN:
        spin_kernel<<<sms, WARP_SIZE, 0, stream>>>(SPIN_STEPS, memory->sink);
        break;
    case POWER_ISSUE:
        spin_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(ISSUE_STEPS, memory->sink);
        break;
    case POWER_FMA:
        fma_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(FMA_STEPS, 0.4321f, memory->sink);
        work->flops = 2.0 * CHAINS * FMA_STEPS * WIDE_THREADS * blocks;
        break;
    case POWER_SHARED:
        result =
            gpu_check(cudaFuncSetAttribute(shared_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, SHARED_BYTES),
                      "asking for shared memory", err);
        shared_kernel<<<blocks, WIDE_THREADS, SHARED_BYTES, stream>>>(SHARED_STEPS, memory->sink);
        work->bytes = static_cast<double>(VECTOR_BYTES) * LOADS_IN_FLIGHT * SHARED_STEPS * WIDE_THREADS * blocks;
        break;
    case POWER_TENSOR:
        result = launch_tensor(context, load, sms, memory->sink, work, err);
        break;
    case POWER_L2:
        read_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(a, count, L2_PASSES, memory->sink);
        work->bytes = static_cast<double>(count) * VECTOR_BYTES * L2_PASSES;
        break;
    case POWER_READ:
        read_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(a, count, 1, memory->sink);
        work->bytes = static_cast<double>(count) * VECTOR_BYTES;
        break;
    case POWER_WRITE:
        write_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(b, count);
        work->bytes = static_cast<double>(count) * VECTOR_BYTES;
        break;
    case POWER_COPY:
        copy_kernel<<<blocks, WIDE_THREADS, 0, stream>>>(a, b, count);
        work->bytes = 2.0 * static_cast<double>(count) * VECTOR_BYTES;
        break;
    case POWER_GEMM:
        result = gpu_check(bench_operands_launch(context, &memory->product, &memory->operands), "multiplying", err);
        work->flops = 2 * load->size * load->size * load->size;
        break;
    }
    return result == STATUS_OK ? gpu_check(cudaGetLastError(), "launching a load", err) : result;
}
