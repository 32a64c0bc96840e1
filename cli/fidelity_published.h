/* Section of `ingot fidelity`: rates that others published for GPUs that nothing was fitted to. */
#ifndef INGOT_FIDELITY_PUBLISHED_H
#define INGOT_FIDELITY_PUBLISHED_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "validate/sources.h"

#include <stdbool.h>

/* A line for each machine and kind of operator: how many figures, mean and signed error, and the one furthest off.
 * `each`: every figure before them. */
status fidelity_published(arena *a, const source_map *sources, bool each, error *err);

#endif
