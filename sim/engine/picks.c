/* Choosing among a node's alternatives: one stored form a weight, the fastest over every phase that multiplies with it.
 * Each phase stands by one step in its middle. */
#include "core/graph_picks.h"
#include "sim/engine/engine_private.h"

#include <math.h>
#include <string.h>

/* Forwards of a step share weights by the id before the dot, unless they say otherwise. */
static size_t weight_name_length(const graph_node *node) {
    return node->weight_id ? strlen(node->weight_id) : strcspn(node->id, ".");
}

static bool same_weight(const graph_node *a, const graph_node *b) {
    size_t length = weight_name_length(a);
    if (weight_name_length(b) != length || strncmp(node_weight_name(a), node_weight_name(b), length) != 0 ||
        a->op.kind != b->op.kind)
        return false;
    return a->op.kind != OP_gemm || (a->op.as.gemm.k == b->op.as.gemm.k && a->op.as.gemm.n == b->op.as.gemm.n);
}

static size_t group_of(weight_groups *list, const graph_node *node) {
    for (size_t i = 0; i < list->count; i++)
        if (same_weight(list->groups[i].node, node))
            return i;
    list->groups[list->count] = (weight_group){.node = node, .candidates = node->alternative_count + 1};
    return list->count++;
}

op weight_candidate_at(const weight_vote *vote, size_t candidate, const scenario *s) {
    return candidate == 0 ? node_op_at(vote->node, s, vote->step, 0)
                          : node_alternative_at(vote->node, candidate - 1, s, vote->step, 0);
}

double weight_candidate_s(const op *o, const graph_node *node, const machine_block *m, double time_s, size_t lane) {
    bool other = o->kind == OP_gemm && o->as.gemm.dtype != node->op.as.gemm.dtype;
    return other && m->peak_flops_per_s[o->as.gemm.dtype][lane] <= 0 ? INFINITY : time_s;
}

static void add_phase(const graph_phase *phase, const scenario *s, weight_groups *list, size_t *of_node,
                      double *phase_layers) {
    int64_t steps = (int64_t)s->values[phase->steps];
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
            const graph_node *node = &phase->nodes[n];
            if (node->alternative_count == 0)
                continue;
            of_node[n] = group_of(list, node);
            phase_layers[of_node[n]] += node->weights_shared ? 0 : (double)segment->layers;
            if (steps > 0)
                list->votes[list->vote_count++] =
                    (weight_vote){of_node[n], node, steps / 2, (double)(graph_segment_repetitions(segment, s) * steps)};
        }
    }
    for (size_t g = 0; g < list->count; g++) {
        weight_group *group = &list->groups[g];
        group->layers = phase_layers[g] > group->layers ? phase_layers[g] : group->layers;
        phase_layers[g] = 0;
    }
}

weight_groups *weight_groups_of(const graph *g, const scenario *s, arena *memory) {
    size_t choices = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            choices += g->phases[p].nodes[n].alternative_count > 0;
    if (choices == 0 || g->phase_count > ENGINE_PHASES_MAX)
        return NULL;
    weight_groups *list = ARENA_NEW(memory, weight_groups);
    list->groups = ARENA_ARRAY(memory, weight_group, choices);
    list->votes = ARENA_ARRAY(memory, weight_vote, choices);
    double *phase_layers = ARENA_ARRAY(memory, double, choices);
    for (size_t p = 0; p < g->phase_count; p++) {
        list->of_node[p] = ARENA_ARRAY(memory, size_t, g->phases[p].node_count);
        add_phase(&g->phases[p], s, list, list->of_node[p], phase_layers);
    }
    return list;
}

static double stored_bytes(const graph_node *node, size_t candidate) {
    op o = candidate == 0 ? node->op : node->alternatives[candidate - 1];
    if (o.kind == OP_gemm)
        o.as.gemm.m = 1;
    return op_work_of(&o).weight_bytes;
}

void weight_choose(const weight_group *group, const lanes *time_s, lanes pick, lanes saved_bytes) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        size_t best = 0;
        for (size_t c = 1; c < group->candidates; c++)
            if (time_s[c][i] < time_s[best][i])
                best = c;
        pick[i] = (double)best;
        saved_bytes[i] += group->layers * (stored_bytes(group->node, 0) - stored_bytes(group->node, best));
    }
}

const engine_picks *engine_pick(const graph *g, const scenario *s, const machine_block *machines,
                                const engine_options *options, arena *memory) {
    const weight_groups *list = weight_groups_of(g, s, memory);
    if (!list)
        return NULL;
    cost_function *cost_of = options->kind == ENGINE_ROOFLINE ? cost_roofline : cost_analytic;
    engine_picks *picks = ARENA_NEW(memory, engine_picks);
    picks->g = g;
    lanes **time_s = ARENA_ARRAY(memory, lanes *, list->count), *pick = ARENA_ARRAY(memory, lanes, list->count);
    for (size_t i = 0; i < list->count; i++)
        time_s[i] = ARENA_ARRAY(memory, lanes, list->groups[i].candidates);
    for (size_t v = 0; v < list->vote_count; v++) {
        const weight_vote *vote = &list->votes[v];
        for (size_t c = 0; c < list->groups[vote->group].candidates; c++) {
            op o = weight_candidate_at(vote, c, s);
            cost_block cost;
            cost_of(&o, RESIDENCY_PREDECESSORS, machines, &cost);
            for (size_t i = 0; i < MACHINE_LANES; i++)
                time_s[vote->group][c][i] +=
                    vote->times * weight_candidate_s(&o, vote->node, machines, cost.time_s[i], i);
        }
    }
    for (size_t i = 0; i < list->count; i++)
        weight_choose(&list->groups[i], time_s[i], pick[i], picks->saved_bytes);
    for (size_t p = 0; p < g->phase_count; p++) {
        picks->nodes[p] = ARENA_ARRAY(memory, lanes *, g->phases[p].node_count);
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (g->phases[p].nodes[n].alternative_count > 0)
                picks->nodes[p][n] = &pick[list->of_node[p][n]];
    }
    return picks;
}

graph engine_resolved(const graph *g, const engine_picks *picks, size_t lane, arena *memory) {
    graph out = *g;
    if (!picks)
        return out;
    out.weight_bytes -= picks->saved_bytes[lane];
    out.phases = ARENA_ARRAY(memory, graph_phase, g->phase_count);
    for (size_t p = 0; p < g->phase_count; p++) {
        out.phases[p] = g->phases[p];
        graph_node *nodes = ARENA_ARRAY(memory, graph_node, g->phases[p].node_count);
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            nodes[n] = g->phases[p].nodes[n];
            size_t pick = picks->nodes[p][n] ? (size_t)(*picks->nodes[p][n])[lane] : 0;
            if (pick > 0)
                nodes[n].op = nodes[n].alternatives[pick - 1];
            nodes[n].alternative_count = 0;
        }
        out.phases[p].nodes = nodes;
    }
    return out;
}
