/* Softmax by row, or its logarithm: exp(x - max) / sum in fp32. Memory bound: reads and writes each element once where
 * a row fits in registers, reads it twice otherwise (maximum and sum together, then the result, mostly from L2). */
#include "kernels/rows.cuh"

template <typename T, bool LOG> static __device__ T softmax_result(float x, float top, float sum) {
    if constexpr (LOG)
        return from_float<T>(x - top - logf(sum));
    return from_float<T>(__expf(x - top) * __fdividef(1.0f, sum));
}

template <typename T, bool WARP, bool LOG>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX)
    softmax_vector_kernel(const T *x, T *out, int64_t rows, int cols) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    int64_t row = row_index<WARP>();
    if (row >= rows)
        return; /* whole warps */
    int vectors = cols / N, lane = row_lane<WARP>(), lanes = row_lanes<WARP>();
    const V *from = reinterpret_cast<const V *>(x + row * cols);
    V *to = reinterpret_cast<V *>(out + row * cols);
    V held[ROWS_VECTORS];
    float top = -INFINITY, sum = 0;
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        int v = lane + j * lanes;
        if (v >= vectors)
            continue;
        held[j] = from[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            top = fmaxf(top, to_float(held[j].at[i]));
    }
    top = row_max<WARP>(top);
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        if (lane + j * lanes >= vectors)
            continue;
#pragma unroll
        for (int i = 0; i < N; i++)
            sum += __expf(to_float(held[j].at[i]) - top);
    }
    sum = row_sum<WARP>(sum);
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        int v = lane + j * lanes;
        if (v >= vectors)
            continue;
#pragma unroll
        for (int i = 0; i < N; i++)
            held[j].at[i] = softmax_result<T, LOG>(to_float(held[j].at[i]), top, sum);
        to[v] = held[j];
    }
}

/* A running maximum and the sum of exponentials under it. */
struct softmax_state {
    float top, sum;
};

/* Rows of any length, N elements an access: one pass for maximum and sum together, one for the result. */
template <typename T, int N, bool LOG>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) softmax_stream_kernel(const T *x, T *out, int cols) {
    using V = vector<T, N>;
    const V *from = reinterpret_cast<const V *>(x + static_cast<int64_t>(blockIdx.x) * cols);
    V *to = reinterpret_cast<V *>(out + static_cast<int64_t>(blockIdx.x) * cols);
    int vectors = cols / N;
    softmax_state mine = {-INFINITY, 0.0f};
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += blockDim.x) {
        V held = from[v];
        float top = mine.top;
#pragma unroll
        for (int i = 0; i < N; i++)
            top = fmaxf(top, to_float(held.at[i]));
        float sum = mine.top == -INFINITY ? 0.0f : mine.sum * expf(mine.top - top);
#pragma unroll
        for (int i = 0; i < N; i++)
            sum += __expf(to_float(held.at[i]) - top);
        mine = {top, sum};
    }
    float top = block_max(mine.top);
    float sum = block_sum(mine.top == -INFINITY ? 0.0f : mine.sum * expf(mine.top - top));
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += blockDim.x) { /* from L2: the row was read a moment ago */
        V held = from[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            held.at[i] = softmax_result<T, LOG>(to_float(held.at[i]), top, sum);
        to[v] = held;
    }
}

template <typename T, int N, bool LOG>
static gpu_status launch_stream(const softmax_params *p, const T *x, T *out, gpu_stream stream) {
    int64_t wanted = divide_up(p->cols, N * WARP_SIZE) * WARP_SIZE;
    int threads = ROWS_THREADS_MAX;
    if (wanted < ROWS_THREADS_MAX)
        threads = static_cast<int>(wanted);
    softmax_stream_kernel<T, N, LOG>
        <<<static_cast<unsigned>(p->rows), threads, 0, stream>>>(x, out, static_cast<int>(p->cols));
    return gpu_last_error();
}

template <typename T, bool LOG>
static gpu_status launch_softmax(const softmax_params *p, const T *x, T *out, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    bool aligned = is_aligned(x, VECTOR_BYTES) && is_aligned(out, VECTOR_BYTES);
    row_layout layout = row_layout_of<T>(p->rows, p->cols, aligned);
    int cols = static_cast<int>(p->cols);
    if (layout.whole && layout.group == WARP_SIZE && layout.threads > WARP_SIZE)
        softmax_vector_kernel<T, true, LOG><<<layout.blocks, layout.threads, 0, stream>>>(x, out, p->rows, cols);
    else if (layout.whole)
        softmax_vector_kernel<T, false, LOG><<<layout.blocks, layout.threads, 0, stream>>>(x, out, p->rows, cols);
    else if (aligned && cols % N == 0)
        return launch_stream<T, N, LOG>(p, x, out, stream);
    else if (aligned && cols % (N / 2) == 0)
        return launch_stream<T, N / 2, LOG>(p, x, out, stream);
    else
        return launch_stream<T, 1, LOG>(p, x, out, stream);
    return gpu_last_error();
}

extern "C" gpu_status gpu_softmax(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const softmax_params *p = &o->as.softmax;
    const void *in = x->at[OPERAND_softmax_x].data;
    void *out = x->at[OPERAND_softmax_out].data;
    if (!in || !out)
        return GPU_BAD_OPERANDS;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        return p->log ? launch_softmax<T, true>(p, static_cast<const T *>(in), static_cast<T *>(out), stream)
                      : launch_softmax<T, false>(p, static_cast<const T *>(in), static_cast<T *>(out), stream);
    });
}
