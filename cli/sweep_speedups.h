/* Speed-ups by lever beside published ones, as Markdown and JSON. */
#ifndef INGOT_SWEEP_SPEEDUPS_H
#define INGOT_SWEEP_SPEEDUPS_H

#include "core/base/json_writer.h"
#include "sim/explore/sweep.h"

/* A table a group, and below it how well the order of the tasks agrees. The speed-ups have been found. */
void sweep_speedups_print(arena *a, const sweep *s);

/* Arrays `speedups` (group, workload, batch, levers, over, published, predicted, not_applicable) and
 * `groups_of_speedups` (group, n, spearman_rho). */
void sweep_speedups_json(json_writer *w, arena *a, const sweep *s);

#endif
