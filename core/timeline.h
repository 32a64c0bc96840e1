/* Timelines: intervals of work on the GPU and the host, predicted or measured alike, and the sinks that take them. */
#ifndef INGOT_TIMELINE_H
#define INGOT_TIMELINE_H

#include "core/base/error.h"
#include "core/op.h"

#include <stdint.h>

typedef enum timeline_lane { LANE_GPU, LANE_HOST } timeline_lane;

/* One operator on one lane. (phase, step, layer, op_id, rank) identifies it: runs are matched by these, never by name.
 */
typedef struct interval {
    const char *phase, *op_id;
    op_category category;
    int64_t step, layer;
    int32_t rank, stream;
    timeline_lane lane;
    double start_s, duration_s;
} interval;

/* Takes intervals in order of start on each lane. A status other than STATUS_OK stops the engine, which returns it. */
typedef struct timeline_sink {
    status (*emit)(void *context, const interval *item, error *err);
    void *context;
} timeline_sink;

/* A run file (design.md 7): JSON lines, first the header object, then an interval a line; packed where the name ends in
 * .gz. Writing goes to PATH.partial, renamed by run_writer_close, so a run file is whole or absent. */
typedef struct run_writer run_writer;

/* What a run file's name ends in, by which readers know it; up to a NULL. */
extern const char *const run_endings[];

status run_writer_open(const char *path, const char *header_json, run_writer **out, error *err);
timeline_sink run_writer_sink(run_writer *writer);
status run_writer_close(run_writer *writer, error *err); /* frees it, whatever the result */
void run_writer_abandon(run_writer *writer);             /* frees it and removes the partial file; NULL is fine */

#endif
