/* Beam search's cache in the order of the chosen beams: out[i] = cache[beams[i]]. Memory bound: reads and writes each
 * element once, 16 bytes a thread and access, several in flight. */
#include "kernels/device.cuh"

enum { REORDER_THREADS = 256, REORDER_UNROLL = 4 };

template <typename V>
static __global__ void __launch_bounds__(REORDER_THREADS)
    kv_reorder_kernel(const V *cache, const int32_t *beams, V *out, int64_t vectors) {
    const V *from = cache + beams[blockIdx.y] * vectors;
    V *to = out + blockIdx.y * vectors;
    int64_t first = static_cast<int64_t>(blockIdx.x) * REORDER_THREADS * REORDER_UNROLL + threadIdx.x;
    V held[REORDER_UNROLL];
#pragma unroll
    for (int u = 0; u < REORDER_UNROLL; u++)
        if (first + u * REORDER_THREADS < vectors)
            held[u] = from[first + u * REORDER_THREADS];
#pragma unroll
    for (int u = 0; u < REORDER_UNROLL; u++)
        if (first + u * REORDER_THREADS < vectors)
            to[first + u * REORDER_THREADS] = held[u];
}

template <typename V>
static gpu_status launch(const kv_reorder_params *p, const gpu_operands *x, int64_t bytes, gpu_stream stream) {
    int64_t vectors = bytes / static_cast<int64_t>(sizeof(V));
    int64_t each = static_cast<int64_t>(REORDER_THREADS) * REORDER_UNROLL;
    dim3 grid(static_cast<unsigned>(divide_up(vectors, each)), static_cast<unsigned>(p->batch));
    kv_reorder_kernel<V>
        <<<grid, REORDER_THREADS, 0, stream>>>(static_cast<const V *>(x->at[OPERAND_kv_reorder_cache].data),
                                               static_cast<const int32_t *>(x->at[OPERAND_kv_reorder_beams].data),
                                               static_cast<V *>(x->at[OPERAND_kv_reorder_out].data), vectors);
    return gpu_last_error();
}

extern "C" gpu_status gpu_kv_reorder(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const kv_reorder_params *p = &o->as.kv_reorder;
    const int64_t rows_max = 65535; /* grid.y */
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->batch > rows_max || dtype_bytes(p->dtype) < 1)
        return GPU_NO_KERNEL;
    int64_t bytes = p->kv_heads * p->kv_len * p->head_dim * static_cast<int64_t>(dtype_bytes(p->dtype));
    bool whole = bytes % VECTOR_BYTES == 0 && is_aligned(x->at[OPERAND_kv_reorder_cache].data, VECTOR_BYTES) &&
                 is_aligned(x->at[OPERAND_kv_reorder_out].data, VECTOR_BYTES);
    return whole ? launch<vector<uint32_t, 4>>(p, x, bytes, stream) : launch<uint8_t>(p, x, bytes, stream);
}
