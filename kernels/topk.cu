/* The largest values of each row, largest first. Two steps: blocks hold a stretch of columns in registers and take
 * their largest, one after the other; then a block a row does the same with what they found. Reads each element once.
 */
#include "kernels/ordered.cuh"

enum {
    TOPK_BLOCK_THREADS = 256,
    TOPK_HELD = 16, /* keys a thread */
    TOPK_STRETCH = TOPK_BLOCK_THREADS * TOPK_HELD,
    TOPK_MAX = 128,
};

/* Takes the block's `top` largest of the held keys; thread 0 writes them. */
template <typename Write> static __device__ void take_largest(ordered_key *held, int top, Write write) {
    ordered_key mine = ORDERED_NONE;
#pragma unroll
    for (int i = 0; i < TOPK_HELD; i++)
        mine = held[i] > mine ? held[i] : mine;
    for (int k = 0; k < top; k++) {
        ordered_key best = block_largest(mine);
        if (threadIdx.x == 0)
            write(k, best);
        if (mine != best || best == ORDERED_NONE)
            continue;
        mine = ORDERED_NONE; /* keys are all different: this thread alone held it */
#pragma unroll
        for (int i = 0; i < TOPK_HELD; i++) {
            if (held[i] == best)
                held[i] = ORDERED_NONE;
            mine = held[i] > mine ? held[i] : mine;
        }
    }
}

template <typename T>
static __global__ void __launch_bounds__(TOPK_BLOCK_THREADS)
    topk_stretch_kernel(const T *x, ordered_key *found, int64_t cols, int top) {
    const T *row = x + blockIdx.y * cols;
    ordered_key held[TOPK_HELD];
#pragma unroll
    for (int i = 0; i < TOPK_HELD; i++) {
        int64_t c = static_cast<int64_t>(blockIdx.x) * TOPK_STRETCH + i * TOPK_BLOCK_THREADS + threadIdx.x;
        held[i] = c < cols ? ordered_key_of(to_float(row[c]), static_cast<uint32_t>(c)) : ORDERED_NONE;
    }
    ordered_key *out = found + (static_cast<int64_t>(blockIdx.y) * gridDim.x + blockIdx.x) * top;
    take_largest(held, top, [&](int k, ordered_key key) { out[k] = key; });
}

template <typename T>
static __global__ void __launch_bounds__(TOPK_BLOCK_THREADS)
    topk_merge_kernel(const ordered_key *found, T *values, int32_t *columns, int candidates, int top) {
    const ordered_key *row = found + static_cast<int64_t>(blockIdx.x) * candidates;
    ordered_key held[TOPK_HELD];
#pragma unroll
    for (int i = 0; i < TOPK_HELD; i++) {
        int c = i * TOPK_BLOCK_THREADS + static_cast<int>(threadIdx.x);
        held[i] = c < candidates ? row[c] : ORDERED_NONE;
    }
    int64_t base = static_cast<int64_t>(blockIdx.x) * top;
    take_largest(held, top, [&](int k, ordered_key key) {
        values[base + k] = from_float<T>(ordered_value(key));
        columns[base + k] = static_cast<int32_t>(ordered_column(key));
    });
}

static int64_t stretches_of(const topk_params *p) {
    return divide_up(p->cols, TOPK_STRETCH);
}

extern "C" size_t gpu_topk_workspace_bytes(const op *o, const plan *) {
    const topk_params *p = &o->as.topk;
    return static_cast<size_t>(p->rows * stretches_of(p) * p->top) * sizeof(ordered_key);
}

extern "C" gpu_status gpu_topk(const op *o, const plan *, const gpu_operands *x, void *workspace, gpu_stream stream) {
    const topk_params *p = &o->as.topk;
    const int64_t rows_max = 65535; /* grid.y */
    if (!operands_are_there(o, x) || !workspace)
        return GPU_BAD_OPERANDS;
    int64_t stretches = stretches_of(p), candidates = stretches * p->top;
    if (p->top > TOPK_MAX || candidates > TOPK_STRETCH || p->rows > rows_max)
        return GPU_NO_KERNEL;
    int top = static_cast<int>(p->top);
    dim3 grid(static_cast<unsigned>(stretches), static_cast<unsigned>(p->rows));
    ordered_key *found = static_cast<ordered_key *>(workspace);
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        topk_stretch_kernel<T><<<grid, TOPK_BLOCK_THREADS, 0, stream>>>(
            static_cast<const T *>(x->at[OPERAND_topk_x].data), found, p->cols, top);
        topk_merge_kernel<T><<<grid.y, TOPK_BLOCK_THREADS, 0, stream>>>(
            found, static_cast<T *>(x->at[OPERAND_topk_values].data),
            static_cast<int32_t *>(x->at[OPERAND_topk_columns].data), static_cast<int>(candidates), top);
        return gpu_last_error();
    });
}
