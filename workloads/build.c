#include "workloads/build.h"

#include <assert.h>
#include <string.h>

/* Weights that share a scale in int4 checkpoints (design: group 128). */
enum { INT4_GROUP_SIZE = 128 };

void build_phase(graph_builder *b, const char *name, bool prefill) {
    graph *g = b->out;
    b->phase = &g->phases[g->phase_count++];
    b->prefill = prefill;
    *b->phase = (graph_phase){
        .name = name,
        .steps = prefill ? SCENARIO_ONE : SCENARIO_DECODE_STEPS,
        .first_output = prefill,
        .per_output = !prefill,
        .nodes = ARENA_ARRAY(g->memory, graph_node, BUILD_NODES_MAX),
        .segments = ARENA_ARRAY(g->memory, graph_segment, BUILD_SEGMENTS_MAX),
    };
}

void build_segment(graph_builder *b, int64_t layers) {
    assert(b->phase->segment_count < BUILD_SEGMENTS_MAX);
    b->phase->segments[b->phase->segment_count++] =
        (graph_segment){.first_node = b->phase->node_count, .layers = layers};
}

graph_node *build_node(graph_builder *b, const char *id, op o, double host_calls) {
    assert(b->phase->node_count < BUILD_NODES_MAX && b->phase->segment_count > 0);
    graph_node *node = &b->phase->nodes[b->phase->node_count++];
    b->phase->segments[b->phase->segment_count - 1].node_count++;
    *node = (graph_node){.id = id, .op = o, .category = op_info_get(o.kind)->category, .host_calls = host_calls};
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

void build_rows(const graph_builder *b, graph_node *node, const char *dim, double scale) {
    build_variable(node, dim, b->prefill ? SCENARIO_PROMPT_ROWS : SCENARIO_BATCH, scale);
}

void build_query_tokens(const graph_builder *b, graph_node *node, const char *dim) {
    build_variable(node, dim, b->prefill ? SCENARIO_PROMPT_TOKENS : SCENARIO_ONE, 1);
}

void build_key_tokens(const graph_builder *b, graph_node *node, const char *dim) {
    /* Decode step s has the prompt, the s tokens before it and its own. */
    dim_expression keys = {.per_variable = 1, .variable = SCENARIO_PROMPT_TOKENS};
    if (!b->prefill) {
        keys.constant = 1;
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

/* Parameters as stored: the matrices in the levers' type, embedding and norms in the model's. */
static double stored_weight_bytes(const graph *g, const model *m) {
    double matrices_bytes = 0;
    const graph_phase *phase = &g->phases[g->phase_count - 1];
    for (size_t s = 0; s < phase->segment_count; s++) {
        const graph_segment *segment = &phase->segments[s];
        for (size_t n = 0; n < segment->node_count; n++) {
            op o = phase->nodes[segment->first_node + n].op;
            if (o.kind == OP_gemm) {
                o.as.gemm.m = 1;
                matrices_bytes += op_work_of(&o).weight_bytes * (double)segment->layers;
            }
        }
    }
    double rest = model_parameter_count(m) - model_gemm_weight_count(m);
    return matrices_bytes + rest * dtype_bytes(m->dtype);
}

status workload_build(arena *a, const model *m, const levers *l, graph *out, error *err) {
    status result = levers_check(l, err);
    if (result != STATUS_OK)
        return result;
    enum { PHASE_COUNT = 2 };
    *out = (graph){
        .name = m->name,
        .phases = ARENA_ARRAY(a, graph_phase, PHASE_COUNT),
        .parameter_count = model_parameter_count(m),
        .kv_bytes_per_token = 2 * m->layers * m->kv_heads * m->head_dim * dtype_bytes(m->dtype),
        .memory = a,
    };
    out->states[out->state_count++] =
        (graph_state){"kv_cache", out->kv_bytes_per_token,
                      l->kv_cache == KV_STATIC ? SCENARIO_CACHE_RESERVED : SCENARIO_CACHE_TOKENS};
    graph_builder b = {.out = out};
    for (int prefill = 1; prefill >= 0; prefill--) {
        build_phase(&b, prefill ? "prefill" : "decode", prefill);
        b.phase->captured = l->launch == LAUNCH_GRAPH;
        if (l->flavour == FLAVOUR_HF && l->fuse == FUSE_NONE)
            build_llama_hf(&b, m, l);
        else
            build_llama_fused(&b, m, l);
    }
    out->weight_bytes = stored_weight_bytes(out, m);
    return STATUS_OK;
}
