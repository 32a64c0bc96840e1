/* How the lines of `ingot fidelity` say whether a bar holds. */
#ifndef INGOT_FIDELITY_VERDICT_H
#define INGOT_FIDELITY_VERDICT_H

#include <stdbool.h>

static inline const char *fidelity_verdict(bool met) {
    return met ? "met" : "MISSED";
}

#endif
