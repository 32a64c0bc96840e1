/* Classifier-free guidance: one row of logits from two or three conditions. Memory bound.
 *
 *     3: none + CFG_IMAGE_WEIGHT (image - none) + CFG_FULL_WEIGHT (full - image)
 *     2: none + CFG_TWO_WAY_WEIGHT (full - none) */
#include "kernels/device.cuh"

enum { MIX_THREADS = 256, MIX_UNROLL = 2 };

template <bool THREE> static __device__ float mix(float full, float second, float none) {
    if constexpr (THREE)
        return none + static_cast<float>(CFG_IMAGE_WEIGHT) * (second - none) +
               static_cast<float>(CFG_FULL_WEIGHT) * (full - second);
    return second + static_cast<float>(CFG_TWO_WAY_WEIGHT) * (full - second);
}

/* `vectors`: of one condition's logits, N elements each. */
template <typename T, int N, bool THREE>
static __global__ void __launch_bounds__(MIX_THREADS) cfg_mix_kernel(const T *logits, T *out, int64_t vectors) {
    using V = vector<T, N>;
    constexpr int WAYS = THREE ? 3 : 2;
    const V *from = reinterpret_cast<const V *>(logits);
    int64_t first = static_cast<int64_t>(blockIdx.x) * MIX_THREADS * MIX_UNROLL + threadIdx.x;
    V held[MIX_UNROLL][WAYS];
#pragma unroll
    for (int u = 0; u < MIX_UNROLL; u++)
#pragma unroll
        for (int w = 0; w < WAYS; w++)
            if (first + u * MIX_THREADS < vectors)
                held[u][w] = load_vector(from + w * vectors + first + u * MIX_THREADS);
#pragma unroll
    for (int u = 0; u < MIX_UNROLL; u++) {
        if (first + u * MIX_THREADS >= vectors)
            break;
        float full[N], second[N], none[N] = {};
        floats_of(held[u][0], full);
        floats_of(held[u][1], second);
        if constexpr (THREE)
            floats_of(held[u][2], none);
#pragma unroll
        for (int i = 0; i < N; i++)
            full[i] = mix<THREE>(full[i], second[i], none[i]);
        store_vector(reinterpret_cast<V *>(out) + first + u * MIX_THREADS, vector_from_floats<T, N>(full));
    }
}

template <typename T, int N>
static gpu_status launch(const T *logits, T *out, int64_t count, bool three, gpu_stream stream) {
    unsigned blocks = static_cast<unsigned>(divide_up(count / N, MIX_THREADS * MIX_UNROLL));
    if (three)
        cfg_mix_kernel<T, N, true><<<blocks, MIX_THREADS, 0, stream>>>(logits, out, count / N);
    else
        cfg_mix_kernel<T, N, false><<<blocks, MIX_THREADS, 0, stream>>>(logits, out, count / N);
    return gpu_last_error();
}

extern "C" gpu_status gpu_cfg_mix(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const cfg_mix_params *p = &o->as.cfg_mix;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->ways != 2 && p->ways != 3)
        return GPU_NO_KERNEL;
    int64_t count = p->rows * p->cols;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        constexpr int N = vector_elements<T>();
        const T *logits = static_cast<const T *>(x->at[OPERAND_cfg_mix_logits].data);
        T *out = static_cast<T *>(x->at[OPERAND_cfg_mix_out].data);
        bool whole = count % N == 0 && is_aligned(logits, VECTOR_BYTES) && is_aligned(out, VECTOR_BYTES);
        return whole ? launch<T, N>(logits, out, count, p->ways == 3, stream)
                     : launch<T, 1>(logits, out, count, p->ways == 3, stream);
    });
}
