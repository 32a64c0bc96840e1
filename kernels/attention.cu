/* Attention: which kernel runs which shape. */
#include "kernels/attention.h"

#include "kernels/device.cuh"

#include <math.h>

static attention_tensor tensor_of(const gpu_tensor *t) {
    return {t->data, t->row_stride, t->block_stride};
}

static attention_arguments arguments_of(const attention_params *p, const gpu_operands *x) {
    attention_arguments s = {};
    s.q = tensor_of(&x->at[OPERAND_attention_q]);
    s.k = tensor_of(&x->at[OPERAND_attention_k]);
    s.v = tensor_of(&x->at[OPERAND_attention_v]);
    s.k_scales = tensor_of(&x->at[OPERAND_attention_k_scales]);
    s.v_scales = tensor_of(&x->at[OPERAND_attention_v_scales]);
    s.kv_lens = static_cast<const int32_t *>(x->at[OPERAND_attention_kv_lens].data);
    s.out = x->at[OPERAND_attention_out].data;
    s.batch = static_cast<int32_t>(p->batch);
    s.heads = static_cast<int32_t>(p->heads);
    s.kv_heads = static_cast<int32_t>(p->kv_heads);
    s.group = static_cast<int32_t>(p->heads / p->kv_heads);
    s.head_dim = static_cast<int32_t>(p->head_dim);
    s.q_len = static_cast<int32_t>(p->q_len);
    s.kv_len = static_cast<int32_t>(p->kv_len);
    s.window = static_cast<int32_t>(p->window);
    s.causal = p->causal;
    s.scale = static_cast<float>(M_LOG2E / sqrt(static_cast<double>(p->head_dim)));
    s.splits = 1;
    return s;
}

extern "C" gpu_status gpu_attention(const op *o, const plan *, const gpu_operands *x, void *, gpu_stream stream) {
    const attention_params *p = &o->as.attention;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->relative > 0 || p->bias || p->score != attention_score_softmax || p->heads % p->kv_heads != 0)
        return GPU_NO_KERNEL;
    attention_arguments s = arguments_of(p, x);
    return attention_general(p, &s, stream);
}
