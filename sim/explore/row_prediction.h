/* One operator row through the analytic engine, as the row's method would have measured it. */
#ifndef INGOT_ROW_PREDICTION_H
#define INGOT_ROW_PREDICTION_H

#include "core/base/arena.h"
#include "sim/engine/cost.h"
#include "sim/engine/hbm.h"
#include "validate/rows.h"

typedef struct row_prediction {
    double time_s;
    bound_kind bound; /* of the part that takes longest */
} row_prediction;

/* `block` holds the machine in lane 0. The row is neither unsupported nor empty. */
row_prediction predict_row(const operator_row *row, const machine_block *block);

/* The same through the event engine; `memory` holds the machine's table in lane 0. */
row_prediction predict_row_event(const operator_row *row, const machine_block *block, const hbm_efficiency *memory);

/* The same for every machine of the block. */
void predict_row_lanes(const operator_row *row, const machine_block *block, lanes time_s);

/* A machine by name or path with its calibration, alone in a block. */
status load_machine_block(arena *a, const char *config_dir, const char *name, machine_block *block, error *err);

#endif
