/* The Llama layer as Hugging Face transformers runs it eagerly: a node a kernel.
 *
 * Kernels, their order and their number follow PyTorch 2.11 traces of Code Llama 7B on an H200: a decode step launches
 * 1,503 kernels (1,301 with scaled_dot_product_attention) besides the reductions of split-K matrix multiplies, which
 * costs add, as they do the memsets of persistent ones. In a prefill, heads are still a permuted view of the
 * projection: torch.cat and pointwise kernels compute an address an element. (With several sequences the naive
 * attention also copies its queries before the first product, one kernel a layer that is left out.) Host calls are the
 * dispatcher calls of the same traces (5,676 and 4,655 a step), spread by kind. */
#include "workloads/decoder.h"
#include "workloads/kv_levers.h"

/* Framework calls behind one kernel, by what launches it: means that reproduce the traces' totals. */
static const double LINEAR_CALLS = 5, NORM_CALLS = 2.75, ROPE_CALLS = 3.6, CONCAT_CALLS = 6, POINTWISE_CALLS = 2.5;
static const double NAIVE_ATTENTION_CALLS = 5.4, SDPA_CALLS = 6;
/* Small kernels at the start of a step (positions, masks), from the same traces. */
enum { NAIVE_START_KERNELS = 16, SDPA_START_KERNELS = 6 };

static graph_node *pointwise(graph_builder *b, const char *id, pointwise_function function, int inputs, data_type in,
                             data_type out, double cols, double calls) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {
                .cols = (int64_t)cols, .inputs = inputs, .dtype = in, .out_dtype = out, .function = function}};
    graph_node *node = build_node(b, id, o, calls);
    build_rows(b, node, "rows", 1);
    return node;
}

/* LlamaRMSNorm written out, of `rows` vectors of `d` a token: eight kernels. */
static void norm_of(graph_builder *b, const model *m, double d, double rows, const char *const ids[8]) {
    graph_node *nodes[8];
    nodes[0] = pointwise(b, ids[0], pointwise_function_cast, 1, m->dtype, DTYPE_fp32, d, NORM_CALLS);
    nodes[1] = pointwise(b, ids[1], pointwise_function_pow, 1, DTYPE_fp32, DTYPE_fp32, d, NORM_CALLS);
    nodes[2] = build_node(b, ids[2], (op){.kind = OP_reduce, .as.reduce = {.cols = (int64_t)d, .dtype = DTYPE_fp32}},
                          NORM_CALLS);
    build_rows(b, nodes[2], "rows", 1);
    nodes[3] = pointwise(b, ids[3], pointwise_function_scale, 1, DTYPE_fp32, DTYPE_fp32, 1, NORM_CALLS);
    nodes[4] = pointwise(b, ids[4], pointwise_function_rsqrt, 1, DTYPE_fp32, DTYPE_fp32, 1, NORM_CALLS);
    nodes[5] = pointwise(b, ids[5], pointwise_function_mul, 1, DTYPE_fp32, DTYPE_fp32, d, NORM_CALLS);
    nodes[6] = pointwise(b, ids[6], pointwise_function_cast, 1, DTYPE_fp32, m->dtype, d, NORM_CALLS);
    nodes[7] = pointwise(b, ids[7], pointwise_function_mul, 1, m->dtype, m->dtype, d, NORM_CALLS);
    nodes[0]->op.as.elementwise.strided = true;       /* casts as it loads */
    nodes[5]->op.as.elementwise.strided = true;       /* the root of each row is broadcast */
    nodes[7]->op.as.elementwise.strided = b->prefill; /* and the weight over rows */
    for (int i = 0; i < 8; i++) {
        nodes[i]->category = CATEGORY_NORM;
        nodes[i]->dims[0].value.per_variable *= rows;
    }
}

static void norm(graph_builder *b, const model *m, const char *const ids[8]) {
    norm_of(b, m, m->hidden, 1, ids);
}

/* Rotate-half on one tensor: x*cos + cat(-x2, x1)*sin, five kernels. */
static void rotate(graph_builder *b, const model *m, double heads, const char *const ids[5]) {
    double width = heads * m->head_dim;
    graph_node *nodes[5];
    nodes[0] = pointwise(b, ids[0], pointwise_function_mul, 1, m->dtype, m->dtype, width, ROPE_CALLS);
    nodes[1] = pointwise(b, ids[1], pointwise_function_neg, 1, m->dtype, m->dtype, width / 2, ROPE_CALLS);
    op joined = {
        .kind = OP_copy,
        .as.copy = {.cols = (int64_t)width, .dtype = m->dtype, .out_dtype = m->dtype, .strided = true, .joins = true}};
    nodes[2] = build_node(b, ids[2], joined, ROPE_CALLS);
    build_rows(b, nodes[2], "rows", 1);
    nodes[3] = pointwise(b, ids[3], pointwise_function_mul, 1, m->dtype, m->dtype, width, ROPE_CALLS);
    op sum = {.kind = OP_add, .as.add = {.cols = (int64_t)width, .dtype = m->dtype, .strided = b->prefill}};
    nodes[4] = build_node(b, ids[4], sum, ROPE_CALLS);
    build_rows(b, nodes[4], "rows", 1);
    for (int i = 0; i < 5; i++)
        nodes[i]->category = CATEGORY_EMBEDDING; /* the paper counts rotary embedding there */
    nodes[0]->op.as.elementwise.strided = true;
    nodes[1]->op.as.elementwise.strided = true;
    nodes[3]->op.as.elementwise.strided = true;
}

/* torch's layer_norm of each head, then the weight and the bias of its own (HF Chameleon): three kernels. */
static void head_norm(graph_builder *b, const model *m, double heads, const char *const ids[3]) {
    double width = heads * m->head_dim;
    op o = {.kind = OP_layernorm, .as.layernorm = {.cols = (int64_t)m->head_dim, .dtype = m->dtype}};
    build_rows(b, build_node(b, ids[0], o, NORM_CALLS), "rows", heads);
    pointwise(b, ids[1], pointwise_function_mul, 1, m->dtype, m->dtype, width, NORM_CALLS)->category = CATEGORY_NORM;
    op shift = {.kind = OP_add, .as.add = {.cols = (int64_t)width, .dtype = m->dtype}};
    graph_node *node = build_node(b, ids[2], shift, NORM_CALLS);
    build_rows(b, node, "rows", 1);
    node->category = CATEGORY_NORM;
}

static void concat(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_kv_concat,
            .as.kv_concat = {.kv_heads = (int64_t)m->kv_heads,
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .strided = b->prefill}}; /* heads and tokens are still in the projection's order */
    graph_node *node = build_node(b, id, o, CONCAT_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_key_tokens(b, node, "kv_len");
}

/* Grouped heads: repeat_kv writes every key and value once for each query head. */
static void repeat_heads(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_kv_concat,
            .as.kv_concat = {.kv_heads = (int64_t)m->heads, .head_dim = (int64_t)m->head_dim, .dtype = m->dtype}};
    graph_node *node = build_node(b, id, o, CONCAT_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_key_tokens(b, node, "kv_len");
}

static graph_node *product(graph_builder *b, const model *m, const char *id) {
    graph_node *node = build_attention_product(b, id, m, NAIVE_ATTENTION_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, m->heads);
    build_query_tokens(b, node, "m");
    return node;
}

/* A kernel over the matrix of scores: a row a query a head, a column a key. */
static void scores(graph_builder *b, const model *m, const char *id, op o) {
    graph_node *node = build_node(b, id, o, NAIVE_ATTENTION_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_rows(b, node, "rows", m->heads);
    build_key_tokens(b, node, "cols");
}

static op scores_pointwise(pointwise_function function, data_type in, data_type out, bool strided) {
    return (op){
        .kind = OP_elementwise,
        .as.elementwise = {.inputs = 1, .dtype = in, .out_dtype = out, .function = function, .strided = strided}};
}

static void naive_attention(graph_builder *b, const model *m) {
    build_key_tokens(b, product(b, m, "scores"), "n");
    scores(b, m, "scale", scores_pointwise(pointwise_function_scale, m->dtype, m->dtype, false));
    scores(b, m, "mask", scores_pointwise(pointwise_function_where, m->dtype, m->dtype, true));
    scores(b, m, "softmax_in", scores_pointwise(pointwise_function_cast, m->dtype, DTYPE_fp32, true));
    scores(b, m, "softmax", (op){.kind = OP_softmax, .as.softmax = {.dtype = DTYPE_fp32}});
    scores(b, m, "softmax_out", scores_pointwise(pointwise_function_cast, DTYPE_fp32, m->dtype, false));
    build_key_tokens(b, product(b, m, "values"), "k");
    if (b->prefill) { /* heads back behind tokens; one token needs no copy */
        op o = {
            .kind = OP_copy,
            .as.copy = {
                .cols = (int64_t)(m->heads * m->head_dim), .dtype = m->dtype, .out_dtype = m->dtype, .strided = true}};
        graph_node *node = build_node(b, "values_back", o, NAIVE_ATTENTION_CALLS);
        node->category = CATEGORY_ATTENTION;
        build_rows(b, node, "rows", 1);
    }
}

static void fused_attention(graph_builder *b, const model *m, bool windowed) {
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads, /* repeat_kv has expanded them */
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .causal = build_causal(b),
                             .backend = attention_backend_cudnn}}; /* PyTorch 2.11's pick on Hopper */
    graph_node *node = build_node(b, "attention", o, SDPA_CALLS);
    node->launches = b->prefill; /* cuDNN's kernel for many queries has a workspace cleared first */
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_query_tokens(b, node, "q_len");
    build_key_tokens(b, node, "kv_len");
    if (windowed)
        window_attention(b, node, m);
}

static void residual(graph_builder *b, const model *m, const char *id) {
    op o = {.kind = OP_add, .as.add = {.cols = (int64_t)m->hidden, .dtype = m->dtype}};
    build_rows(b, build_node(b, id, o, POINTWISE_CALLS), "rows", 1);
}

static void attention_block(graph_builder *b, const model *m, const levers *l, bool windowed) {
    static const char *const norm_ids[8] = {"norm1_cast", "norm1_pow",   "norm1_mean", "norm1_eps",
                                            "norm1_root", "norm1_scale", "norm1_back", "norm1_weight"};
    static const char *const q_ids[5] = {"q_cos", "q_neg", "q_cat", "q_sin", "q_add"};
    static const char *const k_ids[5] = {"k_cos", "k_neg", "k_cat", "k_sin", "k_add"};
    static const char *const q_norm_ids[3] = {"q_norm", "q_norm_weight", "q_norm_bias"};
    static const char *const k_norm_ids[3] = {"k_norm", "k_norm_weight", "k_norm_bias"};
    static const char *const q_rms_ids[8] = {"q_norm_cast", "q_norm_pow",   "q_norm_mean", "q_norm_eps",
                                             "q_norm_root", "q_norm_scale", "q_norm_back", "q_norm_weight"};
    static const char *const k_rms_ids[8] = {"k_norm_cast", "k_norm_pow",   "k_norm_mean", "k_norm_eps",
                                             "k_norm_root", "k_norm_scale", "k_norm_back", "k_norm_weight"};
    static const char *const after_ids[8] = {"attention_norm_cast", "attention_norm_pow",   "attention_norm_mean",
                                             "attention_norm_eps",  "attention_norm_root",  "attention_norm_scale",
                                             "attention_norm_back", "attention_norm_weight"};
    double d = m->hidden, e = m->head_dim;
    if (!m->post_norm)
        norm(b, m, norm_ids);
    build_linear(b, "q", l, m, d, m->heads * e, LINEAR_CALLS);
    build_linear(b, "k", l, m, d, m->kv_heads * e, LINEAR_CALLS);
    build_linear(b, "v", l, m, d, m->kv_heads * e, LINEAR_CALLS);
    if (m->qk_norm) {
        head_norm(b, m, m->heads, q_norm_ids);
        head_norm(b, m, m->kv_heads, k_norm_ids);
    }
    if (m->head_rms_norm) {
        norm_of(b, m, e, m->heads, q_rms_ids);
        norm_of(b, m, e, m->kv_heads, k_rms_ids);
    }
    rotate(b, m, m->heads, q_ids);
    rotate(b, m, m->kv_heads, k_ids);
    concat(b, m, "k_concat");
    concat(b, m, "v_concat");
    if (m->kv_heads < m->heads) {
        repeat_heads(b, m, "k_repeat");
        repeat_heads(b, m, "v_repeat");
    }
    if (l->attention == ATTENTION_NAIVE)
        naive_attention(b, m);
    else
        fused_attention(b, m, windowed);
    build_linear(b, "o", l, m, m->heads * e, d, LINEAR_CALLS);
    if (m->sandwich_norm)
        norm(b, m, after_ids);
    if (m->post_norm)
        norm(b, m, norm_ids);
    residual(b, m, "attention_residual");
}

static void dense_ffn(graph_builder *b, const model *m, const levers *l) {
    build_linear(b, "gate", l, m, m->hidden, m->ffn, LINEAR_CALLS);
    op silu = {.kind = OP_activation,
               .as.activation = {.cols = (int64_t)m->ffn, .dtype = m->dtype, .function = activation_function_silu}};
    build_rows(b, build_node(b, "silu", silu, POINTWISE_CALLS), "rows", 1);
    build_linear(b, "up", l, m, m->hidden, m->ffn, LINEAR_CALLS);
    pointwise(b, "gate_mul", pointwise_function_mul, 2, m->dtype, m->dtype, m->ffn, POINTWISE_CALLS);
    build_linear(b, "down", l, m, m->ffn, m->hidden, LINEAR_CALLS);
}

static void ffn_block(graph_builder *b, const model *m, const levers *l) {
    static const char *const norm_ids[8] = {"norm2_cast", "norm2_pow",   "norm2_mean", "norm2_eps",
                                            "norm2_root", "norm2_scale", "norm2_back", "norm2_weight"};
    static const char *const after_ids[8] = {"ffn_norm_cast", "ffn_norm_pow",   "ffn_norm_mean", "ffn_norm_eps",
                                             "ffn_norm_root", "ffn_norm_scale", "ffn_norm_back", "ffn_norm_weight"};
    if (!m->post_norm)
        norm(b, m, norm_ids);
    if (m->experts > 0)
        build_experts(b, m, l, LINEAR_CALLS);
    else
        dense_ffn(b, m, l);
    if (m->sandwich_norm)
        norm(b, m, after_ids);
    if (m->post_norm)
        norm(b, m, norm_ids);
    residual(b, m, "ffn_residual");
}

/* Rotary tables of this step's positions: a small product, cat, cos, sin and casts. */
static void rotary_tables(graph_builder *b, const model *m) {
    static const struct {
        const char *id;
        pointwise_function function;
    } kernels[] = {{"rotary_cat", pointwise_function_cast},
                   {"rotary_cos", pointwise_function_cos},
                   {"rotary_sin", pointwise_function_sin},
                   {"rotary_cast_cos", pointwise_function_cast},
                   {"rotary_cast_sin", pointwise_function_cast}};
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++)
        pointwise(b, kernels[i].id, kernels[i].function, 1, DTYPE_fp32, DTYPE_fp32, m->head_dim, POINTWISE_CALLS)
            ->category = CATEGORY_EMBEDDING;
}

void build_hf_embedding(graph_builder *b, const model *m, const levers *l) {
    build_segment(b, l->attention == ATTENTION_NAIVE ? NAIVE_START_KERNELS : SDPA_START_KERNELS);
    op fill = {
        .kind = OP_elementwise,
        .as.elementwise = {
            .rows = 1, .inputs = 1, .dtype = DTYPE_fp32, .out_dtype = DTYPE_fp32, .function = pointwise_function_fill}};
    build_key_tokens(b, build_node(b, "positions_and_mask", fill, POINTWISE_CALLS), "cols");
    build_segment(b, 1);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = (int64_t)m->hidden, .table_rows = (int64_t)m->vocabulary, .dtype = m->dtype}};
    build_rows(b, build_node(b, "embedding", gather, POINTWISE_CALLS), "rows", 1);
    rotary_tables(b, m);
}

static void layer(graph_builder *b, const model *m, const levers *l, bool windowed) {
    attention_block(b, m, l, windowed);
    ffn_block(b, m, l);
}

void build_hf_layers(graph_builder *b, const model *m, const levers *l, int64_t layers) {
    build_layers_by_window(b, m, l, layers, layer);
}

void build_hf_logits(graph_builder *b, const model *m, const levers *l) {
    static const char *const norm_ids[8] = {"norm_cast", "norm_pow",   "norm_mean", "norm_eps",
                                            "norm_root", "norm_scale", "norm_back", "norm_weight"};
    build_segment(b, 1);
    norm(b, m, norm_ids);
    /* Of every token: a forward pass that is not told which logits are wanted computes all. */
    build_linear(b, "head", l, m, m->hidden, m->vocabulary, LINEAR_CALLS);
}
