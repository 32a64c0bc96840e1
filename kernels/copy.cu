/* Moves a tensor, with a cast where the types differ. Memory bound. Source rows may lie apart. Copies between host and
 * device are the executor's own calls, not kernels. */
#include "kernels/pointwise.cuh"

struct same {
    __device__ float operator()(float a, float) const {
        return a;
    }
};

template <typename In, typename Out>
static gpu_status launch(const copy_params *p, const gpu_operands *x, gpu_stream stream) {
    const gpu_tensor *source = &x->at[OPERAND_copy_source];
    int64_t row_stride = p->strided ? source->row_stride : p->cols;
    pointwise_tensors<In, Out> t = {static_cast<const In *>(source->data),
                                    nullptr,
                                    static_cast<Out *>(x->at[OPERAND_copy_destination].data),
                                    p->rows,
                                    p->cols,
                                    row_stride,
                                    row_stride,
                                    p->cols};
    return pointwise_launch<false>(t, same(), stream);
}

extern "C" gpu_status gpu_copy(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const copy_params *p = &o->as.copy;
    if (!x->at[OPERAND_copy_source].data || !x->at[OPERAND_copy_destination].data)
        return GPU_BAD_OPERANDS;
    if (p->direction != copy_direction_device)
        return GPU_NO_KERNEL;
    return with_float_type(p->dtype, [&](auto *in) {
        using In = std::remove_pointer_t<decltype(in)>;
        return with_float_type(
            p->out_dtype, [&](auto *out) { return launch<In, std::remove_pointer_t<decltype(out)>>(p, x, stream); });
    });
}
