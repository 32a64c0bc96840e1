/* Lines of `ingot fidelity` about the silicon itself: device memory by access pattern, and board power with its clock.
 */
#ifndef INGOT_FIDELITY_SILICON_H
#define INGOT_FIDELITY_SILICON_H

#include "core/base/arena.h"
#include "core/base/error.h"

/* Predicted beside measured rates of the GPUs whose ceilings ship. */
status fidelity_memory(arena *a, error *err);

/* Sustained board power and clock, predicted beside measured ones. */
status fidelity_power(arena *a, error *err);

#endif
