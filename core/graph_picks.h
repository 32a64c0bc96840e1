/* How a run stored each weight that left a choice (autoquant). */
#ifndef INGOT_GRAPH_PICKS_H
#define INGOT_GRAPH_PICKS_H

#include "core/graph.h"
#include "core/weight_pick.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Several forwards of a step may read one weight. */
const char *node_weight_name(const graph_node *node);

/* Candidate 0 is the node's operator, further ones its alternatives. */
weight_pick weight_pick_of(const graph_node *node, size_t candidate);

/* Stores the weight so, in every node that reads it; returns the number of nodes whose candidates hold that form, and
 * which leave no choice then. */
size_t graph_take_pick(graph *g, const weight_pick *pick);

#ifdef __cplusplus
}
#endif
#endif
