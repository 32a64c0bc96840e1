#include "workloads/kv_levers.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Framework calls behind a kernel when it is launched eagerly, as of the fused flavours. */
static const double CACHE_CALLS = 3;
/* A scale goes with each cached vector of 4- or 8-bit integers; fp8 caches are scaled as a whole. */
static const double SCALE_BYTES = 2;

data_type kv_cache_dtype(const model *m, const levers *l) {
    return l->kv_dtype == DTYPE_bf16 ? m->dtype : (data_type)l->kv_dtype;
}

double kv_vector_bytes(const model *m, const levers *l) {
    data_type type = kv_cache_dtype(m, l);
    bool scaled = type == DTYPE_int8 || type == DTYPE_int4;
    return m->head_dim * dtype_bytes(type) + (scaled ? SCALE_BYTES : 0);
}

double kv_kept_tokens(const levers *l) {
    if (l->kv_keep == KEEP_WINDOW)
        return l->keep.sinks + l->keep.recent;
    return l->kv_keep == KEEP_TOPK ? l->keep.tokens : 0;
}

void scenario_cache(const levers *l, scenario *s) {
    double *v = s->values, batch = v[SCENARIO_BATCH], kept = kv_kept_tokens(l);
    double held = v[SCENARIO_CACHE_TOKENS] / batch, reserved = v[SCENARIO_KV_RESERVED];
    if (kept > 0) {
        held = fmin(held, kept);
        reserved = fmin(reserved, scenario_reserve(kept));
    }
    if (l->kv_cache == KV_PAGED)
        reserved = ceil(held / l->page_tokens) * l->page_tokens;
    if (kept == 0 && l->kv_cache != KV_PAGED)
        return;
    v[SCENARIO_CACHE_TOKENS] = batch * held;
    v[SCENARIO_KV_RESERVED] = reserved;
    v[SCENARIO_CACHE_RESERVED] = batch * reserved;
}

void build_page_table(graph_builder *b, const levers *l) {
    if (l->kv_cache != KV_PAGED)
        return;
    op o = {.kind = OP_copy, /* 32-bit page numbers */
            .as.copy = {.dtype = DTYPE_fp32, .out_dtype = DTYPE_fp32, .direction = copy_direction_to_device}};
    graph_node *node = build_node(b, "page_table", o, CACHE_CALLS);
    build_variable(node, "rows", SCENARIO_BATCH, 1);
    build_variable(node, "cols", SCENARIO_KV_RESERVED, 1 / l->page_tokens);
}

static graph_node *per_kv_head(graph_builder *b, const model *m, const char *id, op o, const char *dim) {
    graph_node *node = build_node(b, id, o, CACHE_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, dim, SCENARIO_BATCH, m->kv_heads);
    return node;
}

static void key_columns(const graph_builder *b, graph_node *node, const char *dim, const levers *l) {
    build_key_tokens(b, node, dim);
    if (!b->prefill)
        node->dims[node->dim_count - 1].value.most = kv_kept_tokens(l);
}

/* Products, softmax and sums of all queries with all keys that attention has just seen. */
static void accumulate_scores(graph_builder *b, const model *m, const levers *l) {
    double group = m->heads / m->kv_heads;
    op product = {.kind = OP_gemm,
                  .as.gemm = {.m = (int64_t)group,
                              .k = (int64_t)m->head_dim,
                              .dtype = m->dtype,
                              .weights_dtype = m->dtype,
                              .activations_only = true}};
    graph_node *node = per_kv_head(b, m, "keep_scores", product, "batch");
    if (b->prefill)
        build_variable(node, "m", SCENARIO_PROMPT_TOKENS, group);
    key_columns(b, node, "n", l);
    node = build_node(b, "keep_softmax", (op){.kind = OP_softmax, .as.softmax = {.dtype = m->dtype}}, CACHE_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_rows(b, node, "rows", m->heads);
    key_columns(b, node, "cols", l);
    /* Column sums read the matrix once: as many rows as queries, reduced the other way. */
    node = build_node(b, "keep_sum", (op){.kind = OP_reduce, .as.reduce = {.dtype = m->dtype}}, CACHE_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_rows(b, node, "rows", m->heads);
    key_columns(b, node, "cols", l);
    node = per_kv_head(b, m, "keep_add", (op){.kind = OP_add, .as.add = {.dtype = DTYPE_fp32}}, "rows");
    key_columns(b, node, "cols", l);
}

static void move_kept(graph_builder *b, const model *m, const char *id, const levers *l) {
    op o = {.kind = OP_kv_concat,
            .as.kv_concat = {
                .kv_heads = (int64_t)m->kv_heads, .head_dim = (int64_t)m->head_dim, .dtype = kv_cache_dtype(m, l)}};
    graph_node *node = build_node(b, id, o, CACHE_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_key_tokens(b, node, "kv_len");
    node->dims[node->dim_count - 1].value.most = kv_kept_tokens(l);
}

void build_eviction(graph_builder *b, const model *m, const levers *l) {
    if (l->kv_keep != KEEP_TOPK)
        return;
    accumulate_scores(b, m, l);
    op select = {.kind = OP_topk, .as.topk = {.top = 1, .dtype = DTYPE_fp32}};
    graph_node *node = per_kv_head(b, m, "keep_select", select, "rows");
    key_columns(b, node, "cols", l);
    if (!b->prefill)
        return;
    build_key_tokens(b, node, "top");
    node->dims[node->dim_count - 1].value.most = kv_kept_tokens(l);
    move_kept(b, m, "keep_keys", l);
    move_kept(b, m, "keep_values", l);
}

/* Of all that limit an operator's keys, the narrowest counts. */
static void limit_keys(graph_node *attention, double tokens) {
    for (size_t i = 0; i < attention->dim_count; i++) {
        double *most = &attention->dims[i].value.most;
        if (strcmp(attention->dims[i].param->name, "kv_len") == 0 && (*most == 0 || *most > tokens))
            *most = tokens;
    }
}

void limit_attention(const graph_builder *b, graph_node *attention, const levers *l) {
    double kept = kv_kept_tokens(l);
    if (kept == 0)
        return;
    if (b->prefill) { /* topk reads the whole prompt before it evicts */
        attention->op.as.attention.window = l->kv_keep == KEEP_WINDOW ? (int64_t)kept : 0;
        return;
    }
    limit_keys(attention, kept);
}

static void name_windowed(graph_builder *b, const model *m) {
    if (m->windowed_layers < m->layers)
        b->suffix = b->suffix ? arena_printf(b->out->memory, "%s.windowed", b->suffix) : "windowed";
}

void build_layers_by_window(graph_builder *b, const model *m, const levers *l, int64_t layers, layer_builder *build) {
    int64_t windowed = llround((double)layers * m->windowed_layers / m->layers);
    const char *suffix = b->suffix;
    if (windowed > 0) {
        build_segment(b, windowed);
        name_windowed(b, m);
        build(b, m, l, true);
        b->suffix = suffix;
    }
    if (windowed < layers) {
        build_segment(b, layers - windowed);
        build(b, m, l, false);
    }
}

void window_attention(const graph_builder *b, graph_node *attention, const model *m) {
    int64_t *window = &attention->op.as.attention.window, tokens = (int64_t)m->window_tokens;
    if (!b->prefill)
        limit_keys(attention, m->window_tokens);
    else if (*window == 0 || *window > tokens)
        *window = tokens;
}
