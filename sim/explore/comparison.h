/* Two designs on one request: how they differ, operator by operator and cause by cause, and how sure that is.
 *
 * A design is a machine with its software: levers (hence a graph) and a host. The request is the same for both. */
#ifndef INGOT_COMPARISON_H
#define INGOT_COMPARISON_H

#include "core/scenario.h"
#include "sim/engine/engine.h"
#include "sim/explore/ensemble.h"

typedef struct comparison_design {
    const machine *machine;
    const calibration *calibration;
    const graph *graph;
    const scenario *scenario;
    const engine_options *options; /* analytic or roofline: causes are evaluated many at a time */
    const char *software;          /* levers and host; designs with equal texts share them */
} comparison_design;

typedef struct comparison_side {
    engine_result result;
    node_totals *nodes; /* as engine_run's */
    size_t node_count;
    double bound_s[BOUND_COUNT];       /* time of operators that each resource limits; idle is beside it */
    double category_s[CATEGORY_COUNT]; /* idle included; adds up to the latency */
    double area_m2, cost_usd;          /* NaN: not known */
} comparison_side;

/* One thing in which the designs differ, and its share of the difference in latency: its Shapley value, the mean over
 * all orders of exchanging A's parts for B's of what exchanging this one saves (Shapley 1953). All shares add up to the
 * difference exactly. */
typedef struct comparison_cause {
    const char *name;
    double saved_s;             /* negative: it makes B slower */
    double alone_s;             /* saved when nothing else is exchanged */
    const machine_key *keys[4]; /* the first that differ; none for software and calibration */
    size_t key_count;
} comparison_cause;

enum { COMPARISON_CAUSES_MAX = 12 };

/* One operator of both, or of one alone. */
typedef struct comparison_op {
    const char *phase, *id;
    double a_s, b_s; /* 0 where a design lacks it */
    const node_totals *a, *b;
} comparison_op;

typedef struct comparison {
    comparison_side a, b;
    comparison_cause causes[COMPARISON_CAUSES_MAX]; /* by falling |saved_s| */
    size_t cause_count;
    comparison_op *ops; /* by falling |a_s - b_s| */
    size_t op_count;
    double b_faster_frac;                /* probability that B's latency is lower; NaN where no residuals are known */
    double ratio_lower, ratio_upper;     /* 90 % interval of A's latency over B's */
    bool a_extrapolated, b_extrapolated; /* whose machine was not measured */
} comparison;

/* Everything is owned by the arena. STATUS_NEGATIVE where a design does not fit its machine. */
status compare_designs(arena *a, const char *config_dir, const comparison_design *design_a,
                       const comparison_design *design_b, comparison *out, error *err);

/* The parts: causes alone (comparison_causes.c), and the chance (comparison_chance.c) of results that are in `out`. */
status comparison_find_causes(arena *a, const comparison_design *design_a, const comparison_design *design_b,
                              comparison *out, error *err);
status comparison_find_chance(arena *a, const char *config_dir, const comparison_design *design_a,
                              const comparison_design *design_b, comparison *out, error *err);

#endif
