#include "cli/trace_counters.h"

#include "core/base/si.h"
#include "sim/engine/schedule.h"

#include <math.h>

static void write_levels(chrome_trace *out, int pid, double at_s, double hbm_bytes_per_s, double power_w,
                         double busy_sms_frac) {
    chrome_trace_counter(out, pid, "HBM GB/s", at_s, hbm_bytes_per_s / BYTES_PER_GB);
    chrome_trace_counter(out, pid, "power W", at_s, power_w);
    chrome_trace_counter(out, pid, "SMs in use %", at_s, 100 * busy_sms_frac);
}

void counters_write(chrome_trace *out, int pid, const setup *s, const counted_kernel *k) {
    if (!(k->duration_s > 0))
        return;
    const machine *m = &s->machine;
    cost_block cost;
    node_cost scheduled;
    op o;
    engine_cost_node(&s->graph, k->phase, k->node, &s->scenario, k->step, k->layer, &s->block, &s->options, &o, &cost,
                     &scheduled);
    op_power power = engine_power_of(&o, &cost, &s->block, &s->options);
    double bytes = k->share * cost.hbm_bytes[0], energy_j = k->share * (power.core_j[0] + power.memory_j[0]);
    double running_w = m->power.idle_w + m->power.clock_w + energy_j / k->duration_s;
    double ctas = k->ctas > 0 ? k->ctas : cost.picked[0].ctas;
    write_levels(out, pid, k->start_s, bytes / k->duration_s, running_w, fmin(1, ctas / m->sm.count));
    write_levels(out, pid, k->start_s + k->duration_s, 0, m->power.idle_w, 0);
}

void counters_of_trace(arena *a, const setup_options *common, const trace *t, int64_t origin_ns, int pid,
                       chrome_trace *out) {
    trace_question q = {.common = *common, .file = t->path};
    setup *s = ARENA_NEW(a, setup);
    trace_comparison *c = ARENA_NEW(a, trace_comparison);
    *c = (trace_comparison){0};
    error reason = {""};
    if (trace_match_workload(a, &q, t, s, c, &reason) != STATUS_OK)
        return;
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *e = &t->gpu[i];
        if (c->match.op_of[i] == TRACE_NONE)
            continue;
        const flat_op *flat = &c->view.ops[c->match.op_of[i]];
        const matched_op *matched = &c->match.ops[c->match.op_of[i]];
        double duration_s = (double)e->duration_ns * S_PER_NS, steps = (double)c->match.step_count;
        bool alone = (double)matched->events <= steps; /* one kernel a step does all of it */
        counters_write(out, pid, s,
                       &(counted_kernel){.phase = &s->graph.phases[c->phase_index],
                                         .node = flat->node,
                                         .step = c->view.step,
                                         .layer = flat->layer,
                                         .start_s = (double)(e->start_ns - origin_ns) * S_PER_NS,
                                         .duration_s = duration_s,
                                         .share = alone ? 1 : fmin(1, duration_s * steps / matched->time_s),
                                         .ctas = e->ctas});
    }
}
