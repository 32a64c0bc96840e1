/* What every reader of traces does with an event: checks it, names it, finds its track, keeps it. */
#ifndef INGOT_TRACE_BUILD_H
#define INGOT_TRACE_BUILD_H

#include "validate/trace.h"

typedef struct trace_builder {
    trace *t;
    size_t gpu_capacity, host_capacity, track_capacity;
    bool any_order; /* GPU events may stand before earlier ones of their stream */
} trace_builder;

typedef struct trace_input {
    trace_kind kind;
    const char *name; /* NUL-terminated; name_bytes without it */
    size_t name_bytes;
    const char *process, *thread;
    int64_t start_ns, duration_ns;
    uint32_t correlation, ctas;
    const char *dims; /* NULL: none recorded */
    size_t dims_bytes;
} trace_input;

/* Errors name the event, not the place in the file. */
status trace_build(trace_builder *b, const trace_input *in, error *err);

/* Other profilers' files, by their first bytes or their name's ending. */
bool trace_is_sqlite(const char *path);
status trace_parse_nsys(const char *path, trace *out, error *err);
bool trace_is_ncu(const char *path);
status trace_parse_ncu(const char *path, trace *out, error *err);

#endif
