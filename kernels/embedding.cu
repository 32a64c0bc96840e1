/* Gather of table rows: out[i] = table[ids[i]]. Memory bound: reads and writes one row an id. A warp a row, 16 bytes a
 * thread; ids outside the table are the caller's error and are not read (their rows become zero). */
#include "kernels/device.cuh"

enum { EMBEDDING_THREADS = 256, EMBEDDING_WARPS = EMBEDDING_THREADS / WARP_SIZE };

template <typename T, int N>
static __global__ void __launch_bounds__(EMBEDDING_THREADS)
    embedding_kernel(const int32_t *ids, const T *table, T *out, int64_t rows, int cols, int64_t table_rows) {
    using V = vector<T, N>;
    int64_t row = static_cast<int64_t>(blockIdx.x) * EMBEDDING_WARPS + threadIdx.x / WARP_SIZE;
    if (row >= rows)
        return;
    int64_t id = ids[row];
    bool inside = id >= 0 && id < table_rows;
    const V *from = reinterpret_cast<const V *>(table + (inside ? id : 0) * cols);
    V *to = reinterpret_cast<V *>(out + row * cols);
    for (int v = threadIdx.x % WARP_SIZE; v < cols / N; v += WARP_SIZE)
        to[v] = inside ? from[v] : V{};
}

template <typename T>
static gpu_status launch_embedding(const embedding_params *p, const gpu_operands *x, gpu_stream stream) {
    const int32_t *ids = static_cast<const int32_t *>(x->at[OPERAND_embedding_ids].data);
    const T *table = static_cast<const T *>(x->at[OPERAND_embedding_table].data);
    T *out = static_cast<T *>(x->at[OPERAND_embedding_out].data);
    constexpr int N = vector_elements<T>();
    unsigned blocks = static_cast<unsigned>(divide_up(p->rows, EMBEDDING_WARPS));
    int cols = static_cast<int>(p->cols);
    bool whole = cols % N == 0 && is_aligned(table, VECTOR_BYTES) && is_aligned(out, VECTOR_BYTES);
    if (whole)
        embedding_kernel<T, N><<<blocks, EMBEDDING_THREADS, 0, stream>>>(ids, table, out, p->rows, cols, p->table_rows);
    else
        embedding_kernel<T, 1><<<blocks, EMBEDDING_THREADS, 0, stream>>>(ids, table, out, p->rows, cols, p->table_rows);
    return gpu_last_error();
}

extern "C" gpu_status gpu_embedding(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    for (int i = 0; i < OPERAND_COUNT_embedding; i++)
        if (!x->at[i].data)
            return GPU_BAD_OPERANDS;
    return with_float_type(o->as.embedding.dtype, [&](auto *type) {
        return launch_embedding<std::remove_pointer_t<decltype(type)>>(&o->as.embedding, x, stream);
    });
}
