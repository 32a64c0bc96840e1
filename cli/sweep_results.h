/* What a sweep of every point says: the Pareto front, what each knob is worth, and findings; as text or as JSON. */
#ifndef INGOT_SWEEP_RESULTS_H
#define INGOT_SWEEP_RESULTS_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/store.h"
#include "sim/explore/sweep.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sweep_outcome {
    int64_t computed; /* points, those that a store already held apart */
    double elapsed_s;
    const char *store_path; /* NULL: nothing is kept */
    bool json;              /* a document instead of text */
    bool all;               /* text: every point's line too */
} sweep_outcome;

/* To stdout. Finds the speed-ups of `s` where it asks for any. STATUS_ENVIRONMENT: the store cannot be read. */
status sweep_results_print(arena *a, sweep *s, store *points, const store_manifest *manifest,
                           const sweep_outcome *outcome, error *err);

#endif
