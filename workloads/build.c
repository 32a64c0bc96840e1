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
        .weight_id = b->of ? arena_printf(b->out->memory, "%s.%s", id, b->of) : NULL,
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

void build_dim(graph_node *node, const char *dim, dim_expression value) {
    assert(node->dim_count < NODE_DIMS_MAX);
    node->dims[node->dim_count++] = (node_dim){.param = find_param(&node->op, dim), .value = value};
}

void build_variable(graph_node *node, const char *dim, scenario_variable variable, double scale) {
    build_dim(node, dim, (dim_expression){.per_variable = scale, .variable = variable});
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
    build_dim(node, dim, keys);
}

/* What torchao's autoquant tries besides the 16-bit product: int8 weights widened on the way (its two kernels are plans
 * of one operator here) and int8 weights with activations quantised row by row. Its default list holds neither int4 nor
 * fp8, which are tried when asked for. */
static void add_candidates(arena *a, graph_node *node, const levers *l) {
    enum { CANDIDATES_MAX = 3 };
    op *list = ARENA_ARRAY(a, op, CANDIDATES_MAX);
    for (size_t i = 0; i < CANDIDATES_MAX; i++)
        list[i] = node->op;
    size_t count = 2;
    list[0].as.gemm.weights_dtype = DTYPE_int8;
    list[1].as.gemm.weights_dtype = list[1].as.gemm.dtype = DTYPE_int8;
    list[1].as.gemm.dynamic_quantise = true;
    gemm_params *asked = &list[count].as.gemm;
    if (l->weights == WEIGHTS_AUTOQUANT_INT4) {
        asked->weights_dtype = DTYPE_int4, asked->group_size = INT4_GROUP_SIZE;
        count++;
    } else if (l->weights == WEIGHTS_AUTOQUANT_FP8) {
        asked->weights_dtype = asked->dtype = DTYPE_fp8, asked->dynamic_quantise = true;
        count++;
    }
    node->alternatives = list;
    node->alternative_count = count;
}

graph_node *build_linear(graph_builder *b, const char *id, const levers *l, const model *m, double k, double n,
                         double host_calls) {
    /* In 16 bits, a model is in its own type (workload_build makes that fp16 where it is asked for). */
    bool wide = levers_autoquant(l) || (dtype_bytes((data_type)l->weights) == 2 && dtype_bytes(m->dtype) == 2);
    data_type weights = wide ? m->dtype : (data_type)l->weights;
    data_type activations = weights == DTYPE_fp16 || weights == DTYPE_bf16 ? weights : m->dtype;
    bool narrow = dtype_bytes((data_type)l->activations) < 2;
    op o = {.kind = OP_gemm,
            .as.gemm = {.n = (int64_t)n,
                        .k = (int64_t)k,
                        .batch = 1,
                        .dtype = narrow ? (data_type)l->activations : activations,
                        .weights_dtype = weights,
                        .group_size = weights == DTYPE_int4 ? INT4_GROUP_SIZE : 0,
                        .dynamic_quantise = narrow}};
    graph_node *node = build_node(b, id, o, host_calls);
    build_rows(b, node, "m", 1);
    if (levers_autoquant(l))
        add_candidates(b->out->memory, node, l);
    return node;
}

graph_node *build_attention_product(graph_builder *b, const char *id, const model *m, double host_calls) {
    op o = {.kind = OP_gemm,
            .as.gemm = {.n = (int64_t)m->head_dim,
                        .k = (int64_t)m->head_dim,
                        .dtype = m->dtype,
                        .weights_dtype = m->dtype,
                        .activations_only = true}};
    graph_node *node = build_node(b, id, o, host_calls);
    node->category = CATEGORY_ATTENTION;
    return node;
}
