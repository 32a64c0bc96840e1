/* What a report tells of single designs beyond what the store holds: their steps, memory and intervals, from the
 * engine; and how changes act together, from the store. */
#ifndef INGOT_REPORT_DESIGNS_H
#define INGOT_REPORT_DESIGNS_H

#include "cli/setup.h"
#include "reports/report.h"
#include "sim/explore/analysis.h"

/* A base design set up once more, with what the engine says of it. */
typedef struct base_design {
    const analysis_series *series;
    setup setup;
    engine_result result;
    node_totals *nodes;
} base_design;

/* The base design of one series. NULL where the store lacks it, or where the engine no longer gives the stored latency:
 * a store does not hold lengths that a sweep set by hand, nor machines that have changed since. */
base_design *base_design_of(arena *a, const analysis *found, const store_manifest *manifest,
                            const analysis_series *series);

/* The roofs of lane 0: tensor rates, HBM and L2. */
void report_put_ceilings(arena *a, const machine_block *block, report_input *input);

enum { STRIP_CELLS = 128, STRIPS_A_DESIGN_MAX = 4 };

/* The first step of each phase, at most STRIPS_A_DESIGN_MAX; returns their number. */
status design_strips(arena *a, const base_design *base, report_strip *strips, size_t *count, error *err);

report_memory design_memory(arena *a, const base_design *base);

/* The interval of a base design's latency, NaN where the calibration knows none. */
status design_interval(arena *a, const base_design *base, double *low_s, double *high_s, error *err);

/* Pairs of knobs under the base's levers, and of lever sets with knobs on their base machine: latency at both ends of
 * the swept ranges, all else as in the base. No rows where the store lacks such designs. */
status store_interactions(arena *a, store *points, const store_manifest *manifest, const analysis *found,
                          const analysis_series *base, report_interactions *out, error *err);

#endif
