/* Writes new keys and values into the slots of a cache: as they are, as fp8, or as int8 or int4 with a scale a token
 * and head (its largest magnitude over the type's largest number). Memory bound: reads and writes each element once,
 * 16 bytes a thread and access, several in flight; keys and values by different blocks. Heads that are not made of
 * whole vectors take a warp each, an element a lane. */
#include "kernels/quantised.cuh"

enum { APPEND_THREADS = 256, APPEND_WARPS = APPEND_THREADS / WARP_SIZE, APPEND_UNROLL = 4 };

template <typename T> struct append_side {
    const T *in;
    int64_t stride; /* elements between tokens */
    void *cache;
    __half *scales;
};

template <typename T> struct append_arguments {
    append_side<T> side[2]; /* keys, values */
    const int32_t *slots;
    int64_t rows;
    int heads, head_dim;
};

/* Keys or values, by block: chosen field by field, since an index would copy the argument to local memory. */
template <typename T> static __device__ append_side<T> side_of(const append_arguments<T> &s) {
    bool keys = blockIdx.y == 0;
    append_side<T> side;
    side.in = keys ? s.side[0].in : s.side[1].in;
    side.stride = keys ? s.side[0].stride : s.side[1].stride;
    side.cache = keys ? s.side[0].cache : s.side[1].cache;
    side.scales = keys ? s.side[0].scales : s.side[1].scales;
    return side;
}

struct head_place {
    int64_t row, slot;
    int head, lane;
    bool inside;
};

template <typename T> static __device__ head_place place_of(const append_arguments<T> &s) {
    int64_t warp = static_cast<int64_t>(blockIdx.x) * APPEND_WARPS + threadIdx.x / WARP_SIZE;
    head_place at = {warp / s.heads, 0, static_cast<int>(warp % s.heads), static_cast<int>(threadIdx.x % WARP_SIZE),
                     warp < s.rows * s.heads};
    at.slot = at.inside ? s.slots[at.row] : 0;
    return at;
}

/* To a floating-point type, vector by vector: a token's heads follow one another on both sides. */
template <typename T, typename Cache>
static __global__ void __launch_bounds__(APPEND_THREADS)
    append_vector_kernel(append_arguments<T> s, unsigned row_vectors) {
    constexpr int N = vector_elements<T>();
    const append_side<T> side = side_of(s);
    unsigned count = static_cast<unsigned>(s.rows) * row_vectors;
    unsigned first = blockIdx.x * (APPEND_THREADS * APPEND_UNROLL) + threadIdx.x;
    vector<T, N> held[APPEND_UNROLL];
    int64_t to[APPEND_UNROLL];
#pragma unroll
    for (int u = 0; u < APPEND_UNROLL; u++) {
        unsigned i = first + u * APPEND_THREADS;
        if (i >= count)
            break;
        unsigned row = i / row_vectors, v = i % row_vectors;
        held[u] = load_vector(reinterpret_cast<const vector<T, N> *>(side.in + row * side.stride) + v);
        to[u] = static_cast<int64_t>(s.slots[row]) * row_vectors + v;
    }
#pragma unroll
    for (int u = 0; u < APPEND_UNROLL; u++) {
        if (first + u * APPEND_THREADS >= count)
            break;
        vector<Cache, N> *cache = static_cast<vector<Cache, N> *>(side.cache);
        if constexpr (std::is_same<T, Cache>::value) {
            store_vector(cache + to[u], held[u]);
        } else {
            float x[N];
            floats_of(held[u], x);
            store_vector(cache + to[u], vector_from_floats<Cache, N>(x));
        }
    }
}

/* The largest magnitude of each head: 2^lanes_log lanes share one. */
template <typename T, int N> static __device__ void head_tops(const vector<T, N> *held, int lanes_log, float *top) {
#pragma unroll
    for (int u = 0; u < APPEND_UNROLL; u++)
        top[u] = fmaxf(largest_magnitude(held[u]), static_cast<float>(QUANTISE_EPSILON));
    for (int offset = 1 << lanes_log >> 1; offset > 0; offset >>= 1)
#pragma unroll
        for (int u = 0; u < APPEND_UNROLL; u++)
            top[u] = fmaxf(top[u], __shfl_xor_sync(0xffffffffu, top[u], offset));
}

/* Levels, in low bits: value / scale, rounded. Where `top`, the largest magnitude, is so small that the scale is a
 * denormal of fp16 and far off, they are held to the type's range. */
template <typename T, int N>
static __device__ void levels_of(const vector<T, N> &v, float top, float scale, float largest, uint32_t *bits) {
    const float rounds_to_largest = 0.49f;
    float reciprocal = reciprocal_of(scale), x[N];
    floats_of(v, x);
    if (top * reciprocal > largest + rounds_to_largest) {
#pragma unroll
        for (int i = 0; i < N; i++)
            bits[i] = level_bits(x[i] * reciprocal, largest);
    } else {
#pragma unroll
        for (int i = 0; i < N; i++)
            bits[i] = __float_as_uint(fmaf(x[i], reciprocal, LEVEL_BITS));
    }
}

/* To int8 or int4: 2^lanes_log lanes share a head, a vector each. */
template <typename T, bool FOUR_BIT>
static __global__ void __launch_bounds__(APPEND_THREADS)
    append_levels_kernel(append_arguments<T> s, int lanes_log, int head_vectors) {
    constexpr int N = vector_elements<T>();
    using V = vector<T, N>;
    const append_side<T> side = side_of(s);
    const float largest = FOUR_BIT ? INT4_LARGEST : INT8_LARGEST;
    const unsigned together = APPEND_THREADS >> lanes_log, lane = threadIdx.x & ((1u << lanes_log) - 1);
    const unsigned heads = static_cast<unsigned>(s.heads), all = static_cast<unsigned>(s.rows) * heads;
    const unsigned first = blockIdx.x * together * APPEND_UNROLL + (threadIdx.x >> lanes_log);
    const bool inside = lane < static_cast<unsigned>(head_vectors);
    const V *from = reinterpret_cast<const V *>(side.in) + (inside ? lane : 0);
    const int64_t row_vectors = side.stride / N;
    V held[APPEND_UNROLL];
    unsigned slot[APPEND_UNROLL], of_row[APPEND_UNROLL];
    float top[APPEND_UNROLL];
    /* What lies beyond the end takes the last head's place instead of a branch, behind which the next load would wait.
     */
#pragma unroll
    for (int u = 0; u < APPEND_UNROLL; u++) {
        unsigned head = min(first + u * together, all - 1), row = head / heads;
        of_row[u] = head - row * heads;
        slot[u] = static_cast<unsigned>(s.slots[row]);
        held[u] = load_vector_once(from + row * row_vectors + of_row[u] * head_vectors);
    }
    head_tops(held, lanes_log, top);
#pragma unroll
    for (int u = 0; u < APPEND_UNROLL; u++) {
        if (!inside || first + u * together >= all)
            continue;
        __half stored = __float2half_rn(divide_by(top[u], largest, 1.0f / largest));
        int64_t to = static_cast<int64_t>(slot[u]) * heads + of_row[u], place = to * head_vectors + lane;
        if (lane == 0)
            side.scales[to] = stored;
        uint32_t bits[N];
        levels_of(held[u], top[u], __half2float(stored), largest, bits);
        if constexpr (FOUR_BIT && N % 8 == 0)
            store_vector(static_cast<vector<uint32_t, N / 8> *>(side.cache) + place, pack_int4<N>(bits));
        else if constexpr (!FOUR_BIT)
            store_vector(static_cast<vector<int8_t, N> *>(side.cache) + place, pack_int8<N>(bits));
    }
}

/* To a floating-point type. */
template <typename T, typename Cache>
static __global__ void __launch_bounds__(APPEND_THREADS) append_float_kernel(append_arguments<T> s) {
    head_place at = place_of(s);
    if (!at.inside)
        return;
    const append_side<T> side = side_of(s);
    const T *in = side.in + at.row * side.stride + static_cast<int64_t>(at.head) * s.head_dim;
    Cache *out = static_cast<Cache *>(side.cache) + (at.slot * s.heads + at.head) * s.head_dim;
    for (int i = at.lane; i < s.head_dim; i += WARP_SIZE)
        out[i] = from_float<Cache>(to_float(in[i]));
}

/* To int8, or to int4 two a byte (head_dim even). */
template <typename T, bool FOUR_BIT>
static __global__ void __launch_bounds__(APPEND_THREADS) append_integer_kernel(append_arguments<T> s) {
    head_place at = place_of(s);
    if (!at.inside)
        return;
    const append_side<T> side = side_of(s);
    const T *in = side.in + at.row * side.stride + static_cast<int64_t>(at.head) * s.head_dim;
    int64_t head = at.slot * s.heads + at.head;
    float top = 0;
#pragma unroll 4
    for (int i = at.lane; i < s.head_dim; i += WARP_SIZE)
        top = fmaxf(top, fabsf(to_float(in[i])));
    top = fmaxf(warp_max(top), static_cast<float>(QUANTISE_EPSILON));
    const float largest = FOUR_BIT ? INT4_LARGEST : INT8_LARGEST;
    __half stored = __float2half_rn(top / largest);
    float scale = __half2float(stored);
    if (at.lane == 0)
        side.scales[head] = stored;
    if (FOUR_BIT) {
        uint8_t *out = static_cast<uint8_t *>(side.cache) + head * (s.head_dim / 2);
        for (int i = at.lane; i < s.head_dim / 2; i += WARP_SIZE)
            out[i] = pack_int4(quantise_level(to_float(in[2 * i]), scale, largest),
                               quantise_level(to_float(in[2 * i + 1]), scale, largest));
    } else {
        int8_t *out = static_cast<int8_t *>(side.cache) + head * s.head_dim;
        for (int i = at.lane; i < s.head_dim; i += WARP_SIZE)
            out[i] = static_cast<int8_t>(quantise_level(to_float(in[i]), scale, largest));
    }
}

/* Whether tokens, or their heads, begin at 16 bytes and are made of whole vectors, keys and values alike. */
template <typename T> static bool whole_vectors(const append_arguments<T> &s, int64_t elements) {
    constexpr int N = vector_elements<T>();
    bool whole = elements % N == 0 && s.rows * s.heads * s.head_dim / N <= INT32_MAX; /* unsigned indices */
    for (const append_side<T> &side : s.side)
        whole =
            whole && side.stride % N == 0 && is_aligned(side.in, VECTOR_BYTES) && is_aligned(side.cache, VECTOR_BYTES);
    return whole;
}

template <typename T, typename Cache> static gpu_status launch_float(const append_arguments<T> &s, gpu_stream stream) {
    int64_t elements = static_cast<int64_t>(s.heads) * s.head_dim;
    if (whole_vectors(s, elements)) {
        unsigned row_vectors = static_cast<unsigned>(elements / vector_elements<T>());
        dim3 grid(static_cast<unsigned>(divide_up(s.rows * row_vectors, APPEND_THREADS * APPEND_UNROLL)), 2);
        append_vector_kernel<T, Cache><<<grid, APPEND_THREADS, 0, stream>>>(s, row_vectors);
    } else {
        dim3 grid(static_cast<unsigned>(divide_up(s.rows * s.heads, APPEND_WARPS)), 2);
        append_float_kernel<T, Cache><<<grid, APPEND_THREADS, 0, stream>>>(s);
    }
    return gpu_last_error();
}

template <typename T, bool FOUR_BIT> static gpu_status launch_levels(const append_arguments<T> &s, gpu_stream stream) {
    constexpr int N = vector_elements<T>();
    int head_vectors = s.head_dim / N, lanes_log = 0;
    while (1 << lanes_log < head_vectors)
        lanes_log++;
    if (whole_vectors(s, s.head_dim) && head_vectors <= WARP_SIZE && (!FOUR_BIT || N % 8 == 0)) {
        int64_t each = static_cast<int64_t>(APPEND_THREADS >> lanes_log) * APPEND_UNROLL;
        dim3 grid(static_cast<unsigned>(divide_up(s.rows * s.heads, each)), 2);
        append_levels_kernel<T, FOUR_BIT><<<grid, APPEND_THREADS, 0, stream>>>(s, lanes_log, head_vectors);
    } else {
        dim3 grid(static_cast<unsigned>(divide_up(s.rows * s.heads, APPEND_WARPS)), 2);
        append_integer_kernel<T, FOUR_BIT><<<grid, APPEND_THREADS, 0, stream>>>(s);
    }
    return gpu_last_error();
}

template <typename T>
static gpu_status launch_append(const kv_append_params *p, const append_arguments<T> &s, gpu_stream stream) {
    if (p->kv_dtype == DTYPE_int8)
        return launch_levels<T, false>(s, stream);
    if (p->kv_dtype == DTYPE_int4)
        return launch_levels<T, true>(s, stream);
    if (p->kv_dtype == DTYPE_fp8)
        return launch_float<T, __nv_fp8_e4m3>(s, stream);
    return p->kv_dtype == p->dtype ? launch_float<T, T>(s, stream) : static_cast<gpu_status>(GPU_NO_KERNEL);
}

extern "C" gpu_status gpu_kv_append(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const kv_append_params *p = &o->as.kv_append;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->kv_dtype == DTYPE_int4 && p->head_dim % 2 != 0)
        return GPU_NO_KERNEL;
    const gpu_tensor *t = x->at;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        append_arguments<T> s = {
            {{static_cast<const T *>(t[OPERAND_kv_append_k].data), t[OPERAND_kv_append_k].row_stride,
              t[OPERAND_kv_append_k_cache].data, static_cast<__half *>(t[OPERAND_kv_append_k_scales].data)},
             {static_cast<const T *>(t[OPERAND_kv_append_v].data), t[OPERAND_kv_append_v].row_stride,
              t[OPERAND_kv_append_v_cache].data, static_cast<__half *>(t[OPERAND_kv_append_v_scales].data)}},
            static_cast<const int32_t *>(t[OPERAND_kv_append_slots].data),
            p->rows,
            static_cast<int>(p->kv_heads),
            static_cast<int>(p->head_dim)};
        return launch_append(p, s, stream);
    });
}
