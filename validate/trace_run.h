/* Our own runs as traces. */
#ifndef INGOT_TRACE_RUN_H
#define INGOT_TRACE_RUN_H

#include "validate/match.h"
#include "validate/run_reader.h"
#include "validate/trace.h"

/* The intervals of one phase (NULL: all), a step mark a step. A GPU event's correlation id is its interval's index in
 * the run plus one. The trace is the caller's to free when the result is STATUS_OK. */
status trace_from_run(const run *r, const char *path, const char *phase, trace *out, error *err);

/* By the name's ending: a run file, plain or gzip. trace_read takes those too. */
bool trace_is_run(const char *path);

/* Matches such a trace by (layer, operator), never by name. Arrays are owned by the arena. */
void trace_match_run(arena *a, const trace *t, const run *r, const graph *g, size_t phase, const scenario *s,
                     trace_match *out, graph_view *view);

#endif
