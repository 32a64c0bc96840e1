/* Gather of table rows: out[i] = table[ids[i]]. Memory bound: reads and writes one row an id, 16 bytes a thread and
 * access, several in flight. Ids outside the table are the caller's error and are not read (their rows become zero). */
#include "kernels/device.cuh"

enum { EMBEDDING_THREADS = 256, EMBEDDING_UNROLL = 4 };

/* `vectors`: of a row. */
template <typename V>
static __global__ void __launch_bounds__(EMBEDDING_THREADS)
    embedding_kernel(const int32_t *ids, const V *table, V *out, int64_t count, unsigned vectors, int64_t table_rows) {
    const int64_t block = static_cast<int64_t>(blockIdx.x) * (EMBEDDING_THREADS * EMBEDDING_UNROLL);
    /* Indices within the block's rows fit 32 bits. */
    int64_t row = block / vectors;
    unsigned first = static_cast<unsigned>(block % vectors) + threadIdx.x;
    V held[EMBEDDING_UNROLL];
#pragma unroll
    for (int u = 0; u < EMBEDDING_UNROLL; u++) {
        unsigned i = first + u * EMBEDDING_THREADS;
        held[u] = V{};
        if (block + threadIdx.x + u * EMBEDDING_THREADS >= count)
            break;
        int64_t id = ids[row + i / vectors];
        if (id >= 0 && id < table_rows)
            held[u] = load_vector(table + id * vectors + i % vectors);
    }
#pragma unroll
    for (int u = 0; u < EMBEDDING_UNROLL; u++)
        if (block + threadIdx.x + u * EMBEDDING_THREADS < count)
            store_vector(out + block + threadIdx.x + u * EMBEDDING_THREADS, held[u]);
}

template <typename V>
static gpu_status launch_width(const embedding_params *p, const gpu_operands *x, int64_t vectors, gpu_stream stream) {
    int64_t count = p->rows * vectors;
    unsigned blocks = static_cast<unsigned>(divide_up(count, EMBEDDING_THREADS * EMBEDDING_UNROLL));
    embedding_kernel<V><<<blocks, EMBEDDING_THREADS, 0, stream>>>(
        static_cast<const int32_t *>(x->at[OPERAND_embedding_ids].data),
        static_cast<const V *>(x->at[OPERAND_embedding_table].data),
        static_cast<V *>(x->at[OPERAND_embedding_out].data), count, static_cast<unsigned>(vectors), p->table_rows);
    return gpu_last_error();
}

template <typename T>
static gpu_status launch_embedding(const embedding_params *p, const gpu_operands *x, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    bool whole = p->cols % N == 0 && is_aligned(x->at[OPERAND_embedding_table].data, VECTOR_BYTES) &&
                 is_aligned(x->at[OPERAND_embedding_out].data, VECTOR_BYTES);
    return whole ? launch_width<vector<T, N>>(p, x, p->cols / N, stream)
                 : launch_width<vector<T, 1>>(p, x, p->cols, stream);
}

extern "C" gpu_status gpu_embedding(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    for (int i = 0; i < OPERAND_COUNT_embedding; i++)
        if (!x->at[i].data)
            return GPU_BAD_OPERANDS;
    return with_float_type(o->as.embedding.dtype, [&](auto *type) {
        return launch_embedding<std::remove_pointer_t<decltype(type)>>(&o->as.embedding, x, stream);
    });
}
