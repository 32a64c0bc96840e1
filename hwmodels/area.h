/* Die area from the machine's own keys.
 *
 *     SMs built = round(sm.count * area.sm_built_ratio)
 *     area      = SMs built * area.sm_m2 + l2.bytes * area.l2_m2_per_byte + hbm.stacks * area.memory_phy_m2
 *                 + area.other_m2
 *
 * of all compute dies together. A variant that changes sm.count, l2.bytes or hbm.stacks therefore changes its die in
 * proportion, with the same share of spare SMs as its base: it is another chip, not the same one harvested otherwise.
 * Parts that a product leaves unused (L2 slices, memory sites) are part of the per-unit figures or of other_m2, as the
 * machine's source notes say. */
#ifndef INGOT_AREA_H
#define INGOT_AREA_H

#include "core/machine.h"

/* NaN in every member where a key it needs is absent. */
typedef struct die_area {
    double sms_built;
    double sm_m2, l2_m2, memory_m2, other_m2;
    double total_m2;
} die_area;

die_area area_of(const machine *m);

#endif
