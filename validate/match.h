/* Which operator of a graph each GPU event of a trace belongs to.
 *
 * A step's events and a phase's operators are two sequences in issue order. They are aligned by the classes of kernels
 * and operators, by matrix shapes where the trace has recorded them and by the size of the launch, so as to agree as
 * much as possible; kernels that a library launches beside its main one (split-K reductions, resets) join it by the
 * framework operator that launched both. What remains is tried again out of order. An event that fits no operator
 * stays unmatched, and is reported as such. */
#ifndef INGOT_MATCH_H
#define INGOT_MATCH_H

#include "core/graph.h"
#include "validate/trace.h"
#include "validate/trace_class.h"

/* An operator of the phase, every layer on its own; sums over the matched steps. */
typedef struct matched_op {
    size_t events;
    double time_s;   /* of its events, one after another */
    size_t absorbed; /* steps in which the kernel of the operator `primary` does this one's work too */
    size_t primary;
} matched_op;

typedef struct trace_match {
    const char *phase;
    size_t step_count;                             /* of the trace */
    matched_op *ops;                               /* one an operator of the view */
    uint32_t *op_of;                               /* one a GPU event: operator, or TRACE_NONE */
    size_t op_count, launching_count, found_count; /* operators; those that launch; those with a kernel in any step */
    double time_s, matched_s;                      /* GPU time of all events, and of the matched ones */
    size_t sized_count, misfit_count; /* matched launches whose size can be judged; those too large or small for it */
} trace_match;

/* Aligns every step of the trace with one step of a phase (the first: classes do not change between steps). Arrays are
 * owned by the arena. STATUS_NEGATIVE when a step is too long to align. */
status trace_match_phase(arena *a, const trace *t, const classified *classes, const graph *g, size_t phase,
                         const scenario *s, trace_match *out, graph_view *view, error *err);

/* Shares in [0, 1]: of GPU time that is matched, and of launching operators that were found. */
double match_time_frac(const trace_match *m);
double match_op_frac(const trace_match *m);

/* One number to compare phases by: higher fits better. */
double match_quality(const trace_match *m);

/* The least that counts as a match, in time and in operators. */
static const double MATCH_MIN_FRAC = 0.95;

/* STATUS_OK, or STATUS_NEGATIVE with the reason why this trace is not a run of this graph. */
status match_check(const trace_match *m, const graph_view *view, error *err);

/* ---- shared by the files of the matcher ---- */

/* Fills launching_count and found_count from the operators' sums. */
void match_count_found(trace_match *m, const graph_view *view);

/* A step's event as the alignment sees it. */
typedef struct match_event {
    uint32_t traits;
    size_t index; /* in the trace */
    uint32_t ctas;
    int64_t m, n, k; /* of a recorded matrix product; 0: not known */
} match_event;

/* How well an event fits an operator: 0 not at all, 1 as expected. */
double match_fit(const match_event *e, const op *o);
bool match_op_launches(const op *o);
/* Whether it stands for any small kernel at the start of a step. */
bool match_takes_leftovers(const op *o);

/* Elements that a pointwise operator writes; 0 where the launch size tells nothing. */
double match_elements(const op *o);
bool match_size_fits(const match_event *e, const op *o);

/* Fills m, n, k from the recorded shapes of the framework operator behind an event, if there are any. */
void match_read_shape(const trace *t, const trace_event *gpu, match_event *e);

#endif
