/* Softmax by row, or its logarithm: exp(x - max) / sum in fp32. Memory bound: reads and writes each element once where
 * a row fits in registers, reads it three times otherwise (maximum, sum, result; the later passes mostly from L2). */
#include "kernels/rows.cuh"

template <typename T, bool LOG> static __device__ T softmax_result(float x, float top, float sum) {
    if constexpr (LOG)
        return from_float<T>(x - top - logf(sum));
    return from_float<T>(expf(x - top) / sum);
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
            sum += expf(to_float(held[j].at[i]) - top);
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

template <typename T, bool LOG>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) softmax_scalar_kernel(const T *x, T *out, int cols) {
    const T *from = x + static_cast<int64_t>(blockIdx.x) * cols;
    T *to = out + static_cast<int64_t>(blockIdx.x) * cols;
    float top = -INFINITY, sum = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
        top = fmaxf(top, to_float(from[c]));
    top = block_max(top);
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
        sum += expf(to_float(from[c]) - top);
    sum = block_sum(sum);
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
        to[c] = softmax_result<T, LOG>(to_float(from[c]), top, sum);
}

template <typename T, bool LOG>
static gpu_status launch_softmax(const softmax_params *p, const T *x, T *out, gpu_stream stream) {
    bool aligned = is_aligned(x, VECTOR_BYTES) && is_aligned(out, VECTOR_BYTES);
    row_layout layout = row_layout_of<T>(p->rows, p->cols, aligned);
    int cols = static_cast<int>(p->cols);
    if (!layout.whole)
        softmax_scalar_kernel<T, LOG><<<layout.blocks, layout.threads, 0, stream>>>(x, out, cols);
    else if (layout.group == WARP_SIZE && layout.threads > WARP_SIZE)
        softmax_vector_kernel<T, true, LOG><<<layout.blocks, layout.threads, 0, stream>>>(x, out, p->rows, cols);
    else
        softmax_vector_kernel<T, false, LOG><<<layout.blocks, layout.threads, 0, stream>>>(x, out, p->rows, cols);
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
