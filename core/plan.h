/* Launch plans: the ways a library, or our own kernels, could run an operator.
 *
 * Plans depend on the operator and on the generation's limits alone, never on how many SMs or how much bandwidth the
 * machine has: one enumeration serves every machine of a block. Waves follow from a plan and a machine. */
#ifndef INGOT_PLAN_H
#define INGOT_PLAN_H

#include "core/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plan {
    int32_t tile_m, tile_n, tile_k; /* output tile and reduction step of one CTA; attention: queries, keys, head_dim */
    int32_t cluster_m, cluster_n;   /* CTAs that share operands by multicast; 1 where there are no clusters */
    int32_t split_k;                /* CTAs that share one output tile, or one sequence's keys */
    int32_t stages;                 /* shared-memory pipeline depth */
    int32_t block_threads;
    int32_t ctas_per_sm; /* resident at once, by registers, shared memory and threads */
    int32_t launches;    /* kernels: a separate reduction or combination counts */
    bool swapped;        /* gemm: computes the transpose, so tile_m lies along n */
    double ctas;         /* grid size */
} plan;

/* What bounds a plan besides the operator: per-SM resources that a generation fixes. */
typedef struct plan_limits {
    generation generation;
    int32_t shared_bytes; /* an SM */
    int32_t max_threads;  /* an SM */
    int32_t max_ctas;     /* an SM */
    int32_t registers;    /* an SM */
} plan_limits;

enum { PLAN_CANDIDATES_MAX = 112, PLAN_STAGES_MAX = 8 };

typedef struct plan_list {
    size_t count;
    plan plans[PLAN_CANDIDATES_MAX];
} plan_list;

/* The limits of a machine (every machine of a block shares them). */
plan_limits plan_limits_of(const machine *m);
plan_limits plan_limits_of_block(const machine_block *block);

/* Candidates for an operator, at least one unless the kind launches nothing (host_call, sync). */
void plan_enumerate(const op *o, const plan_limits *limits, plan_list *out);

/* One a kind, gathered into plan_enumerate's table from ops.def. */
#define OP(kind, category, text) void plan_##kind(const op *o, const plan_limits *limits, plan_list *out);
#include "core/ops.def"

#ifdef __cplusplus
}
#endif
#endif
