/* ingot calibrate --host: a host profile from traces and runs. */
#ifndef INGOT_CALIBRATE_HOST_H
#define INGOT_CALIBRATE_HOST_H

#include "core/base/error.h"

#include <stddef.h>

/* Fits and prints; writes `output` (configs/hosts' format) unless NULL. `machine_name` may be NULL: its launch cost is
 * then taken as the profile's. */
status calibrate_host(const char *const *files, size_t file_count, const char *machine_name, const char *output,
                      error *err);

#endif
