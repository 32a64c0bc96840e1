/* Rotary position embedding of queries and keys in fp32, optionally writing keys and values into the cache's slots.
 * Memory bound: reads and writes each element once.
 *
 *     pair j of a head at position p turns by p * frequency[j]; its elements are (j, j + head_dim / 2) (rotate-half,
 *     Hugging Face) or (2 j, 2 j + 1) (interleaved, Meta's Llama code)
 *
 * One block a token; its threads share the token's sines and cosines through shared memory. */
#include "kernels/device.cuh"

enum { ROPE_THREADS = 256, ROPE_PAIRS_MAX = 256 };

template <typename T> struct rope_arguments {
    const T *q, *k, *v;
    const int32_t *positions, *slots; /* slots: NULL without a cache */
    const float *frequencies;
    T *q_out, *k_out, *v_cache; /* k_out: the cache where there is one */
    int64_t q_stride, k_stride, v_stride, q_out_stride, k_out_stride, v_out_stride;
    int q_heads, k_heads, head_dim;
};

/* Elements of pair j within its head. */
template <bool INTERLEAVED> static __device__ int2 pair_of(int j, int half) {
    return INTERLEAVED ? make_int2(2 * j, 2 * j + 1) : make_int2(j, j + half);
}

template <typename T, bool INTERLEAVED>
static __device__ void rotate_heads(const T *in, T *out, int heads, int head_dim, const float2 *turns) {
    int half = head_dim / 2;
    for (int i = threadIdx.x; i < heads * half; i += ROPE_THREADS) {
        int j = i % half, base = i / half * head_dim;
        int2 at = pair_of<INTERLEAVED>(j, half);
        float a = to_float(in[base + at.x]), b = to_float(in[base + at.y]);
        out[base + at.x] = from_float<T>(a * turns[j].x - b * turns[j].y);
        out[base + at.y] = from_float<T>(b * turns[j].x + a * turns[j].y);
    }
}

template <typename T, bool INTERLEAVED>
static __global__ void __launch_bounds__(ROPE_THREADS) rope_kernel(rope_arguments<T> s) {
    __shared__ float2 turns[ROPE_PAIRS_MAX];
    int64_t row = blockIdx.x;
    float position = static_cast<float>(s.positions[row]);
    for (int j = threadIdx.x; j < s.head_dim / 2; j += ROPE_THREADS)
        sincosf(position * s.frequencies[j], &turns[j].y, &turns[j].x);
    __syncthreads();
    rotate_heads<T, INTERLEAVED>(s.q + row * s.q_stride, s.q_out + row * s.q_out_stride, s.q_heads, s.head_dim, turns);
    int64_t to = s.slots ? s.slots[row] : row;
    rotate_heads<T, INTERLEAVED>(s.k + row * s.k_stride, s.k_out + to * s.k_out_stride, s.k_heads, s.head_dim, turns);
    if (!s.slots)
        return;
    const T *v = s.v + row * s.v_stride;
    T *v_cache = s.v_cache + to * s.v_out_stride;
    for (int i = threadIdx.x; i < s.k_heads * s.head_dim; i += ROPE_THREADS)
        v_cache[i] = v[i];
}

extern "C" gpu_status gpu_rope(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const rope_params *p = &o->as.rope;
    if (p->head_dim % 2 != 0 || p->head_dim / 2 > ROPE_PAIRS_MAX)
        return GPU_NO_KERNEL;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    const gpu_tensor *t = x->at;
    const gpu_tensor *k_out = &t[p->kv_write ? OPERAND_rope_k_cache : OPERAND_rope_k_out];
    const gpu_tensor *v_out = &t[OPERAND_rope_v_cache];
    int64_t kv_cols = p->kv_heads * p->head_dim;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        rope_arguments<T> s = {static_cast<const T *>(t[OPERAND_rope_q].data),
                               static_cast<const T *>(t[OPERAND_rope_k].data),
                               p->kv_write ? static_cast<const T *>(t[OPERAND_rope_v].data) : nullptr,
                               static_cast<const int32_t *>(t[OPERAND_rope_positions].data),
                               p->kv_write ? static_cast<const int32_t *>(t[OPERAND_rope_slots].data) : nullptr,
                               static_cast<const float *>(t[OPERAND_rope_frequencies].data),
                               static_cast<T *>(t[OPERAND_rope_q_out].data),
                               static_cast<T *>(k_out->data),
                               p->kv_write ? static_cast<T *>(v_out->data) : nullptr,
                               t[OPERAND_rope_q].row_stride,
                               t[OPERAND_rope_k].row_stride,
                               t[OPERAND_rope_v].row_stride,
                               t[OPERAND_rope_q_out].row_stride,
                               p->kv_write ? kv_cols : k_out->row_stride, /* caches are contiguous */
                               kv_cols,
                               static_cast<int>(p->heads),
                               static_cast<int>(p->kv_heads),
                               static_cast<int>(p->head_dim)};
        unsigned rows = static_cast<unsigned>(p->rows);
        if (p->interleaved)
            rope_kernel<T, true><<<rows, ROPE_THREADS, 0, stream>>>(s);
        else
            rope_kernel<T, false><<<rows, ROPE_THREADS, 0, stream>>>(s);
        return gpu_last_error();
    });
}
