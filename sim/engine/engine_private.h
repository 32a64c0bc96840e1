/* What engine_run and prepared runs share. Private to sim/engine/. */
#ifndef INGOT_ENGINE_PRIVATE_H
#define INGOT_ENGINE_PRIVATE_H

#include "sim/engine/engine.h"
#include "sim/engine/schedule.h"

/* Steps at which a phase is evaluated, and their weights; all where there are few or `exact`. Owned by `memory`. */
size_t engine_sample_steps(int64_t steps, bool exact, arena *memory, int64_t **at, double **weights);

/* What scheduling needs of a node that takes the GPU `time_s` in `launches` kernels (besides those that the node itself
 * adds, which are added here). */
void engine_issue_node(const graph_phase *phase, const graph_node *node, const machine_block *machines,
                       const host_profile *host, op_kind kind, const lanes time_s, lanes launches, node_cost *out);

/* Sums over phases, memory, and whether it fits; `out` holds the phases. */
void engine_sum_phases(const graph *g, const scenario *s, const machine_block *machines, engine_result *out);

/* Memory of one lane: `saved_bytes` of weights are stored in a narrower type. */
graph_memory engine_memory_of(const graph *g, const scenario *s, generation family, double saved_bytes);

/* Memory of every lane with its own picks, into `out`. */
void engine_fill_memory(const graph *g, const scenario *s, const machine_block *machines, const engine_picks *picks,
                        engine_result *out);

/* GPUs that take turns. */
double engine_stages(const graph *g);

/* The clock of a step that was scheduled at the highest one and has so many like it; sets power->busy_s. */
void engine_solve_clock(const graph *g, const step_clocks *clocks, int64_t steps, thermal_mode mode,
                        const machine_block *machines, step_power *power, step_clock *out);

/* Adds a step's clocks and energy, `weight` times; categories of kernels are the caller's. */
void engine_add_clocks(const graph *g, const step_clocks *clocks, const step_power *power, const step_clock *clock,
                       double weight, const machine_block *machines, phase_totals *totals);

/* ---- weights that may be stored in several forms: picks.c ---- */

typedef struct weight_group {
    const graph_node *node; /* the first that multiplies with it */
    size_t candidates;      /* its own operator and the alternatives */
    double layers;          /* stored copies: the most that one phase's nodes count */
} weight_group;

/* A node's say in a group's choice: its time at one step, so many times. */
typedef struct weight_vote {
    size_t group;
    const graph_node *node;
    int64_t step;
    double times;
} weight_vote;

typedef struct weight_groups {
    weight_group *groups;
    size_t count;
    weight_vote *votes;
    size_t vote_count;
    size_t *of_node[ENGINE_PHASES_MAX]; /* the group of each node that has alternatives */
} weight_groups;

/* NULL where no node has alternatives. */
weight_groups *weight_groups_of(const graph *g, const scenario *s, arena *memory);
op weight_candidate_at(const weight_vote *vote, size_t candidate, const scenario *s);
/* Infinite where a candidate multiplies in another type than the node and the lane's tensor cores lack it. */
double weight_candidate_s(const op *o, const graph_node *node, const machine_block *m, double time_s, size_t lane);
/* The fastest candidate of each lane, by `time_s` of each; adds the bytes that it saves. */
void weight_choose(const weight_group *group, const lanes *time_s, lanes pick, lanes saved_bytes);

#endif
