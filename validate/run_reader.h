/* Reading of run files (docs/formats.md): the intervals of a simulated or executed run, plain or gzip. */
#ifndef INGOT_RUN_READER_H
#define INGOT_RUN_READER_H

#include "core/base/arena.h"
#include "core/timeline.h"
#include "core/weight_pick.h"

#include <stddef.h>

typedef struct run_header {
    const char *machine, *workload, *host, *levers; /* "" where not stated */
    double batch, prompt_tokens;                    /* of the scenario (its requests); NaN where not stated */
    double dispatch_s, launch_s; /* emulated host cost a framework call, and a launch; 0 where nothing is emulated */
    const weight_pick *picks;    /* what autoquant took; none: not stated, or nothing was to pick */
    size_t pick_count;
} run_header;

typedef struct run {
    run_header header;
    interval *intervals; /* in the file's order */
    size_t count;
} run;

/* Everything is owned by the arena. STATUS_BAD_INPUT names file:line for anything that is no run. */
status run_read(arena *a, const char *path, run *out, error *err);

#endif
