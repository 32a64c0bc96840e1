/* Co-design: what lever sets are worth on each machine, and machines under each lever set. */
#ifndef INGOT_SWEEP_INTERACTIONS_H
#define INGOT_SWEEP_INTERACTIONS_H

#include "core/base/json_writer.h"
#include "sim/explore/designs.h"

/* Of the mix, or of each workload where there is none. Prints tables, or JSON. */
status sweep_interactions_run(arena *a, const sweep *s, int threads, const ranks *all, bool json, error *err);

#endif
