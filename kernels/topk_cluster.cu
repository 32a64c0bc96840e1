/* The largest values of each row, largest first, where rows are too few for topk_stream.cu: one kernel, a row to a
 * large block or to a cluster of two. A block streams its part of the row tile by tile, the next one on its way while
 * it looks at one, and keeps the few elements that reach a bound.
 *
 * The bound is what at least `top` vectors of those seen reach: warps publish the largest of what their lanes have
 * seen, and of those the top-th will do. It is found in the first tile, raised after four times as many ever again, and
 * in the last tile but one. A vector's elements count as one place, in this order: larger values first, lower columns
 * of equal ones; so ties let no more through. Where too many come through (rising values), the bound is raised at once;
 * where that does not help (large values in few lanes), the `top` largest of what is kept and of the tile are found bit
 * by bit. In the end the row's first block gets what the other kept, and orders all by counting larger ones.
 *
 * Vectors leave L2 first: what others wrote there stays and need not be written back meanwhile. */
#include "kernels/topk.h"

#include "kernels/topk_cluster.cuh"

/* CLUSTERED: two blocks a row. */
template <typename T, int THREADS, bool CLUSTERED>
static __global__ void __launch_bounds__(THREADS, CLUSTER_SM_THREADS / THREADS)
    topk_cluster_kernel(const __grid_constant__ cluster_arguments<T> s) {
#if __CUDA_ARCH__ >= 900
    extern __shared__ __align__(VECTOR_BYTES) char shared[];
    auto *memory = reinterpret_cast<cluster_memory<THREADS> *>(shared);
    const cluster_part<T> part = part_of(s);
    const int thread = static_cast<int>(threadIdx.x);
    const int most = CLUSTERED ? static_cast<int>(CLUSTER_INBOX) : static_cast<int>(CLUSTER_LIST);
    const uint64_t policy = l2_policy(true);
#pragma unroll 1
    for (int a = 0; a < CLUSTER_AHEAD; a++)
        send_for_tile(part, a * THREADS * CLUSTER_VECTORS, memory->tiles[a], policy);
    float single = part.single < 0 ? -INFINITY : to_float(part.from[part.single - part.column]);
    if (thread == 0) {
        if (CLUSTERED)
            barrier_make(&memory->arrived, 1);
        memory->count = 0;
        memory->bound = ORDERED_NONE;
    }
    __syncthreads();
    if (CLUSTERED)
        cluster_begin();
    stream_part(s, part, policy, memory);
    ordered_key key = ordered_key_of(single, static_cast<uint32_t>(part.single));
    if (part.single >= 0 && single == single && key >= memory->bound)
        keep(key, memory);
    __syncthreads();
    if (memory->count > most)
        select_exactly(s.top, UINT32_MAX, static_cast<const T *>(nullptr), 0, 0, memory);
    if (CLUSTERED) {
        cluster_met();
        if (part.rank > 0) {
            send_list(memory);
            return;
        }
        barrier_wait(&memory->arrived);
        if (thread < static_cast<int>(memory->inbox_count))
            keep(memory->inbox[thread], memory);
        __syncthreads();
    }
    int64_t row = static_cast<int64_t>(static_cast<int>(blockIdx.x) / s.blocks) * s.top;
    for_places<THREADS>(memory->list, memory->count, [&](ordered_key largest, int place) {
        if (place < s.top) {
            s.values[row + place] = from_float<T>(ordered_value(largest));
            s.columns[row + place] = static_cast<int32_t>(ordered_column(largest));
        }
    });
#endif
}

template <int THREADS, bool CLUSTERED, typename T>
static gpu_status launch(cluster_arguments<T> s, int64_t rows, gpu_stream stream) {
    auto kernel = topk_cluster_kernel<T, THREADS, CLUSTERED>;
    const int bytes = static_cast<int>(sizeof(cluster_memory<THREADS>));
    /* A quarter more than `top` in all, and one more each: enough of them for a bound that lets few others through. */
    s.published = static_cast<int>(divide_up(s.top * 5 / 4, THREADS / WARP_SIZE)) + 1;
    gpu_status code = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    if (code)
        return code;
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = static_cast<unsigned>(s.blocks);
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(static_cast<unsigned>(rows * s.blocks));
    config.blockDim = dim3(THREADS);
    config.dynamicSmemBytes = static_cast<size_t>(bytes);
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = CLUSTERED ? 1 : 0;
    code = cudaLaunchKernelEx(&config, kernel, s);
    return code ? code : gpu_last_error();
}

/* One of the kernel's forms: blocks a row and threads a block; no threads: not this kernel. */
struct cluster_form {
    int blocks, threads;
};

/* Two blocks share a row where rows leave half the SMs without one. Blocks of half the threads, of which an SM has two,
 * where there are more than SMs, or where two walk a long row. Others leave an SM idle too long: where few SMs have
 * a long row each, or few have two (bounds by measurement on an H100, against topk.cu's two steps). */
static cluster_form form_of(const gpu_device_info *gpu, int64_t rows, int64_t vectors) {
    const int64_t tile = CLUSTER_SM_THREADS * CLUSTER_VECTORS, short_tiles = 2, long_tiles = 4;
    const double busy_least = 0.5, busy_least_long = 0.75, crowded_least = 1.5, crowded_most = 2;
    int blocks = 2 * rows <= gpu->sm_count && vectors >= tile ? 2 : 1;
    double share = static_cast<double>(rows * blocks) / gpu->sm_count;
    bool is_short = vectors <= short_tiles * tile * blocks, is_long = vectors > long_tiles * tile * blocks;
    bool busy = is_short || share >= (is_long ? busy_least_long : busy_least);
    if (!busy || share > crowded_most || (share > 1 && share < crowded_least))
        return {0, 0};
    int threads = share > 1 || (blocks > 1 && is_long) ? CLUSTER_SM_THREADS / 2 : CLUSTER_SM_THREADS;
    bool fills = vectors >= static_cast<int64_t>(2) * blocks * threads; /* every lane sees a vector */
    return {blocks, fills ? threads : 0};
}

gpu_status topk_cluster(const topk_params *p, const gpu_device_info *gpu, const void *x, void *values, int32_t *columns,
                        gpu_stream stream) {
    const int compute_major_least = 9;
    if (gpu->compute_major < compute_major_least || p->top > CLUSTER_TOP_MAX || p->cols > INT32_MAX / 2 ||
        gpu->shared_bytes_per_block < static_cast<double>(sizeof(cluster_memory<CLUSTER_SM_THREADS>)) ||
        !is_aligned(x, VECTOR_BYTES))
        return GPU_NO_KERNEL;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        cluster_form form = form_of(gpu, p->rows, p->cols / vector_elements<T>());
        cluster_arguments<T> s = {static_cast<const T *>(x),
                                  static_cast<T *>(values),
                                  columns,
                                  static_cast<int>(p->cols),
                                  static_cast<int>(p->top),
                                  form.blocks,
                                  0};
        if (form.threads == 0)
            return static_cast<gpu_status>(GPU_NO_KERNEL);
        if (form.threads == CLUSTER_SM_THREADS)
            return form.blocks > 1 ? launch<CLUSTER_SM_THREADS, true>(s, p->rows, stream)
                                   : launch<CLUSTER_SM_THREADS, false>(s, p->rows, stream);
        return form.blocks > 1 ? launch<CLUSTER_SM_THREADS / 2, true>(s, p->rows, stream)
                               : launch<CLUSTER_SM_THREADS / 2, false>(s, p->rows, stream);
    });
}
