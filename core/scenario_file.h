/* Scenario files: everything data-dependent of a request batch as YAML, so that simulator and executor can be given the
 * same one again (docs/workloads.md). */
#ifndef INGOT_SCENARIO_FILE_H
#define INGOT_SCENARIO_FILE_H

#include "core/base/arena.h"
#include "core/scenario.h"

enum { SCENARIO_SCHEMA = 1 };

typedef struct scenario_file {
    const char *workload, *levers; /* what it was drawn for */
    scenario scenario;
} scenario_file;

/* Writes a new file or replaces one; STATUS_ENVIRONMENT when it cannot. */
status scenario_save(const char *path, const scenario_file *file, error *err);

/* Reads one; all is owned by the arena. Errors name file:line:col: unknown or missing keys, numbers that no batch has,
 * a progress that falls or has another length than decode_steps + 1. */
status scenario_load(arena *a, const char *path, scenario_file *out, error *err);

#endif
