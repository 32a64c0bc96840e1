/* What a sweep's store says: the Pareto front, the base designs, and which knob matters, for one workload and batch. */
#ifndef INGOT_ANALYSIS_H
#define INGOT_ANALYSIS_H

#include "core/sensitivity.h"
#include "sim/explore/sweep.h"

/* One lever set on one base machine: designs that differ by knobs alone. */
typedef struct analysis_series {
    const char *machine, *levers;
    const char *label; /* the levers; with the machine in front where the store holds several */
    int64_t feasible, infeasible;
    bool has_base;
    store_point base; /* the design whose knobs are all the base machine's */
    store_point best; /* least latency; valid when feasible > 0 */
    knob_effect latency_effects[STORE_KNOBS_MAX], energy_effects[STORE_KNOBS_MAX];
    sensitivity_fit latency_fit, energy_fit;                    /* of `feasible` designs; nothing when 0 */
    knob_effect effects[SWEEP_OBJECTIVES_MAX][STORE_KNOBS_MAX]; /* of each of the analysis' objectives */
} analysis_series;

typedef struct analysis {
    const char *workload;
    int64_t batch;
    sweep_objective objectives[SWEEP_OBJECTIVES_MAX];
    size_t objective_count;  /* those of the question that are known for some design */
    analysis_series *series; /* in the order of first appearance */
    size_t series_count;
    int64_t feasible, infeasible;
    const char *most_frequent_reason; /* of the infeasible; NULL when there is none */
    store_point *front;               /* by rising latency */
    size_t *front_series;             /* its series, by index */
    size_t front_count;
} analysis;

/* The workloads and batches of a store, in order of first appearance. */
typedef struct analysis_group {
    const char *workload;
    int64_t batch;
} analysis_group;

status analysis_groups(arena *a, store *points, analysis_group **groups, size_t *count, error *err);

/* Everything is owned by the arena. Memory follows the front and the series, not the points. */
status analysis_of(arena *a, store *points, const store_manifest *manifest, const analysis_group *group,
                   const sweep_objective *objectives, size_t objective_count, analysis *out, error *err);

#endif
