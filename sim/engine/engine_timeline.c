/* The flat simulation: every step, layer and operator in order, each an interval. The oracle of the folded one. */
#include "sim/engine/engine.h"

#include "sim/engine/event.h"
#include "sim/engine/schedule.h"

#include <stdlib.h>

typedef struct flat_clocks {
    double host_s, gpu_s;
} flat_clocks;

static status emit(const timeline_sink *sink, const graph_view *view, const flat_op *flat, timeline_lane lane,
                   double start_s, double duration_s, error *err) {
    interval item = {
        .phase = view->phase->name,
        .op_id = flat->node->id,
        .category = flat->node->category,
        .step = view->step,
        .layer = flat->layer,
        .stream = flat->node->stream,
        .lane = lane,
        .start_s = start_s,
        .duration_s = duration_s,
    };
    return sink->emit(sink->context, &item, err);
}

static status simulate_step(const graph *g, const scenario *s, const graph_view *view, const machine_block *machines,
                            const engine_options *options, const step_clock *clock, const timeline_sink *sink,
                            flat_clocks *clocks, error *err) {
    lanes host_s, latency_s;
    engine_step_start(view->phase, machines, options, host_s, latency_s);
    clocks->host_s += host_s[0];
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        cost_block cost;
        node_cost node;
        op picked;
        engine_cost_at(g, view->phase, flat->node, s, view->step, flat->layer, machines, options, clock, &picked, &cost,
                       &node);
        status result = STATUS_OK;
        if (node.host_s[0] > 0)
            result = emit(sink, view, flat, LANE_HOST, clocks->host_s, node.host_s[0], err);
        clocks->host_s += node.host_s[0];
        if (node.launches && result == STATUS_OK) {
            double queued_s = clocks->gpu_s + node.gap_s[0], issued_s = clocks->host_s + latency_s[0];
            double start_s = queued_s > issued_s ? queued_s : issued_s;
            result = emit(sink, view, flat, LANE_GPU, start_s, node.busy_s[0], err);
            clocks->gpu_s = start_s + node.busy_s[0];
        }
        if (node.waits && clocks->gpu_s > clocks->host_s)
            clocks->host_s = clocks->gpu_s;
        if (result != STATUS_OK)
            return result;
    }
    /* A step begins when both sides are done with the one before, as in the folded engine. */
    double end_s = clocks->host_s > clocks->gpu_s ? clocks->host_s : clocks->gpu_s;
    *clocks = (flat_clocks){end_s, end_s};
    return STATUS_OK;
}

static int by_start(const void *a, const void *b) {
    const event_op *left = a, *right = b;
    return (left->start_s > right->start_s) - (left->start_s < right->start_s);
}

static status emit_overlapping(const graph_view *view, event_op *ops, double begin_s, const timeline_sink *sink,
                               error *err) {
    status result = STATUS_OK;
    for (size_t i = 0; i < view->count && result == STATUS_OK; i++)
        if (ops[i].host_s > 0)
            result = emit(sink, view, ops[i].flat, LANE_HOST, begin_s + ops[i].issue_s, ops[i].host_s, err);
    qsort(ops, view->count, sizeof *ops, by_start);
    for (size_t i = 0; i < view->count && result == STATUS_OK; i++)
        if (ops[i].launches)
            result =
                emit(sink, view, ops[i].flat, LANE_GPU, begin_s + ops[i].start_s, ops[i].end_s - ops[i].start_s, err);
    return result;
}

/* The same with kernels of several streams side by side. */
static status simulate_overlapping(const graph *g, const scenario *s, const graph_view *view,
                                   const machine_block *machines, const engine_options *options,
                                   const step_clock *clock, const timeline_sink *sink, flat_clocks *clocks,
                                   error *err) {
    arena memory = {0};
    lanes host_s, latency_s;
    engine_step_start(view->phase, machines, options, host_s, latency_s);
    event_op *ops = ARENA_ARRAY(&memory, event_op, view->count);
    cost_block *costs = ARENA_ARRAY(&memory, cost_block, view->count);
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        node_cost node;
        op picked;
        engine_cost_at(g, view->phase, flat->node, s, view->step, flat->layer, machines, options, clock, &picked,
                       &costs[i], &node);
        ops[i] = event_op_of(flat, &node, &costs[i], 0);
    }
    event_machine on = event_machine_of(machines, options->memory, 0);
    event_step_totals totals;
    event_step(&on, ops, view->count, host_s[0], latency_s[0], &memory, &totals);
    double begin_s = clocks->gpu_s, end_s = totals.host_s > totals.gpu_s ? totals.host_s : totals.gpu_s;
    status result = emit_overlapping(view, ops, begin_s, sink, err);
    *clocks = (flat_clocks){begin_s + end_s, begin_s + end_s};
    arena_free(&memory);
    return result;
}

static status simulate_phases(const graph *g, const scenario *s, const machine_block *machines,
                              const engine_options *options, int64_t max_steps, timeline_sink sink, error *err) {
    flat_clocks clocks = {0};
    for (size_t p = 0; p < g->phase_count; p++) {
        int64_t steps = (int64_t)s->values[g->phases[p].steps];
        if (max_steps > 0 && steps > max_steps)
            steps = max_steps;
        for (int64_t step = 0; step < steps; step++) {
            arena memory = {0};
            graph_view view = graph_at(g, p, s, step, &memory);
            step_clock clock = engine_step_clock(g, p, s, step, machines, options, &memory);
            bool overlaps = options->kind == ENGINE_EVENT && event_phase_overlaps(view.phase);
            status result = overlaps ? simulate_overlapping(g, s, &view, machines, options, &clock, &sink, &clocks, err)
                                     : simulate_step(g, s, &view, machines, options, &clock, &sink, &clocks, err);
            arena_free(&memory);
            if (result != STATUS_OK)
                return result;
        }
    }
    return STATUS_OK;
}

status engine_timeline(const graph *g, const scenario *s, const machine_block *machines, const engine_options *options,
                       int64_t max_steps, timeline_sink sink, error *err) {
    arena memory = {0};
    engine_options with_picks = *options;
    if (!with_picks.picks)
        with_picks.picks = engine_pick(g, s, machines, options, &memory);
    status result = simulate_phases(g, s, machines, &with_picks, max_steps, sink, err);
    arena_free(&memory);
    return result;
}
