/* The lines of the fidelity table that stand on the project's own measurements: operator rows, runs of whole models,
 * variants of one GPU. */
#ifndef INGOT_FIDELITY_OWN_H
#define INGOT_FIDELITY_OWN_H

#include "core/base/arena.h"
#include "validate/sources.h"

status fidelity_own_rows(arena *a, const source_map *sources, error *err);
status fidelity_own_runs(arena *a, error *err);
status fidelity_own_variants(arena *a, const source_map *sources, error *err);

#endif
