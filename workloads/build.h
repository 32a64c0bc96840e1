/* Building graphs: nodes appended to phases, in segments that repeat over layers. */
#ifndef INGOT_BUILD_H
#define INGOT_BUILD_H

#include "core/graph.h"
#include "workloads/levers.h"
#include "workloads/model.h"

enum { BUILD_NODES_MAX = 512, BUILD_SEGMENTS_MAX = 32 }; /* in one forward; far above any model's, asserted */

typedef struct graph_builder {
    graph *out;
    graph_phase *phase;
    bool prefill; /* which rows and lengths the phase's operators see */
    /* Speculation runs several forwards in a step. Of the forward that is being built: */
    int64_t queries;    /* tokens a sequence; 0 counts as 1 */
    int64_t ahead;      /* tokens a sequence that earlier forwards of the step put into the cache */
    const char *suffix; /* of its nodes' ids, "draft2", or NULL */
    bool shared;        /* another forward counts the same weights */
    const char *of;     /* the model whose weights they are, where it is not the graph's: "draft", or NULL */
    size_t forwards;    /* room for so many in a phase; 0 counts as 1 */
    size_t node_capacity, segment_capacity;
} graph_builder;

/* ---- for the files that write a family's layers ---- */

void build_phase(graph_builder *b, const char *name, bool prefill);
void build_segment(graph_builder *b, int64_t layers); /* nodes that follow belong to it */

/* Appends a node of the operator's own category; dimensions that vary are set afterwards. */
graph_node *build_node(graph_builder *b, const char *id, op o, double host_calls);

/* Sets a dimension by name to `scale` times the phase's rows: all prompt tokens, or the forward's queries. */
void build_rows(const graph_builder *b, graph_node *node, const char *dim, double scale);
/* ... to the rows that logits are wanted of: the prompt's last token, or the forward's queries, a sequence. */
void build_logit_rows(const graph_builder *b, graph_node *node, const char *dim);
/* ... to the query tokens of a sequence, or the keys that it attends to. */
void build_query_tokens(const graph_builder *b, graph_node *node, const char *dim);
void build_key_tokens(const graph_builder *b, graph_node *node, const char *dim);
/* ... to `scale` times a scenario variable. */
void build_variable(graph_node *node, const char *dim, scenario_variable variable, double scale);
void build_dim(graph_node *node, const char *dim, dim_expression value); /* ... to any expression */

/* Whether a forward's queries must not see each other's future. */
bool build_causal(const graph_builder *b);

/* A matrix multiply of the phase's rows with a [k, n] weight of the levers' type. */
graph_node *build_linear(graph_builder *b, const char *id, const levers *l, const model *m, double k, double n,
                         double host_calls);

/* A matrix multiply of two activations, as naive attention has it for scores and for values: head_dim is the operator's
 * n and k until a varying dimension takes the place of one. */
graph_node *build_attention_product(graph_builder *b, const char *id, const model *m, double host_calls);

#endif
