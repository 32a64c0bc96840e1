/* Mean of each row, in fp32. Memory bound: reads each element once. Rows of few elements share a block, a warp each. */
#include "kernels/rows.cuh"

enum { REDUCE_WARP_COLS_MAX = 4096 };

template <typename T, int N, bool WARP>
static __global__ void __launch_bounds__(ROWS_THREADS_MAX) reduce_kernel(const T *x, T *out, int64_t rows, int cols) {
    using V = vector<T, N>;
    int64_t row = row_index<WARP>();
    if (row >= rows)
        return; /* whole warps */
    const V *from = reinterpret_cast<const V *>(x + row * cols);
    float total = 0;
#pragma unroll 4
    for (int v = row_lane<WARP>(); v < cols / N; v += row_lanes<WARP>()) {
        V held = from[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            total += to_float(held.at[i]);
    }
    total = row_sum<WARP>(total);
    if (row_lane<WARP>() == 0)
        out[row] = from_float<T>(total / cols);
}

template <typename T, int N>
static gpu_status launch_reduce(const reduce_params *p, const T *x, T *out, gpu_stream stream) {
    int cols = static_cast<int>(p->cols);
    if (cols <= REDUCE_WARP_COLS_MAX) {
        unsigned blocks = static_cast<unsigned>(divide_up(p->rows, ROWS_WARPS_A_BLOCK));
        reduce_kernel<T, N, true><<<blocks, ROWS_WARPS_A_BLOCK * WARP_SIZE, 0, stream>>>(x, out, p->rows, cols);
    } else {
        reduce_kernel<T, N, false>
            <<<static_cast<unsigned>(p->rows), ROWS_THREADS_MAX, 0, stream>>>(x, out, p->rows, cols);
    }
    return gpu_last_error();
}

extern "C" gpu_status gpu_reduce(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const reduce_params *p = &o->as.reduce;
    const void *in = x->at[OPERAND_reduce_x].data;
    void *out = x->at[OPERAND_reduce_out].data;
    if (!in || !out)
        return GPU_BAD_OPERANDS;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const T *from = static_cast<const T *>(in);
        T *to = static_cast<T *>(out);
        constexpr int N = vector_elements<T>();
        bool whole = p->cols % N == 0 && is_aligned(in, VECTOR_BYTES);
        return whole ? launch_reduce<T, N>(p, from, to, stream) : launch_reduce<T, 1>(p, from, to, stream);
    });
}
