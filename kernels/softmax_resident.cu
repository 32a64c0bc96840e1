/* Softmax of long rows: a row stays in the registers and the shared memory of a block (352 KB on Hopper), or of a
 * cluster of up to 8 blocks, so that it is read from memory once. Each thread keeps a running maximum and sum of
 * exponentials while its elements arrive; then maxima and sums are exchanged, and the results computed on their way
 * out.
 *
 *     of a block's part   up to an aligned address: an element a thread; from there on vectors; what is left at the
 *                         end: an element a thread again
 *     vector j of a       0 to HELD - 1: registers; from there on: shared memory, where a thread uses only what it
 *     thread              copied itself, so that no barrier is needed */
#include "kernels/softmax.h"

#include "kernels/tiles.cuh"

#include <float.h>

enum {
    RESIDENT_HELD_BYTES = 128,
    RESIDENT_THREADS_MAX = 1024,
    RESIDENT_BLOCKS_MAX = 16 /* an SM */,
    RESIDENT_BLOCKS = 4 /* aimed at */,
    CLUSTER_MAX = 8
};

/* A maximum, and the sum of exponentials under it. */
struct softmax_part {
    float top, sum;
};

static __device__ softmax_part warp_join(softmax_part part) {
    float top = warp_max(part.top);
    return {top, warp_sum(part.sum * __expf(part.top - top))};
}

/* Over the block, the same in every thread. */
static __device__ softmax_part block_join(softmax_part part) {
    __shared__ softmax_part partial[WARP_SIZE];
    int warp = threadIdx.x / WARP_SIZE, lane = threadIdx.x % WARP_SIZE, warps = blockDim.x / WARP_SIZE;
    part = warp_join(part);
    if (lane == 0)
        partial[warp] = part;
    __syncthreads();
    return warp_join(lane < warps ? partial[lane] : softmax_part{-FLT_MAX, 0.0f});
}

/* Over the cluster's blocks, through distributed shared memory. */
static __device__ softmax_part cluster_join(softmax_part part, int blocks) {
#if __CUDA_ARCH__ >= 900
    __shared__ softmax_part mine;
    if (threadIdx.x == 0)
        mine = part;
    asm volatile("barrier.cluster.arrive.release.aligned;\n barrier.cluster.wait.acquire.aligned;" ::: "memory");
    uint32_t here = static_cast<uint32_t>(__cvta_generic_to_shared(&mine));
    softmax_part all = {-FLT_MAX, 0.0f};
    for (int b = 0; b < blocks; b++) {
        softmax_part other;
        uint32_t there;
        asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(here), "r"(b));
        asm volatile("ld.shared::cluster.v2.f32 {%0, %1}, [%2];"
                     : "=f"(other.top), "=f"(other.sum)
                     : "r"(there)
                     : "memory");
        float top = fmaxf(all.top, other.top);
        all.sum = all.sum * __expf(all.top - top) + other.sum * __expf(other.top - top);
        all.top = top;
    }
    /* Nobody leaves while others read its memory. */
    asm volatile("barrier.cluster.arrive.release.aligned;\n barrier.cluster.wait.acquire.aligned;" ::: "memory");
    return all;
#else
    return part;
#endif
}

template <typename T> struct resident_arguments {
    const T *x;
    T *out;
    int cols, share; /* elements of a row; of a block's part of it, at most */
    int cluster;     /* blocks a row */
    int stored;      /* vectors a thread keeps in shared memory */
};

/* A block's part of a row: elements before the first vector and after the last one, and where they begin. */
struct resident_part {
    int64_t begin;
    int head, vectors, tail;
};

template <typename T> static __device__ resident_part part_of(const resident_arguments<T> &s) {
    constexpr int N = vector_elements<T>();
    int rank = static_cast<int>(blockIdx.x) % s.cluster, row = static_cast<int>(blockIdx.x) / s.cluster;
    int count = max(0, min(s.cols - rank * s.share, s.share)); /* a cluster's last block may have none */
    int64_t begin = static_cast<int64_t>(row) * s.cols + static_cast<int64_t>(rank) * s.share;
    int head = min(count, static_cast<int>((N - begin % N) % N));
    return {begin, head, (count - head) / N, (count - head) % N};
}

/* The maximum lags by up to SLACK behind the largest value: sums stay far from overflow, and few of them need an
 * exponential of their own. */
template <int N> static __device__ void add_values(softmax_part *part, const float (&x)[N]) {
    const float SLACK = 4;
    float top = x[0];
#pragma unroll
    for (float value : x)
        top = fmaxf(top, value);
    if (top > part->top + SLACK) {
        part->sum *= __expf(part->top - top);
        part->top = top;
    }
#pragma unroll
    for (float value : x)
        part->sum += __expf(value - part->top);
}

template <typename T, int N> static __device__ void add_vector(softmax_part *part, const vector<T, N> &v) {
    float x[N];
    floats_of(v, x);
    add_values(part, x);
}

/* exp(x - top) * factor, or, LOG, x - top - factor. */
template <bool LOG, typename T, int N>
static __device__ vector<T, N> vector_result(const vector<T, N> &v, float top, float factor) {
    float x[N];
    floats_of(v, x);
#pragma unroll
    for (int i = 0; i < N; i++)
        x[i] = LOG ? x[i] - top - factor : __expf(x[i] - top) * factor;
    return vector_from_floats<T, N>(x);
}

template <typename T, bool LOG>
static __global__ void __launch_bounds__(RESIDENT_THREADS_MAX, 1) softmax_resident_kernel(resident_arguments<T> s) {
    constexpr int N = vector_elements<T>(), HELD = RESIDENT_HELD_BYTES / VECTOR_BYTES;
    using V = vector<T, N>;
    extern __shared__ __align__(VECTOR_BYTES) char memory[];
    V *stored = reinterpret_cast<V *>(memory) + threadIdx.x;
    resident_part part = part_of(s);
    int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
    const V *from = reinterpret_cast<const V *>(s.x + part.begin + part.head) + thread;
    V *to = reinterpret_cast<V *>(s.out + part.begin + part.head) + thread;
    auto is_there = [&](int j) { return j * threads < part.vectors - thread; };
    V held[HELD];
#pragma unroll
    for (int j = 0; j < HELD; j++)
        if (is_there(j))
            held[j] = load_vector(from + j * threads);
    for (int j = 0; j < s.stored; j++)
        if (is_there(HELD + j))
            copy_async_16(&stored[j * threads], &from[(HELD + j) * threads], true);
    commit_copies();
    softmax_part mine = {-FLT_MAX, 0.0f};
    /* The element of its own that a thread may have: of the first warp before the vectors, of the second after them. */
    bool single = thread < part.head || (thread >= WARP_SIZE && thread < WARP_SIZE + part.tail);
    int64_t at = part.begin + (thread < WARP_SIZE ? thread : part.head + part.vectors * N + thread - WARP_SIZE);
    float alone[] = {single ? to_float(s.x[at]) : 0.0f};
    if (single)
        add_values(&mine, alone);
#pragma unroll
    for (int j = 0; j < HELD; j++)
        if (is_there(j))
            add_vector(&mine, held[j]);
    wait_copies<0>();
    for (int j = 0; j < s.stored; j++)
        if (is_there(HELD + j))
            add_vector(&mine, stored[j * threads]);
    softmax_part all = block_join(mine);
    if (s.cluster > 1)
        all = cluster_join(all, s.cluster);
    float factor = LOG ? logf(all.sum) : __fdividef(1.0f, all.sum);
#pragma unroll
    for (int j = 0; j < HELD; j++)
        if (is_there(j)) {
            keep_packed(&held[j]);
            store_vector(to + j * threads, vector_result<LOG>(held[j], all.top, factor));
        }
    for (int j = 0; j < s.stored; j++)
        if (is_there(HELD + j))
            store_vector(to + (HELD + j) * threads, vector_result<LOG>(stored[j * threads], all.top, factor));
    if (single)
        s.out[at] = from_float<T>(LOG ? alone[0] - all.top - factor : __expf(alone[0] - all.top) * factor);
}

/* Bytes that a block of so many threads holds at most, where `blocks` of them share an SM. */
static int64_t capacity_bytes(const gpu_device_info *gpu, int threads, int blocks) {
    const double reserved_bytes = 2048; /* a block's own kilobyte, and what the exchange uses */
    double bytes = fmin(gpu->shared_bytes_per_sm / blocks, gpu->shared_bytes_per_block) - reserved_bytes;
    int64_t round_bytes = static_cast<int64_t>(threads) * VECTOR_BYTES;
    return threads * RESIDENT_HELD_BYTES + static_cast<int64_t>(bytes) / round_bytes * round_bytes;
}

template <typename T, bool LOG>
static gpu_status launch(resident_arguments<T> s, int64_t rows, int threads, gpu_stream stream) {
    auto kernel = softmax_resident_kernel<T, LOG>;
    int64_t beyond_bytes = static_cast<int64_t>(s.share) * static_cast<int64_t>(sizeof(T)) -
                           static_cast<int64_t>(threads) * RESIDENT_HELD_BYTES;
    s.stored = beyond_bytes > 0 ? static_cast<int>(divide_up(beyond_bytes, threads * VECTOR_BYTES)) : 0;
    int bytes = s.stored * threads * VECTOR_BYTES;
    gpu_status code = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (code)
        return code;
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = static_cast<unsigned>(s.cluster);
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(rows * s.cluster));
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = static_cast<size_t>(bytes);
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = s.cluster > 1 ? 1 : 0;
    code = cudaLaunchKernelEx(&config, kernel, s);
    return code ? code : gpu_last_error();
}

/* How many blocks share a row: as few as let RESIDENT_BLOCKS of them share an SM, so that some compute while others
 * wait for memory, or one have it alone; more where few rows leave SMs for them. 0: it does not fit. */
static int cluster_of(const gpu_device_info *gpu, int64_t rows, int64_t row_bytes) {
    const int compute_major_least = 9;
    const int64_t part_bytes_least = RESIDENT_THREADS_MAX * VECTOR_BYTES;
    int64_t alone = capacity_bytes(gpu, RESIDENT_THREADS_MAX, 1),
            shared = capacity_bytes(gpu, RESIDENT_THREADS_MAX / RESIDENT_BLOCKS, RESIDENT_BLOCKS);
    int cluster_max = gpu->compute_major >= compute_major_least ? static_cast<int>(CLUSTER_MAX) : 1, cluster = 1;
    /* A part is rounded up to whole vectors. */
    while (cluster < cluster_max &&
           (divide_up(row_bytes, cluster) + VECTOR_BYTES > shared ||
            (rows * cluster * 2 <= gpu->sm_count && row_bytes >= part_bytes_least * cluster * 2)))
        cluster *= 2;
    return divide_up(row_bytes, cluster) + VECTOR_BYTES <= alone ? cluster : 0;
}

gpu_status softmax_resident(const softmax_params *p, const gpu_device_info *gpu, const void *x, void *out,
                            gpu_stream stream) {
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        constexpr int N = vector_elements<T>();
        const int64_t element_bytes = sizeof(T);
        int cluster = cluster_of(gpu, p->rows, p->cols * element_bytes);
        if (cluster == 0 || p->rows * cluster > INT32_MAX)
            return static_cast<gpu_status>(GPU_NO_KERNEL);
        int64_t share = divide_up(divide_up(p->cols, cluster), N) * N;
        /* Several blocks an SM where they fit: some compute while others wait for memory. */
        int blocks = RESIDENT_BLOCKS_MAX;
        while (blocks > 1 && (p->rows * cluster < static_cast<int64_t>(gpu->sm_count) * blocks ||
                              share * element_bytes > capacity_bytes(gpu, RESIDENT_THREADS_MAX / blocks, blocks)))
            blocks /= 2;
        int threads = RESIDENT_THREADS_MAX / blocks;
        resident_arguments<T> s = {static_cast<const T *>(x),
                                   static_cast<T *>(out),
                                   static_cast<int>(p->cols),
                                   static_cast<int>(share),
                                   cluster,
                                   0};
        return p->log ? launch<T, true>(s, p->rows, threads, stream) : launch<T, false>(s, p->rows, threads, stream);
    });
}
