/* Lines of `ingot fidelity` that hold the two engines against each other on rows measured with our own kernels. */
#ifndef INGOT_FIDELITY_ENGINES_H
#define INGOT_FIDELITY_ENGINES_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "validate/sources.h"

status fidelity_engines(arena *a, const source_map *sources, error *err);

#endif
