/* Design points by the block: knob values in, metrics out. What sweeps and searches share.
 *
 * A point's result depends on the sweep, its case and its machine alone: never on the points evaluated beside it, on
 * threads, or on what ran before. */
#ifndef INGOT_EVALUATE_H
#define INGOT_EVALUATE_H

#include "sim/explore/sweep.h"

/* Everything of a sweep's cases that does not depend on a point's machine. Read-only once made: threads share it. */
typedef struct evaluator evaluator;

/* Prepares all cases for all base machines; borrows the sweep. Never NULL. */
evaluator *evaluator_new(const sweep *s);
void evaluator_free(evaluator *e); /* NULL is fine */

/* One thread's working memory, reused from block to block. Never NULL; borrows the evaluator. */
typedef struct evaluate_worker evaluate_worker;
evaluate_worker *evaluate_worker_new(const evaluator *e);
void evaluate_worker_free(evaluate_worker *w); /* NULL is fine */

/* One point. `point.reason` is NULL where the numbers hold, else points to `reason` here: valid as long as this is not
 * moved or copied. Of a point that does not fit its memory `point.peak_memory_bytes` says what it needs. `point.index`
 * is not filled in. */
typedef struct evaluated {
    store_point point;
    error reason;
} evaluated;

/* Evaluates `count` points (any number) of one case and base machine. `knobs` holds their values one point after the
 * other, each the sweep's knob_count of them: the keys' own values, also where the sweep gives factors. Values out of
 * their key's range, and machines that contradict themselves, yield a reason. Fails only where the engine does. */
status evaluate_knobs(evaluate_worker *w, size_t machine_index, size_t case_index, const double *knobs, size_t count,
                      evaluated *out, error *err);

/* The same of machines that are made already, variants of one base; `knobs` of `out` are left alone. */
status evaluate_machines(evaluate_worker *w, size_t machine_index, size_t case_index, const machine *variants,
                         size_t count, evaluated *out, error *err);

#endif
