/* LayerNorm by row: (x - mean) / sqrt(var + epsilon) * weight + bias in fp32; optionally of x + residual, which is
 * stored too, and optionally multiplied by a gate. Memory bound: each tensor once. Two passes over registers (mean,
 * then squares of differences) avoid the cancellation of sum and sum of squares. */
#include "kernels/rows.cuh"

template <typename T> struct layernorm_arguments {
    const T *x, *residual, *gate, *weight, *bias;
    T *sum, *out;
    int64_t rows;
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

template <typename T>
static __device__ T finish(const layernorm_arguments<T> &s, float centred, float inverse, int c, int64_t at) {
    float value = centred * inverse * to_float(s.weight[c]) + to_float(s.bias[c]);
    return from_float<T>(s.gate ? value * to_float(s.gate[at]) : value);
}

template <typename T, bool WARP>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) layernorm_vector_kernel(layernorm_arguments<T> s) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    int64_t row = row_index<WARP>(), base = row * s.cols;
    if (row >= s.rows)
        return; /* whole warps: nobody waits for them */
    int vectors = s.cols / N, lane = row_lane<WARP>(), lanes = row_lanes<WARP>();
    V held[ROWS_VECTORS];
    float total = 0, squares = 0;
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        int v = lane + j * lanes;
        if (v >= vectors)
            continue;
        held[j] = reinterpret_cast<const V *>(s.x + base)[v];
        if (s.residual) {
            V r = reinterpret_cast<const V *>(s.residual + base)[v];
#pragma unroll
            for (int i = 0; i < N; i++)
                held[j].at[i] = from_float<T>(to_float(held[j].at[i]) + to_float(r.at[i]));
            reinterpret_cast<V *>(s.sum + base)[v] = held[j];
        }
#pragma unroll
        for (int i = 0; i < N; i++)
            total += to_float(held[j].at[i]);
    }
    float mean = row_sum<WARP>(total) / s.cols;
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        if (lane + j * lanes >= vectors)
            continue;
#pragma unroll
        for (int i = 0; i < N; i++) {
            float centred = to_float(held[j].at[i]) - mean;
            squares += centred * centred;
        }
    }
    float inverse = rsqrtf(row_sum<WARP>(squares) / s.cols + static_cast<float>(LAYERNORM_EPSILON));
#pragma unroll
    for (int j = 0; j < ROWS_VECTORS; j++) {
        int v = lane + j * lanes;
        if (v >= vectors)
            continue;
        V result;
#pragma unroll
        for (int i = 0; i < N; i++)
            result.at[i] = finish(s, to_float(held[j].at[i]) - mean, inverse, v * N + i, base + v * N + i);
        reinterpret_cast<V *>(s.out + base)[v] = result;
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
    for (int c = threadIdx.x; c < s.cols; c += blockDim.x)
        s.out[base + c] = finish(s, to_float(row[base + c]) - mean, inverse, c, base + c);
}

template <typename T>
static gpu_status launch_layernorm(const layernorm_arguments<T> &s, bool aligned, gpu_stream stream) {
    row_layout layout = row_layout_of<T>(s.rows, s.cols, aligned);
    if (!layout.whole)
        layernorm_scalar_kernel<T><<<layout.blocks, layout.threads, 0, stream>>>(s);
    else if (layout.group == WARP_SIZE && layout.threads > WARP_SIZE)
        layernorm_vector_kernel<T, true><<<layout.blocks, layout.threads, 0, stream>>>(s);
    else
        layernorm_vector_kernel<T, false><<<layout.blocks, layout.threads, 0, stream>>>(s);
    return gpu_last_error();
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
                                    p->rows,
                                    static_cast<int>(p->cols)};
        return launch_layernorm(s, aligned, stream);
    });
}
