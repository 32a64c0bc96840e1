/* One pointwise function of one or two tensors, with a cast of the result. Memory bound. Functions of one tensor that
 * frameworks apply with a constant (scale, compare, where) use POINTWISE_CONSTANT, as the reference does. */
#include "kernels/pointwise.cuh"

struct same {
    __device__ float operator()(float a, float) const {
        return a;
    }
};

/* Many instructions and registers: kept apart. */
struct sine {
    bool cosine;
    __device__ float operator()(float a, float) const {
        float at_sine, at_cosine;
        sincosf(a, &at_sine, &at_cosine);
        return cosine ? at_cosine : at_sine;
    }
};

/* The other functions. A uniform branch: all threads of a launch take the same case. */
struct pointwise {
    pointwise_function function;
    bool two;
    __device__ float operator()(float a, float b) const;
};

template <int N> __device__ inline void pointwise_apply(const pointwise &f, float (&a)[N], const float (&b)[N]) {
    const float constant = static_cast<float>(POINTWISE_CONSTANT);
    auto all = [&](auto one) {
#pragma unroll
        for (int i = 0; i < N; i++)
            a[i] = one(a[i], b[i]);
    };
    switch (f.function) {
    case pointwise_function_mul:
        return f.two ? all([](float x, float y) { return x * y; }) : all([&](float x, float) { return x * constant; });
    case pointwise_function_neg:
        return all([](float x, float) { return -x; });
    case pointwise_function_scale:
        return all([&](float x, float) { return x * constant; });
    case pointwise_function_pow:
        return all([](float x, float) { return x * x; });
    case pointwise_function_rsqrt:
        return all([](float x, float) { return rsqrtf(x); });
    case pointwise_function_compare:
        return all([&](float x, float y) { return x > (f.two ? y : constant) ? 1.0f : 0.0f; });
    case pointwise_function_where:
        return all([&](float x, float y) { return x > constant ? x : (f.two ? y : 0.0f); });
    case pointwise_function_fill:
        return all([&](float, float) { return constant; });
    default: /* cast */
        return;
    }
}

__device__ inline float pointwise::operator()(float a, float b) const {
    float x[] = {a};
    const float y[] = {b};
    pointwise_apply(*this, x, y);
    return x[0];
}

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
    if (p->function == pointwise_function_cast) /* a kernel of its own, of few instructions */
        return pointwise_launch<false>(t, same(), stream);
    if (p->function == pointwise_function_sin || p->function == pointwise_function_cos)
        return pointwise_launch<false>(t, sine{p->function == pointwise_function_cos}, stream);
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
