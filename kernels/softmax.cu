/* Softmax by row, or its logarithm: exp(x - max) / sum in fp32. Memory bound: reads and writes each element once where
 * a row fits in registers (or, long rows, softmax_resident.cu's shared memory), reads it twice otherwise (maximum and
 * sum together, then the result, mostly from L2). */
#include "kernels/rows.cuh"
#include "kernels/softmax.h"

template <bool LOG> static __device__ float softmax_result(float x, float top, float sum) {
    if constexpr (LOG)
        return x - top - logf(sum);
    return __expf(x - top) * __fdividef(1.0f, sum);
}

template <typename T, int N, typename Shape, bool LOG>
static __global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    softmax_kernel(const T *x, T *out, row_span span) {
    row_place at = place_in<Shape>(span);
    vector<T, N> held[Shape::ROWS][Shape::VECTORS];
    float top[Shape::ROWS], sum[Shape::ROWS];
    load_rows<Shape>(x, span, at, held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++) {
        top[u] = -INFINITY;
        sum[u] = 0;
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            float values[N];
            floats_of(held[u][j], values);
#pragma unroll
            for (int i = 0; i < N; i++)
                top[u] = has_vector(span, at, j) ? fmaxf(top[u], values[i]) : top[u];
        }
    }
    max_rows<Shape>(top, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            float values[N];
            floats_of(held[u][j], values);
#pragma unroll
            for (int i = 0; i < N; i++)
                sum[u] += has_vector(span, at, j) ? __expf(values[i] - top[u]) : 0.0f;
        }
    sum_rows<Shape>(sum, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            if (!has_row(at, u) || !has_vector(span, at, j))
                continue;
            float values[N];
            floats_of(held[u][j], values);
#pragma unroll
            for (int i = 0; i < N; i++)
                values[i] = softmax_result<LOG>(values[i], top[u], sum[u]);
            store_vector(reinterpret_cast<vector<T, N> *>(out) + place_of(span, at, u, j),
                         vector_from_floats<T, N>(values));
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
    float values[N];
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += blockDim.x) {
        floats_of(load_vector(from + v), values);
        float top = mine.top;
#pragma unroll
        for (int i = 0; i < N; i++)
            top = fmaxf(top, values[i]);
        float sum = mine.top == -INFINITY ? 0.0f : mine.sum * expf(mine.top - top);
#pragma unroll
        for (int i = 0; i < N; i++)
            sum += __expf(values[i] - top);
        mine = {top, sum};
    }
    float top = block_max(mine.top);
    float sum = block_sum(mine.top == -INFINITY ? 0.0f : mine.sum * expf(mine.top - top));
#pragma unroll 4
    for (int v = threadIdx.x; v < vectors; v += blockDim.x) { /* from L2: the row was read a moment ago */
        floats_of(load_vector(from + v), values);
#pragma unroll
        for (int i = 0; i < N; i++)
            values[i] = softmax_result<LOG>(values[i], top, sum);
        store_vector(to + v, vector_from_floats<T, N>(values));
    }
}

template <typename T, int N, bool LOG>
static gpu_status launch_width(const softmax_params *p, const T *x, T *out, gpu_stream stream) {
    constexpr int TIMES = N == 1 ? 2 : 1;
    int64_t vectors = p->cols / N;
    if (rows_fit(vectors, ROWS_VECTORS * TIMES))
        return with_row_shape<TIMES>(p->rows, vectors, [&](auto shape, row_span span, unsigned blocks, int threads) {
            softmax_kernel<T, N, decltype(shape), LOG><<<blocks, threads, 0, stream>>>(x, out, span);
            return gpu_last_error();
        });
    softmax_stream_kernel<T, N, LOG>
        <<<static_cast<unsigned>(p->rows), ROWS_THREADS_MAX, 0, stream>>>(x, out, static_cast<int>(p->cols));
    return gpu_last_error();
}

template <typename T, bool LOG>
static gpu_status launch_softmax(const softmax_params *p, const gpu_device_info *gpu, const T *x, T *out,
                                 gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    bool aligned = is_aligned(x, VECTOR_BYTES) && is_aligned(out, VECTOR_BYTES);
    /* Rows that leave a block's registers room for no other block (16-bit elements cost twice the arithmetic a byte),
     * and rows that do not begin at a vector and are too long to be held one element at a time. */
    const int64_t held = ROWS_THREADS_MAX * ROWS_VECTORS;
    const int64_t fp32_cols = held * 4, fp16_cols = held * 3, apart_cols = ROWS_THREADS_MAX / 2;
    int64_t short_cols = p->cols % (N / 2) != 0 ? apart_cols : sizeof(T) == sizeof(float) ? fp32_cols : fp16_cols;
    if (p->cols % N != 0 && short_cols > held)
        short_cols = held; /* half vectors */
    if (aligned && gpu && p->cols > short_cols) {
        gpu_status code = softmax_resident(p, gpu, x, out, stream);
        if (code != GPU_NO_KERNEL)
            return code;
    }
    if (aligned && p->cols % N == 0)
        return launch_width<T, N, LOG>(p, x, out, stream);
    if (aligned && p->cols % (N / 2) == 0)
        return launch_width<T, N / 2, LOG>(p, x, out, stream);
    return launch_width<T, 1, LOG>(p, x, out, stream);
}

extern "C" gpu_status gpu_softmax(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const softmax_params *p = &o->as.softmax;
    const void *in = x->at[OPERAND_softmax_x].data;
    void *out = x->at[OPERAND_softmax_out].data;
    if (!in || !out)
        return GPU_BAD_OPERANDS;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const T *from = static_cast<const T *>(in);
        T *to = static_cast<T *>(out);
        const gpu_device_info *gpu = x->context ? &x->context->info : nullptr;
        return p->log ? launch_softmax<T, true>(p, gpu, from, to, stream)
                      : launch_softmax<T, false>(p, gpu, from, to, stream);
    });
}
