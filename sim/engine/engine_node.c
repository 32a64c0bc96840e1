/* One operator of a phase: its cost on an engine, the form of it that is picked, and what scheduling needs of it. */
#include "sim/engine/engine_private.h"
#include "sim/engine/event.h"

#include <string.h>

static bool op_launches(op_kind kind) {
    return kind != OP_host_call && kind != OP_sync;
}

static void cost_by(const engine_options *options, const op *o, const machine_block *machines, cost_block *cost) {
    switch (options->kind) {
    case ENGINE_ROOFLINE:
        cost_roofline(o, RESIDENCY_PREDECESSORS, machines, cost);
        break;
    case ENGINE_EVENT:
        cost_event(o, RESIDENCY_PREDECESSORS, machines, options->memory, cost);
        break;
    default:
        cost_analytic(o, RESIDENCY_PREDECESSORS, machines, cost);
    }
}

static void take_lane(cost_block *to, const cost_block *from, size_t i) {
    to->time_s[i] = from->time_s[i];
    to->hbm_bytes[i] = from->hbm_bytes[i];
    to->l2_bytes[i] = from->l2_bytes[i];
    to->launches[i] = from->launches[i];
    to->clocked_s[i] = from->clocked_s[i];
    to->limited_s[i] = from->limited_s[i];
    to->bound[i] = from->bound[i];
    to->picked[i] = from->picked[i];
    to->ctas[i] = from->ctas[i];
}

static bool any_picks(const lanes *picks, size_t candidate) {
    for (size_t i = 0; i < MACHINE_LANES; i++)
        if ((*picks)[i] == (double)candidate)
            return true;
    return false;
}

/* The cost of what is picked, or of the fastest where nothing is. */
static void cost_picked(const graph *g, const graph_phase *phase, const graph_node *node, const scenario *s,
                        int64_t step, int64_t layer, const machine_block *machines, const engine_options *options,
                        op *o, cost_block *cost) {
    const lanes *picks = NULL;
    if (options->picks && node->alternative_count > 0)
        picks = (const lanes *)options->picks->nodes[phase - options->picks->g->phases][node - phase->nodes];
    *o = graph_op_at(g, phase, node, 0, s, step, layer);
    cost_by(options, o, machines, cost);
    for (size_t a = 0; a < node->alternative_count; a++) {
        if (picks && !any_picks(picks, a + 1))
            continue;
        op other = graph_op_at(g, phase, node, a + 1, s, step, layer);
        cost_block other_cost;
        cost_by(options, &other, machines, &other_cost);
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            bool take = picks ? (*picks)[i] == (double)(a + 1) : other_cost.time_s[i] < cost->time_s[i];
            if (!take)
                continue;
            take_lane(cost, &other_cost, i);
            if (i == 0)
                *o = other;
        }
    }
}

void engine_issue_node(const graph_phase *phase, const graph_node *node, const machine_block *machines,
                       const host_profile *host, op_kind kind, const lanes time_s, lanes launches, node_cost *out) {
    out->waits = kind == OP_sync, out->launches = op_launches(kind);
    /* Inside a captured graph the host does nothing an operator; its one launch is in engine_step_start. */
    bool captured = phase->captured || node->captured;
    double more = out->launches ? node->launches : 0, calls_s = captured ? 0 : node->host_calls * host->call_s;
    double launch_scale = captured ? 0 : host->launch_scale_ratio;
    double graphs = node->launches_graph && !phase->captured;
    const double *gap_s = captured ? machines->host_graph_node_s : machines->host_stream_gap_s;
    EACH_LANE {
        launches[i] += more;
        out->host_s[i] = calls_s + launches[i] * machines->host_launch_s[i] * launch_scale +
                         graphs * machines->host_graph_launch_s[i];
        out->gap_s[i] = launches[i] * gap_s[i];
        out->busy_s[i] = time_s[i];
    }
}

void engine_cost_node(const graph *g, const graph_phase *phase, const graph_node *node, const scenario *s, int64_t step,
                      int64_t layer, const machine_block *machines, const engine_options *options, op *o,
                      cost_block *cost, node_cost *out) {
    cost_picked(g, phase, node, s, step, layer, machines, options, o, cost);
    engine_issue_node(phase, node, machines, options->host, o->kind, cost->time_s, cost->launches, out);
}

void engine_step_start(const graph_phase *phase, const machine_block *machines, const engine_options *options,
                       lanes host_s, lanes launch_latency_s) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        host_s[i] = options->host->step_s + (phase->captured ? machines->host_graph_launch_s[i] : 0);
        launch_latency_s[i] = machines->host_launch_latency_s[i];
    }
}

op_power engine_power_of(const op *o, const cost_block *cost, const machine_block *machines,
                         const engine_options *options) {
    op_power out;
    op_work work = op_work_of(o);
    power_of(o, &work, &cost->times, machines, 1 - options->zeros_frac, &out);
    return out;
}

void engine_cost_at(const graph *g, const graph_phase *phase, const graph_node *node, const scenario *s, int64_t step,
                    int64_t layer, const machine_block *machines, const engine_options *options,
                    const step_clock *clock, op *o, cost_block *cost, node_cost *out) {
    engine_cost_node(g, phase, node, s, step, layer, machines, options, o, cost, out);
    if (!out->launches || !clock->throttles)
        return;
    op_power power = engine_power_of(o, cost, machines, options);
    power_stretch(clock, &power, cost);
    memcpy(out->busy_s, cost->time_s, sizeof(lanes));
}
