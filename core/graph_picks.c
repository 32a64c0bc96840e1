#include "core/graph_picks.h"

#include <string.h>

const char *node_weight_name(const graph_node *node) {
    return node->weight_id ? node->weight_id : node->id;
}

static const op *candidate_of(const graph_node *node, size_t candidate) {
    return candidate == 0 ? &node->op : &node->alternatives[candidate - 1];
}

weight_pick weight_pick_of(const graph_node *node, size_t candidate) {
    const gemm_params *p = &candidate_of(node, candidate)->as.gemm;
    return (weight_pick){node_weight_name(node), p->dtype, p->weights_dtype, p->group_size, p->dynamic_quantise};
}

static bool same_form(const weight_pick *a, const weight_pick *b) {
    return a->dtype == b->dtype && a->weights_dtype == b->weights_dtype && a->group_size == b->group_size &&
           a->dynamic_quantise == b->dynamic_quantise;
}

size_t graph_take_pick(graph *g, const weight_pick *pick) {
    size_t taken = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            graph_node *node = &g->phases[p].nodes[n];
            if (node->alternative_count == 0 || node->op.kind != OP_gemm ||
                strcmp(node_weight_name(node), pick->weight) != 0)
                continue;
            for (size_t c = 0; c <= node->alternative_count; c++) {
                weight_pick form = weight_pick_of(node, c);
                if (!same_form(&form, pick))
                    continue;
                node->op = *candidate_of(node, c);
                node->alternative_count = 0;
                taken++;
            }
        }
    return taken;
}
