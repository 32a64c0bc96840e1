/* LayerNorm by row: (x - mean) / sqrt(var + epsilon) * weight + bias in fp32; optionally of x + residual, which is
 * stored too, and optionally multiplied by a gate. Memory bound: each tensor once. Two passes over registers (mean,
 * then squares of differences) avoid the cancellation of sum and sum of squares. */
#include "kernels/rows.cuh"

template <typename T> struct layernorm_arguments {
    const T *x, *residual, *gate, *weight, *bias;
    T *sum, *out;
    int cols;
};

template <typename T> static __device__ float load_sum(const layernorm_arguments<T> &s, int64_t at) {
    float value = to_float(s.x[at]);
    if (!s.residual)
        return value;
    T sum = from_float<T>(value + to_float(s.residual[at]));
    s.sum[at] = sum;
    return to_float(sum);
}

/* The mean, and 1 / sqrt(variance + epsilon), of each row held. */
template <typename Shape, typename V>
static __device__ void moments(float cols, const row_span &span, const row_place &at, V (*held)[Shape::VECTORS],
                               float *mean, float *inverse) {
    constexpr int N = sizeof(V) / sizeof(V{}.at[0]);
    float each = 1.0f / cols;
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++) {
        mean[u] = inverse[u] = 0;
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) { /* zeros where there is no vector */
            float x[N];
            floats_of(held[u][j], x);
#pragma unroll
            for (int i = 0; i < N; i++)
                mean[u] += x[i];
        }
    }
    sum_rows<Shape>(mean, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
        mean[u] *= each;
#pragma unroll
    for (int j = 0; j < Shape::VECTORS; j++) {
        if (!has_vector(span, at, j))
            continue;
#pragma unroll
        for (int u = 0; u < Shape::ROWS; u++) {
            float x[N];
            floats_of(held[u][j], x);
#pragma unroll
            for (int i = 0; i < N; i++)
                inverse[u] += (x[i] - mean[u]) * (x[i] - mean[u]);
        }
    }
    sum_rows<Shape>(inverse, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
        inverse[u] = rsqrtf(inverse[u] * each + static_cast<float>(LAYERNORM_EPSILON));
}

template <typename T, typename Shape, bool RESIDUAL>
static __global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    layernorm_kernel(layernorm_arguments<T> s, row_span span) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    row_place at = place_in<Shape>(span);
    V held[Shape::ROWS][Shape::VECTORS];
    float mean[Shape::ROWS], inverse[Shape::ROWS];
    load_rows<Shape>(s.x, span, at, held);
    if constexpr (RESIDUAL)
        add_rows<T, Shape>(s.residual, s.sum, span, at, held);
    keep_rows_packed<Shape>(held);
    moments<Shape>(static_cast<float>(s.cols), span, at, held, mean, inverse);
#pragma unroll
    for (int j = 0; j < Shape::VECTORS; j++) {
        if (!has_vector(span, at, j))
            continue;
        V weights = load_vector(reinterpret_cast<const V *>(s.weight) + vector_of(at, j));
        V biases = load_vector(reinterpret_cast<const V *>(s.bias) + vector_of(at, j));
#pragma unroll
        for (int u = 0; u < Shape::ROWS; u++) {
            if (!has_row(at, u))
                continue;
            int64_t place = place_of(span, at, u, j);
            float x[N], weight[N], bias[N];
            floats_of(held[u][j], x);
            floats_of(weights, weight);
            floats_of(biases, bias);
            keep_packed(&weights);
            keep_packed(&biases);
#pragma unroll
            for (int i = 0; i < N; i++)
                x[i] = (x[i] - mean[u]) * inverse[u] * weight[i] + bias[i];
            if (s.gate) {
                float gate[N];
                floats_of(load_vector(reinterpret_cast<const V *>(s.gate) + place), gate);
#pragma unroll
                for (int i = 0; i < N; i++)
                    x[i] *= gate[i];
            }
            store_vector(reinterpret_cast<V *>(s.out) + place, vector_from_floats<T, N>(x));
        }
    }
}

/* Any width: read three times, one element at a time. */
template <typename T>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) layernorm_scalar_kernel(layernorm_arguments<T> s) {
    int64_t base = static_cast<int64_t>(blockIdx.x) * s.cols;
    float total = 0, squares = 0;
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x)
        total += load_sum(s, base + c);
    float mean = block_sum(total) / s.cols;
    const T *row = s.residual ? s.sum : s.x; /* a thread reads back what it wrote itself */
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) {
        float centred = to_float(row[base + c]) - mean;
        squares += centred * centred;
    }
    float inverse = rsqrtf(block_sum(squares) / s.cols + static_cast<float>(LAYERNORM_EPSILON));
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x) {
        float value = (to_float(row[base + c]) - mean) * inverse * to_float(s.weight[c]) + to_float(s.bias[c]);
        s.out[base + c] = from_float<T>(s.gate ? value * to_float(s.gate[base + c]) : value);
    }
}

template <typename T>
static gpu_status launch_layernorm(const layernorm_arguments<T> &s, int64_t rows, bool aligned, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    if (!aligned || s.cols % N != 0 || !rows_fit(s.cols / N)) {
        layernorm_scalar_kernel<T><<<static_cast<unsigned>(rows), row_threads(s.cols, ROWS_VECTORS), 0, stream>>>(s);
        return gpu_last_error();
    }
    return with_row_shape(rows, s.cols / N, [&](auto shape, row_span span, unsigned blocks, int threads) {
        using Shape = decltype(shape);
        if (s.residual)
            layernorm_kernel<T, Shape, true><<<blocks, threads, 0, stream>>>(s, span);
        else
            layernorm_kernel<T, Shape, false><<<blocks, threads, 0, stream>>>(s, span);
        return gpu_last_error();
    });
}

extern "C" gpu_status gpu_layernorm(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const layernorm_params *p = &o->as.layernorm;
    operand_list list;
    operands_of(o, &list);
    bool aligned = true;
    for (size_t i = 0; i < list.count; i++) {
        if (operand_present(&list.at[i]) && !x->at[i].data)
            return GPU_BAD_OPERANDS;
        aligned = aligned && is_aligned(x->at[i].data, VECTOR_BYTES);
    }
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        auto in = [&](int index, bool present) {
            return present ? static_cast<const T *>(x->at[index].data) : nullptr;
        };
        layernorm_arguments<T> s = {in(OPERAND_layernorm_x, true),
                                    in(OPERAND_layernorm_residual, p->residual),
                                    in(OPERAND_layernorm_gate, p->gated),
                                    in(OPERAND_layernorm_weight, true),
                                    in(OPERAND_layernorm_bias, true),
                                    p->residual ? static_cast<T *>(x->at[OPERAND_layernorm_sum].data) : nullptr,
                                    static_cast<T *>(x->at[OPERAND_layernorm_out].data),
                                    static_cast<int>(p->cols)};
        return launch_layernorm(s, p->rows, aligned, stream);
    });
}
