/* One step of fairseq2's beam search after the logits, and the reordering of every cache after it.
 *
 * The reference searches request by request in Python, waiting for the GPU to learn which hypotheses have ended. Our
 * own kernels search all requests together on the GPU. Kernels of masked_select and of topk over one long row are
 * estimates, counted in no trace (a scan, a count, its copy to the host, a gather; a multi-block radix select and a
 * sort). */
#include "workloads/seamless.h"

enum { CANDIDATES = 2 * SEAMLESS_BEAMS, SELECT_KERNELS = 5, TOPK_FURTHER_KERNELS = 12, SELECTED_TENSORS = 3 };
static const double CALLS = 3, SELECT_CALLS = 16, TOPK_CALLS = 6, REORDER_CALLS = 5, LOOP_CALLS = 12;

static seamless_span span_of(const seamless_builder *s, seamless_pass pass) {
    return pass == PASS_STEP || s->static_caches ? seamless_hypotheses : seamless_requests;
}

static graph_node *pointwise(seamless_builder *s, const char *id, pointwise_function f, int64_t rows, int64_t cols) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {
                .rows = rows, .cols = cols, .inputs = 1, .dtype = DTYPE_fp32, .out_dtype = DTYPE_fp32, .function = f}};
    return build_node(&s->b, id, o, CALLS);
}

static void wait(seamless_builder *s, const char *id) {
    build_node(&s->b, id, (op){.kind = OP_sync}, 0);
}

static void probabilities(seamless_builder *s, seamless_span at) {
    op o = {.kind = OP_softmax, .as.softmax = {.cols = (int64_t)s->m->vocabulary, .dtype = DTYPE_fp32, .log = true}};
    build_segment(&s->b, 1);
    seamless_row_op(s, at, "log_softmax", o, CALLS);
}

/* masked_select: it must know the count, so the host waits. */
static void select_masked(seamless_builder *s, const char *id, const char *wait_id) {
    graph_node *node = pointwise(s, id, pointwise_function_where, 1, CANDIDATES);
    node->host_calls = SELECT_CALLS;
    node->launches = SELECT_KERNELS - 1;
    wait(s, wait_id);
}

/* One request's candidates; `rows` hypotheses of it. */
static void search_one(seamless_builder *s, int64_t rows) {
    int64_t vocabulary = (int64_t)s->m->vocabulary;
    build_segment(&s->b, 1);
    s->b.phase->segments[s->b.phase->segment_count - 1].repeats = SCENARIO_BATCH;
    graph_node *node = pointwise(s, "score_add", pointwise_function_mul, rows, vocabulary);
    node->host_calls += LOOP_CALLS; /* slicing this request's rows */
    op top = {.kind = OP_topk,
              .as.topk = {.rows = 1, .cols = rows * vocabulary, .top = CANDIDATES, .dtype = DTYPE_fp32}};
    build_node(&s->b, "topk", top, TOPK_CALLS)->launches = TOPK_FURTHER_KERNELS;
    pointwise(s, "beam_of", pointwise_function_mul, 1, CANDIDATES);
    pointwise(s, "token_of", pointwise_function_mul, 1, CANDIDATES);
    pointwise(s, "beam_offset", pointwise_function_scale, 1, CANDIDATES);
    pointwise(s, "is_end", pointwise_function_compare, 1, CANDIDATES);
    select_masked(s, "ended", "ended_sync");
    pointwise(s, "is_open", pointwise_function_compare, 1, CANDIDATES);
    static const char *const ids[SELECTED_TENSORS][2] = {
        {"open_beams", "open_beams_sync"}, {"open_tokens", "open_tokens_sync"}, {"open_scores", "open_scores_sync"}};
    for (int i = 0; i < SELECTED_TENSORS; i++)
        select_masked(s, ids[i][0], ids[i][1]);
}

/* All requests at once. */
static void search_together(seamless_builder *s, int64_t rows) {
    int64_t vocabulary = (int64_t)s->m->vocabulary;
    build_segment(&s->b, 1);
    graph_node *node = pointwise(s, "score_add", pointwise_function_mul, rows, vocabulary);
    build_variable(node, "rows", SCENARIO_BATCH, (double)rows);
    op top = {.kind = OP_topk, .as.topk = {.cols = rows * vocabulary, .top = CANDIDATES, .dtype = DTYPE_fp32}};
    build_variable(build_node(&s->b, "topk", top, CALLS), "rows", SCENARIO_BATCH, 1);
    node = pointwise(s, "beam_update", pointwise_function_where, 1, CANDIDATES);
    build_variable(node, "rows", SCENARIO_BATCH, 1);
}

/* ---- caches ---- */

typedef struct cache {
    const char *id;
    scenario_variable tokens, all_tokens; /* of a row, over all rows */
} cache;

static const cache caches[] = {
    {"reorder_self_k", SCENARIO_KV_RESERVED, SCENARIO_CACHE_RESERVED},
    {"reorder_self_v", SCENARIO_KV_RESERVED, SCENARIO_CACHE_RESERVED},
    {"reorder_cross_k", SCENARIO_SOURCE_RESERVED, SCENARIO_SOURCE_CACHE},
    {"reorder_cross_v", SCENARIO_SOURCE_RESERVED, SCENARIO_SOURCE_CACHE},
};
enum { CACHE_COUNT = sizeof caches / sizeof caches[0] };

/* index_select into a fresh tensor. */
static void reorder(seamless_builder *s, const cache *c) {
    const model *m = s->m;
    op o = {.kind = OP_kv_reorder,
            .as.kv_reorder = {.kv_heads = (int64_t)m->heads, .head_dim = (int64_t)m->head_dim, .dtype = m->dtype}};
    graph_node *node = build_node(&s->b, c->id, o, REORDER_CALLS);
    build_variable(node, "batch", SCENARIO_BEAM_ROWS, 1);
    build_variable(node, "kv_len", c->tokens, 1);
}

/* A captured graph reads its caches where they are: the gathered copy is written back in place. */
static void reorder_in_place(seamless_builder *s, const cache *c) {
    const model *m = s->m;
    const char *ids[] = {c->id, seamless_id(s, c->id, "back")};
    for (int i = 0; i < 2; i++) {
        op o = {.kind = OP_copy,
                .as.copy = {.cols = (int64_t)(m->heads * m->head_dim), .dtype = m->dtype, .out_dtype = m->dtype}};
        graph_node *node = build_node(&s->b, ids[i], o, REORDER_CALLS);
        node->category = CATEGORY_KV_REORDER;
        build_variable(node, "rows", c->all_tokens, 1);
    }
}

static void reorder_caches(seamless_builder *s) {
    build_segment(&s->b, (int64_t)s->m->layers);
    for (int i = 0; i < CACHE_COUNT; i++) {
        if (s->static_caches)
            reorder_in_place(s, &caches[i]);
        else
            reorder(s, &caches[i]);
    }
}

/* Hypotheses and their scores so far, and (the reference) every row's copy of the encoder's output. */
static void reorder_hypotheses(seamless_builder *s) {
    build_segment(&s->b, 1);
    static const char *const ids[] = {"reorder_tokens", "reorder_scores"};
    for (int i = 0; i < 2; i++) {
        op o = {.kind = OP_copy, .as.copy = {.dtype = DTYPE_fp32, .out_dtype = DTYPE_fp32, .strided = true}};
        graph_node *node = build_node(&s->b, ids[i], o, REORDER_CALLS);
        build_variable(node, "rows", SCENARIO_BEAM_ROWS, 1);
        build_variable(node, "cols", SCENARIO_KV_RESERVED, 1);
    }
    if (s->own)
        return;
    op o = {
        .kind = OP_copy,
        .as.copy = {.cols = (int64_t)s->m->hidden, .dtype = s->m->dtype, .out_dtype = s->m->dtype, .strided = true}};
    graph_node *node = build_node(&s->b, "reorder_source", o, REORDER_CALLS);
    build_variable(node, "rows", SCENARIO_SOURCE_CACHE, 1);
}

void seamless_reorder(seamless_builder *s) {
    reorder_hypotheses(s);
    if (s->l->beam_reorder == BEAM_COPY)
        reorder_caches(s);
}

void seamless_beam_step(seamless_builder *s, seamless_pass pass) {
    seamless_span at = span_of(s, pass);
    probabilities(s, at);
    if (pass == PASS_PREFILL)
        return; /* the prompt's scores alone */
    if (!s->own) {
        build_variable(pointwise(s, "forbid_pad", pointwise_function_fill, 1, 1), "rows", at.rows, 1);
        build_variable(pointwise(s, "penalise_unknown", pointwise_function_scale, 1, 1), "rows", at.rows, 1);
    }
    int64_t rows = pass == PASS_FIRST ? 1 : SEAMLESS_BEAMS;
    if (s->own)
        search_together(s, rows);
    else
        search_one(s, rows);
    if (s->own && s->l->launch == LAUNCH_EAGER)
        wait(s, "sync");
}
