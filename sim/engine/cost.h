/* Cost functions: the time of one operator on a block of machines.
 *
 * A duration is kernel start to kernel end, of all the operator's kernels; launch gaps belong to scheduling. The two
 * engines that cost operators by formula share this interface. */
#ifndef INGOT_COST_H
#define INGOT_COST_H

#include "core/op.h"
#include "core/plan.h"

/* Where an operator's operands are when it starts. The measurement method or the graph sets it, never a scale factor.
 */
typedef enum residency {
    RESIDENCY_COLD,         /* nothing in L2: the method flushes it */
    RESIDENCY_REPEATED,     /* the same operator ran just before on the same buffers: what fits stays */
    RESIDENCY_PREDECESSORS, /* activations left in L2 by the operator before as far as they fit; weights and caches cold
                             */
} residency;

/* What sets the time (design.md 7). */
typedef enum bound_kind {
    BOUND_COMPUTE,
    BOUND_HBM,
    BOUND_L2,
    BOUND_LATENCY,
    BOUND_LAUNCH,
    BOUND_LINK,
    BOUND_COUNT
} bound_kind;

const char *bound_name(bound_kind b);

/* Per lane results. */
typedef struct cost_block {
    lanes time_s;
    lanes hbm_bytes; /* moved to and from device memory */
    lanes l2_bytes;  /* moved between L2 and SMs */
    lanes launches;  /* kernels */
    bound_kind bound[MACHINE_LANES];
    plan picked[MACHINE_LANES]; /* the candidate that was picked */
} cost_block;

typedef void cost_function(const op *o, residency where, const machine_block *machines, cost_block *out);

/* The analytic engine: minimum over the candidates the library could pick. */
void cost_analytic(const op *o, residency where, const machine_block *machines, cost_block *out);

/* The roofline engine: datasheet compute and HBM bounds, cold. */
void cost_roofline(const op *o, residency where, const machine_block *machines, cost_block *out);

/* One a kind, gathered into cost_analytic's table from ops.def. */
#define OP(kind, category, text)                                                                                       \
    void cost_##kind(const op *o, residency where, const machine_block *machines, cost_block *out);
#include "core/ops.def"

#endif
