/* Grids of convolutions and collectives. Convolutions on tensor cores are costed by the plans of the product that they
 * are (sim/engine/cost_conv.c); what stands here is the launch. */
#include "core/plan.h"

#include <math.h>

enum { CONV_THREADS = 256, CONV_TILE = 128, COLLECTIVE_THREADS = 512, COLLECTIVE_CTAS = 24 };

static void add(plan_list *out, int32_t threads, double ctas, int32_t launches) {
    out->plans[out->count++] = (plan){.tile_m = CONV_TILE,
                                      .tile_n = CONV_TILE,
                                      .cluster_m = 1,
                                      .cluster_n = 1,
                                      .split_k = 1,
                                      .stages = 1,
                                      .block_threads = threads,
                                      .ctas_per_sm = 1,
                                      .launches = launches,
                                      .ctas = ctas < 1 ? 1 : ceil(ctas)};
}

void plan_conv1d(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const conv1d_params *p = &o->as.conv1d;
    double rows = (double)p->batch * (double)conv1d_out_len(p);
    if (p->groups == p->cin && p->groups > 1)
        add(out, CONV_THREADS, rows * (double)p->cout / CONV_THREADS, 1);
    else
        add(out, CONV_THREADS, ceil(rows / CONV_TILE) * ceil((double)p->cout / CONV_TILE), 1);
}

void plan_conv2d(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const conv2d_params *p = &o->as.conv2d;
    double rows = (double)p->batch * (double)conv2d_out_height(p) * (double)conv2d_out_width(p);
    add(out, CONV_THREADS, ceil(rows / CONV_TILE) * ceil((double)p->cout / CONV_TILE), 1);
}

void plan_collective(const op *o, const plan_limits *limits, plan_list *out) {
    (void)o, (void)limits;
    add(out, COLLECTIVE_THREADS, COLLECTIVE_CTAS, 1); /* NCCL: a channel a block */
}
