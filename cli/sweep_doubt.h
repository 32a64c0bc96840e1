/* How surely the designs of an answer are told apart: intervals, and those that tie. */
#ifndef INGOT_SWEEP_DOUBT_H
#define INGOT_SWEEP_DOUBT_H

#include "core/base/json_writer.h"
#include "sim/explore/design_doubt.h"

typedef struct sweep_doubt {
    const sweep *s;
    const design *designs[DOUBT_DESIGNS_MAX]; /* of the answer: `shown` of the front, then near ones */
    size_t count, shown;
    bool tied[DOUBT_DESIGNS_MAX]; /* not surely beaten by any of the others; with one goal: not told apart from the best
                                   */
    size_t tied_count;
    const design_doubts *doubts; /* NULL: nothing is known */
} sweep_doubt;

/* `shown` members of the front, evenly spread and both ends included, and near ones. */
status sweep_doubt_of(arena *a, const sweep *s, const design_answer *answer, size_t shown, sweep_doubt *out,
                      error *err);

/* The interval of a shown or near design's metric as text: "[171, 184]". */
const char *sweep_doubt_interval(arena *a, const sweep_doubt *d, size_t i, metric m);
/* What cannot be told apart, in words and by the ranges of its knobs. */
void sweep_doubt_print(arena *a, const sweep_doubt *d);
void sweep_doubt_json(json_writer *w, const sweep_doubt *d);

#endif
