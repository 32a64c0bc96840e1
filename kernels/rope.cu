/* Rotary position embedding of queries and keys in fp32, optionally writing keys and values into the cache's slots.
 * Memory bound: reads and writes each element once.
 *
 *     pair j of a head at position p turns by p * frequency[j]; its elements are (j, j + head_dim / 2) (rotate-half,
 *     Hugging Face) or (2 j, 2 j + 1) (interleaved, Meta's Llama code)
 *
 * One block a token; its threads share the token's sines and cosines through shared memory. Heads of whole units of
 * work go 16 bytes an access; other ones element by element. */
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

/* ---- whole vectors ---- */

/* A unit: two vectors that hold as many pairs as a vector has elements. rotate-half: the first elements of the pairs,
 * and the second ones, half a head further; interleaved: neighbours. */
enum { ROPE_UNITS = 2 /* a thread holds at once */ };

/* Where a unit lies. */
template <typename T> struct rope_unit {
    const T *from;
    T *to;
    int place;    /* in the turns; -1: values, which do not turn */
    int distance; /* elements between its vectors */
};

/* Unit `i` of a token: its queries', then keys', then values'. */
template <typename T, bool INTERLEAVED>
static __device__ rope_unit<T> unit_of(const rope_arguments<T> &s, int64_t row, int64_t to, int i) {
    constexpr int N = vector_elements<T>();
    int units = s.head_dim / (2 * N), head = i / units, of_head = i % units;
    int distance = INTERLEAVED ? N : s.head_dim / 2;
    int64_t start = (INTERLEAVED ? 2 * N : N) * of_head;
    int heads = s.q_heads + s.k_heads;
    if (head < s.q_heads) {
        start += static_cast<int64_t>(head) * s.head_dim;
        return {s.q + row * s.q_stride + start, s.q_out + row * s.q_out_stride + start, of_head, distance};
    }
    if (head < heads) {
        start += static_cast<int64_t>(head - s.q_heads) * s.head_dim;
        return {s.k + row * s.k_stride + start, s.k_out + to * s.k_out_stride + start, of_head, distance};
    }
    start += static_cast<int64_t>(head - heads) * s.head_dim;
    return {s.v + row * s.v_stride + start, s.v_cache + to * s.v_out_stride + start, -1, distance};
}

/* Turns of pairs in the order in which units read them: two pairs' cosines and sines are 16 bytes, the same two of all
 * units lie side by side, so that neighbours read different banks. */
template <int N> static __device__ int turn_place(int pair, int units) {
    int unit = pair / N, of_unit = pair % N;
    return (of_unit / 2 * units + unit) * 2 + of_unit % 2;
}

template <typename T, bool INTERLEAVED>
static __device__ void turn_unit(vector<T, vector_elements<T>()> *first, vector<T, vector_elements<T>()> *second,
                                 const float2 *turns, int unit, int units) {
    constexpr int N = vector_elements<T>();
    float x[2 * N];
    floats_of(*first, x);
    floats_of(*second, x + N);
#pragma unroll
    for (int e = 0; e < N; e += 2) {
        float4 two = *reinterpret_cast<const float4 *>(&turns[(e / 2 * units + unit) * 2]);
#pragma unroll
        for (int k = 0; k < 2; k++) {
            int i = INTERLEAVED ? 2 * (e + k) : e + k, j = INTERLEAVED ? i + 1 : i + N;
            float cosine = k ? two.z : two.x, sine = k ? two.w : two.y, a = x[i], b = x[j];
            x[i] = a * cosine - b * sine;
            x[j] = b * cosine + a * sine;
        }
    }
    *first = vector_from_floats<T, N>(x);
    *second = vector_from_floats<T, N>(x + N);
}

template <typename T, bool INTERLEAVED>
static __global__ void __launch_bounds__(ROPE_THREADS) rope_vector_kernel(rope_arguments<T> s, int all) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    __shared__ alignas(VECTOR_BYTES) float2 turns[ROPE_PAIRS_MAX];
    int64_t row = blockIdx.x, to = s.slots ? s.slots[row] : row;
    int units = s.head_dim / (2 * N), threads = blockDim.x;
    float position = static_cast<float>(s.positions[row]);
    for (int begin = 0; begin < all; begin += threads * ROPE_UNITS) {
        V held[ROPE_UNITS][2];
#pragma unroll
        for (int u = 0; u < ROPE_UNITS; u++) { /* on their way while the turns are computed */
            int i = begin + u * threads + static_cast<int>(threadIdx.x);
            if (i >= all)
                continue;
            rope_unit<T> unit = unit_of<T, INTERLEAVED>(s, row, to, i);
            held[u][0] = load_vector(reinterpret_cast<const V *>(unit.from));
            held[u][1] = load_vector(reinterpret_cast<const V *>(unit.from + unit.distance));
        }
        if (begin == 0) {
            for (int j = threadIdx.x; j < s.head_dim / 2; j += threads) {
                float2 *turn = &turns[turn_place<N>(j, units)];
                sincosf(position * s.frequencies[j], &turn->y, &turn->x);
            }
            __syncthreads();
        }
#pragma unroll
        for (int u = 0; u < ROPE_UNITS; u++) {
            int i = begin + u * threads + static_cast<int>(threadIdx.x);
            if (i >= all)
                continue;
            rope_unit<T> unit = unit_of<T, INTERLEAVED>(s, row, to, i);
            if (unit.place >= 0)
                turn_unit<T, INTERLEAVED>(&held[u][0], &held[u][1], turns, unit.place, units);
            store_vector(reinterpret_cast<V *>(unit.to), held[u][0]);
            store_vector(reinterpret_cast<V *>(unit.to + unit.distance), held[u][1]);
        }
    }
}

/* ---- any head ---- */

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

/* Whether every head begins at 16 bytes and is made of units. */
template <typename T> static bool whole_units(const rope_arguments<T> &s) {
    constexpr int N = vector_elements<T>();
    bool whole = s.head_dim % (2 * N) == 0;
    const void *pointers[] = {s.q, s.k, s.v, s.q_out, s.k_out, s.v_cache};
    for (const void *pointer : pointers)
        whole = whole && is_aligned(pointer, VECTOR_BYTES);
    const int64_t strides[] = {s.q_stride, s.k_stride, s.slots ? s.v_stride : 0, s.q_out_stride, s.k_out_stride};
    for (int64_t stride : strides)
        whole = whole && stride % N == 0;
    return whole;
}

template <typename T, bool INTERLEAVED>
static gpu_status launch_rope(const rope_arguments<T> &s, unsigned rows, gpu_stream stream) {
    if (!whole_units(s)) {
        rope_kernel<T, INTERLEAVED><<<rows, ROPE_THREADS, 0, stream>>>(s);
        return gpu_last_error();
    }
    int all = (s.q_heads + s.k_heads * (s.slots ? 2 : 1)) * (s.head_dim / (2 * vector_elements<T>()));
    int64_t wanted = divide_up(divide_up(all, ROPE_UNITS), WARP_SIZE) * WARP_SIZE;
    int threads = wanted < ROPE_THREADS ? static_cast<int>(wanted) : static_cast<int>(ROPE_THREADS);
    rope_vector_kernel<T, INTERLEAVED><<<rows, threads, 0, stream>>>(s, all);
    return gpu_last_error();
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
        return p->interleaved ? launch_rope<T, true>(s, rows, stream) : launch_rope<T, false>(s, rows, stream);
    });
}
