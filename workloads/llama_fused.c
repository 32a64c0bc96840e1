/* The Llama layer with fused kernels: what a compiler makes of the Hugging Face model, what gpt-fast compiles, and
 * what ingot's own kernels run. They differ in which matrices are joined, in how far pointwise kernels are fused, and
 * in the cache: a compiled static cache is attended over its whole reserved length under a mask. */
#include "workloads/decoder.h"
#include "workloads/kv_levers.h"

/* Framework calls behind one fused kernel when it is launched eagerly; none inside a captured graph. */
static const double FUSED_CALLS = 3;

static bool hf_compiled(const levers *l) {
    return l->flavour == FLAVOUR_HF;
}

static void norm(graph_builder *b, const model *m, const char *id, bool with_residual) {
    op o = {.kind = OP_rmsnorm,
            .as.rmsnorm = {.cols = (int64_t)m->hidden, .dtype = m->dtype, .residual = with_residual}};
    build_rows(b, build_node(b, id, o, FUSED_CALLS), "rows", 1);
}

static void residual(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_add, .as.add = {.cols = (int64_t)m->hidden, .dtype = m->dtype}};
    build_rows(b, build_node(b, id, o, FUSED_CALLS), "rows", 1);
}

static void projections(graph_builder *b, const model *m, const levers *l) {
    double d = m->hidden, q = m->heads * m->head_dim, kv = m->kv_heads * m->head_dim;
    if (!hf_compiled(l)) {
        build_linear(b, "qkv", l, m, d, q + 2 * kv, FUSED_CALLS);
        return;
    }
    build_linear(b, "q", l, m, d, q, FUSED_CALLS);
    build_linear(b, "k", l, m, d, kv, FUSED_CALLS);
    build_linear(b, "v", l, m, d, kv, FUSED_CALLS);
}

static void rope(graph_builder *b, const model *m, const char *id, double heads, double kv_heads, bool writes_cache) {
    op o = {.kind = OP_rope,
            .as.rope = {.heads = (int64_t)heads,
                        .kv_heads = (int64_t)kv_heads,
                        .head_dim = (int64_t)m->head_dim,
                        .dtype = m->dtype,
                        .kv_write = writes_cache}};
    build_rows(b, build_node(b, id, o, FUSED_CALLS), "rows", 1);
}

static void append(graph_builder *b, const model *m, const levers *l, const char *id) {
    op o = {.kind = OP_kv_append,
            .as.kv_append = {.kv_heads = (int64_t)m->kv_heads,
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = kv_cache_dtype(m, l)}};
    build_rows(b, build_node(b, id, o, FUSED_CALLS), "rows", 1);
}

static void positions_and_cache(graph_builder *b, const model *m, const levers *l) {
    bool narrow = kv_cache_dtype(m, l) != m->dtype;       /* a kernel of its own finds scales and rounds */
    bool at_hand = l->kv_cache == KV_PAGED && b->prefill; /* a prompt attends to its keys as they are, not to pages */
    if (hf_compiled(l) && !narrow) { /* Inductor's three: keys with their cache write, values' write, queries */
        rope(b, m, "rope_k", m->kv_heads, m->kv_heads, false);
        append(b, m, l, "v_write");
        rope(b, m, "rope_q", m->heads, m->kv_heads, false);
    } else if (l->flavour == FLAVOUR_INGOT && l->fuse != FUSE_NONE && !narrow && !at_hand) {
        rope(b, m, "rope_kv_write", m->heads, m->kv_heads, true);
    } else {
        rope(b, m, "rope", m->heads, m->kv_heads, false);
        append(b, m, l, "kv_append");
    }
}

/* One kernel a tensor, weight and bias included. */
static void head_norms(graph_builder *b, const model *m) {
    op o = {.kind = OP_layernorm, .as.layernorm = {.cols = (int64_t)m->head_dim, .dtype = m->dtype}};
    build_rows(b, build_node(b, "q_norm", o, FUSED_CALLS), "rows", m->heads);
    build_rows(b, build_node(b, "k_norm", o, FUSED_CALLS), "rows", m->kv_heads);
}

static void head_rms_norms(graph_builder *b, const model *m) {
    op o = {.kind = OP_rmsnorm, .as.rmsnorm = {.cols = (int64_t)m->head_dim, .dtype = m->dtype}};
    build_rows(b, build_node(b, "q_norm", o, FUSED_CALLS), "rows", m->heads);
    build_rows(b, build_node(b, "k_norm", o, FUSED_CALLS), "rows", m->kv_heads);
}

static attention_backend backend_of(const levers *l) {
    if (l->attention == ATTENTION_NAIVE)
        return attention_backend_naive;
    if (l->flavour == FLAVOUR_INGOT)
        return attention_backend_ingot;
    return attention_backend_cudnn; /* PyTorch 2.11's pick on Hopper, eager and compiled */
}

/* gpt-fast repeats grouped heads with repeat_interleave before each step's attention. */
static bool repeats_heads(const graph_builder *b, const levers *l) {
    return l->flavour == FLAVOUR_GPTFAST && !b->prefill && l->kv_cache == KV_STATIC && l->kv_dtype == DTYPE_bf16 &&
           l->kv_keep == KEEP_FULL;
}

static void attention(graph_builder *b, const model *m, const levers *l, bool windowed) {
    if (repeats_heads(b, l))
        build_repeated_heads(b, m);
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)(repeats_heads(b, l) ? m->heads : m->kv_heads),
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = b->prefill ? m->dtype : kv_cache_dtype(m, l), /* a prompt's are at hand */
                             .causal = build_causal(b),
                             .backend = backend_of(l)}};
    if (l->flavour == FLAVOUR_INGOT && l->kv_cache == KV_PAGED && !b->prefill)
        o.as.attention.page_tokens = (int64_t)l->page_tokens;
    graph_node *node = build_node(b, "attention", o, FUSED_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_query_tokens(b, node, "q_len");
    /* Paged kernels and ingot's know each sequence's length; a compiled graph has one shape for every step. */
    if (l->flavour != FLAVOUR_INGOT && l->kv_cache != KV_PAGED && !b->prefill)
        build_variable(node, "kv_len", SCENARIO_KV_RESERVED, 1);
    else
        build_key_tokens(b, node, "kv_len");
    limit_attention(b, node, l);
    if (windowed)
        window_attention(b, node, m);
    build_eviction(b, m, l);
}

static void gate(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_activation,
            .as.activation = {
                .cols = (int64_t)m->ffn, .dtype = m->dtype, .function = activation_function_silu, .gated = true}};
    build_rows(b, build_node(b, id, o, FUSED_CALLS), "rows", 1);
}

static void ffn(graph_builder *b, const model *m, const levers *l) {
    if (m->experts > 0) {
        build_experts(b, m, l, FUSED_CALLS);
        return;
    }
    bool joined = !hf_compiled(l) && l->fuse != FUSE_NONE;
    if (joined) {
        build_linear(b, "gate_up", l, m, m->hidden, 2 * m->ffn, FUSED_CALLS);
    } else {
        build_linear(b, "gate", l, m, m->hidden, m->ffn, FUSED_CALLS);
        build_linear(b, "up", l, m, m->hidden, m->ffn, FUSED_CALLS);
    }
    gate(b, m, "gate_mul");
    build_linear(b, "down", l, m, m->ffn, m->hidden, FUSED_CALLS);
}

/* Norms that follow their block cannot take its residual in: x + norm(block(x)) is a norm, then a sum that fuses with
 * nothing but it. */
static void post_norm_layer(graph_builder *b, const model *m, const levers *l, bool windowed) {
    projections(b, m, l);
    if (m->qk_norm)
        head_norms(b, m);
    positions_and_cache(b, m, l);
    attention(b, m, l, windowed);
    build_linear(b, "o", l, m, m->heads * m->head_dim, m->hidden, FUSED_CALLS);
    norm(b, m, "norm1", false);
    residual(b, m, "attention_residual");
    ffn(b, m, l);
    norm(b, m, "norm2", false);
    residual(b, m, "ffn_residual");
}

static void layer(graph_builder *b, const model *m, const levers *l, bool windowed) {
    bool fused = l->fuse != FUSE_NONE;
    norm(b, m, "norm1", fused); /* adds the previous block's output first where fused */
    projections(b, m, l);
    if (m->qk_norm)
        head_norms(b, m);
    if (m->head_rms_norm)
        head_rms_norms(b, m);
    positions_and_cache(b, m, l);
    attention(b, m, l, windowed);
    build_linear(b, "o", l, m, m->heads * m->head_dim, m->hidden, FUSED_CALLS);
    if (m->sandwich_norm)
        norm(b, m, "attention_norm", false);
    if (!fused)
        residual(b, m, "attention_residual");
    norm(b, m, "norm2", fused);
    ffn(b, m, l);
    if (m->sandwich_norm)
        norm(b, m, "ffn_norm", false);
    /* Inductor leaves one pointwise kernel a layer even so: the cache's length goes up. */
    if (!fused || hf_compiled(l))
        residual(b, m, "ffn_residual");
}

void build_fused_embedding(graph_builder *b, const model *m, const levers *l) {
    build_segment(b, 1);
    build_page_table(b, l);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = (int64_t)m->hidden, .table_rows = (int64_t)m->vocabulary, .dtype = m->dtype}};
    build_rows(b, build_node(b, "embedding", gather, FUSED_CALLS), "rows", 1);
}

void build_fused_layers(graph_builder *b, const model *m, const levers *l, int64_t layers) {
    build_layers_by_window(b, m, l, layers, m->post_norm ? post_norm_layer : layer);
}

void build_fused_logits(graph_builder *b, const model *m, const levers *l) {
    build_segment(b, 1);
    norm(b, m, "norm", l->fuse != FUSE_NONE && !m->post_norm);
    graph_node *logits = build_linear(b, "head", l, m, m->hidden, m->vocabulary, FUSED_CALLS);
    logits->dims[0].value.variable = SCENARIO_BATCH; /* of the last token alone */
}
