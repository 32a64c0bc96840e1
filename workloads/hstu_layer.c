/* An HSTU layer: norm, one projection to u, v, q and k, attention through SiLU, gated norm, output projection.
 *
 * Kernels of the written-out form follow the research code under bf16 autocast: products in 16 bits, the bias (and with
 * it every pointwise kernel over the scores) in 32. */
#include "workloads/hstu.h"

/* Framework calls behind one kernel. A Triton kernel goes through an autograd function, an autotuner and a launcher,
 * all Python: on the paper's A100 machines a fused layer over 2,028 actions takes 1.16 ms at batch 1, many times its
 * kernels, which makes about 70 calls (of configs/hosts/pytorch-a100.yaml) for each of its three Triton kernels. */
static const double LINEAR_CALLS = 5, NORM_CALLS = 4, POINTWISE_CALLS = 2.5, JAGGED_CALLS = 10, TRITON_CALLS = 70;

bool hstu_written_out(const levers *l) {
    return l->flavour == FLAVOUR_HF && l->attention == ATTENTION_NAIVE;
}

static const char *id_of(const hstu_builder *h, const char *prefix, const char *name) {
    return arena_printf(h->b.out->memory, "%s_%s", prefix, name);
}

/* ---- parts ---- */

graph_node *hstu_row_op(hstu_builder *h, const char *id, op o, double calls) {
    graph_node *node = build_node(&h->b, id, o, calls);
    build_variable(node, "rows", h->rows, 1);
    return node;
}

graph_node *hstu_linear(hstu_builder *h, const char *id, double k, double n) {
    graph_node *node = build_linear(&h->b, id, h->l, h->m, k, n, LINEAR_CALLS);
    node->dims[0].value = (dim_expression){.per_variable = 1, .variable = h->rows};
    return node;
}

void hstu_norm(hstu_builder *h, const char *id, bool gated) {
    bool triton = !hstu_written_out(h->l);
    op o = {.kind = OP_layernorm,
            .as.layernorm = {.cols = (int64_t)h->m->hidden, .dtype = h->m->dtype, .gated = gated}};
    hstu_row_op(h, id, o, triton ? TRITON_CALLS : NORM_CALLS);
}

void hstu_copy(hstu_builder *h, const char *id, double width) {
    op o = {.kind = OP_copy,
            .as.copy = {.cols = (int64_t)width, .dtype = h->m->dtype, .out_dtype = h->m->dtype, .strided = true}};
    hstu_row_op(h, id, o, JAGGED_CALLS);
}

void hstu_silu(hstu_builder *h, const char *id, double width) {
    op o = {.kind = OP_activation,
            .as.activation = {.cols = (int64_t)width, .dtype = h->m->dtype, .function = activation_function_silu}};
    hstu_row_op(h, id, o, POINTWISE_CALLS);
}

void hstu_residual(hstu_builder *h, const char *id) {
    op o = {.kind = OP_add, .as.add = {.cols = (int64_t)h->m->hidden, .dtype = h->m->dtype}};
    hstu_row_op(h, id, o, POINTWISE_CALLS);
}

/* ---- attention written out ---- */

/* A kernel over [batch x heads, N, N], or over [batch, N, N] for the bias. */
static graph_node *pairs(hstu_builder *h, const char *id, double heads, op o) {
    graph_node *node = build_node(&h->b, id, o, POINTWISE_CALLS);
    node->category = CATEGORY_ATTENTION;
    build_variable(node, "rows", h->rows, heads);
    build_variable(node, "cols", h->length, 1);
    return node;
}

static op pointwise(pointwise_function f, data_type in, data_type out) {
    return (op){.kind = OP_elementwise, .as.elementwise = {.inputs = 1, .dtype = in, .out_dtype = out, .function = f}};
}

/* 64-bit integers move twice what the widest float here does. */
static graph_node *integers(hstu_builder *h, const char *id, pointwise_function f) {
    graph_node *node = pairs(h, id, 2, pointwise(f, DTYPE_fp32, DTYPE_fp32));
    return node;
}

/* Bias: weights of the distance (a Toeplitz matrix), and of the bucket of the logarithm of the time between. */
static void relative_bias(hstu_builder *h, const char *prefix) {
    pairs(h, id_of(h, prefix, "bias_positions_repeat"), 1, pointwise(pointwise_function_cast, DTYPE_fp32, DTYPE_fp32));
    pairs(h, id_of(h, prefix, "bias_positions"), 1, pointwise(pointwise_function_cast, DTYPE_fp32, DTYPE_fp32));
    integers(h, id_of(h, prefix, "bias_time_between"), pointwise_function_mul);
    integers(h, id_of(h, prefix, "bias_time_abs"), pointwise_function_neg);
    integers(h, id_of(h, prefix, "bias_time_clamp"), pointwise_function_compare);
    pairs(h, id_of(h, prefix, "bias_log"), 1, pointwise(pointwise_function_pow, DTYPE_fp32, DTYPE_fp32));
    pairs(h, id_of(h, prefix, "bias_scale"), 1, pointwise(pointwise_function_scale, DTYPE_fp32, DTYPE_fp32));
    integers(h, id_of(h, prefix, "bias_bucket"), pointwise_function_cast);
    integers(h, id_of(h, prefix, "bias_bucket_clamp"), pointwise_function_compare);
    graph_node *gather = integers(h, id_of(h, prefix, "bias_gather"), pointwise_function_cast);
    gather->op.as.elementwise.strided = true;
    pairs(h, id_of(h, prefix, "bias_add"), 1, (op){.kind = OP_add, .as.add = {.dtype = DTYPE_fp32}});
}

static graph_node *product(hstu_builder *h, const char *id, const char *keys) {
    const model *m = h->m;
    graph_node *node = build_attention_product(&h->b, id, m, LINEAR_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, m->heads);
    build_variable(node, "m", h->length, 1);
    build_variable(node, keys, h->length, 1);
    return node;
}

static void written_out_attention(hstu_builder *h, const char *prefix) {
    const model *m = h->m;
    double width = m->heads * m->head_dim;
    static const char *const pads[] = {"q_pad", "k_pad", "v_pad"};
    for (int i = 0; i < 3; i++)
        hstu_copy(h, id_of(h, prefix, pads[i]), width);
    relative_bias(h, prefix);
    product(h, id_of(h, prefix, "scores"), "n");
    pairs(h, id_of(h, prefix, "score_bias"), m->heads, (op){.kind = OP_add, .as.add = {.dtype = DTYPE_fp32}});
    pairs(h, id_of(h, prefix, "score_silu"), m->heads,
          (op){.kind = OP_activation, .as.activation = {.dtype = DTYPE_fp32, .function = activation_function_silu}});
    pairs(h, id_of(h, prefix, "score_scale"), m->heads, pointwise(pointwise_function_scale, DTYPE_fp32, DTYPE_fp32));
    pairs(h, id_of(h, prefix, "score_mask"), m->heads, pointwise(pointwise_function_mul, DTYPE_fp32, DTYPE_fp32));
    pairs(h, id_of(h, prefix, "score_cast"), m->heads, pointwise(pointwise_function_cast, DTYPE_fp32, m->dtype));
    product(h, id_of(h, prefix, "values"), "k");
    hstu_copy(h, id_of(h, prefix, "unpad"), width);
}

/* ---- fused ---- */

static attention_backend backend_of(const levers *l) {
    if (l->attention == ATTENTION_NAIVE)
        return attention_backend_naive;
    return l->flavour == FLAVOUR_INGOT ? attention_backend_ingot : attention_backend_triton;
}

static void fused_attention(hstu_builder *h, const char *prefix) {
    const model *m = h->m;
    op o = {.kind = OP_attention,
            .as.attention = {.heads = (int64_t)m->heads,
                             .kv_heads = (int64_t)m->heads,
                             .head_dim = (int64_t)m->head_dim,
                             .dtype = m->dtype,
                             .kv_dtype = m->dtype,
                             .causal = true,
                             .score = attention_score_silu,
                             .backend = backend_of(h->l)}};
    graph_node *node = build_node(&h->b, id_of(h, prefix, "attention"), o, TRITON_CALLS);
    build_variable(node, "batch", SCENARIO_BATCH, 1);
    build_variable(node, "q_len", h->length, 1);
    build_variable(node, "kv_len", h->length, 1);
}

void hstu_layer(hstu_builder *h, const char *prefix) {
    double width = h->m->heads * h->m->head_dim, d = h->m->hidden;
    bool written_out = hstu_written_out(h->l);
    hstu_norm(h, id_of(h, prefix, "norm"), false);
    hstu_linear(h, id_of(h, prefix, "uvqk"), d, 4 * width);
    hstu_silu(h, id_of(h, prefix, "silu"), written_out ? 4 * width : width); /* production: of u alone */
    if (written_out)
        written_out_attention(h, prefix);
    else
        fused_attention(h, prefix);
    hstu_norm(h, id_of(h, prefix, "output_norm"), !written_out);
    if (written_out) {
        op gate = {.kind = OP_elementwise,
                   .as.elementwise = {.cols = (int64_t)width,
                                      .inputs = 2,
                                      .dtype = h->m->dtype,
                                      .out_dtype = h->m->dtype,
                                      .function = pointwise_function_mul}};
        hstu_row_op(h, id_of(h, prefix, "gate"), gate, POINTWISE_CALLS);
    }
    hstu_linear(h, id_of(h, prefix, "output"), width, d);
    if (written_out || h->l->fuse == FUSE_NONE)
        hstu_residual(h, id_of(h, prefix, "residual"));
}
