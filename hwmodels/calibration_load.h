/* Fitted parameters and host profiles from YAML. */
#ifndef INGOT_CALIBRATION_LOAD_H
#define INGOT_CALIBRATION_LOAD_H

#include "core/base/arena.h"
#include "core/host.h"
#include "core/machine.h"

/* configs/calibration/NAME.yaml: the machine's own, else its generation's. Parameters that the file does not state
 * keep their priors. Text is owned by the arena. */
status calibration_load(arena *a, const char *config_dir, const machine *m, calibration *out, error *err);

/* configs/calibration/own.yaml, which holds the parameters of our own kernels for every machine, beneath what the
 * machine's file states; NULL where it is missing. */
const char *calibration_own_path(arena *a, const char *config_dir);

/* configs/hosts/NAME.yaml, or any path. */
status host_load(arena *a, const char *config_dir, const char *name_or_path, host_profile *out, error *err);

#endif
