/* One pointwise function of one or two tensors, with a cast of the result. Memory bound. Functions of one tensor that
 * frameworks apply with a constant (scale, compare, where) use POINTWISE_CONSTANT, as the reference does. */
#include "kernels/pointwise.cuh"

/* A uniform branch: all threads of a launch take the same case. */
struct pointwise {
    pointwise_function function;
    bool two;
    __device__ float operator()(float a, float b) const {
        switch (function) {
        case pointwise_function_mul:
            return two ? a * b : a * static_cast<float>(POINTWISE_CONSTANT);
        case pointwise_function_neg:
            return -a;
        case pointwise_function_scale:
            return a * static_cast<float>(POINTWISE_CONSTANT);
        case pointwise_function_pow:
            return a * a;
        case pointwise_function_rsqrt:
            return rsqrtf(a);
        case pointwise_function_cos:
            return cosf(a);
        case pointwise_function_sin:
            return sinf(a);
        case pointwise_function_compare:
            return a > (two ? b : static_cast<float>(POINTWISE_CONSTANT)) ? 1.0f : 0.0f;
        case pointwise_function_where:
            return a > static_cast<float>(POINTWISE_CONSTANT) ? a : (two ? b : 0.0f);
        case pointwise_function_fill:
            return static_cast<float>(POINTWISE_CONSTANT);
        default: /* cast */
            return a;
        }
    }
};

template <typename In, typename Out>
static gpu_status launch(const elementwise_params *p, const gpu_operands *x, gpu_stream stream) {
    bool two = p->inputs == 2;
    Out *out = static_cast<Out *>(x->at[OPERAND_elementwise_out].data);
    const In *a = static_cast<const In *>(x->at[OPERAND_elementwise_a].data);
    const In *b = static_cast<const In *>(x->at[OPERAND_elementwise_b].data);
    pointwise f = {p->function, two};
    if (p->function == pointwise_function_fill) { /* reads nothing */
        pointwise_tensors<Out, Out> t = {out, nullptr, out, p->rows, p->cols, p->cols, p->cols, p->cols};
        return pointwise_launch<false>(t, f, stream);
    }
    pointwise_tensors<In, Out> t = {a, b, out, p->rows, p->cols, p->cols, p->cols, p->cols};
    return two ? pointwise_launch<true>(t, f, stream) : pointwise_launch<false>(t, f, stream);
}

extern "C" gpu_status gpu_elementwise(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const elementwise_params *p = &o->as.elementwise;
    bool fills = p->function == pointwise_function_fill;
    if (!x->at[OPERAND_elementwise_out].data || (!fills && !x->at[OPERAND_elementwise_a].data) ||
        (p->inputs == 2 && !x->at[OPERAND_elementwise_b].data))
        return GPU_BAD_OPERANDS;
    if (p->inputs > 2 || (fills && p->inputs == 2))
        return GPU_NO_KERNEL;
    return with_float_type(p->dtype, [&](auto *in) {
        using In = std::remove_pointer_t<decltype(in)>;
        if (p->out_dtype == DTYPE_fp8)
            return launch<In, __nv_fp8_e4m3>(p, x, stream);
        return with_float_type(
            p->out_dtype, [&](auto *out) { return launch<In, std::remove_pointer_t<decltype(out)>>(p, x, stream); });
    });
}
