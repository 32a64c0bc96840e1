/* Engines: a graph, a scenario and a block of machines in; times, energy and memory out. */
#ifndef INGOT_ENGINE_H
#define INGOT_ENGINE_H

#include "core/graph.h"
#include "core/host.h"
#include "core/timeline.h"
#include "sim/engine/cost.h"
#include "sim/engine/hbm.h"
#include "sim/engine/power.h"

typedef enum engine_kind { ENGINE_ROOFLINE, ENGINE_ANALYTIC, ENGINE_EVENT, ENGINE_COUNT } engine_kind;

const char *engine_name(engine_kind kind);
status engine_parse(const char *name, engine_kind *out, error *err);

typedef struct engine_options {
    engine_kind kind;
    const host_profile *host;
    /* Event engine: what the lanes' memories can do, MACHINE_LANES of them; NULL: no more than their pin rates. */
    const hbm_efficiency *memory;
    bool exact_steps;                 /* evaluate every decode step instead of interpolating between a few */
    const struct engine_picks *picks; /* of nodes with alternatives; NULL: found when they are needed */
    thermal_mode thermal;             /* power.h; the roofline engine knows no power limit */
    double zeros_frac;                /* of operands that are zeros: they switch less */
} engine_options;

enum { ENGINE_PHASES_MAX = 8 };

/* Per lane, over all steps of a phase. latency_s = sum of category_s, idle included. */
typedef struct phase_totals {
    lanes latency_s, busy_s;
    lanes starved_s; /* idle because the host had not issued the next kernel yet */
    lanes gap_s;     /* idle between kernels: launch gaps */
    lanes waiting_s; /* idle while the host works after the GPU has finished: between steps */
    lanes energy_j;  /* of all GPUs */
    lanes clocks;    /* SM clocks that pass, over the highest clock: mean ratio = clocks / latency_s */
    lanes launches;
    lanes category_s[CATEGORY_COUNT];
} phase_totals;

/* One node's totals over a phase, lane 0, for reports by operator. */
typedef struct node_totals {
    const graph_node *node;
    size_t phase;
    double count;                                                   /* executions: layers x steps */
    double time_s;                                                  /* sum over executions */
    double launches;                                                /* kernels in all */
    double flops, weight_bytes, read_bytes, write_bytes, hbm_bytes; /* sums */
    bound_kind bound;                                               /* of its last evaluated step */
    op last;                                                        /* the operator at that step */
} node_totals;

typedef struct engine_result {
    size_t phase_count;
    phase_totals phases[ENGINE_PHASES_MAX];
    lanes latency_s;
    lanes ttft_s; /* up to the end of the phase that yields the first output */
    lanes tpot_s; /* a token of the phase that yields one after the other, on average; NaN when there is none */
    lanes busy_s, idle_s, energy_j;
    lanes power_w;     /* average of one GPU */
    lanes sm_clock_hz; /* average */
    lanes token_j;     /* energy a token of the phase of tpot_s, all GPUs over all sequences; NaN when there is none */
    graph_memory memory; /* of lane 0 */
    lanes memory_bytes;  /* total of each lane: picked weight types differ */
    lanes fits;          /* 1 where that is within the machine's capacity, else 0 */
} engine_result;

/* Evaluates all machines of the block at once. `nodes`, when not NULL, receives one entry a node of every phase, in
 * order (engine_node_count of them). `memory` holds scratch space only; pass a fresh or reused arena. */
status engine_run(const graph *g, const scenario *s, const machine_block *machines, const engine_options *options,
                  arena *memory, engine_result *out, node_totals *nodes, error *err);

size_t engine_node_count(const graph *g);

/* Step by step and operator by operator on one machine (lane 0 of the block), every interval to the sink: the same
 * recurrence over graph_at's flat view. Stops after `max_steps` steps of each phase when positive. */
status engine_timeline(const graph *g, const scenario *s, const machine_block *machines, const engine_options *options,
                       int64_t max_steps, timeline_sink sink, error *err);

/* Peak memory on lane 0, without running anything; what engine_run reports too. */
graph_memory engine_memory(const graph *g, const scenario *s, const machine_block *machines,
                           const engine_options *options, arena *memory);

/* Whether the machine's links join as many GPUs as the graph needs; STATUS_NEGATIVE when not. */
status engine_check_links(const graph *g, const machine *m, error *err);

/* ---- alternatives: picks.c ---- */

/* Which alternative each weight is stored as, per lane: 0 the node's own operator, 1 the first alternative, ... */
typedef struct engine_picks {
    const graph *g;
    lanes **nodes[ENGINE_PHASES_MAX]; /* by phase and node; NULL where there is no choice */
    lanes saved_bytes;                /* of weights, against every node's own operator */
} engine_picks;

/* The fastest alternative of each weight over the whole request: nodes that have the same id up to a dot and the same
 * [k, n] multiply with the same weight, whatever their phase. A type that a machine's tensor cores lack is not picked.
 * Owned by `memory`; NULL where no node has alternatives. */
const engine_picks *engine_pick(const graph *g, const scenario *s, const machine_block *machines,
                                const engine_options *options, arena *memory);
/* A copy of the graph with every choice made as on one lane, and the weights that are stored then. */
graph engine_resolved(const graph *g, const engine_picks *picks, size_t lane, arena *memory);

/* Shared by both: what scheduling needs of one node at one step and layer. `o` receives the operator: where the node
 * has alternatives, each lane's cost is its picked one's (the fastest here and now without picks), and `o` is lane 0's.
 */
struct node_cost;
void engine_cost_node(const graph *g, const graph_phase *phase, const graph_node *node, const scenario *s, int64_t step,
                      int64_t layer, const machine_block *machines, const engine_options *options, op *o,
                      cost_block *cost, struct node_cost *out);
/* The clock that the power limit leaves a step of a phase. */
step_clock engine_step_clock(const graph *g, size_t phase, const scenario *s, int64_t step,
                             const machine_block *machines, const engine_options *options, arena *memory);
op_power engine_power_of(const op *o, const cost_block *cost, const machine_block *machines,
                         const engine_options *options);
/* engine_cost_node at such a clock. */
void engine_cost_at(const graph *g, const graph_phase *phase, const graph_node *node, const scenario *s, int64_t step,
                    int64_t layer, const machine_block *machines, const engine_options *options,
                    const step_clock *clock, op *o, cost_block *cost, struct node_cost *out);

/* Host time in front of a step's first operator, per lane, and the launch latency. */
void engine_step_start(const graph_phase *phase, const machine_block *machines, const engine_options *options,
                       lanes host_s, lanes launch_latency_s);

#endif
