/* Cost functions: the time of one operator on a block of machines.
 *
 * A duration is kernel start to kernel end, of all the operator's kernels; launch gaps belong to scheduling. The two
 * engines that cost operators by formula share this interface. */
#ifndef INGOT_COST_H
#define INGOT_COST_H

#include "core/op.h"
#include "core/plan.h"

/* A loop over the lanes of a block that becomes vector instructions: conditions in it select, nothing branches. */
#define EACH_LANE _Pragma("omp simd") for (size_t i = 0; i < MACHINE_LANES; i++)

/* Where an operator's operands are when it starts. The measurement method or the graph sets it, never a scale factor.
 */
typedef enum residency {
    RESIDENCY_COLD,         /* nothing in L2: the method flushes it */
    RESIDENCY_REPEATED,     /* the same operator ran just before on the same buffers: what fits stays */
    RESIDENCY_REPEATED_FEW, /* gemm: the same going round no more copies of the weights than it takes to overflow L2 */
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

/* Blocks whose loops differ: with `at` they fall, again and again, from the longest (causal attention's tiles of
 * queries, the last of a head first), none above the most; beside that each has a fixed part. An SM holds several and
 * works for the oldest: the next comes when that one ends. */
typedef struct cta_period {
    double blocks; /* 0: all alike */
    double residents;
    double fixed_s, longest_s, fall_s, most_s;
} cta_period;

/* How a kernel's blocks (CTAs) use the machine, for engines that simulate them; the closed form sums the same numbers
 * up. One lane. "Of all" is the whole grid's demand on the whole chip, at the kernel's own rates. ctas 0: not
 * described. */
typedef struct cta_work {
    double time_s; /* the closed form's, of what is described here */
    double ctas, slots_per_sm;
    double before_s, after_s;      /* start and drain; kernels behind the main one */
    double prologue_s, epilogue_s; /* of one; residents of an SM share the epilogue's time */
    double shared_s;               /* its loop: SM time that residents share */
    double waited_s;               /* its loop: waits for loads with one stage on its way */
    double stages_cta, stages_sm;  /* on their way at most */
    double least_s;                /* its loop, however few share the SM */
    double l2_s, hbm_s;            /* of all */
    double hbm_bytes, hbm_write_frac;
    double dispatch_s;   /* starts of blocks, one after the other, of all */
    double exposed_frac; /* of the shorter of SM and memory time that does not overlap */
    double exponent;     /* instead: of the norm that joins these two, and the times of a loop; 0: the longest */
    double drift_frac;   /* of what a last wave lacks to be full that it saves: blocks do not end together */
    bool l2_in_loop;     /* the loop loads from L2; otherwise L2 is used beside it, like HBM */
    bool flows;          /* no wave waits for the one before: blocks, or persistent ones' tiles, start as others end */
    cta_period uneven;
} cta_work;

/* Per lane results. `times` is what sweeps take of them, under the same names. */
typedef struct cost_times {
    lanes time_s;
    lanes hbm_bytes; /* moved to and from device memory */
    lanes l2_bytes;  /* moved between L2 and SMs */
    lanes launches;  /* kernels */
    lanes clocked_s; /* of the time: what the SM clock sets, and grows as it falls */
    lanes limited_s; /* of that: what the power limit adds at once, however short the operator is */
} cost_times;

typedef struct cost_block {
    union {
        cost_times times;
        struct {
            lanes time_s, hbm_bytes, l2_bytes, launches, clocked_s, limited_s;
        };
    };
    bound_kind bound[MACHINE_LANES];
    plan picked[MACHINE_LANES]; /* the candidate that was picked */
    cta_work ctas[MACHINE_LANES];
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
