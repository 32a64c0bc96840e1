/* What `ingot compare` prints: one screen for people, or JSON. */
#ifndef INGOT_COMPARE_PRINT_H
#define INGOT_COMPARE_PRINT_H

#include "cli/setup.h"
#include "sim/explore/comparison.h"

typedef struct compared_design {
    const char *label; /* what tells it from the other: the machine, the levers or both */
    const setup *setup;
} compared_design;

void compare_text(arena *a, const compared_design *design_a, const compared_design *design_b, const comparison *c);
status compare_json(arena *a, const compared_design *design_a, const compared_design *design_b, const comparison *c,
                    error *err);

#endif
