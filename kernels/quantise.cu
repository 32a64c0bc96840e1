/* Dynamic quantisation by row: scale = largest magnitude / largest number of the type, out = x / scale, rounded. Memory
 * bound: a row that fits in registers is read once. */
#include "kernels/quantised.cuh"
#include "kernels/rows.cuh"

template <typename Q> __device__ inline Q quantised(float value, float scale);
template <> __device__ inline int8_t quantised<int8_t>(float value, float scale) {
    return static_cast<int8_t>(quantise_level(value, scale, INT8_LARGEST));
}
template <> __device__ inline __nv_fp8_e4m3 quantised<__nv_fp8_e4m3>(float value, float scale) {
    return from_float<__nv_fp8_e4m3>(value / scale);
}

template <typename T, typename Q, int N, bool WARP>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX)
    quantise_kernel(const T *x, float *scales, Q *out, int64_t rows, int cols, float largest) {
    using VI = vector<T, N>;
    using VO = vector<Q, N>;
    int64_t row = row_index<WARP>();
    if (row >= rows)
        return; /* whole warps */
    const VI *from = reinterpret_cast<const VI *>(x + row * cols);
    VO *to = reinterpret_cast<VO *>(out + row * cols);
    int vectors = cols / N, lane = row_lane<WARP>(), lanes = row_lanes<WARP>();
    float top = 0;
    for (int v = lane; v < vectors; v += lanes) {
        VI held = from[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            top = fmaxf(top, fabsf(to_float(held.at[i])));
    }
    float scale = fmaxf(row_max<WARP>(top), static_cast<float>(QUANTISE_EPSILON)) / largest;
    if (lane == 0)
        scales[row] = scale;
    for (int v = lane; v < vectors; v += lanes) { /* from L1: the row was read a moment ago */
        VI held = from[v];
        VO result;
#pragma unroll
        for (int i = 0; i < N; i++)
            result.at[i] = quantised<Q>(to_float(held.at[i]), scale);
        to[v] = result;
    }
}

template <typename T, typename Q, int N>
static gpu_status launch_width(const quantise_params *p, const T *x, float *scales, Q *out, float largest,
                               gpu_stream stream) {
    row_layout layout = row_layout_of<T>(p->rows, p->cols, N > 1);
    int cols = static_cast<int>(p->cols);
    if (layout.group == WARP_SIZE && layout.threads > WARP_SIZE)
        quantise_kernel<T, Q, N, true>
            <<<layout.blocks, layout.threads, 0, stream>>>(x, scales, out, p->rows, cols, largest);
    else
        quantise_kernel<T, Q, N, false>
            <<<layout.blocks, layout.threads, 0, stream>>>(x, scales, out, p->rows, cols, largest);
    return gpu_last_error();
}

template <typename T, typename Q>
static gpu_status launch(const quantise_params *p, const gpu_operands *x, float largest, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    const T *in = static_cast<const T *>(x->at[OPERAND_quantise_x].data);
    float *scales = static_cast<float *>(x->at[OPERAND_quantise_scales].data);
    Q *out = static_cast<Q *>(x->at[OPERAND_quantise_out].data);
    bool whole = p->cols % N == 0 && is_aligned(in, VECTOR_BYTES) && is_aligned(out, N * sizeof(Q));
    return whole ? launch_width<T, Q, N>(p, in, scales, out, largest, stream)
                 : launch_width<T, Q, 1>(p, in, scales, out, largest, stream);
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
