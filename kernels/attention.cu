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
    s.pages = static_cast<const int32_t *>(x->at[OPERAND_attention_pages].data);
    s.pages_row = x->at[OPERAND_attention_pages].row_stride;
    s.page_tokens = static_cast<int32_t>(p->page_tokens);
    while (int64_t{1} << s.page_shift < p->page_tokens)
        s.page_shift++;
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

/* Whether 16-byte accesses reach every row of a tensor of elements of `bits`. */
static bool rows_aligned(const attention_tensor *t, int bits) {
    const int64_t vector_bits = 8 * VECTOR_BYTES;
    return is_aligned(t->data, VECTOR_BYTES) && t->row * bits % vector_bits == 0 && t->block * bits % vector_bits == 0;
}

static bool vectors_fit(const attention_params *p, const attention_arguments *s) {
    int bits = static_cast<int>(8 * dtype_bytes(p->dtype)), kv_bits = static_cast<int>(8 * dtype_bytes(p->kv_dtype));
    return rows_aligned(&s->q, bits) && rows_aligned(&s->k, kv_bits) && rows_aligned(&s->v, kv_bits) &&
           is_aligned(s->out, VECTOR_BYTES);
}

/* Splits that a launch may have: the rule's at the full length, however long sequences are. */
static int64_t partial_rows(const attention_params *p) {
    return p->batch * p->heads * p->q_len * attention_ingot_plan(p).split_k;
}

extern "C" size_t gpu_attention_workspace_bytes(const op *o, const plan *) {
    const attention_params *p = &o->as.attention;
    if (attention_ingot_plan(p).split_k == 1)
        return 0;
    return static_cast<size_t>(partial_rows(p) * (p->head_dim + 1)) * sizeof(float);
}

extern "C" gpu_status gpu_attention(const op *o, const plan *, const gpu_operands *x, void *workspace,
                                    gpu_stream stream) {
    const attention_params *p = &o->as.attention;
    if (!operands_are_there(o, x))
        return GPU_BAD_OPERANDS;
    if (p->relative > 0 || p->bias || p->score != attention_score_softmax || p->heads % p->kv_heads != 0)
        return GPU_NO_KERNEL;
    attention_arguments s = arguments_of(p, x);
    if (attention_ingot_kernel(p) == INGOT_ATTENTION_GENERAL || !vectors_fit(p, &s))
        return attention_general(p, &s, stream);
    if (attention_ingot_kernel(p) == INGOT_ATTENTION_TILES)
        return attention_tiles(p, &s, stream);
    s.splits = attention_ingot_plan(p).split_k;
    s.partial_out = static_cast<float *>(workspace);
    s.partial_log = s.partial_out + partial_rows(p) * p->head_dim;
    return attention_split(p, &s, stream);
}
