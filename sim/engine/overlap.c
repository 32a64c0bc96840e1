/* Credit for operators that run side by side on streams.
 *
 * The branches between a fork and a join take as long as the longest stream, but no less than what all of them together
 * ask of memory, L2 and SMs; a branch that fills the machine alone gains nothing. The time saved is
 * shared by the branches in proportion to their own times, so that categories still add up. Launch gaps stay. The event
 * engine places the CTAs instead. */
#include "sim/engine/overlap.h"

#include "sim/engine/extremes.h"

enum { STREAMS_MAX = 16 };

bool overlap_is_branch(const graph_node *node) {
    return node->dependency_count == 1;
}

/* Lane i's time that no schedule of these nodes can beat: of memory, of L2 and of the SMs, as each kernel's own cost
 * counts them, and of the datasheet's rates where it does not. */
static double floor_s(const overlap_node *nodes, size_t first, size_t end, const machine_block *m, size_t i) {
    double hbm_s = 0, l2_s = 0, sm_s = 0;
    for (size_t n = first; n < end; n++) {
        op_work work = op_work_of(nodes[n].o);
        const cta_work *c = &nodes[n].cost->ctas[i];
        double rate = work.tensor_flops ? m->peak_flops_per_s[work.flops_dtype][i] : m->peak_flops_per_s[DTYPE_fp32][i];
        double compute_s = rate > 0 ? work.flops / rate : nodes[n].cost->time_s[i];
        hbm_s += larger(c->hbm_s, nodes[n].cost->hbm_bytes[i] / m->hbm_bandwidth_bytes_per_s[i]);
        l2_s += c->l2_s;
        sm_s += larger(compute_s, c->ctas * (c->shared_s + c->epilogue_s) / m->sm_count[i]);
    }
    return larger(larger(hbm_s, l2_s), sm_s);
}

static void scale(overlap_node *nodes, size_t first, size_t end, const machine_block *m, size_t i) {
    double sum_s = 0, stream_s[STREAMS_MAX] = {0}, longest_s = 0;
    for (size_t n = first; n < end; n++) {
        double time_s = nodes[n].cost->time_s[i];
        double *own_s = &stream_s[nodes[n].node->stream % STREAMS_MAX];
        sum_s += time_s;
        *own_s += time_s;
        longest_s = larger(longest_s, *own_s);
    }
    double together_s = larger(longest_s, floor_s(nodes, first, end, m, i));
    if (sum_s <= 0 || together_s >= sum_s)
        return;
    for (size_t n = first; n < end; n++) {
        nodes[n].cost->time_s[i] *= together_s / sum_s;
        nodes[n].cost->clocked_s[i] *= together_s / sum_s;
        nodes[n].cost->limited_s[i] *= together_s / sum_s;
    }
}

void overlap_credit(overlap_node *nodes, size_t count, const machine_block *machines) {
    for (size_t join = 0; join < count; join++) {
        if (nodes[join].node->dependency_count < 2)
            continue;
        size_t first = join;
        while (first > 0 && overlap_is_branch(nodes[first - 1].node))
            first--;
        for (size_t i = 0; i < MACHINE_LANES; i++)
            scale(nodes, first, join, machines, i);
    }
}
