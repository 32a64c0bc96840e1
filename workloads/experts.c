/* A mixture of experts: each token goes to the `experts_per_token` experts that a router likes best. Their tokens are
 * gathered, multiplied expert by expert in one grouped product, and summed again with the router's weights.
 *
 * Rows a expert are the mean over a balanced load; the weights read are those of the experts that at least one token
 * chose, which is all of them but for the smallest batches: E (1 - (1 - k/E)^rows), evaluated at the batch. */
#include "workloads/decoder.h"

#include <math.h>

static graph_node *row_node(graph_builder *b, const char *id, op o, double host_calls, double scale) {
    graph_node *node = build_node(b, id, o, host_calls);
    build_rows(b, node, "rows", scale);
    return node;
}

/* [rows x experts_per_token, k] x [k, n], one product for each expert in use. */
static void grouped(graph_builder *b, const model *m, const levers *l, const char *id, double k, double n,
                    double host_calls) {
    graph_node *node = build_linear(b, id, l, m, k, n, host_calls);
    node->op.as.gemm.batch = (int64_t)m->experts; /* as stored; a step reads those in use */
    node->alternative_count = 0;                  /* autoquant sees linear layers, and grouped products are none */
    node->dim_count = 0;                          /* not one row a token of the batch: set below */
    build_variable(node, "m", b->prefill ? SCENARIO_EXPERT_PROMPT_ROWS : SCENARIO_EXPERT_ROWS, 1);
    build_variable(node, "batch", b->prefill ? SCENARIO_EXPERTS_PROMPT : SCENARIO_EXPERTS, 1);
}

void build_experts(graph_builder *b, const model *m, const levers *l, double host_calls) {
    double chosen = m->experts_per_token;
    graph_node *router = build_linear(b, "router", l, m, m->hidden, m->experts, host_calls);
    router->op.as.gemm.weights_dtype = m->dtype; /* too small and too sensitive to quantise */
    router->op.as.gemm.group_size = 0;
    router->op.as.gemm.dtype = m->dtype;
    router->op.as.gemm.dynamic_quantise = false;
    router->alternative_count = 0;
    row_node(b, "router_softmax",
             (op){.kind = OP_softmax, .as.softmax = {.cols = (int64_t)m->experts, .dtype = DTYPE_fp32}}, host_calls, 1);
    row_node(
        b, "router_topk",
        (op){.kind = OP_topk, .as.topk = {.cols = (int64_t)m->experts, .top = (int64_t)chosen, .dtype = DTYPE_fp32}},
        host_calls, 1);
    op gather = {.kind = OP_copy,
                 .as.copy = {.cols = (int64_t)m->hidden, .dtype = m->dtype, .out_dtype = m->dtype, .strided = true}};
    row_node(b, "dispatch", gather, host_calls, chosen);
    grouped(b, m, l, "experts_gate_up", m->hidden, 2 * m->ffn, host_calls);
    op gate = {.kind = OP_activation,
               .as.activation = {
                   .cols = (int64_t)m->ffn, .dtype = m->dtype, .function = activation_function_silu, .gated = true}};
    row_node(b, "experts_gate", gate, host_calls, chosen);
    grouped(b, m, l, "experts_down", m->ffn, m->hidden, host_calls);
    row_node(b, "combine", gather, host_calls, chosen);
}

static void spread(const model *m, double tokens, double *experts, double *rows) {
    double in_use = m->experts * (1 - pow(1 - m->experts_per_token / m->experts, tokens));
    *experts = ceil(in_use - 1e-9); /* one token chooses exactly experts_per_token */
    *rows = ceil(tokens * m->experts_per_token / *experts);
}

void scenario_experts(const model *m, scenario *s) {
    double *v = s->values;
    if (m->experts <= 0)
        return;
    spread(m, v[SCENARIO_BATCH], &v[SCENARIO_EXPERTS], &v[SCENARIO_EXPERT_ROWS]);
    spread(m, v[SCENARIO_PROMPT_ROWS], &v[SCENARIO_EXPERTS_PROMPT], &v[SCENARIO_EXPERT_PROMPT_ROWS]);
}
