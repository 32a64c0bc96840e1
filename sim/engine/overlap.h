/* Credit for operators that run side by side on streams (analytic engines). */
#ifndef INGOT_OVERLAP_H
#define INGOT_OVERLAP_H

#include "core/graph.h"
#include "sim/engine/cost.h"

typedef struct overlap_node {
    const graph_node *node;
    const op *o;      /* at this step */
    cost_block *cost; /* of it alone; time_s receives its share of the time together */
} overlap_node;

/* Whether a node belongs to a branch: it states the one node that it follows. */
bool overlap_is_branch(const graph_node *node);

/* Nodes of a phase in order. A join is a node with two or more dependencies; the branches before it overlap. */
void overlap_credit(overlap_node *nodes, size_t count, const machine_block *machines);

#endif
