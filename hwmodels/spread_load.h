/* A calibration's uncertainty from its file. */
#ifndef INGOT_SPREAD_LOAD_H
#define INGOT_SPREAD_LOAD_H

#include "core/spread.h"

/* From configs/calibration/NAME.yaml, the file that calibration_load reads for the machine. A file without covariance,
 * residual classes or ranges gives an empty spread: nothing is known. Owned by the arena. */
status spread_load(arena *a, const char *config_dir, const machine *m, calibration_spread *out, error *err);

#endif
