/* Operator graphs, folded over layers and steps.
 *
 * A graph is a list of phases (prefill, decode); a phase runs `steps` times and is a list of segments; a segment is a
 * run of nodes repeated `layers` times. A dimension that changes is an expression over step, layer and scenario;
 * graph_at gives the one flat view that every engine, reference and executor uses. */
#ifndef INGOT_GRAPH_H
#define INGOT_GRAPH_H

#include "core/base/arena.h"
#include "core/op.h"
#include "core/scenario.h"

#ifdef __cplusplus
extern "C" {
#endif

/* value = constant + per_step * tokens produced before the step (the step itself, without speculation)
 *         + per_layer * layer + per_variable * scenario[variable], and `most` at most where that is not 0 */
typedef struct dim_expression {
    double constant, per_step, per_layer, per_variable;
    scenario_variable variable;
    double most;
} dim_expression;

double dim_evaluate(const dim_expression *e, const scenario *s, int64_t step, int64_t layer);

/* A parameter of a node that is not constant. */
typedef struct node_dim {
    const op_param *param;
    dim_expression value;
} node_dim;

enum { NODE_DIMS_MAX = 4, NODE_DEPENDENCIES_MAX = 4 };

typedef struct graph_node {
    const char *id;       /* unique in its phase: "qkv", "attention" */
    op op;                /* with every constant parameter set */
    op_category category; /* the kind's own, or where the paper counts it */
    node_dim dims[NODE_DIMS_MAX];
    size_t dim_count;
    /* Nodes of the same phase that must finish first, by index. One at or behind this node's own index means the
     * previous repetition's. None: the node before it (in flat order). */
    int32_t dependencies[NODE_DEPENDENCIES_MAX];
    size_t dependency_count;
    int32_t stream;      /* hint: operator-level parallelism */
    double host_calls;   /* framework calls made for it, the launching ones included */
    bool weights_shared; /* reads weights that another node already counted (capacity) */
    /* The node whose weights it reads (NULL: its own id; for choosing among alternatives, that before the dot), and,
     * when the graph is run, the model's layer at which its segment begins (a verification goes on where drafts left
     * off): weights and caches count from there. */
    const char *weight_id;
    int64_t first_layer;
    double rope_theta; /* base of the frequencies, where it rotates */
    int32_t launches;  /* kernels it issues besides what its plan says; 0: the plan alone */
    /* Replayed with its neighbours as a CUDA graph inside a phase that is otherwise issued operator by operator; the
     * first of such a run launches that graph. */
    bool captured, launches_graph;
    /* Other ways to do the same (autoquant), of the operator's own kind, so that `dims` apply to them too. A weight is
     * stored once: an engine takes the one of `op` and these that is fastest over all nodes with the same weight. */
    const struct op *alternatives; /* `op` is a member here, to C++ */
    size_t alternative_count;
    /* Where each operand lies, by operand index (operands.h); NULL: the graph can be predicted but not run. */
    const struct operand_binding *operands;
} graph_node;

typedef struct graph_segment {
    size_t first_node, node_count;
    int64_t layers;            /* repetitions */
    scenario_variable repeats; /* ... times this one: a loop over the requests, say; SCENARIO_ONE (0) mostly */
} graph_segment;

int64_t graph_segment_repetitions(const graph_segment *segment, const scenario *s);

typedef struct graph_phase {
    const char *name;
    scenario_variable steps; /* repetitions: SCENARIO_ONE, SCENARIO_DECODE_STEPS, ... */
    bool captured;           /* launched as a CUDA graph a step instead of operator by operator */
    bool first_output;       /* the first output is there when it ends: latency up to here is ttft */
    bool per_output;         /* a step yields an output (a token): its mean step is tpot */
    graph_node *nodes;
    size_t node_count;
    graph_segment *segments;
    size_t segment_count;
} graph_phase;

/* Memory that lives as long as the request: a cache. */
typedef struct graph_state {
    const char *name;
    double unit_bytes;       /* keys and values of all layers for one token, say */
    scenario_variable units; /* how many: SCENARIO_CACHE_TOKENS, ... */
} graph_state;

enum { GRAPH_STATES_MAX = 4 };

typedef struct graph {
    const char *name;
    graph_phase *phases;
    size_t phase_count;
    double parameter_count;
    double weight_bytes;       /* all parameters as stored */
    double kv_bytes_per_token; /* a sequence's keys and values of all layers, one token */
    graph_state states[GRAPH_STATES_MAX];
    size_t state_count;
    const struct graph_register *registers; /* dataflow.h; none: the graph cannot be run */
    size_t register_count;
    const char *predicted_only; /* why it cannot be run, where whoever built it knows; or NULL */
    /* A graph shows what one GPU does, or one after the other: `ranks` do the same side by side, each its share, and
     * `stages` take turns. 0 counts as 1. */
    double ranks, stages;
    int64_t page_tokens; /* of a paged cache; 0: sequences lie one behind the other */
    /* Of a cache that keeps its first and last tokens alone: how many of each; 0 and 0: all. */
    int64_t kept_first, kept_last;
    arena *memory; /* owns everything above */
} graph;

/* A node at one step and layer, its dimensions evaluated. */
op node_op_at(const graph_node *node, const scenario *s, int64_t step, int64_t layer);
/* One of its alternatives likewise. */
op node_alternative_at(const graph_node *node, size_t alternative, const scenario *s, int64_t step, int64_t layer);

/* The same with what stands around it in its phase, where one of our own kernels runs it: `alternative` 0 is the node's
 * operator, further ones its alternatives. */
op graph_op_at(const graph *g, const graph_phase *phase, const graph_node *node, size_t alternative, const scenario *s,
               int64_t step, int64_t layer);

/* Whether any dimension depends on the step. */
bool node_varies_with_step(const graph_node *node);

/* ---- the flat view ---- */

typedef struct flat_op {
    op op;
    const graph_node *node;
    int64_t layer;
    size_t dependencies[NODE_DEPENDENCIES_MAX]; /* indices into the view; all smaller than this one's own */
    size_t dependency_count;
} flat_op;

typedef struct graph_view {
    const graph_phase *phase;
    int64_t step;
    flat_op *ops;
    size_t count;
} graph_view;

/* One step of one phase, every layer written out, in issue order; allocated from `memory`. */
graph_view graph_at(const graph *g, size_t phase, const scenario *s, int64_t step, arena *memory);

/* ---- memory ---- */

/* Peak device memory: weights, states (caches at their longest), activations, and what libraries reserve.
 *
 * Activations are those of the phase that needs most: the inputs and outputs of its largest operator, and the stream
 * that blocks add to, which lives beside them. Reuse of everything else is perfect, as a caching allocator comes close
 * to. A dynamic cache holds the old and the new copy of one layer's tensors while it concatenates. */
typedef struct graph_memory {
    double weight_bytes, kv_bytes, activation_bytes;
    double workspace_bytes; /* 0 here: the machine's generation sets it (engine.h) */
    double total_bytes;
} graph_memory;

graph_memory graph_memory_of(const graph *g, const scenario *s);

/* Structural rules: dependencies in range, ops valid at the first and last step, segments covering the nodes once.
 * An error names the node. */
status graph_check(const graph *g, const scenario *s, error *err);

#ifdef __cplusplus
}
#endif
#endif
