/* A longer cache from a cache and its new token: out = [past, token] for each sequence and head. Memory bound: reads
 * and writes each element once. */
#include "kernels/device.cuh"

enum { CONCAT_THREADS = 256, CONCAT_UNROLL = 4 };

template <typename V>
static __global__ void __launch_bounds__(CONCAT_THREADS)
    kv_concat_kernel(const V *past, const V *token, V *out, int64_t past_vectors, int64_t token_vectors) {
    int64_t all = past_vectors + token_vectors;
    const V *old = past + blockIdx.y * past_vectors, *fresh = token + blockIdx.y * token_vectors;
    V *to = out + blockIdx.y * all;
    int64_t first = static_cast<int64_t>(blockIdx.x) * CONCAT_THREADS * CONCAT_UNROLL + threadIdx.x;
    V held[CONCAT_UNROLL];
#pragma unroll
    for (int u = 0; u < CONCAT_UNROLL; u++) {
        int64_t v = first + u * CONCAT_THREADS;
        if (v < all)
            held[u] = v < past_vectors ? old[v] : fresh[v - past_vectors];
    }
#pragma unroll
    for (int u = 0; u < CONCAT_UNROLL; u++) {
        int64_t v = first + u * CONCAT_THREADS;
        if (v < all)
            to[v] = held[u];
    }
}

template <typename V>
static gpu_status launch(const kv_concat_params *p, const gpu_operands *x, int64_t row_bytes, gpu_stream stream) {
    int64_t token_vectors = row_bytes / static_cast<int64_t>(sizeof(V));
    int64_t past_vectors = (p->kv_len - 1) * token_vectors;
    int64_t each = static_cast<int64_t>(CONCAT_THREADS) * CONCAT_UNROLL;
    dim3 grid(static_cast<unsigned>(divide_up(past_vectors + token_vectors, each)),
              static_cast<unsigned>(p->batch * p->kv_heads));
    kv_concat_kernel<V><<<grid, CONCAT_THREADS, 0, stream>>>(
        static_cast<const V *>(x->at[OPERAND_kv_concat_past].data),
        static_cast<const V *>(x->at[OPERAND_kv_concat_token].data),
        static_cast<V *>(x->at[OPERAND_kv_concat_out].data), past_vectors, token_vectors);
    return gpu_last_error();
}

extern "C" gpu_status gpu_kv_concat(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const kv_concat_params *p = &o->as.kv_concat;
    const int64_t blocks_max = 65535; /* grid.y */
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->batch * p->kv_heads > blocks_max || (dtype_bytes(p->dtype) != 2 && p->dtype != DTYPE_fp32))
        return GPU_NO_KERNEL;
    int64_t row_bytes = p->head_dim * static_cast<int64_t>(dtype_bytes(p->dtype));
    bool whole = row_bytes % VECTOR_BYTES == 0;
    for (int i = 0; i < OPERAND_COUNT_kv_concat; i++)
        whole = whole && is_aligned(x->at[i].data, VECTOR_BYTES);
    return whole ? launch<vector<uint32_t, 4>>(p, x, row_bytes, stream) : launch<uint16_t>(p, x, row_bytes, stream);
}
