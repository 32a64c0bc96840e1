/* What this GPU can do at most: bandwidths, matrix rates, latencies and launch costs, each measured the way METHOD says
 * beside it. Rates are medians over repeated runs, on random data where data matter. */
#include "kernels/bench.h"

#include "core/base/clock.h"
#include "core/base/si.h"
#include "kernels/device.cuh"

#include <algorithm>
#include <cuda_runtime.h>
#include <math.h>
#include <string.h>
#include <vector>

enum {
    STREAM_THREADS = 256,
    STREAM_BLOCKS_PER_SM = 8,
    STREAM_LOADS = 4, /* independent 16-byte loads in flight a thread */
    TIMED_RUNS = 7,
    LAUNCHES = 2000, /* of an empty kernel, for its cost */
    GRAPH_NODES = 1000,
    CHASE_STEPS = 20000,
    LINE_BYTES = 128,
};

/* ---- kernels ---- */

/* 16 bytes a thread and load; sums what it reads so that nothing is left out. */
static __global__ void __launch_bounds__(STREAM_THREADS) read_kernel(const uint4 *in, size_t count, unsigned *sink) {
    unsigned sum = 0;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i + (STREAM_LOADS - 1) * stride < count; i += STREAM_LOADS * stride) {
        uint4 v[STREAM_LOADS];
#pragma unroll
        for (int j = 0; j < STREAM_LOADS; j++)
            v[j] = in[i + j * stride];
#pragma unroll
        for (int j = 0; j < STREAM_LOADS; j++)
            sum ^= v[j].x ^ v[j].y ^ v[j].z ^ v[j].w;
    }
    for (; i < count; i += stride)
        sum ^= in[i].x ^ in[i].w;
    if (sum == 0x9e3779b9u) /* never in practice, but the compiler cannot know */
        *sink = sum;
}

static __global__ void __launch_bounds__(STREAM_THREADS) write_kernel(uint4 *out, size_t count, unsigned value) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += stride)
        out[i] = make_uint4(value, value, value, value);
}

static __global__ void __launch_bounds__(STREAM_THREADS) copy_kernel(const uint4 *in, uint4 *out, size_t count) {
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x;
    size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (; i + (STREAM_LOADS - 1) * stride < count; i += STREAM_LOADS * stride) {
        uint4 v[STREAM_LOADS];
#pragma unroll
        for (int j = 0; j < STREAM_LOADS; j++)
            v[j] = in[i + j * stride];
#pragma unroll
        for (int j = 0; j < STREAM_LOADS; j++)
            out[i + j * stride] = v[j];
    }
    for (; i < count; i += stride)
        out[i] = in[i];
}

/* A random 128-byte line a quarter-warp of 8 threads. */
static __global__ void __launch_bounds__(STREAM_THREADS)
    gather_kernel(const uint4 *in, size_t lines, size_t wanted, unsigned *sink) {
    constexpr int LANES = LINE_BYTES / VECTOR_BYTES;
    unsigned sum = 0;
    size_t first = (static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x) / LANES;
    size_t stride = static_cast<size_t>(gridDim.x) * blockDim.x / LANES;
    for (size_t i = first; i < wanted; i += stride) {
        uint64_t x = i * 0x9e3779b97f4a7c15u;
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
        x = (x ^ x >> 27) * 0x94d049bb133111ebu;
        size_t line = (x ^ x >> 31) % lines;
        uint4 v = in[line * LANES + threadIdx.x % LANES];
        sum ^= v.x ^ v.w;
    }
    if (sum == 0x9e3779b9u)
        *sink = sum;
}

/* 32 bytes of every `stride_vectors` x 16: a sector of each line. */
static __global__ void __launch_bounds__(STREAM_THREADS)
    strided_kernel(const uint4 *in, size_t count, size_t stride_vectors, unsigned *sink) {
    unsigned sum = 0;
    size_t threads = static_cast<size_t>(gridDim.x) * blockDim.x;
    for (size_t i = static_cast<size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += threads) {
        uint4 v = in[(i / 2) * stride_vectors + i % 2];
        sum ^= v.x ^ v.w;
    }
    if (sum == 0x9e3779b9u)
        *sink = sum;
}

/* One thread follows a chain of pointers; each load waits for the one before. */
static __global__ void chase_kernel(const uint32_t *next, int steps, uint32_t *out) {
    uint32_t at = 0;
    for (int i = 0; i < steps; i++)
        at = __ldcg(next + at); /* past L1 */
    *out = at;
}

static __global__ void empty_kernel(void) {
}

/* ---- timing ---- */

typedef struct ceiling_run {
    gpu_context *context;
    cudaEvent_t before, after;
    char *a, *b;
    size_t bytes; /* of each */
    unsigned *sink;
    ceiling *out;
    size_t count, capacity;
} ceiling_run;

static void add(ceiling_run *r, const char *name, double value, const char *method) {
    if (r->count < r->capacity)
        r->out[r->count++] = {name, value, method};
}

/* Median seconds of a launch, by events; the first is a warm-up. NaN when it fails. */
template <typename F> static double time_s(ceiling_run *r, F launch) {
    std::vector<double> times;
    gpu_stream stream = r->context->stream;
    for (int i = 0; i <= TIMED_RUNS; i++) {
        float ms = 0;
        cudaEventRecord(r->before, stream);
        launch(stream);
        cudaEventRecord(r->after, stream);
        if (cudaEventSynchronize(r->after) != cudaSuccess ||
            cudaEventElapsedTime(&ms, r->before, r->after) != cudaSuccess || cudaGetLastError() != cudaSuccess)
            return NAN;
        if (i > 0)
            times.push_back(ms * S_PER_MS);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

static unsigned stream_blocks(const ceiling_run *r) {
    return static_cast<unsigned>(r->context->info.sm_count) * STREAM_BLOCKS_PER_SM;
}

static double copy_rate(ceiling_run *r, double bytes) {
    size_t count = static_cast<size_t>(bytes) / VECTOR_BYTES;
    double s = time_s(r, [&](gpu_stream stream) {
        copy_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->a),
                                                                     reinterpret_cast<uint4 *>(r->b), count);
    });
    return 2 * bytes / s;
}

static double read_rate(ceiling_run *r, double bytes) {
    size_t count = static_cast<size_t>(bytes) / VECTOR_BYTES;
    double s = time_s(r, [&](gpu_stream stream) {
        read_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->a), count, r->sink);
    });
    return bytes / s;
}

static void measure_streams(ceiling_run *r) {
    double large = static_cast<double>(r->bytes);
    size_t count = r->bytes / VECTOR_BYTES;
    add(r, "copy_bytes_per_s", copy_rate(r, large), "16-byte loads and stores, read and written bytes counted");
    add(r, "copy_512mib_bytes_per_s", copy_rate(r, 512 * BYTES_PER_MIB),
        "the same over 512 MiB read and as much written");
    add(r, "copy_64mib_bytes_per_s", copy_rate(r, 64 * BYTES_PER_MIB), "the same over 64 MiB, which L2 keeps in part");
    double library =
        time_s(r, [&](gpu_stream stream) { cudaMemcpyAsync(r->b, r->a, r->bytes, cudaMemcpyDeviceToDevice, stream); });
    add(r, "memcpy_bytes_per_s", 2 * large / library, "cudaMemcpyAsync, read and written bytes counted");
    add(r, "read_bytes_per_s", read_rate(r, large), "16-byte loads");
    double write = time_s(r, [&](gpu_stream stream) {
        write_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->b), count, 7);
    });
    add(r, "write_bytes_per_s", large / write, "16-byte stores");
    size_t wanted = r->bytes / LINE_BYTES / 4;
    double gather = time_s(r, [&](gpu_stream stream) {
        gather_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->a),
                                                                       r->bytes / LINE_BYTES, wanted, r->sink);
    });
    add(r, "gather_128_bytes_per_s", static_cast<double>(wanted) * LINE_BYTES / gather,
        "random 128-byte lines, useful bytes");
    const size_t strides_bytes[] = {128, 512, 4096};
    const char *const names[] = {"strided_32_of_128_bytes_per_s", "strided_32_of_512_bytes_per_s",
                                 "strided_32_of_4096_bytes_per_s"};
    for (int i = 0; i < 3; i++) {
        size_t vectors = r->bytes / strides_bytes[i] * 2;
        double s = time_s(r, [&](gpu_stream stream) {
            strided_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->a), vectors,
                                                                            strides_bytes[i] / VECTOR_BYTES, r->sink);
        });
        add(r, names[i], static_cast<double>(vectors) * VECTOR_BYTES / s, "32 bytes at each stride, useful bytes");
    }
}

/* Bandwidth from L2: a buffer of a quarter of it, read over and over by one kernel. */
static void measure_l2(ceiling_run *r) {
    size_t bytes = static_cast<size_t>(r->context->info.l2_bytes / 4) / 4096 * 4096;
    enum { PASSES = 64 };
    double s = time_s(r, [&](gpu_stream stream) {
        for (int i = 0; i < PASSES; i++)
            read_kernel<<<stream_blocks(r), STREAM_THREADS, 0, stream>>>(reinterpret_cast<uint4 *>(r->a),
                                                                         bytes / VECTOR_BYTES, r->sink);
    });
    add(r, "l2_read_bytes_per_s", PASSES * static_cast<double>(bytes) / s,
        "a quarter of L2 read 64 times, a kernel each, launch gaps included");
}

/* A ring through `bytes`, in random order, a line a step. */
static double chase_s(ceiling_run *r, size_t bytes) {
    size_t lines = bytes / LINE_BYTES, words = LINE_BYTES / sizeof(uint32_t);
    std::vector<uint32_t> order(lines), ring(lines * words);
    for (size_t i = 0; i < lines; i++)
        order[i] = static_cast<uint32_t>(i);
    uint64_t state = 1;
    for (size_t i = lines - 1; i > 0; i--) { /* a shuffle; any full-period generator will do */
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::swap(order[i], order[(state >> 33) % (i + 1)]);
    }
    for (size_t i = 0; i < lines; i++)
        ring[order[i] * words] = static_cast<uint32_t>(order[(i + 1) % lines] * words);
    cudaMemcpy(r->b, ring.data(), lines * LINE_BYTES, cudaMemcpyHostToDevice);
    double s = time_s(r, [&](gpu_stream stream) {
        chase_kernel<<<1, 1, 0, stream>>>(reinterpret_cast<uint32_t *>(r->b), CHASE_STEPS, r->sink);
    });
    return s / CHASE_STEPS;
}

static void measure_latency(ceiling_run *r) {
    static const size_t L2_RING_BYTES = 1 << 20;     /* well inside one side of any L2 */
    static const size_t HBM_RING_BYTES = 512u << 20; /* many times L2 */
    add(r, "l2_latency_s", chase_s(r, L2_RING_BYTES),
        "pointers through 1 MiB in random order, past L1: near and far slices alike");
    chase_s(r, HBM_RING_BYTES); /* makes the ring; its lines are in L2 now, so each timed run flushes them first */
    std::vector<double> times;
    for (int i = 0; i < TIMED_RUNS; i++) {
        write_kernel<<<stream_blocks(r), STREAM_THREADS, 0, r->context->stream>>>(
            reinterpret_cast<uint4 *>(r->a), static_cast<size_t>(BYTES_PER_GIB) / VECTOR_BYTES, 1);
        float ms = 0;
        cudaEventRecord(r->before, r->context->stream);
        chase_kernel<<<1, 1, 0, r->context->stream>>>(reinterpret_cast<uint32_t *>(r->b), CHASE_STEPS, r->sink);
        cudaEventRecord(r->after, r->context->stream);
        cudaEventSynchronize(r->after);
        cudaEventElapsedTime(&ms, r->before, r->after);
        times.push_back(ms * S_PER_MS / CHASE_STEPS);
    }
    std::sort(times.begin(), times.end());
    add(r, "hbm_latency_s", times[times.size() / 2], "pointers through 512 MiB with L2 flushed before");
}

static void measure_launches(ceiling_run *r) {
    gpu_stream stream = r->context->stream;
    for (int i = 0; i < LAUNCHES; i++)
        empty_kernel<<<1, 1, 0, stream>>>();
    cudaStreamSynchronize(stream);
    double begin = clock_now_s();
    for (int i = 0; i < LAUNCHES; i++)
        empty_kernel<<<1, 1, 0, stream>>>();
    double issued = clock_now_s();
    cudaStreamSynchronize(stream);
    double done = clock_now_s();
    add(r, "launch_host_s", (issued - begin) / LAUNCHES, "host time of a launch from C, queue filling");
    add(r, "launch_s", (done - begin) / LAUNCHES, "empty kernels back to back, launch to completion over their number");
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replay = nullptr;
    cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal);
    for (int i = 0; i < GRAPH_NODES; i++)
        empty_kernel<<<1, 1, 0, stream>>>();
    if (cudaStreamEndCapture(stream, &graph) == cudaSuccess && cudaGraphInstantiate(&replay, graph, 0) == cudaSuccess) {
        double s = time_s(r, [&](gpu_stream target) { cudaGraphLaunch(replay, target); });
        add(r, "graph_node_s", s / GRAPH_NODES, "empty kernels in a chain of 1,000 nodes, on the GPU's clock");
        cudaGraphExecDestroy(replay);
    }
    if (graph)
        cudaGraphDestroy(graph);
    begin = clock_now_s();
    for (int i = 0; i < TIMED_RUNS; i++) {
        empty_kernel<<<1, 1, 0, stream>>>();
        cudaStreamSynchronize(stream);
    }
    add(r, "launch_and_wait_s", (clock_now_s() - begin) / TIMED_RUNS, "one empty kernel, launched and waited for");
}

static void measure_gemms(ceiling_run *r) {
    static const int64_t SIDE = 8192;
    static const struct {
        const char *name;
        data_type type;
    } kinds[] = {{"gemm_bf16_flops_per_s", DTYPE_bf16},
                 {"gemm_fp16_flops_per_s", DTYPE_fp16},
                 {"gemm_fp8_flops_per_s", DTYPE_fp8},
                 {"gemm_int8_flops_per_s", DTYPE_int8}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        op o = {};
        o.kind = OP_gemm;
        o.as.gemm.m = o.as.gemm.n = o.as.gemm.k = SIDE;
        o.as.gemm.batch = 1;
        o.as.gemm.dtype = o.as.gemm.weights_dtype = kinds[i].type;
        bench_result result;
        error err;
        status code = bench_op(r->context, &o, BENCH_GRAPH_STEADY, &result, &err);
        double flops = 2.0 * SIDE * SIDE * SIDE;
        add(r, kinds[i].name, code == STATUS_OK ? flops / result.median_s : NAN,
            code == STATUS_OK ? "8192 x 8192 x 8192 on random data, in graphs, the scaling kernel included"
                              : "no kernel for it");
    }
}

status measure_ceilings(gpu_context *context, double bytes, ceiling *out, size_t capacity, size_t *count, error *err) {
    ceiling_run r = {};
    r.context = context;
    r.bytes = static_cast<size_t>(bytes) / 4096 * 4096;
    r.out = out;
    r.capacity = capacity;
    status result = gpu_check(cudaMalloc(&r.a, r.bytes), "allocating ceilings' buffers", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&r.b, r.bytes), "allocating ceilings' buffers", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaMalloc(&r.sink, sizeof(unsigned)), "allocating ceilings' buffers", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaEventCreate(&r.before), "making events", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaEventCreate(&r.after), "making events", err);
    if (result == STATUS_OK) {
        cudaMemsetAsync(r.a, 1, r.bytes, context->stream);
        measure_streams(&r);
        measure_l2(&r);
        measure_latency(&r);
        measure_launches(&r);
    }
    cudaFree(r.a);
    cudaFree(r.b);
    cudaFree(r.sink);
    if (r.before)
        cudaEventDestroy(r.before);
    if (r.after)
        cudaEventDestroy(r.after);
    if (result == STATUS_OK)
        measure_gemms(&r);
    *count = r.count;
    return result == STATUS_OK ? gpu_check(cudaGetLastError(), "measuring ceilings", err) : result;
}
