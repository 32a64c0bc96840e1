/* Part of `ingot fidelity`: whether predictions order GPUs as silicon does. */
#ifndef INGOT_FIDELITY_ORDER_H
#define INGOT_FIDELITY_ORDER_H

#include "core/base/arena.h"
#include "validate/sources.h"

/* Prints a line a pair of GPUs of the public tables in `measured`, first with each GPU's own calibration, then as a
 * sweep from an A100 sees the others: their numbers, the A100's kernels. */
status fidelity_print_order(arena *a, const char *measured, const source_map *sources, error *err);

#endif
