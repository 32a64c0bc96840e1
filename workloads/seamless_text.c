/* NLLB's text encoder and decoder, as SeamlessM4T uses them. */
#include "workloads/seamless.h"

static const double EMBEDDING_CALLS = 3, APPEND_CALLS = 3;

/* Tokens times sqrt(d) plus sinusoidal positions. */
static void embed(seamless_builder *s, seamless_span at) {
    const model *m = s->m;
    build_segment(&s->b, 1);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = (int64_t)m->hidden, .table_rows = (int64_t)m->vocabulary, .dtype = m->dtype}};
    seamless_row_op(s, at, "embedding", gather, EMBEDDING_CALLS);
    if (s->fused)
        return; /* scale and positions ride on the gather */
    seamless_pointwise(s, at, "embedding_scale", m->hidden, pointwise_function_scale, m->dtype, m->dtype);
    gather.as.embedding.table_rows = (int64_t)m->context;
    seamless_row_op(s, at, "position_gather", gather, EMBEDDING_CALLS);
    seamless_residual(s, at, "position_add", m->hidden);
}

void seamless_text_encoder(seamless_builder *s) {
    embed(s, seamless_source);
    seamless_encoder_layers(s, seamless_source, "source", s->m->layers);
}

/* ---- decoder ---- */

static seamless_span span_of(const seamless_builder *s, seamless_pass pass) {
    if (pass == PASS_TEACHER)
        return seamless_text;
    if (pass == PASS_STEP || (pass == PASS_FIRST && s->static_caches)) /* a captured graph has one shape */
        return seamless_hypotheses;
    return seamless_requests;
}

static seamless_keys self_keys(const seamless_builder *s, seamless_pass pass) {
    if (pass == PASS_TEACHER)
        return (seamless_keys){.count = {.per_variable = 1, .variable = SCENARIO_TEXT_TOKENS}, .causal = true};
    if (s->static_caches)
        return (seamless_keys){.count = {.per_variable = 1, .variable = SCENARIO_KV_RESERVED}};
    double first = pass == PASS_PREFILL ? 1 : SEAMLESS_PROMPT_TOKENS;
    if (pass == PASS_STEP)
        return (seamless_keys){.count = {.constant = first + 1, .per_step = 1}};
    return (seamless_keys){.count = {.constant = first}};
}

static void append(seamless_builder *s, seamless_span at) {
    const model *m = s->m;
    op o = {
        .kind = OP_kv_append,
        .as.kv_append = {
            .kv_heads = (int64_t)m->heads, .head_dim = (int64_t)m->head_dim, .dtype = m->dtype, .kv_dtype = m->dtype}};
    graph_node *node = seamless_row_op(s, at, "self_append", o, s->fused ? APPEND_CALLS : 2 * APPEND_CALLS);
    node->launches = s->fused ? 0 : 1; /* keys and values are written one after the other */
}

/* The hypotheses of a request share its source: our kernel takes them as queries of one sequence. */
static void shared_cross_attention(seamless_builder *s) {
    const model *m = s->m;
    bool naive = s->l->attention == ATTENTION_NAIVE;
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads,
                             .head_dim = (int64_t)m->head_dim,
                             .q_len = SEAMLESS_BEAMS,
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .backend = naive ? attention_backend_naive : attention_backend_ingot}};
    graph_node *node = build_node(&s->b, "cross_attention", o, 0);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_variable(node, "kv_len", SCENARIO_SOURCE_TOKENS, 1);
}

static void cross_block(seamless_builder *s, seamless_span at, seamless_pass pass) {
    double d = s->m->hidden;
    seamless_norm(s, at, "cross_norm", d, s->fused);
    seamless_linear(s, at, "cross_q", d, d);
    if (pass == PASS_PREFILL || pass == PASS_TEACHER) { /* kept for the steps; the re-run keeps no state */
        seamless_linear(s, seamless_source, "cross_k", d, d);
        seamless_linear(s, seamless_source, "cross_v", d, d);
    }
    scenario_variable keys = s->static_caches ? SCENARIO_SOURCE_RESERVED : SCENARIO_SOURCE_TOKENS;
    if (s->own && s->l->beam_reorder == BEAM_INDIRECT && pass == PASS_STEP)
        shared_cross_attention(s);
    else
        seamless_attention(s, at, "cross", (seamless_keys){.count = {.per_variable = 1, .variable = keys}});
    seamless_linear(s, at, "cross_o", d, d);
    if (!s->fused)
        seamless_residual(s, at, "cross_residual", d);
}

static void decoder_layer(seamless_builder *s, seamless_span at, seamless_pass pass) {
    double d = s->m->hidden;
    seamless_norm(s, at, "self_norm", d, s->fused);
    seamless_qkv(s, at, "self");
    if (pass != PASS_TEACHER)
        append(s, at);
    seamless_attention(s, at, "self", self_keys(s, pass));
    seamless_linear(s, at, "self_o", d, d);
    if (!s->fused)
        seamless_residual(s, at, "self_residual", d);
    cross_block(s, at, pass);
    seamless_ffn_block(s, at, "ffn", s->m->ffn, activation_function_relu, false);
}

/* Weights that the search's steps count already. */
static void share_weights(graph_phase *phase, size_t first, seamless_pass pass) {
    for (size_t n = first; n < phase->node_count; n++) {
        graph_node *node = &phase->nodes[n];
        bool cross_projection =
            pass == PASS_PREFILL && node->dim_count > 0 && node->dims[0].value.variable == SCENARIO_SOURCE_ROWS;
        if (node->op.kind == OP_gemm && !cross_projection)
            node->weights_shared = true;
    }
}

void seamless_text_decoder(seamless_builder *s, seamless_pass pass) {
    graph_phase *phase = s->b.phase;
    size_t first = phase->node_count;
    seamless_span at = span_of(s, pass);
    embed(s, at);
    build_segment(&s->b, (int64_t)s->m->layers);
    decoder_layer(s, at, pass);
    build_segment(&s->b, 1);
    seamless_norm(s, at, "decoder_norm", s->m->hidden, s->fused);
    if (pass != PASS_TEACHER) /* the re-run is for its hidden states */
        seamless_linear(s, at, "head", s->m->hidden, s->m->vocabulary);
    if (pass != PASS_STEP)
        share_weights(phase, first, pass);
    bool replayed = s->static_caches && s->l->launch == LAUNCH_GRAPH && (pass == PASS_FIRST || pass == PASS_STEP);
    for (size_t n = first; replayed && n < phase->node_count; n++) {
        phase->nodes[n].captured = true;
        phase->nodes[n].launches_graph = n == first;
    }
}
