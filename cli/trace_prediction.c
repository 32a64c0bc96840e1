#include "cli/trace_prediction.h"

#include "core/base/si.h"
#include "core/graph_picks.h"
#include "sim/engine/schedule.h"
#include "validate/trace_run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Weights cannot arrive faster than memory delivers them; measurement noise is well within this. */
static const double IMPOSSIBLE_RATE_RATIO = 1.1;
/* Of one operator's weights, in L2 capacities, so that no cache explains the rate. */
static const double UNCACHED_RATIO = 2;

/* ---- which phase ---- */

static status match_best_phase(arena *a, const trace_question *q, const trace *t, const setup *s, trace_comparison *out,
                               error *err) {
    classified *classes = trace_classify(t);
    status result = STATUS_OK;
    double best = -1;
    for (size_t p = 0; p < s->graph.phase_count && result == STATUS_OK; p++) {
        const graph_phase *phase = &s->graph.phases[p];
        if (s->scenario.values[phase->steps] < 1 || (q->phase && strcmp(q->phase, phase->name) != 0))
            continue;
        trace_match match;
        graph_view view;
        result = trace_match_phase(a, t, classes, &s->graph, p, &s->scenario, &match, &view, err);
        if (result == STATUS_OK && match_quality(&match) > best) {
            best = match_quality(&match);
            out->match = match;
            out->view = view;
            out->phase = phase->name;
            out->phase_index = p;
        }
    }
    free(classes);
    if (result == STATUS_OK && best < 0)
        return error_set(err, STATUS_BAD_INPUT, "%s has no phase '%.40s' with steps", s->workload.name,
                         q->phase ? q->phase : "");
    if (result != STATUS_OK || match_check(&out->match, &out->view, err) == STATUS_OK)
        return result;
    error reason = *err;
    return error_set(err, STATUS_NEGATIVE, "%s: %s", t->path, reason.text);
}

/* ---- operator by operator ---- */

static double floor_of(const op *o, const setup *s) {
    cost_block cost;
    cost_roofline(o, RESIDENCY_COLD, &s->block, &cost);
    return cost.time_s[0];
}

static void compare_nodes(arena *a, const setup *s, trace_comparison *out) {
    const graph_phase *phase = &s->graph.phases[out->phase_index];
    const trace_match *m = &out->match;
    double steps = (double)m->step_count;
    out->node_count = phase->node_count;
    out->nodes = ARENA_ARRAY(a, node_comparison, phase->node_count);
    double *op_s = ARENA_ARRAY(a, double, m->op_count + 1);
    step_clock clock = engine_step_clock(&s->graph, out->phase_index, &s->scenario, 0, &s->block, &s->options, a);
    for (size_t j = 0; j < m->op_count; j++) {
        const flat_op *flat = &out->view.ops[j];
        node_comparison *n = &out->nodes[flat->node - phase->nodes];
        cost_block cost;
        node_cost node;
        op o;
        engine_cost_at(&s->graph, phase, flat->node, &s->scenario, 0, flat->layer, &s->block, &s->options, &clock, &o,
                       &cost, &node);
        op_s[j] = node.launches ? node.busy_s[0] : 0;
        n->node = flat->node;
        n->shape = o;
        n->bound = cost.bound[0];
        n->count += node.launches;
        n->found += m->ops[j].events > 0;
        n->kernels += (double)m->ops[j].events / steps;
        n->measured_s += m->ops[j].time_s / steps;
        n->predicted_kernels += node.launches ? cost.launches[0] : 0;
        n->predicted_s += op_s[j];
        n->floor_s += node.launches ? floor_of(&o, s) : 0;
    }
    for (size_t j = 0; j < m->op_count; j++) { /* one kernel for several operators answers for all of them */
        if (m->ops[j].absorbed == 0)
            continue;
        double share_s = op_s[j] * (double)m->ops[j].absorbed / steps;
        node_comparison *own = &out->nodes[out->view.ops[j].node - phase->nodes];
        own->predicted_s = fmax(0, own->predicted_s - share_s);
        own->absorbed = true;
        out->nodes[out->view.ops[m->ops[j].primary].node - phase->nodes].predicted_s += share_s;
    }
}

/* A matrix whose weights would have arrived faster than the machine's memory delivers is not the trace's. */
static status check_rates(const trace *t, const setup *s, const trace_comparison *c, error *err) {
    for (size_t i = 0; i < c->node_count; i++) {
        const node_comparison *n = &c->nodes[i];
        if (!n->node || n->found == 0 || n->absorbed)
            continue;
        double bytes = op_work_of(&n->shape).weight_bytes;
        double rate = bytes * n->found / n->measured_s;
        if (bytes > UNCACHED_RATIO * s->machine.l2.bytes &&
            rate > IMPOSSIBLE_RATE_RATIO * s->machine.hbm.bandwidth_bytes_per_s)
            return error_set(err, STATUS_NEGATIVE,
                             "%s: the trace does not run this graph on %s: '%s' would read its "
                             "weights at %.3g TB/s, the machine's memory gives %.3g",
                             t->path, s->machine.name, n->node->id, rate / BYTES_PER_TB,
                             s->machine.hbm.bandwidth_bytes_per_s / BYTES_PER_TB);
    }
    return STATUS_OK;
}

/* ---- end to end ---- */

static void measure_steps(const trace *t, trace_comparison *out) {
    double steps = (double)t->step_count;
    out->measured_wall_low_s = INFINITY;
    for (size_t i = 0; i < t->step_count; i++) {
        double wall_s = trace_step_wall_s(t, i);
        out->measured_wall_s += wall_s / steps;
        out->measured_busy_s += trace_busy_s(t, t->steps[i].first, t->steps[i].count) / steps;
        out->measured_wall_low_s = fmin(out->measured_wall_low_s, wall_s);
        out->measured_wall_high_s = fmax(out->measured_wall_high_s, wall_s);
    }
    out->measured_kernels = (double)t->gpu_count / steps;
}

static status predict_phase(arena *a, const setup *s, size_t phase, double call_s, phase_totals *out, error *err) {
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = setup_run_with_call(a, s, call_s, r, err);
    *out = r->phases[phase];
    return result;
}

static status predict_steps(arena *a, const setup *s, trace_comparison *out, error *err) {
    double steps = s->scenario.values[s->graph.phases[out->phase_index].steps];
    phase_totals *totals = ARENA_ARRAY(a, phase_totals, 3);
    status result = predict_phase(a, s, out->phase_index, s->host.call_s, &totals[0], err);
    if (result == STATUS_OK)
        result = predict_phase(a, s, out->phase_index, s->host.call_low_s, &totals[1], err);
    if (result == STATUS_OK)
        result = predict_phase(a, s, out->phase_index, s->host.call_high_s, &totals[2], err);
    out->predicted_wall_s = totals[0].latency_s[0] / steps;
    out->predicted_busy_s = totals[0].busy_s[0] / steps;
    out->predicted_kernels = totals[0].launches[0] / steps;
    out->predicted_wall_low_s = totals[1].latency_s[0] / steps;
    out->predicted_wall_high_s = totals[2].latency_s[0] / steps;
    return result;
}

static void find_errors(trace_comparison *c) {
    c->busy_error = c->predicted_busy_s / c->measured_busy_s - 1;
    c->wall_error = c->predicted_wall_s / c->measured_wall_s - 1;
    if (c->measured_wall_s < c->predicted_wall_low_s)
        c->wall_range_error = c->predicted_wall_low_s / c->measured_wall_s - 1;
    else if (c->measured_wall_s > c->predicted_wall_high_s)
        c->wall_range_error = 1 - c->predicted_wall_high_s / c->measured_wall_s;
}

status trace_match_workload(arena *a, const trace_question *q, const trace *t, setup *s, trace_comparison *out,
                            error *err) {
    setup_options options = q->common;
    if (options.request.decode_steps < 0)
        options.request.decode_steps = (int64_t)t->step_count;
    status result = setup_load(a, &options, s, err);
    return result == STATUS_OK ? match_best_phase(a, q, t, s, out, err) : result;
}

/* The phase that a run is asked about: the last one in it unless named. */
static status match_run(arena *a, const trace_question *q, const run *r, const char *phase, const trace *t, setup *s,
                        trace_comparison *out, error *err) {
    setup_options options = q->common;
    if (options.request.decode_steps < 0)
        options.request.decode_steps = (int64_t)t->step_count;
    status result = setup_load(a, &options, s, err);
    if (result != STATUS_OK)
        return result;
    for (size_t i = 0; i < r->header.pick_count; i++)
        if (graph_take_pick(&s->graph, &r->header.picks[i]) == 0)
            return error_set(err, STATUS_NEGATIVE, "%s: %s has no weight '%.40s' in the form that was picked", q->file,
                             s->workload.name, r->header.picks[i].weight);
    size_t p = 0;
    while (p < s->graph.phase_count && strcmp(s->graph.phases[p].name, phase) != 0)
        p++;
    if (p == s->graph.phase_count)
        return error_set(err, STATUS_NEGATIVE, "%s: %s has no phase '%.40s'", q->file, s->workload.name, phase);
    out->phase = phase;
    out->phase_index = p;
    trace_match_run(a, t, r, &s->graph, p, &s->scenario, &out->match, &out->view);
    error reason;
    if (match_check(&out->match, &out->view, &reason) != STATUS_OK)
        return error_set(err, STATUS_NEGATIVE, "%s: %s", q->file, reason.text);
    return STATUS_OK;
}

/* Behind the match: everything else that is compared. */
static status compare(arena *a, const trace *t, setup *s, trace_comparison *out, error *err) {
    compare_nodes(a, s, out);
    status result = check_rates(t, s, out, err);
    if (result == STATUS_OK)
        result = predict_steps(a, s, out, err);
    measure_steps(t, out);
    find_errors(out);
    return result;
}

/* The host cost that a run was made with. */
static void emulate_host(const run_header *header, setup *s) {
    if (header->dispatch_s > 0)
        s->host.call_s = s->host.call_low_s = s->host.call_high_s = header->dispatch_s;
    if (header->launch_s > 0)
        for (size_t i = 0; i < MACHINE_LANES; i++)
            s->block.host_launch_s[i] += header->launch_s;
}

static status compare_run(arena *a, const trace_question *q, trace *t, setup *s, trace_comparison *out, error *err) {
    run r;
    status result = run_read(a, q->file, &r, err);
    if (result != STATUS_OK)
        return result;
    const char *phase = q->phase ? q->phase : r.intervals[r.count - 1].phase;
    result = trace_from_run(&r, q->file, phase, t, err);
    if (result != STATUS_OK)
        return result;
    result = match_run(a, q, &r, phase, t, s, out, err);
    if (result == STATUS_OK)
        emulate_host(&r.header, s);
    if (result == STATUS_OK)
        result = compare(a, t, s, out, err);
    if (result != STATUS_OK)
        trace_free(t);
    return result;
}

status trace_compare(arena *a, const trace_question *q, trace *t, setup *s, trace_comparison *out, error *err) {
    *out = (trace_comparison){0};
    if (trace_is_run(q->file))
        return compare_run(a, q, t, s, out, err);
    status result = trace_read(q->file, q->any_order, t, err);
    if (result != STATUS_OK)
        return result;
    result = trace_match_workload(a, q, t, s, out, err);
    if (result == STATUS_OK)
        result = compare(a, t, s, out, err);
    if (result != STATUS_OK)
        trace_free(t);
    return result;
}

status trace_comparison_gate(const trace_comparison *c, double max_error, error *err) {
    if (fabs(c->busy_error) > max_error)
        return error_set(err, STATUS_NEGATIVE,
                         "gate missed: GPU busy time is predicted %+.1f %% off, allowed are %.1f %%",
                         100 * c->busy_error, 100 * max_error);
    if (c->wall_range_error > max_error)
        return error_set(err, STATUS_NEGATIVE,
                         "gate missed: the measured step lies %.1f %% outside the predicted range, "
                         "allowed are %.1f %%",
                         100 * c->wall_range_error, 100 * max_error);
    return STATUS_OK;
}
