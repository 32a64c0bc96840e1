/* An operator's cost with everything worked out that does not depend on the machine: plans, what each of them asks for,
 * bytes. Sweeps prepare each operator once and then ask for its times on one block of machines after the other.
 *
 * The times are cost_analytic's, to the last bit. */
#ifndef INGOT_RECIPE_H
#define INGOT_RECIPE_H

#include "core/base/arena.h"
#include "sim/engine/cost.h"

typedef struct cost_recipe cost_recipe;

/* For machines that share these limits; owned by `memory`. */
const cost_recipe *cost_prepare(const op *o, residency where, const plan_limits *limits, arena *memory);

void cost_times_of(const cost_recipe *r, const machine_block *machines, cost_times *out);

#endif
