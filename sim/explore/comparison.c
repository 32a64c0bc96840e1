#include "sim/explore/comparison.h"

#include "core/base/si.h"
#include "hwmodels/area.h"
#include "hwmodels/gpu_cost.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static status run_side(arena *a, const comparison_design *d, comparison_side *out, error *err) {
    const machine *machines[1] = {d->machine};
    const calibration *calibrations[1] = {d->calibration};
    machine_block *block = ARENA_NEW(a, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    out->node_count = engine_node_count(d->graph);
    out->nodes = ARENA_ARRAY(a, node_totals, out->node_count);
    status result = engine_run(d->graph, d->scenario, block, d->options, a, &out->result, out->nodes, err);
    if (result != STATUS_OK)
        return result;
    if (out->result.fits[0] == 0)
        return error_set(err, STATUS_NEGATIVE, "the request does not fit %s: it needs %.1f GB of %.1f GB",
                         d->machine->name, out->result.memory.total_bytes / BYTES_PER_GB,
                         d->machine->hbm.capacity_bytes / BYTES_PER_GB);
    for (size_t n = 0; n < out->node_count; n++)
        out->bound_s[out->nodes[n].bound] += out->nodes[n].time_s;
    for (size_t p = 0; p < out->result.phase_count; p++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            out->category_s[c] += out->result.phases[p].category_s[c][0];
    out->area_m2 = area_of(d->machine).total_m2;
    out->cost_usd = gpu_cost_of(d->machine).total_usd;
    return STATUS_OK;
}

/* An operator's place in the list; a new one where no other has its phase and id. */
static comparison_op *op_of(comparison *c, const char *phase, const char *id) {
    for (size_t i = 0; i < c->op_count; i++)
        if (strcmp(c->ops[i].id, id) == 0 && strcmp(c->ops[i].phase, phase) == 0)
            return &c->ops[i];
    c->ops[c->op_count] = (comparison_op){.phase = phase, .id = id};
    return &c->ops[c->op_count++];
}

static int by_difference(const void *left, const void *right) {
    const comparison_op *l = left, *r = right;
    double dl = fabs(l->a_s - l->b_s), dr = fabs(r->a_s - r->b_s);
    return dl < dr ? 1 : dl > dr ? -1 : 0;
}

static void join_ops(arena *a, const graph *graph_a, const graph *graph_b, comparison *c) {
    c->ops = ARENA_ARRAY(a, comparison_op, c->a.node_count + c->b.node_count);
    for (size_t n = 0; n < c->a.node_count; n++) {
        const node_totals *t = &c->a.nodes[n];
        if (!t->node)
            continue;
        comparison_op *o = op_of(c, graph_a->phases[t->phase].name, t->node->id);
        o->a = t;
        o->a_s += t->time_s;
    }
    for (size_t n = 0; n < c->b.node_count; n++) {
        const node_totals *t = &c->b.nodes[n];
        if (!t->node)
            continue;
        comparison_op *o = op_of(c, graph_b->phases[t->phase].name, t->node->id);
        o->b = t;
        o->b_s += t->time_s;
    }
    qsort(c->ops, c->op_count, sizeof *c->ops, by_difference);
}

status compare_designs(arena *a, const char *config_dir, const comparison_design *design_a,
                       const comparison_design *design_b, comparison *out, error *err) {
    *out = (comparison){0};
    status result = run_side(a, design_a, &out->a, err);
    if (result == STATUS_OK)
        result = run_side(a, design_b, &out->b, err);
    if (result != STATUS_OK)
        return result;
    join_ops(a, design_a->graph, design_b->graph, out);
    result = comparison_find_causes(a, design_a, design_b, out, err);
    return result == STATUS_OK ? comparison_find_chance(a, config_dir, design_a, design_b, out, err) : result;
}
