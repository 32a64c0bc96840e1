/* Speech in: filter banks, 24 conformer layers with Shaw's relative positions, and the adaptor that shortens eightfold.
 *
 * The reference never uses scaled_dot_product_attention for relative positions: the lever does not reach them. */
#include "workloads/seamless.h"

static const double SMALL_CALLS = 2.5, SHAW_CALLS = 5.4;
/* The reference computes filter banks on the CPU, one utterance after the other: operators of torchaudio's kaldi
 * front end, and the frames' way to the GPU. */
static const double FBANK_CALLS = 60;
enum { INDEX_KERNELS = 4 }; /* arange, difference, clamp, shift */

static void filter_banks(seamless_builder *s) {
    const seamless_shape *p = s->shape;
    double frame = p->mel_bins * p->stacked_frames;
    build_segment(&s->b, 1);
    op banks = {.kind = OP_fbank, .as.fbank = {.cols = (int64_t)p->mel_bins, .dtype = DTYPE_fp32}};
    build_variable(build_node(&s->b, "fbank", banks, s->fused ? 0 : FBANK_CALLS), "rows", SCENARIO_FRAME_ROWS,
                   p->stacked_frames);
    /* Zero mean and unit variance of each mel bin over the utterance. */
    op standardise = {.kind = OP_layernorm, .as.layernorm = {.dtype = DTYPE_fp32}};
    graph_node *node = build_node(&s->b, "standardise", standardise, SMALL_CALLS);
    build_variable(node, "rows", SCENARIO_BATCH, p->mel_bins);
    build_variable(node, "cols", SCENARIO_FRAMES, p->stacked_frames);
    seamless_pointwise(s, seamless_frames, "stack", frame, pointwise_function_cast, DTYPE_fp32, s->m->dtype);
    seamless_norm(s, seamless_frames, "frontend_norm", frame, false);
    seamless_linear(s, seamless_frames, "frontend_projection", frame, s->m->hidden);
}

static double positions(const seamless_builder *s) {
    return s->shape->relative_left + s->shape->relative_right + 1;
}

static graph_node *pair_scores(seamless_builder *s, const char *id, op o) {
    graph_node *node = build_node(&s->b, id, o, SHAW_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", SCENARIO_FRAME_ROWS, s->m->heads);
    build_variable(node, "cols", SCENARIO_FRAMES, 1);
    return node;
}

static op pair_pointwise(const seamless_builder *s, pointwise_function function, data_type in, data_type out) {
    (void)s;
    return (op){.kind = OP_elementwise,
                .as.elementwise = {.inputs = 1, .dtype = in, .out_dtype = out, .function = function}};
}

/* The table's rows for every pair of frames, and their products with the queries: one product a query position. */
static void relative_scores(seamless_builder *s) {
    for (int i = 0; i < INDEX_KERNELS; i++) {
        op o = {.kind = OP_elementwise,
                .as.elementwise = {.cols = 2, /* 64-bit indices */
                                   .inputs = 1,
                                   .dtype = DTYPE_fp32,
                                   .out_dtype = DTYPE_fp32,
                                   .function = pointwise_function_compare}};
        const char *id = arena_printf(s->b.out->memory, "relative_index%d", i + 1);
        graph_node *node = build_node(&s->b, id, o, SMALL_CALLS);
        node->category = CATEGORY_ATTENTION;
        build_variable(node, "rows", SCENARIO_FRAME_PAIRS, 1);
    }
    op gather = {
        .kind = OP_embedding,
        .as.embedding = {.cols = (int64_t)s->m->head_dim, .table_rows = (int64_t)positions(s), .dtype = s->m->dtype}};
    graph_node *node = build_node(&s->b, "relative_keys", gather, SMALL_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", SCENARIO_FRAME_PAIRS, 1);
    seamless_copy(s, seamless_frames, "relative_queries", s->m->hidden);
    node = build_attention_product(&s->b, "relative_scores", s->m, SHAW_CALLS);
    build_variable(node, "batch", SCENARIO_FRAMES, 1);
    build_variable(node, "m", SCENARIO_BATCH, s->m->heads);
    build_variable(node, "n", SCENARIO_FRAMES, 1);
    op sum = {.kind = OP_add, .as.add = {.dtype = s->m->dtype}};
    pair_scores(s, "relative_add", sum);
}

static void shaw_written_out(seamless_builder *s) {
    data_type type = s->m->dtype;
    graph_node *node = build_attention_product(&s->b, "attention_scores", s->m, SHAW_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, s->m->heads);
    build_variable(node, "m", SCENARIO_FRAMES, 1);
    build_variable(node, "n", SCENARIO_FRAMES, 1);
    relative_scores(s);
    pair_scores(s, "attention_scale", pair_pointwise(s, pointwise_function_scale, type, type));
    pair_scores(s, "attention_softmax", (op){.kind = OP_softmax, .as.softmax = {.dtype = DTYPE_fp32}});
    pair_scores(s, "attention_softmax_out", pair_pointwise(s, pointwise_function_cast, DTYPE_fp32, type));
    node = build_attention_product(&s->b, "attention_values", s->m, SHAW_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, s->m->heads);
    build_variable(node, "m", SCENARIO_FRAMES, 1);
    build_variable(node, "k", SCENARIO_FRAMES, 1);
}

static void shaw_fused(seamless_builder *s) {
    const model *m = s->m;
    bool naive = s->l->attention == ATTENTION_NAIVE;
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads,
                             .head_dim = (int64_t)m->head_dim,
                             .relative = (int64_t)positions(s),
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .backend = naive ? attention_backend_naive : attention_backend_ingot}};
    graph_node *node = build_node(&s->b, "attention", o, SHAW_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_variable(node, "q_len", SCENARIO_FRAMES, 1);
    build_variable(node, "kv_len", SCENARIO_FRAMES, 1);
}

static void attention_block(seamless_builder *s) {
    double d = s->m->hidden;
    seamless_norm(s, seamless_frames, "attention_norm", d, s->fused);
    seamless_qkv(s, seamless_frames, "attention");
    if (s->fused)
        shaw_fused(s);
    else
        shaw_written_out(s);
    seamless_linear(s, seamless_frames, "attention_o", d, d);
    if (!s->fused)
        seamless_residual(s, seamless_frames, "attention_residual", d);
}

static void convolution_block(seamless_builder *s) {
    double d = s->m->hidden;
    int64_t width = (int64_t)d, taps = (int64_t)s->shape->depthwise_kernel;
    seamless_norm(s, seamless_frames, "conv_norm", d, s->fused);
    if (!s->fused)
        seamless_copy(s, seamless_frames, "conv_transpose", d);
    seamless_conv(s, seamless_frames, "conv_pointwise1", (conv1d_params){.cin = width, .cout = 2 * width, .kernel = 1});
    seamless_activation(s, seamless_frames, "conv_glu", d, activation_function_sigmoid, true);
    if (!s->fused)
        seamless_copy(s, seamless_frames, "conv_pad", d);
    seamless_conv(s, seamless_frames, "conv_depthwise",
                  (conv1d_params){.cin = width, .cout = width, .kernel = taps, .groups = width, .pad_left = taps - 1});
    if (!s->fused)
        seamless_copy(s, seamless_frames, "conv_transpose_back", d);
    seamless_norm(s, seamless_frames, "conv_inner_norm", d, false);
    seamless_activation(s, seamless_frames, "conv_silu", d, activation_function_silu, false);
    seamless_conv(s, seamless_frames, "conv_pointwise2", (conv1d_params){.cin = width, .cout = width, .kernel = 1});
    if (!s->fused)
        seamless_residual(s, seamless_frames, "conv_residual", d);
}

static void conformer(seamless_builder *s) {
    build_segment(&s->b, (int64_t)s->shape->speech_layers);
    seamless_ffn_block(s, seamless_frames, "ffn1", s->shape->speech_ffn, activation_function_silu, true);
    attention_block(s);
    convolution_block(s);
    seamless_ffn_block(s, seamless_frames, "ffn2", s->shape->speech_ffn, activation_function_silu, true);
    seamless_norm(s, seamless_frames, "layer_norm", s->m->hidden, s->fused);
}

/* One strided convolution and its gate: every eight frames become one. */
static void shorten(seamless_builder *s, const char *prefix) {
    int64_t d = (int64_t)s->m->hidden, kernel = (int64_t)s->shape->adaptor_kernel;
    seamless_norm(s, seamless_frames, seamless_id(s, prefix, "norm"), s->m->hidden, false);
    seamless_conv(s, seamless_frames, seamless_id(s, prefix, "conv"),
                  (conv1d_params){.cin = d,
                                  .cout = 2 * d,
                                  .kernel = kernel,
                                  .stride = (int64_t)s->shape->adaptor_stride,
                                  .pad_left = kernel / 2,
                                  .pad_right = kernel / 2});
    seamless_activation(s, seamless_source, seamless_id(s, prefix, "glu"), s->m->hidden, activation_function_sigmoid,
                        true);
}

static void adaptor(seamless_builder *s) {
    double d = s->m->hidden;
    build_segment(&s->b, 1);
    seamless_ffn_block(s, seamless_frames, "adaptor_projection", s->shape->speech_ffn, activation_function_relu, true);
    shorten(s, "adaptor_residual");
    shorten(s, "adaptor_input");
    seamless_qkv(s, seamless_source, "adaptor");
    seamless_attention(s, seamless_source, "adaptor",
                       (seamless_keys){.count = {.per_variable = 1, .variable = SCENARIO_SOURCE_TOKENS}});
    seamless_linear(s, seamless_source, "adaptor_o", d, d);
    if (!s->fused)
        seamless_residual(s, seamless_source, "adaptor_attention_residual", d);
    seamless_ffn_block(s, seamless_source, "adaptor_ffn", s->shape->speech_ffn, activation_function_relu, false);
    seamless_norm(s, seamless_source, "adaptor_norm", d, s->fused);
}

void seamless_speech_encoder(seamless_builder *s) {
    filter_banks(s);
    conformer(s);
    adaptor(s);
}
