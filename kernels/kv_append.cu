/* Writes new keys and values into the slots of a cache: as they are, as fp8, or as int8 or int4 with a scale a token
 * and head (its largest magnitude over the type's largest number). Memory bound: reads and writes each element once. A
 * warp a head of a token, keys and values by different warps. */
#include "kernels/quantised.cuh"

enum { APPEND_THREADS = 256, APPEND_WARPS = APPEND_THREADS / WARP_SIZE };

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

/* To the type that they have, 16 bytes a thread: a token's heads follow one another on both sides. */
template <typename T>
static __global__ void __launch_bounds__(APPEND_THREADS) append_vector_kernel(append_arguments<T> s, int row_vectors) {
    using V = vector<T, vector_elements<T>()>;
    int64_t i = static_cast<int64_t>(blockIdx.x) * APPEND_THREADS + threadIdx.x;
    int64_t row = i / row_vectors, v = i % row_vectors;
    if (row >= s.rows)
        return;
    const append_side<T> &side = s.side[blockIdx.y];
    const V *in = reinterpret_cast<const V *>(side.in + row * side.stride);
    V *out = static_cast<V *>(side.cache) + static_cast<int64_t>(s.slots[row]) * row_vectors;
    out[v] = in[v];
}

/* To a floating-point type. */
template <typename T, typename Cache>
static __global__ void __launch_bounds__(APPEND_THREADS) append_float_kernel(append_arguments<T> s) {
    head_place at = place_of(s);
    if (!at.inside)
        return;
    const append_side<T> &side = s.side[blockIdx.y];
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
    const append_side<T> &side = s.side[blockIdx.y];
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

/* Whether tokens begin at 16 bytes and are made of whole vectors, keys and values alike. */
template <typename T> static bool whole_vectors(const kv_append_params *p, const append_arguments<T> &s) {
    constexpr int N = vector_elements<T>();
    bool whole = p->kv_heads * p->head_dim % N == 0;
    for (const append_side<T> &side : s.side)
        whole =
            whole && side.stride % N == 0 && is_aligned(side.in, VECTOR_BYTES) && is_aligned(side.cache, VECTOR_BYTES);
    return whole;
}

template <typename T>
static gpu_status launch_append(const kv_append_params *p, const append_arguments<T> &s, gpu_stream stream) {
    dim3 grid(static_cast<unsigned>(divide_up(p->rows * p->kv_heads, APPEND_WARPS)), 2);
    int row_vectors = static_cast<int>(p->kv_heads * p->head_dim / vector_elements<T>());
    if (p->kv_dtype == DTYPE_int8)
        append_integer_kernel<T, false><<<grid, APPEND_THREADS, 0, stream>>>(s);
    else if (p->kv_dtype == DTYPE_int4)
        append_integer_kernel<T, true><<<grid, APPEND_THREADS, 0, stream>>>(s);
    else if (p->kv_dtype == DTYPE_fp8)
        append_float_kernel<T, __nv_fp8_e4m3><<<grid, APPEND_THREADS, 0, stream>>>(s);
    else if (p->kv_dtype == p->dtype && whole_vectors(p, s))
        append_vector_kernel<T><<<dim3(static_cast<unsigned>(divide_up(p->rows * row_vectors, APPEND_THREADS)), 2),
                                  APPEND_THREADS, 0, stream>>>(s, row_vectors);
    else if (p->kv_dtype == p->dtype)
        append_float_kernel<T, T><<<grid, APPEND_THREADS, 0, stream>>>(s);
    else
        return GPU_NO_KERNEL;
    return gpu_last_error();
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
