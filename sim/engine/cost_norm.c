/* Norms with a mean: LayerNorm by row, GroupNorm by group of channels. */
#include "sim/engine/cost_rowwise.h"

void cost_layernorm(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.layernorm.rows * (double)o->as.layernorm.cols);
    k.chains = 1, k.streams = true; /* mean and variance in one pass (Welford) */
    row_cost(o, &k, where, machines, out);
}

void cost_groupnorm(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const groupnorm_params *p = &o->as.groupnorm;
    double elements = (double)p->batch * (double)p->cin * (double)p->height * (double)p->width;
    row_kernel k = row_kernel_of(o, elements);
    k.read_bytes += elements * dtype_bytes(p->dtype); /* once for the moments, once to apply them */
    k.hot_bytes = k.read_bytes;
    k.chains = 1, k.streams = true;
    plan_limits limits = plan_limits_of_block(machines);
    plan_list list;
    plan_enumerate(o, &limits, &list);
    k.launches = list.plans[0].launches;
    row_cost(o, &k, where, machines, out);
}
