/* Mean of each row, in fp32. Memory bound: reads each element once. */
#include "kernels/rows.cuh"

template <typename T, typename Shape>
static __global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    reduce_kernel(const T *x, T *out, int cols, row_span span) {
    constexpr int N = vector_elements<T>();
    vector<T, N> held[Shape::ROWS][Shape::VECTORS];
    row_place at = place_in<Shape>(span);
    load_rows<Shape, true>(x, span, at, held);
    float total[Shape::ROWS] = {};
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) { /* zeros where there is no vector */
            float values[N];
            floats_of(held[u][j], values);
#pragma unroll
            for (int i = 0; i < N; i++)
                total[u] += values[i];
        }
    sum_rows<Shape>(total, at);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
        if (at.lane == 0 && has_row(at, u))
            out[row_of(at, u)] = from_float<T>(total[u] / static_cast<float>(cols));
}

/* Rows of any length, N elements an access. */
template <typename T, int N>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) reduce_long_kernel(const T *x, T *out, int64_t cols) {
    const vector<T, N> *from = reinterpret_cast<const vector<T, N> *>(x + blockIdx.x * cols);
    float total = 0;
#pragma unroll 4
    for (int64_t v = threadIdx.x; v < cols / N; v += blockDim.x) {
        float values[N];
        floats_of(load_vector_once(from + v), values);
#pragma unroll
        for (int i = 0; i < N; i++)
            total += values[i];
    }
    total = block_sum(total);
    if (threadIdx.x == 0)
        out[blockIdx.x] = from_float<T>(total / static_cast<float>(cols));
}

template <typename T> static gpu_status launch_reduce(const reduce_params *p, const T *x, T *out, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    unsigned rows = static_cast<unsigned>(p->rows);
    bool whole = p->cols % N == 0 && is_aligned(x, VECTOR_BYTES);
    if (whole && rows_fit(p->cols / N))
        return with_row_shape(p->rows, p->cols / N, [&](auto shape, row_span span, unsigned blocks, int threads) {
            reduce_kernel<T, decltype(shape)><<<blocks, threads, 0, stream>>>(x, out, static_cast<int>(p->cols), span);
            return gpu_last_error();
        });
    if (whole)
        reduce_long_kernel<T, N><<<rows, ROWS_THREADS_MAX, 0, stream>>>(x, out, p->cols);
    else
        reduce_long_kernel<T, 1><<<rows, row_threads(p->cols, ROWS_VECTORS), 0, stream>>>(x, out, p->cols);
    return gpu_last_error();
}

extern "C" gpu_status gpu_reduce(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const void *in = x->at[OPERAND_reduce_x].data;
    void *out = x->at[OPERAND_reduce_out].data;
    if (!in || !out)
        return GPU_BAD_OPERANDS;
    return with_float_type(o->as.reduce.dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        return launch_reduce(&o->as.reduce, static_cast<const T *>(in), static_cast<T *>(out), stream);
    });
}
