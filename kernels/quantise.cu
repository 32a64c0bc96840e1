/* Dynamic quantisation by row: scale = largest magnitude / largest number of the type, out = x / scale, rounded. Memory
 * bound: a row that fits in registers is read once. */
#include "kernels/quantised.cuh"
#include "kernels/rows.cuh"

template <typename Q, int N> static __device__ vector<Q, N> quantised(const float *x, float scale, float reciprocal) {
    float quotients[N];
#pragma unroll
    for (int i = 0; i < N; i++)
        quotients[i] = divide_by(x[i], scale, reciprocal);
    if constexpr (std::is_integral<Q>::value) {
        uint32_t bits[N];
#pragma unroll
        for (int i = 0; i < N; i++)
            bits[i] = level_bits(quotients[i], INT8_LARGEST);
        return pack_int8<N>(bits);
    } else {
        return vector_from_floats<Q, N>(quotients);
    }
}

static __device__ float scale_of(float top, float largest) {
    return fmaxf(top, static_cast<float>(QUANTISE_EPSILON)) / largest;
}

template <typename T, typename Q, typename Shape>
static __global__ void __launch_bounds__(Shape::THREADS, Shape::BLOCKS)
    quantise_kernel(const T *x, float *scales, Q *out, float largest, row_span span) {
    constexpr int N = vector_elements<T>();
    vector<T, N> held[Shape::ROWS][Shape::VECTORS];
    row_place at = place_in<Shape>(span);
    load_rows<Shape>(x, span, at, held);
    float top[Shape::ROWS] = {};
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++)
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) /* zeros where there is no vector */
            top[u] = fmaxf(top[u], largest_magnitude(held[u][j]));
    max_rows<Shape>(top, at);
    keep_rows_packed<Shape>(held);
#pragma unroll
    for (int u = 0; u < Shape::ROWS; u++) {
        if (!has_row(at, u))
            continue;
        float scale = scale_of(top[u], largest), reciprocal = 1.0f / scale;
        if (at.lane == 0)
            scales[row_of(at, u)] = scale;
#pragma unroll
        for (int j = 0; j < Shape::VECTORS; j++) {
            if (!has_vector(span, at, j))
                continue;
            float values[N];
            floats_of(held[u][j], values);
            store_vector(reinterpret_cast<vector<Q, N> *>(out) + place_of(span, at, u, j),
                         quantised<Q, N>(values, scale, reciprocal));
        }
    }
}

/* Any width, one element at a time, read twice. */
template <typename T, typename Q>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX)
    quantise_scalar_kernel(const T *x, float *scales, Q *out, int cols, float largest) {
    const T *row = x + blockIdx.x * static_cast<int64_t>(cols);
    Q *to = out + blockIdx.x * static_cast<int64_t>(cols);
    float top = 0;
#pragma unroll 4
    for (int c = threadIdx.x; c < cols; c += blockDim.x)
        top = fmaxf(top, fabsf(to_float(row[c])));
    float scale = scale_of(block_max(top), largest), reciprocal = 1.0f / scale;
    if (threadIdx.x == 0)
        scales[blockIdx.x] = scale;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) { /* from L1: the row was read a moment ago */
        float value = to_float(row[c]);
        to[c] = quantised<Q, 1>(&value, scale, reciprocal).at[0];
    }
}

template <typename T, typename Q>
static gpu_status launch(const quantise_params *p, const gpu_operands *x, float largest, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    const T *in = static_cast<const T *>(x->at[OPERAND_quantise_x].data);
    float *scales = static_cast<float *>(x->at[OPERAND_quantise_scales].data);
    Q *out = static_cast<Q *>(x->at[OPERAND_quantise_out].data);
    if (p->cols % N != 0 || !rows_fit(p->cols / N) || !is_aligned(in, VECTOR_BYTES) ||
        !is_aligned(out, N * sizeof(Q))) {
        quantise_scalar_kernel<T, Q><<<static_cast<unsigned>(p->rows), row_threads(p->cols, ROWS_VECTORS), 0, stream>>>(
            in, scales, out, static_cast<int>(p->cols), largest);
        return gpu_last_error();
    }
    return with_row_shape(p->rows, p->cols / N, [&](auto shape, row_span span, unsigned blocks, int threads) {
        quantise_kernel<T, Q, decltype(shape)><<<blocks, threads, 0, stream>>>(in, scales, out, largest, span);
        return gpu_last_error();
    });
}

extern "C" gpu_status gpu_quantise(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const quantise_params *p = &o->as.quantise;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        if (p->out_dtype == DTYPE_int8)
            return launch<T, int8_t>(p, x, INT8_LARGEST, stream);
        if (p->out_dtype == DTYPE_fp8)
            return launch<T, __nv_fp8_e4m3>(p, x, static_cast<float>(FP8_LARGEST), stream);
        return static_cast<gpu_status>(GPU_NO_KERNEL);
    });
}
