/* Root-mean-square norm by row: x / sqrt(mean(x^2) + epsilon) * weight, optionally of x + residual, which is stored
 * too. Sums in fp32. Memory bound: reads and writes each tensor once; weights stay in cache. Long or odd rows are read
 * a second time. */
#include "kernels/rows.cuh"

template <typename T> struct rmsnorm_arguments {
    const T *x, *residual, *weight;
    T *sum, *out;
    int cols;
};

template <typename T, typename Shape, bool RESIDUAL>
static __global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    rmsnorm_kernel(rmsnorm_arguments<T> s, row_span span) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    row_place at = place_in<Shape>(span);
    V held[Shape::ROWS][Shape::VECTORS];
    float squares[Shape::ROWS] = {}, each = 1.0f / static_cast<float>(s.cols);
    load_rows<Shape>(s.x, span, at, held);
    if constexpr (RESIDUAL)
        add_rows<T, Shape>(s.residual, s.sum, span, at, held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) { /* zeros where there is no vector */
            float x[N];
            floats_of(held[u][j], x);
#pragma unroll
            for (int i = 0; i < N; i++)
                squares[u] += x[i] * x[i];
        }
    sum_rows<Shape>(squares, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
        squares[u] = rsqrtf(squares[u] * each + static_cast<float>(RMSNORM_EPSILON));
#pragma unroll
    for (int j = 0; j < Shape::VECTORS; j++) {
        if (!has_vector(span, at, j))
            continue;
        V weights = load_vector(reinterpret_cast<const V *>(s.weight) + vector_of(at, j));
#pragma unroll
        for (int u = 0; u < Shape::ROWS; u++) {
            if (!has_row(at, u))
                continue;
            float x[N], weight[N];
            floats_of(held[u][j], x);
            floats_of(weights, weight);
            keep_packed(&weights);
#pragma unroll
            for (int i = 0; i < N; i++)
                x[i] *= squares[u] * weight[i];
            store_vector(reinterpret_cast<V *>(s.out) + place_of(span, at, u, j), vector_from_floats<T, N>(x));
        }
    }
}

/* Any width: one element at a time, read twice. */
template <typename T, bool RESIDUAL>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) rmsnorm_scalar_kernel(rmsnorm_arguments<T> s) {
    int64_t base = static_cast<int64_t>(blockIdx.x) * s.cols;
    const T *row = RESIDUAL ? s.sum + base : s.x + base;
    float squares = 0;
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) {
        float value = to_float(s.x[base + c]);
        if constexpr (RESIDUAL) {
            T sum = from_float<T>(value + to_float(s.residual[base + c]));
            s.sum[base + c] = sum;
            value = to_float(sum);
        }
        squares += value * value;
    }
    float inverse = rsqrtf(block_sum(squares) / s.cols + static_cast<float>(RMSNORM_EPSILON));
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) /* the same thread wrote sum[c] */
        s.out[base + c] = from_float<T>(to_float(row[c]) * inverse * to_float(s.weight[c]));
}

template <typename T, bool RESIDUAL>
static gpu_status launch_rmsnorm(const rmsnorm_arguments<T> &s, int64_t rows, bool aligned, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    if (!aligned || s.cols % N != 0 || !rows_fit(s.cols / N)) {
        rmsnorm_scalar_kernel<T, RESIDUAL><<<static_cast<unsigned>(rows), row_threads(s.cols, 1), 0, stream>>>(s);
        return gpu_last_error();
    }
    return with_row_shape(rows, s.cols / N, [&](auto shape, row_span span, unsigned blocks, int threads) {
        rmsnorm_kernel<T, decltype(shape), RESIDUAL><<<blocks, threads, 0, stream>>>(s, span);
        return gpu_last_error();
    });
}

extern "C" gpu_status gpu_rmsnorm(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    const gpu_tensor *t = x->at;
    const int needed[] = {OPERAND_rmsnorm_x, OPERAND_rmsnorm_weight, OPERAND_rmsnorm_out, OPERAND_rmsnorm_residual,
                          OPERAND_rmsnorm_sum};
    bool aligned = true;
    for (int i = 0; i < (p->residual ? 5 : 3); i++) {
        if (!t[needed[i]].data)
            return GPU_BAD_OPERANDS;
        aligned = aligned && is_aligned(t[needed[i]].data, VECTOR_BYTES);
    }
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        rmsnorm_arguments<T> s = {static_cast<const T *>(t[OPERAND_rmsnorm_x].data),
                                  static_cast<const T *>(t[OPERAND_rmsnorm_residual].data),
                                  static_cast<const T *>(t[OPERAND_rmsnorm_weight].data),
                                  static_cast<T *>(t[OPERAND_rmsnorm_sum].data),
                                  static_cast<T *>(t[OPERAND_rmsnorm_out].data),
                                  static_cast<int>(p->cols)};
        return p->residual ? launch_rmsnorm<T, true>(s, p->rows, aligned, stream)
                           : launch_rmsnorm<T, false>(s, p->rows, aligned, stream);
    });
}
