/* Choosing among a node's alternatives: one stored form a weight, the fastest over every phase that multiplies with it.
 * Each phase stands by one step in its middle. */
#include "sim/engine/engine.h"

#include <math.h>
#include <string.h>

/* One weight and its candidates' times. */
typedef struct weight_group {
    const graph_node *node; /* the first that multiplies with it */
    size_t candidates;
    lanes *time_s; /* by candidate */
    lanes pick;
    double layers, phase_layers; /* stored copies: the most that one phase's nodes count */
} weight_group;

typedef struct group_list {
    weight_group *groups;
    size_t count, *of_node; /* by node, over all phases in a row */
} group_list;

static bool same_weight(const graph_node *a, const graph_node *b) {
    size_t length = strcspn(a->id, ".");
    if (strcspn(b->id, ".") != length || strncmp(a->id, b->id, length) != 0 || a->op.kind != b->op.kind)
        return false;
    return a->op.kind != OP_gemm || (a->op.as.gemm.k == b->op.as.gemm.k && a->op.as.gemm.n == b->op.as.gemm.n);
}

static size_t group_of(group_list *list, const graph_node *node, arena *memory) {
    for (size_t i = 0; i < list->count; i++)
        if (same_weight(list->groups[i].node, node))
            return i;
    weight_group *group = &list->groups[list->count];
    *group = (weight_group){.node = node, .candidates = node->alternative_count + 1};
    group->time_s = ARENA_ARRAY(memory, lanes, group->candidates);
    return list->count++;
}

/* Infinite where a candidate multiplies in another type than the node and the lane's tensor cores lack it. */
static double candidate_s(const op *o, const graph_node *node, const machine_block *m, double time_s, size_t lane) {
    bool other = o->kind == OP_gemm && o->as.gemm.dtype != node->op.as.gemm.dtype;
    return other && m->peak_flops_per_s[o->as.gemm.dtype][lane] <= 0 ? INFINITY : time_s;
}

static void add_node(weight_group *group, const graph_node *node, double times, int64_t step, const scenario *s,
                     const machine_block *machines, const engine_options *options) {
    cost_function *cost_of = options->kind == ENGINE_ROOFLINE ? cost_roofline : cost_analytic;
    for (size_t c = 0; c < group->candidates; c++) {
        op o = c == 0 ? node_op_at(node, s, step, 0) : node_alternative_at(node, c - 1, s, step, 0);
        cost_block cost;
        cost_of(&o, RESIDENCY_PREDECESSORS, machines, &cost);
        for (size_t i = 0; i < MACHINE_LANES; i++)
            group->time_s[c][i] += times * candidate_s(&o, node, machines, cost.time_s[i], i);
    }
}

static void add_phase(const graph_phase *phase, const scenario *s, const machine_block *machines,
                      const engine_options *options, group_list *list, size_t *of_node, arena *memory) {
    int64_t steps = (int64_t)s->values[phase->steps];
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
            const graph_node *node = &phase->nodes[n];
            if (node->alternative_count == 0)
                continue;
            of_node[n] = group_of(list, node, memory);
            weight_group *group = &list->groups[of_node[n]];
            group->phase_layers += node->weights_shared ? 0 : (double)segment->layers;
            if (steps > 0)
                add_node(group, node, (double)(graph_segment_repetitions(segment, s) * steps), steps / 2, s, machines,
                         options);
        }
    }
    for (size_t g = 0; g < list->count; g++) {
        weight_group *group = &list->groups[g];
        group->layers = group->phase_layers > group->layers ? group->phase_layers : group->layers;
        group->phase_layers = 0;
    }
}

static double stored_bytes(const graph_node *node, size_t candidate) {
    op o = candidate == 0 ? node->op : node->alternatives[candidate - 1];
    if (o.kind == OP_gemm)
        o.as.gemm.m = 1;
    return op_work_of(&o).weight_bytes;
}

static void choose(weight_group *group, lanes saved_bytes) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        size_t best = 0;
        for (size_t c = 1; c < group->candidates; c++)
            if (group->time_s[c][i] < group->time_s[best][i])
                best = c;
        group->pick[i] = (double)best;
        saved_bytes[i] += group->layers * (stored_bytes(group->node, 0) - stored_bytes(group->node, best));
    }
}

const engine_picks *engine_pick(const graph *g, const scenario *s, const machine_block *machines,
                                const engine_options *options, arena *memory) {
    size_t choices = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            choices += g->phases[p].nodes[n].alternative_count > 0;
    if (choices == 0 || g->phase_count > ENGINE_PHASES_MAX)
        return NULL;
    engine_picks *picks = ARENA_NEW(memory, engine_picks);
    picks->g = g;
    group_list list = {.groups = ARENA_ARRAY(memory, weight_group, choices)};
    size_t *of_node[ENGINE_PHASES_MAX];
    for (size_t p = 0; p < g->phase_count; p++) {
        of_node[p] = ARENA_ARRAY(memory, size_t, g->phases[p].node_count);
        add_phase(&g->phases[p], s, machines, options, &list, of_node[p], memory);
    }
    for (size_t i = 0; i < list.count; i++)
        choose(&list.groups[i], picks->saved_bytes);
    for (size_t p = 0; p < g->phase_count; p++) {
        picks->nodes[p] = ARENA_ARRAY(memory, lanes *, g->phases[p].node_count);
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (g->phases[p].nodes[n].alternative_count > 0)
                picks->nodes[p][n] = &list.groups[of_node[p][n]].pick;
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
