/* Repetition penalty: logits of seen tokens are divided by it where positive and multiplied where negative, once
 * however often a token was seen. Latency bound: two small kernels, the first gathers all values into the workspace, so
 * that a token that stands twice is not penalised twice. */
#include "kernels/device.cuh"

enum { PENALTY_THREADS = 256 };

template <typename T>
static __global__ void __launch_bounds__(PENALTY_THREADS)
    penalty_gather_kernel(const int32_t *seen, const T *logits, float *held, int64_t len, int64_t cols) {
    int64_t i = static_cast<int64_t>(blockIdx.x) * PENALTY_THREADS + threadIdx.x, row = blockIdx.y;
    if (i >= len)
        return;
    float value = to_float(logits[row * cols + seen[row * len + i]]);
    const float penalty = static_cast<float>(REPETITION_PENALTY);
    held[row * len + i] = value > 0 ? value / penalty : value * penalty;
}

template <typename T>
static __global__ void __launch_bounds__(PENALTY_THREADS)
    penalty_scatter_kernel(const int32_t *seen, T *logits, const float *held, int64_t len, int64_t cols) {
    int64_t i = static_cast<int64_t>(blockIdx.x) * PENALTY_THREADS + threadIdx.x, row = blockIdx.y;
    if (i < len) /* a token that stands twice gets the same value twice */
        logits[row * cols + seen[row * len + i]] = from_float<T>(held[row * len + i]);
}

extern "C" size_t gpu_penalty_workspace_bytes(const op *o, const plan *) {
    return static_cast<size_t>(o->as.penalty.rows * o->as.penalty.len) * sizeof(float);
}

extern "C" gpu_status gpu_penalty(const op *o, const plan *, const gpu_operands *x, void *workspace,
                                  gpu_stream stream) {
    const penalty_params *p = &o->as.penalty;
    const int64_t rows_max = 65535; /* grid.y */
    if (!operands_are_there(o, x) || !workspace)
        return GPU_BAD_OPERANDS;
    if (p->rows > rows_max)
        return GPU_NO_KERNEL;
    dim3 grid(static_cast<unsigned>(divide_up(p->len, PENALTY_THREADS)), static_cast<unsigned>(p->rows));
    const int32_t *seen = static_cast<const int32_t *>(x->at[OPERAND_penalty_seen].data);
    float *held = static_cast<float *>(workspace);
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        T *logits = static_cast<T *>(x->at[OPERAND_penalty_logits].data);
        penalty_gather_kernel<T><<<grid, PENALTY_THREADS, 0, stream>>>(seen, logits, held, p->len, p->cols);
        penalty_scatter_kernel<T><<<grid, PENALTY_THREADS, 0, stream>>>(seen, logits, held, p->len, p->cols);
        return gpu_last_error();
    });
}
