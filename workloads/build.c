#include "workloads/build.h"

#include <assert.h>
#include <string.h>

/* Weights that share a scale in int4 checkpoints (design: group 128). */
enum { INT4_GROUP_SIZE = 128 };

void build_phase(graph_builder *b, const char *name, bool prefill) {
    graph *g = b->out;
    b->phase = &g->phases[g->phase_count++];
    b->prefill = prefill;
    size_t forwards = b->forwards > 1 ? b->forwards : 1;
    b->node_capacity = forwards * BUILD_NODES_MAX, b->segment_capacity = forwards * BUILD_SEGMENTS_MAX;
    *b->phase = (graph_phase){
        .name = name,
        .steps = prefill ? SCENARIO_ONE : SCENARIO_DECODE_STEPS,
        .first_output = prefill,
        .per_output = !prefill,
        .nodes = ARENA_ARRAY(g->memory, graph_node, b->node_capacity),
        .segments = ARENA_ARRAY(g->memory, graph_segment, b->segment_capacity),
    };
}

void build_segment(graph_builder *b, int64_t layers) {
    assert(b->phase->segment_count < b->segment_capacity);
    b->phase->segments[b->phase->segment_count++] =
        (graph_segment){.first_node = b->phase->node_count, .layers = layers};
}

graph_node *build_node(graph_builder *b, const char *id, op o, double host_calls) {
    assert(b->phase->node_count < b->node_capacity && b->phase->segment_count > 0);
    graph_node *node = &b->phase->nodes[b->phase->node_count++];
    b->phase->segments[b->phase->segment_count - 1].node_count++;
    *node = (graph_node){
        .id = b->suffix ? arena_printf(b->out->memory, "%s.%s", id, b->suffix) : id,
        .op = o,
        .category = op_info_get(o.kind)->category,
        .host_calls = host_calls,
        .weights_shared = b->shared,
    };
    return node;
}

static const op_param *find_param(const op *o, const char *name) {
    const op_info *info = op_info_get(o->kind);
    for (size_t i = 0; i < info->param_count; i++)
        if (strcmp(info->params[i].name, name) == 0)
            return &info->params[i];
    assert(!"no such parameter");
    return NULL;
}

static void set_dim(graph_node *node, const char *dim, dim_expression value) {
    assert(node->dim_count < NODE_DIMS_MAX);
    node->dims[node->dim_count++] = (node_dim){.param = find_param(&node->op, dim), .value = value};
}

void build_variable(graph_node *node, const char *dim, scenario_variable variable, double scale) {
    set_dim(node, dim, (dim_expression){.per_variable = scale, .variable = variable});
}

static double queries_of(const graph_builder *b) {
    return b->queries > 1 ? (double)b->queries : 1;
}

void build_rows(const graph_builder *b, graph_node *node, const char *dim, double scale) {
    if (b->prefill)
        build_variable(node, dim, SCENARIO_PROMPT_ROWS, scale);
    else
        build_variable(node, dim, SCENARIO_BATCH, scale * queries_of(b));
}

void build_logit_rows(const graph_builder *b, graph_node *node, const char *dim) {
    build_variable(node, dim, SCENARIO_BATCH, b->prefill ? 1 : queries_of(b));
}

bool build_causal(const graph_builder *b) {
    return b->prefill || b->queries > 1;
}

void build_query_tokens(const graph_builder *b, graph_node *node, const char *dim) {
    if (b->prefill)
        build_variable(node, dim, SCENARIO_PROMPT_TOKENS, 1);
    else
        build_variable(node, dim, SCENARIO_ONE, queries_of(b));
}

void build_key_tokens(const graph_builder *b, graph_node *node, const char *dim) {
    /* A decode step has the prompt, the tokens before it and its own. */
    dim_expression keys = {.per_variable = 1, .variable = SCENARIO_PROMPT_TOKENS};
    if (!b->prefill) {
        keys.constant = (double)b->ahead + queries_of(b);
        keys.per_step = 1;
    }
    set_dim(node, dim, keys);
}

graph_node *build_linear(graph_builder *b, const char *id, const levers *l, const model *m, double k, double n,
                         double host_calls) {
    op o = {.kind = OP_gemm,
            .as.gemm = {.n = (int64_t)n,
                        .k = (int64_t)k,
                        .batch = 1,
                        .dtype = m->dtype,
                        .weights_dtype = (data_type)l->weights,
                        .group_size = l->weights == DTYPE_int4 ? INT4_GROUP_SIZE : 0}};
    if (l->weights == DTYPE_fp16 || l->weights == DTYPE_bf16)
        o.as.gemm.dtype = (data_type)l->weights;
    graph_node *node = build_node(b, id, o, host_calls);
    build_rows(b, node, "m", 1);
    return node;
}
