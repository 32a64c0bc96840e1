/* Predictions with intervals: draws of the calibration are machines of a block, and residuals come on top. */
#ifndef INGOT_ENSEMBLE_H
#define INGOT_ENSEMBLE_H

#include "core/spread.h"
#include "sim/engine/engine.h"
#include "sim/explore/row_prediction.h"
#include "validate/score_rows.h"

enum { ENSEMBLE_BLOCKS = SPREAD_DRAWS / MACHINE_LANES };

typedef struct ensemble {
    machine machine;
    calibration center;
    calibration_spread spread;
    machine_block block;                  /* lane 0: the machine with the calibration itself */
    machine_block draws[ENSEMBLE_BLOCKS]; /* the same machine, a draw a lane */
    hbm_efficiency memory[MACHINE_LANES]; /* of the machine, where rows go through the event engine */
    bool event;
    bool other_machine;     /* not one that the calibration was measured on */
    bool own_other_machine; /* the same of our own kernels' parameters */
} ensemble;

/* A machine by name or path, with its calibration and its uncertainty. */
status ensemble_load(arena *a, const char *config_dir, const char *name, ensemble *out, error *err);

/* The same of a machine that is loaded already. */
status ensemble_fill(arena *a, const char *config_dir, const machine *m, const calibration *c, ensemble *out,
                     error *err);

typedef struct row_interval {
    row_prediction prediction;
    double lower_s, upper_s; /* NaN where the calibration knows nothing of such rows */
    bool extrapolated;       /* outside the measured shapes or machines */
} row_interval;

row_interval predict_row_interval(const operator_row *row, const ensemble *e);

/* Scores every row of the table that is measured and modelled; `count` receives how many. STATUS_NEGATIVE when none is.
 * Owned by the arena. */
status ensemble_score_rows(arena *a, const row_table *table, const ensemble *e, row_scores *out, size_t *count,
                           error *err);

/* Takes the rows' times from an engine, by name: "analytic" (or NULL), or "event". STATUS_BAD_INPUT for others. */
status ensemble_set_engine(ensemble *e, const char *engine, error *err);

/* The interval of a workload's latency: the draws through the engine, and every operator's residual, one operator's
 * executions being off together and different operators apart. Kinds without measured rows count as uncertain as the
 * worst measured class. NaN where the calibration knows no residuals. `nodes` are those of engine_run. */
status ensemble_latency(arena *a, const graph *g, const scenario *s, const engine_options *options, const ensemble *e,
                        const engine_result *center, const node_totals *nodes, double *lower_s, double *upper_s,
                        error *err);

#endif
