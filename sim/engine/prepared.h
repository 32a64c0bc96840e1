/* A graph and a scenario prepared for many blocks of machines: each different operator is worked out once, whichever
 * layers, phases and steps it stands in, and a run costs it once.
 *
 * The results are engine_run's up to the order of sums (1e-12). */
#ifndef INGOT_PREPARED_H
#define INGOT_PREPARED_H

#include "sim/engine/engine.h"

typedef struct engine_prepared engine_prepared;

/* For machines with these limits; borrows the graph, the scenario and the host, and is owned by `memory`. NULL where
 * only engine_run will do: another engine than the analytic one, or streams that fork. */
const engine_prepared *engine_prepare(const graph *g, const scenario *s, const plan_limits *limits,
                                      const engine_options *options, arena *memory);

/* What one thread needs at a time; owned by `memory` and used again from run to run. */
typedef struct engine_scratch engine_scratch;
engine_scratch *engine_scratch_new(const engine_prepared *p, arena *memory);

/* All machines of the block at once. Allocates nothing. */
void engine_run_prepared(const engine_prepared *p, const machine_block *machines, engine_scratch *scratch,
                         engine_result *out);

#endif
