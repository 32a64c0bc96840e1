/* Classifier-free guidance: one row of logits from two or three conditions. Memory bound.
 *
 *     3: none + CFG_IMAGE_WEIGHT (image - none) + CFG_FULL_WEIGHT (full - image)
 *     2: none + CFG_TWO_WAY_WEIGHT (full - none) */
#include "kernels/device.cuh"

enum { MIX_THREADS = 256 };

template <typename T, bool THREE>
static __global__ void __launch_bounds__(MIX_THREADS) cfg_mix_kernel(const T *logits, T *out, int64_t count) {
    int64_t stride = static_cast<int64_t>(gridDim.x) * MIX_THREADS;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * MIX_THREADS + threadIdx.x; i < count; i += stride) {
        float full = to_float(logits[i]), second = to_float(logits[count + i]);
        if constexpr (THREE) {
            float none = to_float(logits[2 * count + i]);
            out[i] = from_float<T>(none + static_cast<float>(CFG_IMAGE_WEIGHT) * (second - none) +
                                   static_cast<float>(CFG_FULL_WEIGHT) * (full - second));
        } else {
            out[i] = from_float<T>(second + static_cast<float>(CFG_TWO_WAY_WEIGHT) * (full - second));
        }
    }
}

extern "C" gpu_status gpu_cfg_mix(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const cfg_mix_params *p = &o->as.cfg_mix;
    const int64_t blocks_max = 4096; /* several waves of the largest GPUs */
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->ways != 2 && p->ways != 3)
        return GPU_NO_KERNEL;
    int64_t count = p->rows * p->cols, blocks = divide_up(count, MIX_THREADS);
    unsigned grid = static_cast<unsigned>(blocks < blocks_max ? blocks : blocks_max);
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        const T *logits = static_cast<const T *>(x->at[OPERAND_cfg_mix_logits].data);
        T *out = static_cast<T *>(x->at[OPERAND_cfg_mix_out].data);
        if (p->ways == 3)
            cfg_mix_kernel<T, true><<<grid, MIX_THREADS, 0, stream>>>(logits, out, count);
        else
            cfg_mix_kernel<T, false><<<grid, MIX_THREADS, 0, stream>>>(logits, out, count);
        return gpu_last_error();
    });
}
