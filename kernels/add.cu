/* Element-wise sum: out = a + b in fp32, rounded once. Memory bound: reads 2 and writes 1 element a sum.
 *
 * A thread takes 16 bytes at a time and strides over the tensor; the elements that do not fill a vector are done one
 * by one by the last threads. */
#include "kernels/device.cuh"

enum { ADD_THREADS = 256, ADD_VECTORS_PER_THREAD = 4 };

template <typename T>
static __global__ void __launch_bounds__(ADD_THREADS) add_kernel(const T *a, const T *b, T *out, int64_t count) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    int64_t vectors = count / N;
    int64_t stride = static_cast<int64_t>(gridDim.x) * blockDim.x;
    int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
    for (int64_t v = first; v < vectors; v += stride) {
        V x = reinterpret_cast<const V *>(a)[v], y = reinterpret_cast<const V *>(b)[v];
#pragma unroll
        for (int i = 0; i < N; i++)
            x.at[i] = from_float<T>(to_float(x.at[i]) + to_float(y.at[i]));
        reinterpret_cast<V *>(out)[v] = x;
    }
    for (int64_t i = vectors * N + first; i < count; i += stride)
        out[i] = from_float<T>(to_float(a[i]) + to_float(b[i]));
}

extern "C" gpu_status gpu_add(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const void *a = x->at[OPERAND_add_a].data, *b = x->at[OPERAND_add_b].data;
    void *out = x->at[OPERAND_add_out].data;
    if (!a || !b || !out || !is_aligned(a, VECTOR_BYTES) || !is_aligned(b, VECTOR_BYTES) ||
        !is_aligned(out, VECTOR_BYTES))
        return GPU_BAD_OPERANDS;
    int64_t count = o->as.add.rows * o->as.add.cols;
    return with_float_type(o->as.add.dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        int64_t each = ADD_THREADS * ADD_VECTORS_PER_THREAD * vector_elements<T>();
        unsigned blocks = static_cast<unsigned>(divide_up(count, each));
        add_kernel<T><<<blocks, ADD_THREADS, 0, stream>>>(static_cast<const T *>(a), static_cast<const T *>(b),
                                                          static_cast<T *>(out), count);
        return gpu_last_error();
    });
}
