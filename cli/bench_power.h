/* What simple loads draw, as CSV. */
#ifndef INGOT_BENCH_POWER_H
#define INGOT_BENCH_POWER_H

#include "cli/gpu_setup.h"

#include <stdio.h>

/* Measures every load of gpu_api.power_loads, `seconds` each; a row a window, written as soon as it is measured. */
status bench_power(const gpu_setup *gpu, double seconds, FILE *out, error *err);

#endif
