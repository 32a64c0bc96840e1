/* A plan's weights: which there are, where they lie and how their elements begin. */
#include "core/base/hash.h"
#include "core/base/random.h"
#include "core/dataflow_private.h"
#include "core/graph_picks.h"

#include <math.h>
#include <string.h>

/* Largest magnitudes of symmetric integer types. */
static const double INT8_LEVELS = 127, INT4_LEVELS = 7;
/* Norms' weights and biases: near 1 and 0, and unlike each other, so that a wrong one shows. */
static const float NORM_SPREAD = 0.1f;

/* So that activations keep their size through the layers: a sum of k products of variance-1 inputs has variance 1 when
 * the weights' is 1 / k, and uniform numbers of [-s, s] have variance s^2 / 3. */
static weight_fill fill_of(const graph_node *node, const op *o, int operand_index, const operand *item) {
    if (o->kind == OP_gemm) {
        double spread = sqrt(3 / (double)o->as.gemm.k);
        data_type type = o->as.gemm.weights_dtype;
        double levels = type == DTYPE_int8 ? INT8_LEVELS : type == DTYPE_int4 ? INT4_LEVELS : 0;
        if (operand_index == OPERAND_gemm_b_scales) /* fp8 values reach 1, levels reach `levels` */
            return (weight_fill){.base = (float)(levels > 0 ? spread / levels : spread)};
        if (levels > 0)
            return (weight_fill){.spread = (float)levels};
        return (weight_fill){.spread = type == DTYPE_fp8 ? 1 : (float)spread};
    }
    if (o->kind == OP_rope)
        return (weight_fill){.rotary = true, .theta = node->rope_theta};
    if (o->kind == OP_embedding)
        return (weight_fill){.spread = 1};
    if (strcmp(item->name, "bias") == 0)
        return (weight_fill){.spread = NORM_SPREAD};
    return (weight_fill){.base = 1, .spread = NORM_SPREAD}; /* norms */
}

static int32_t find_weight(const memory_plan *plan, const char *node, const char *operand_name) {
    for (size_t i = 0; i < plan->weight_count; i++)
        if (strcmp(plan->weights[i].node, node) == 0 && strcmp(plan->weights[i].operand_name, operand_name) == 0)
            return (int32_t)i;
    return REGISTER_NONE;
}

/* Layers that a weight has: a node may use but some of them (drafts, and the verification behind them). */
static int64_t layers_of_weight(const graph *g, const char *name) {
    int64_t layers = 0;
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            int64_t end = node->first_layer + phase_layers_of(&g->phases[p], n);
            if (strcmp(node_weight_name(node), name) == 0 && end > layers)
                layers = end;
        }
    }
    return layers;
}

static uint64_t weight_stream(const graph_node *node, const operand *item) {
    const char *name = node_weight_name(node);
    uint64_t hash = hash_fnv1a64(HASH_FNV1A64_BASIS, name, strlen(name) + 1);
    return hash_mix64(hash_fnv1a64(hash, item->name, strlen(item->name)));
}

static int32_t add_weight(memory_plan *plan, const graph_node *node, const op *o, int index, const operand *item) {
    int32_t known = find_weight(plan, node_weight_name(node), item->name);
    if (known != REGISTER_NONE)
        return known;
    int64_t layers = layers_of_weight(plan->graph, node_weight_name(node));
    plan_weight *w = &plan->weights[plan->weight_count];
    *w = (plan_weight){
        .node = node_weight_name(node),
        .operand_name = item->name,
        .item = *item,
        .fill = fill_of(node, o, index, item),
        .offset_bytes = plan->weight_bytes,
        .layer_stride_bytes = memory_aligned((double)operand_bytes(item)),
        .layers = layers,
        .stream = weight_stream(node, item),
    };
    plan->weight_bytes += w->layer_stride_bytes * (size_t)layers;
    return (int32_t)plan->weight_count++;
}

void memory_plan_weights(arena *a, memory_plan *plan) {
    const graph *g = plan->graph;
    for (size_t p = 0; p < g->phase_count; p++)
        plan->node_total += g->phases[p].node_count;
    plan->weights = ARENA_ARRAY(a, plan_weight, plan->node_total * OPERANDS_MAX);
    plan->node_weights = ARENA_ARRAY(a, int32_t, plan->node_total * OPERANDS_MAX);
    size_t number = 0;
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++, number++) {
            const graph_node *node = &g->phases[p].nodes[n];
            op o = node_op_at(node, plan->scenario, 0, 0);
            operand_list list;
            operands_of(&o, &list);
            for (size_t i = 0; i < OPERANDS_MAX; i++) {
                bool weight =
                    node->operands && i < list.count && operand_present(&list.at[i]) && list.at[i].role == ROLE_WEIGHT;
                plan->node_weights[number * OPERANDS_MAX + i] =
                    weight ? add_weight(plan, node, &o, (int)i, &list.at[i]) : REGISTER_NONE;
            }
        }
    }
}

double weight_element(const memory_plan *plan, const plan_weight *w, int64_t index) {
    if (w->fill.rotary)
        return pow(w->fill.theta, -(double)(index % w->item.cols) / (double)w->item.cols);
    /* 24 random bits: exact in fp32, so that a GPU computes the same numbers. */
    uint64_t bits = random_bits(plan->scenario->seed, w->stream, (uint64_t)index) >> 40;
    float u = (float)bits * 0x1p-23f - 1;
    float value = w->fill.spread * u;
    if (w->item.type == DTYPE_int8 || w->item.type == DTYPE_int4)
        return nearbyintf(value);
    return w->fill.base + value;
}
