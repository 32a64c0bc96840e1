/* Traces of GPU work: Kineto's Chrome JSON, plain or gzip, in memory as compact events.
 *
 * Reading is streamed: only events that tell of GPU activity or of the host work behind it are kept, 32 bytes each.
 * Times are nanoseconds on the trace's own clock. */
#ifndef INGOT_TRACE_H
#define INGOT_TRACE_H

#include "core/base/error.h"
#include "core/op.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TRACE_NAME_MAX_BYTES = 64 * 1024,
    TRACE_NAMES_MAX_BYTES = 64 * 1024 * 1024, /* all different names together */
    TRACE_EVENTS_MAX = 11 * 1000 * 1000,      /* kept ones: 352 MB */
    TRACE_TRACKS_MAX = 4096,                  /* streams and threads */
};
#define TRACE_NONE UINT32_MAX

typedef enum trace_kind {
    TRACE_KERNEL,
    TRACE_MEMCPY,
    TRACE_MEMSET,
    TRACE_CALL,       /* of the CUDA runtime or driver */
    TRACE_HOST_OP,    /* a framework operator */
    TRACE_ANNOTATION, /* a range that the user marked */
} trace_kind;

typedef struct trace_event {
    int64_t start_ns;
    uint64_t duration_ns : 40, track : 16, kind : 8;
    uint32_t name;        /* index into names */
    uint32_t correlation; /* GPU events and calls; 0: none */
    union {
        struct {
            uint32_t launch; /* GPU events: the host event that launched it, or TRACE_NONE */
            uint32_t ctas;   /* kernels: grid size; 0: not recorded */
        };
        struct {
            uint32_t parent; /* host events: the innermost one around it on its thread, or TRACE_NONE */
            uint32_t dims;   /* host operators: name index of the inputs' shapes as "[[1,4096],[]]", or TRACE_NONE */
        };
    };
} trace_event;

static inline int64_t trace_end_ns(const trace_event *e) {
    return e->start_ns + (int64_t)e->duration_ns;
}

typedef struct trace_track {
    const char *process, *thread; /* as written in the trace */
    int64_t last_start_ns;
    bool gpu;
} trace_track;

/* A stretch of GPU events, in order of start, that belong to one step. */
typedef struct trace_step {
    size_t first, count;
} trace_step;

typedef struct name_table name_table;

typedef struct trace {
    char *path;
    char *device;     /* of deviceProperties, or NULL */
    trace_event *gpu; /* by start */
    size_t gpu_count;
    trace_event *host; /* by track, then start, then longest first */
    size_t host_count;
    trace_track *tracks;
    size_t track_count;
    name_table *names;
    trace_step *steps; /* at least one */
    size_t step_count;
    const char *step_source; /* how steps were found: "annotations", "period", ... */
    size_t backward_count;   /* GPU events that stand before an earlier one of their stream in the file */
} trace;

/* Reads, links and divides into steps. STATUS_BAD_INPUT for a file that is no trace or holds no GPU activity, or whose
 * GPU events go backward in time on a stream unless `any_order`. */
status trace_read(const char *path, bool any_order, trace *out, error *err);
void trace_free(trace *t);

const char *trace_name(const trace *t, uint32_t name); /* "" for TRACE_NONE */

/* The host call that launched a GPU event, or NULL. */
const trace_event *trace_launch(const trace *t, const trace_event *gpu);
/* The innermost framework operator around a host event, or NULL; and the outermost. */
const trace_event *trace_host_op(const trace *t, const trace_event *host);
const trace_event *trace_root_op(const trace *t, const trace_event *host);

/* Time during which the GPU does anything, over events [first, first + count). */
double trace_busy_s(const trace *t, size_t first, size_t count);

/* From the step's first GPU event to the next step's; the last one's to the end of GPU work. */
double trace_step_wall_s(const trace *t, size_t step);

/* ---- for the files that read and link ---- */

name_table *names_new(void);
void names_free(name_table *n);
/* TRACE_NONE when the names together are too long. */
uint32_t names_intern(name_table *n, const char *text, size_t length);
const char *names_text(const name_table *n, uint32_t name);
size_t names_count(const name_table *n);

status trace_parse(const char *path, bool any_order, trace *out, error *err);
void trace_link(trace *t);
void trace_find_steps(trace *t);

#endif
