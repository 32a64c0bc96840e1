/* What an operator finds: what its predecessor pushed out of L2, and operands that must be packed first. */
#include "core/dataflow.h"
#include "core/graph.h"

/* The node that runs before: in flat order, a repeated segment's last before its first. NULL at the phase's begin. */
static const graph_node *node_before(const graph_phase *phase, const graph_node *node) {
    size_t n = (size_t)(node - phase->nodes);
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        if (n == segment->first_node && segment->layers > 1)
            return &phase->nodes[n + segment->node_count - 1];
    }
    return n > 0 ? node - 1 : NULL;
}

op graph_op_at(const graph *g, const graph_phase *phase, const graph_node *node, size_t alternative, const scenario *s,
               int64_t step, int64_t layer) {
    op o = alternative == 0 ? node_op_at(node, s, step, layer)
                            : node_alternative_at(node, alternative - 1, s, step, layer);
    if (!o.own)
        return o;
    const graph_node *before = node_before(phase, node);
    bool streams = o.kind == OP_gemm || o.kind == OP_attention; /* what they load themselves is what counts */
    if (before && !streams) {
        op other = node_op_at(before, s, step, layer);
        op_work work = op_work_of(&other);
        o.streamed_bytes = work.weight_bytes + work.read_bytes;
    }
    o.packed_bytes = operands_packed_bytes(g, s, node, &o);
    return o;
}
