/* What the parts of the dataflow share. Private to core/dataflow*.c. */
#ifndef INGOT_DATAFLOW_PRIVATE_H
#define INGOT_DATAFLOW_PRIVATE_H

#include "core/dataflow.h"

/* Sized and laid out by its operand, 4 bytes an element. */
bool register_is_vector(register_kind kind);

double register_element_bytes(const graph_register *r);

/* The register that an operand is bound to at a layer of its segment; REGISTER_NONE: a weight, or left out. */
int32_t binding_register(const operand_binding *binding, int64_t layer);

/* Rows of the operand in a row of the register. */
int64_t binding_rows_together(const operand_binding *binding, const operand *item);

/* Rounded up to MEMORY_ALIGNMENT bytes. */
size_t memory_aligned(double bytes);

/* Layers of the segment that a node of the phase belongs to. */
int64_t phase_layers_of(const graph_phase *phase, size_t node);

/* Fills a plan's weights, node_weights and node_total, and adds up weight_bytes; owned by the arena. */
void memory_plan_weights(arena *a, memory_plan *plan);

#endif
