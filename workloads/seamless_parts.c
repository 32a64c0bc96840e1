/* The pieces that SeamlessM4T's stacks are made of. */
#include "workloads/seamless.h"

/* Framework calls behind one kernel (dispatcher calls, as in the traces behind llama_hf.c; fairseq2 wraps the same
 * operators in one module more). */
static const double LINEAR_CALLS = 5, NORM_CALLS = 4, POINTWISE_CALLS = 2.5, COPY_CALLS = 3, CONV_CALLS = 7;
static const double NAIVE_ATTENTION_CALLS = 4.6, SDPA_CALLS = 18;

const seamless_span seamless_frames = {SCENARIO_BATCH, SCENARIO_FRAMES, SCENARIO_FRAME_ROWS};
const seamless_span seamless_source = {SCENARIO_BATCH, SCENARIO_SOURCE_TOKENS, SCENARIO_SOURCE_ROWS};
const seamless_span seamless_hypotheses = {SCENARIO_BEAM_ROWS, SCENARIO_ONE, SCENARIO_BEAM_ROWS};
const seamless_span seamless_requests = {SCENARIO_BATCH, SCENARIO_ONE, SCENARIO_BATCH};
const seamless_span seamless_text = {SCENARIO_BATCH, SCENARIO_TEXT_TOKENS, SCENARIO_TEXT_ROWS};
const seamless_span seamless_characters = {SCENARIO_BATCH, SCENARIO_CHARACTERS, SCENARIO_CHARACTER_ROWS};
const seamless_span seamless_units = {SCENARIO_BATCH, SCENARIO_UNITS, SCENARIO_UNIT_ROWS};
const seamless_span seamless_vocoded = {SCENARIO_BATCH, SCENARIO_VOCODER_UNITS, SCENARIO_VOCODER_ROWS};

const char *seamless_id(const seamless_builder *s, const char *prefix, const char *name) {
    return arena_printf(s->b.out->memory, "%s_%s", prefix, name);
}

graph_node *seamless_row_op(seamless_builder *s, seamless_span at, const char *id, op o, double calls) {
    graph_node *node = build_node(&s->b, id, o, calls);
    build_variable(node, "rows", at.rows, 1);
    return node;
}

void seamless_norm(seamless_builder *s, seamless_span at, const char *id, double width, bool residual) {
    op o = {.kind = OP_layernorm, .as.layernorm = {.cols = (int64_t)width, .dtype = s->m->dtype, .residual = residual}};
    seamless_row_op(s, at, id, o, NORM_CALLS);
}

graph_node *seamless_linear(seamless_builder *s, seamless_span at, const char *id, double k, double n) {
    graph_node *node = build_linear(&s->b, id, s->l, s->m, k, n, LINEAR_CALLS);
    node->dims[0].value = (dim_expression){.per_variable = 1, .variable = at.rows};
    return node;
}

void seamless_activation(seamless_builder *s, seamless_span at, const char *id, double width, activation_function f,
                         bool gated) {
    op o = {.kind = OP_activation,
            .as.activation = {.cols = (int64_t)width, .dtype = s->m->dtype, .function = f, .gated = gated}};
    seamless_row_op(s, at, id, o, POINTWISE_CALLS);
}

void seamless_residual(seamless_builder *s, seamless_span at, const char *id, double width) {
    op o = {.kind = OP_add, .as.add = {.cols = (int64_t)width, .dtype = s->m->dtype}};
    seamless_row_op(s, at, id, o, POINTWISE_CALLS);
}

void seamless_pointwise(seamless_builder *s, seamless_span at, const char *id, double width, pointwise_function f,
                        data_type in, data_type out) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {.cols = (int64_t)width, .inputs = 1, .dtype = in, .out_dtype = out, .function = f}};
    seamless_row_op(s, at, id, o, POINTWISE_CALLS);
}

void seamless_copy(seamless_builder *s, seamless_span at, const char *id, double width) {
    op o = {.kind = OP_copy,
            .as.copy = {.cols = (int64_t)width, .dtype = s->m->dtype, .out_dtype = s->m->dtype, .strided = true}};
    seamless_row_op(s, at, id, o, COPY_CALLS);
}

graph_node *seamless_conv(seamless_builder *s, seamless_span at, const char *id, conv1d_params p) {
    p.groups = p.groups > 0 ? p.groups : 1;
    p.stride = p.stride > 0 ? p.stride : 1;
    p.dilation = p.dilation > 0 ? p.dilation : 1;
    p.dtype = s->m->dtype;
    graph_node *node = build_node(&s->b, id, (op){.kind = OP_conv1d, .as.conv1d = p}, CONV_CALLS);
    build_variable(node, "batch", at.batch, 1);
    build_variable(node, "len", at.length, 1);
    return node;
}

void seamless_qkv(seamless_builder *s, seamless_span at, const char *prefix) {
    double d = s->m->hidden;
    if (s->own) {
        seamless_linear(s, at, seamless_id(s, prefix, "qkv"), d, 3 * d);
        return;
    }
    seamless_linear(s, at, seamless_id(s, prefix, "q"), d, d);
    seamless_linear(s, at, seamless_id(s, prefix, "k"), d, d);
    seamless_linear(s, at, seamless_id(s, prefix, "v"), d, d);
}

/* ---- attention ---- */

static graph_node *product(seamless_builder *s, seamless_span at, const char *id) {
    const model *m = s->m;
    graph_node *node = build_attention_product(&s->b, id, m, NAIVE_ATTENTION_CALLS);
    build_variable(node, "batch", at.batch, m->heads);
    build_variable(node, "m", at.length, 1);
    return node;
}

/* A kernel over the scores: a row a query a head, a column a key. */
static void scores(seamless_builder *s, seamless_span at, const char *id, op o, dim_expression keys) {
    graph_node *node = build_node(&s->b, id, o, NAIVE_ATTENTION_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", at.rows, s->m->heads);
    build_dim(node, "cols", keys);
}

static op scores_pointwise(pointwise_function function, data_type in, data_type out) {
    return (op){.kind = OP_elementwise,
                .as.elementwise = {.inputs = 1, .dtype = in, .out_dtype = out, .function = function}};
}

/* fairseq2: scores, scale, (mask,) softmax in 32 bits, back to 16, values. */
static void naive_attention(seamless_builder *s, seamless_span at, const char *prefix, seamless_keys keys) {
    data_type type = s->m->dtype;
    build_dim(product(s, at, seamless_id(s, prefix, "scores")), "n", keys.count);
    scores(s, at, seamless_id(s, prefix, "scale"), scores_pointwise(pointwise_function_scale, type, type), keys.count);
    if (keys.causal || s->static_caches)
        scores(s, at, seamless_id(s, prefix, "mask"), scores_pointwise(pointwise_function_where, type, type),
               keys.count);
    scores(s, at, seamless_id(s, prefix, "softmax"), (op){.kind = OP_softmax, .as.softmax = {.dtype = DTYPE_fp32}},
           keys.count);
    scores(s, at, seamless_id(s, prefix, "softmax_out"), scores_pointwise(pointwise_function_cast, DTYPE_fp32, type),
           keys.count);
    build_dim(product(s, at, seamless_id(s, prefix, "values")), "k", keys.count);
}

void seamless_attention(seamless_builder *s, seamless_span at, const char *prefix, seamless_keys keys) {
    const model *m = s->m;
    if (s->l->attention == ATTENTION_NAIVE) {
        naive_attention(s, at, prefix, keys);
        return;
    }
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads,
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .causal = keys.causal,
                             .backend = s->own ? attention_backend_ingot : attention_backend_flash}};
    graph_node *node = build_node(&s->b, seamless_id(s, prefix, "attention"), o, SDPA_CALLS);
    build_variable(node, "batch", at.batch, 1);
    build_variable(node, "q_len", at.length, 1);
    build_dim(node, "kv_len", keys.count);
}

/* ---- blocks ---- */

void seamless_self_attention_block(seamless_builder *s, seamless_span at, const char *prefix, bool post) {
    double d = s->m->hidden;
    if (!post)
        seamless_norm(s, at, seamless_id(s, prefix, "norm"), d, s->fused);
    seamless_qkv(s, at, prefix);
    seamless_attention(s, at, prefix, (seamless_keys){.count = {.per_variable = 1, .variable = at.length}});
    seamless_linear(s, at, seamless_id(s, prefix, "o"), d, d);
    if (!s->fused)
        seamless_residual(s, at, seamless_id(s, prefix, "residual"), d);
    if (post)
        seamless_norm(s, at, seamless_id(s, prefix, "norm"), d, s->fused);
}

void seamless_ffn_block(seamless_builder *s, seamless_span at, const char *prefix, double ffn, activation_function f,
                        bool half) {
    double d = s->m->hidden;
    seamless_norm(s, at, seamless_id(s, prefix, "norm"), d, s->fused);
    seamless_linear(s, at, seamless_id(s, prefix, "up"), d, ffn);
    seamless_activation(s, at, seamless_id(s, prefix, "activation"), ffn, f, false);
    seamless_linear(s, at, seamless_id(s, prefix, "down"), ffn, d); /* our kernels fold the half into the weights */
    if (half && !s->fused)
        seamless_pointwise(s, at, seamless_id(s, prefix, "half"), d, pointwise_function_scale, s->m->dtype,
                           s->m->dtype);
    if (!s->fused)
        seamless_residual(s, at, seamless_id(s, prefix, "residual"), d);
}

void seamless_encoder_layers(seamless_builder *s, seamless_span at, const char *prefix, double layers) {
    build_segment(&s->b, (int64_t)layers);
    seamless_self_attention_block(s, at, prefix, false);
    seamless_ffn_block(s, at, seamless_id(s, prefix, "ffn"), s->m->ffn, activation_function_relu, false);
    build_segment(&s->b, 1);
    seamless_norm(s, at, seamless_id(s, prefix, "final_norm"), s->m->hidden, s->fused);
}
