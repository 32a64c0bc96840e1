/* The decoder layer as Chameleon's authors ran it (arXiv 2410.00215): joined qkv and w13 matrices, unfused norms, and a
 * reserved cache that every step attends over in full, its grouped heads written out once for each query head.
 *
 * Published are the repository (joined matrices, a rotation that writes the cache, norms of heads before it) and GPU
 * time by kind of operator on an A100 (34B, prompts of 1,030 tokens). What the repository leaves open follows from
 * these times.
 *
 * Attention of a decode step grows by 3.98 ms a sequence with fused attention: 83 us a layer, 133 MB at the rate that
 * weights stream at. Keys and values of 2,048 tokens and 64 heads, written out and read again, are 134 MB; the image
 * task's 1,040 tokens take half of it (2.05 ms a forward).
 *
 * Attention written out costs 73 us more a layer and sequence at 1,040 tokens: matrix products want the repeated heads
 * in order of heads, which copies them once more, and multiply vectors.
 *
 * Norms of a decode step take 69 us a layer at any batch, 28 small kernels at the 2.4 us of Code Llama's; those of a
 * prefill move about 53 bytes an element at 1.6 TB/s. Two RMS norms of 6 kernels and two head norms of 9, written out
 * in 16 bits, are 30 kernels and 55 bytes; RMS norms in 32 bits, as transformers writes them out, would move 72 alone.
 */
#include "workloads/decoder.h"

/* Framework calls behind one kernel, as in llama_hf.c's means. */
static const double LINEAR_CALLS = 5, KERNEL_CALLS = 3;

typedef struct kernel {
    const char *id;
    pointwise_function function;
    int inputs;  /* tensors of the full width; 0: a reduction */
    bool scalar; /* one value a row */
} kernel;

static const kernel rms_norm[] = {
    {"pow", pointwise_function_pow, 1, false},   {"mean", 0, 0, false},
    {"eps", pointwise_function_scale, 1, true},  {"root", pointwise_function_rsqrt, 1, true},
    {"scale", pointwise_function_mul, 1, false}, {"weight", pointwise_function_mul, 1, false}};
static const kernel layer_norm[] = {{"mean", 0, 0, false},
                                    {"centre", pointwise_function_scale, 1, false},
                                    {"pow", pointwise_function_pow, 1, false},
                                    {"variance", 0, 0, false},
                                    {"eps", pointwise_function_scale, 1, true},
                                    {"root", pointwise_function_rsqrt, 1, true},
                                    {"scale", pointwise_function_mul, 1, false},
                                    {"weight", pointwise_function_mul, 1, false},
                                    {"bias", pointwise_function_scale, 1, false}};
enum {
    RMS_NORM_KERNELS = sizeof rms_norm / sizeof rms_norm[0],
    LAYER_NORM_KERNELS = sizeof layer_norm / sizeof layer_norm[0]
};

static graph_node *pointwise(graph_builder *b, const model *m, const char *id, const kernel *k, double rows,
                             double cols) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {.cols = (int64_t)(k->scalar ? 1 : cols),
                               .inputs = k->inputs,
                               .dtype = m->dtype,
                               .out_dtype = m->dtype,
                               .function = k->function}};
    if (k->inputs == 0)
        o = (op){.kind = OP_reduce, .as.reduce = {.cols = (int64_t)cols, .dtype = m->dtype}};
    graph_node *node = build_node(b, id, o, KERNEL_CALLS);
    build_rows(b, node, "rows", rows);
    return node;
}

/* A norm written out, over `rows` vectors a token. */
static void norm(graph_builder *b, const model *m, const char *id, const kernel *kernels, size_t count, double rows,
                 double cols) {
    for (size_t i = 0; i < count; i++) {
        const char *kernel_id = arena_printf(b->out->memory, "%s_%s", id, kernels[i].id);
        pointwise(b, m, kernel_id, &kernels[i], rows, cols)->category = CATEGORY_NORM;
    }
}

static void token_norm(graph_builder *b, const model *m, const char *id) {
    norm(b, m, id, rms_norm, RMS_NORM_KERNELS, 1, m->hidden);
}

static void head_norm(graph_builder *b, const model *m, const char *id, double heads) {
    norm(b, m, id, layer_norm, LAYER_NORM_KERNELS, heads, m->head_dim);
}

/* A kernel that writes the reserved keys or values of every query head. Repeating reads what there is of fewer heads,
 * which the caches serve but for the first time: counted as none. */
static void write_heads(graph_builder *b, const model *m, const char *id, bool repeats) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {.cols = (int64_t)(m->heads * m->head_dim),
                               .inputs = repeats ? 0 : 1,
                               .dtype = m->dtype,
                               .out_dtype = m->dtype,
                               .function = pointwise_function_cast}};
    graph_node *node = build_node(b, id, o, KERNEL_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", SCENARIO_CACHE_RESERVED, 1);
}

static graph_node *product(graph_builder *b, const model *m, const char *id) {
    graph_node *node = build_attention_product(b, id, m, KERNEL_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, m->heads);
    build_query_tokens(b, node, "m");
    return node;
}

static void scores(graph_builder *b, const model *m, const char *id, op o) {
    graph_node *node = build_node(b, id, o, KERNEL_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_rows(b, node, "rows", m->heads);
    build_variable(node, "cols", SCENARIO_KV_RESERVED, 1);
}

static op scores_pointwise(const model *m, pointwise_function function, bool widens, bool narrows) {
    return (op){.kind = OP_elementwise,
                .as.elementwise = {.inputs = 1,
                                   .dtype = narrows ? DTYPE_fp32 : m->dtype,
                                   .out_dtype = widens ? DTYPE_fp32 : m->dtype,
                                   .function = function}};
}

static void naive_attention(graph_builder *b, const model *m) {
    write_heads(b, m, "k_in_order", false);
    write_heads(b, m, "v_in_order", false);
    build_variable(product(b, m, "scores"), "n", SCENARIO_KV_RESERVED, 1);
    scores(b, m, "scale", scores_pointwise(m, pointwise_function_scale, false, false));
    scores(b, m, "mask", scores_pointwise(m, pointwise_function_where, false, false));
    scores(b, m, "softmax_in", scores_pointwise(m, pointwise_function_cast, true, false));
    scores(b, m, "softmax", (op){.kind = OP_softmax, .as.softmax = {.dtype = DTYPE_fp32}});
    scores(b, m, "softmax_out", scores_pointwise(m, pointwise_function_cast, false, true));
    build_variable(product(b, m, "values"), "k", SCENARIO_KV_RESERVED, 1);
}

static void fused_attention(graph_builder *b, const model *m) {
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads,
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .backend = attention_backend_flash}}; /* under a mask: no key is skipped */
    graph_node *node = build_node(b, "attention", o, KERNEL_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_query_tokens(b, node, "q_len");
    build_variable(node, "kv_len", SCENARIO_KV_RESERVED, 1);
}

void build_repeated_heads(graph_builder *b, const model *m) {
    if (m->kv_heads >= m->heads)
        return;
    write_heads(b, m, "k_repeat", true);
    write_heads(b, m, "v_repeat", true);
}

static void attention_block(graph_builder *b, const model *m, const levers *l) {
    double q = m->heads * m->head_dim, kv = m->kv_heads * m->head_dim;
    build_linear(b, "qkv", l, m, m->hidden, q + 2 * kv, LINEAR_CALLS);
    if (m->qk_norm) {
        head_norm(b, m, "q_norm", m->heads);
        head_norm(b, m, "k_norm", m->kv_heads);
    }
    op rope = {.kind = OP_rope,
               .as.rope = {.heads = (int64_t)m->heads,
                           .kv_heads = (int64_t)m->kv_heads,
                           .head_dim = (int64_t)m->head_dim,
                           .dtype = m->dtype,
                           .kv_write = true,
                           .interleaved = true}};
    graph_node *node = build_node(b, "rope_kv_write", rope, KERNEL_CALLS);
    build_rows(b, node, "rows", 1);
    node->category = CATEGORY_ATTENTION; /* within the module that the authors count so */
    build_repeated_heads(b, m);
    if (l->attention == ATTENTION_NAIVE)
        naive_attention(b, m);
    else
        fused_attention(b, m);
    build_linear(b, "o", l, m, q, m->hidden, LINEAR_CALLS);
}

static void ffn(graph_builder *b, const model *m, const levers *l) {
    static const kernel silu = {"silu", pointwise_function_scale, 1, false},
                        gate = {"gate_mul", pointwise_function_mul, 2, false};
    build_linear(b, "gate_up", l, m, m->hidden, 2 * m->ffn, LINEAR_CALLS);
    pointwise(b, m, silu.id, &silu, 1, m->ffn);
    pointwise(b, m, gate.id, &gate, 1, m->ffn);
    build_linear(b, "down", l, m, m->ffn, m->hidden, LINEAR_CALLS);
}

static void residual(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_add, .as.add = {.cols = (int64_t)m->hidden, .dtype = m->dtype}};
    build_rows(b, build_node(b, id, o, KERNEL_CALLS), "rows", 1);
}

void build_meta_layers(graph_builder *b, const model *m, const levers *l, int64_t layers) {
    build_segment(b, layers);
    if (!m->post_norm)
        token_norm(b, m, "norm1");
    attention_block(b, m, l);
    if (m->post_norm)
        token_norm(b, m, "norm1");
    residual(b, m, "attention_residual");
    if (!m->post_norm)
        token_norm(b, m, "norm2");
    ffn(b, m, l);
    if (m->post_norm)
        token_norm(b, m, "norm2");
    residual(b, m, "ffn_residual");
}

void build_meta_logits(graph_builder *b, const model *m, const levers *l) {
    build_segment(b, 1);
    token_norm(b, m, "norm");
    graph_node *logits = build_linear(b, "head", l, m, m->hidden, m->vocabulary, LINEAR_CALLS);
    logits->dims[0].value.variable = SCENARIO_BATCH; /* of the last token alone */
}
