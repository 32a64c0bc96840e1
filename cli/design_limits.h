/* What holds a design back, or keeps it from being made, that its numbers alone do not say. */
#ifndef INGOT_DESIGN_LIMITS_H
#define INGOT_DESIGN_LIMITS_H

#include "core/base/arena.h"
#include "core/machine.h"

#include <stdbool.h>

/* Whether one die of the machine is larger than a reticle can expose; never where its area is not known. */
bool over_reticle(const machine *m);

/* Whether a request that takes so much energy in so much time is held at the board's power limit. */
bool at_power_limit(const machine *m, double energy_j, double latency_s);

/* "hbm4-2x: a die of 1,270 mm² is larger than a reticle (858 mm²): see area.dies"; NULL where it is not. */
const char *reticle_text(arena *a, const machine *m);

#endif
