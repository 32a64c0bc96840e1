/* What a way of measuring adds to an operator's own duration. */
#ifndef INGOT_COST_METHOD_H
#define INGOT_COST_METHOD_H

#include "sim/engine/cost.h"

/* Seconds, a lane each, that graph_steady rows hold besides the operator: the gap between replays, and for gemm rows of
 * a `source` that begins with "trtllm" what that harness runs around the kernel. `source` may be NULL. */
void cost_method_graph_steady(const op *o, const char *source, const machine_block *machines, lanes out);

/* Where a graph_steady row's operands are: how many copies of its weights a harness goes round. A plugin's runs once,
 * behind three products of up to 12,288 by 12,288, whose weights have taken L2 over and whose output it multiplies. */
residency cost_method_residency(const op *o, const char *source);

/* The machines with what a harness's kernels and data do otherwise: `machines` itself, or a changed copy in `room`. */
const machine_block *cost_method_machines(const op *o, const char *source, const machine_block *machines,
                                          machine_block *room);

#endif
