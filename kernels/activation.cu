/* Activations: out = f(a), or f(a) * b where gated. Memory bound: reads one or two elements and writes one. The two
 * inputs may be halves of one tensor (rows apart). */
#include "kernels/pointwise.cuh"

/* a Phi(a), where Phi(a) is half the complementary error function of |z|, z = a / sqrt(2), or 1 less that:
 *     erfc(z) = t (a1 + t (a2 + ...)) exp(-z^2), t = 1 / (1 + p z), off by at most 1.5e-7
 * (Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26): far below what 16-bit types can show. */
static __device__ float gelu_of_16_bits(float a) {
    float z = fabsf(a) * 0.70710678118654752f;
    float t = __fdividef(1.0f, 1.0f + 0.3275911f * z);
    float sum = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    float half_tail = 0.5f * sum * __expf(-z * z);
    return a * (a < 0.0f ? half_tail : 1.0f - half_tail);
}

template <activation_function FUNCTION, typename T> struct activate {
    __device__ float operator()(float a, float) const {
        if constexpr (FUNCTION == activation_function_gelu && sizeof(T) < sizeof(float))
            return gelu_of_16_bits(a);
        else if constexpr (FUNCTION == activation_function_silu)
            return __fdividef(a, 1.0f + __expf(-a));
        else if constexpr (FUNCTION == activation_function_gelu) /* the exact one, by erf */
            return 0.5f * a * (1.0f + erff(a * 0.70710678118654752f));
        else if constexpr (FUNCTION == activation_function_relu)
            return fmaxf(a, 0.0f);
        else if constexpr (FUNCTION == activation_function_sigmoid)
            return __fdividef(1.0f, 1.0f + __expf(-a));
        else if constexpr (FUNCTION == activation_function_tanh)
            return tanhf(a);
        else
            return a > 0.0f ? a : static_cast<float>(LEAKY_RELU_SLOPE) * a;
    }
};

template <activation_function FUNCTION, typename T> struct gate {
    __device__ float operator()(float a, float b) const {
        return activate<FUNCTION, T>()(a, 0.0f) * b;
    }
};

template <activation_function FUNCTION, typename T>
static gpu_status launch(const pointwise_tensors<T, T> &t, bool gated, gpu_stream stream) {
    return gated ? pointwise_launch<true>(t, gate<FUNCTION, T>(), stream)
                 : pointwise_launch<false>(t, activate<FUNCTION, T>(), stream);
}

template <typename T>
static gpu_status launch_function(const pointwise_tensors<T, T> &t, const activation_params *p, gpu_stream stream) {
    switch (p->function) {
#define X(name)                                                                                                        \
    case activation_function_##name:                                                                                   \
        return launch<activation_function_##name>(t, p->gated, stream);
        ACTIVATION_FUNCTIONS(X)
#undef X
    default:
        return GPU_NO_KERNEL;
    }
}

extern "C" gpu_status gpu_activation(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const activation_params *p = &o->as.activation;
    const gpu_tensor *a = &x->at[OPERAND_activation_a], *b = &x->at[OPERAND_activation_b];
    void *out = x->at[OPERAND_activation_out].data;
    if (!a->data || !out || (p->gated && !b->data))
        return GPU_BAD_OPERANDS;
    return with_float_type(p->dtype, [&](auto *type) {
        using T = std::remove_pointer_t<decltype(type)>;
        pointwise_tensors<T, T> t = {static_cast<const T *>(a->data),
                                     static_cast<const T *>(b->data),
                                     static_cast<T *>(out),
                                     p->rows,
                                     p->cols,
                                     a->row_stride,
                                     b->row_stride,
                                     p->cols};
        return launch_function(t, p, stream);
    });
}
