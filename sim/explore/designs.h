/* Designs: a base machine with its knobs turned, a batch and a lever set, judged on a workload or a mix of them.
 *
 * A design's index is the mixed radix number of (machine, batch, lever set, knobs...), the last knob varying fastest.
 * It needs a point of the sweep for each workload and statistic. Its values depend on the sweep and the index alone. */
#ifndef INGOT_DESIGNS_H
#define INGOT_DESIGNS_H

#include "sim/explore/evaluate.h"

#include <signal.h>

enum { DESIGN_REASON_BYTES = 256, DESIGNS_NEAR_MAX = 44 };

typedef struct design {
    int64_t index;
    size_t machine_index, batch_index, lever_index;
    double knobs[STORE_KNOBS_MAX];
    char reason[DESIGN_REASON_BYTES]; /* why it is not feasible; "": it is */
    bool known;                       /* whether `values` hold: also of designs that only break a constraint */
    metric_values values;
    double violation; /* sum of the shares by which constraints are exceeded; 1 and more where memory is; INFINITY where
                         there are no values; 0: feasible */
} design;

double designs_count(const sweep *s);
const char *design_machine(const sweep *s, const design *d);
const char *design_levers(const sweep *s, const design *d);
int64_t design_batch(const sweep *s, const design *d);
/* The case of the sweep, and the point, that a design needs for a workload and statistic. */
size_t design_case(const sweep *s, const design *d, size_t which, size_t statistic);
int64_t design_point(const sweep *s, const design *d, size_t which, size_t statistic);
/* The row that a store keeps of a design's mix, behind all points. */
int64_t design_mix_row(const sweep *s, const design *d);

/* What evaluates designs, on several threads. */
typedef struct explorer explorer;

/* Borrows all of it; `points` receives every point and mix, or is NULL. threads 0: as many as there are cores. Fails
 * where an engine does. */
status explorer_new(const sweep *s, int threads, store *points, explorer **out, error *err);
void explorer_free(explorer *e); /* NULL is fine; ends the other ranks */

/* Shares the work with the other ranks of a launcher, which must all do the same; results do not change by a bit. Rank
 * 0 goes on as without them; the others then call explorer_serve, which returns when rank 0 has ended, and free theirs.
 * Fails on rank 0 where another gave up or reads another sweep. */
status explorer_join(explorer *e, const ranks *all, error *err);
void explorer_serve(explorer *e);

/* Evaluates designs by index, at most SEARCH_BATCH_MAX; any number of threads gives the same. */
status explorer_evaluate(explorer *e, const int64_t *indices, size_t count, design *out, error *err);

/* The same of designs that need not be in the space: the caller fills in their indices of machine, batch and lever set
 * and their knobs. They have no index (-1) and are not stored. */
status explorer_evaluate_placed(explorer *e, design *designs, size_t count, error *err);

/* From now on designs are judged on one workload alone; `which` is its index, or the workload count for all. Bases stay
 * as they are. */
void explorer_judge_only(explorer *e, size_t which);

/* The base machine's own design under a batch and lever set: the `base()` of constraints. */
const design *explorer_base(const explorer *e, size_t machine_index, size_t batch_index, size_t lever_index);

/* A goal's value as searches minimise it. */
double design_goal(const sweep *s, const design *d, size_t goal);

/* ---- searches: design_search.c ---- */

typedef struct design_answer {
    double size; /* designs in all */
    int64_t evaluated, feasible;
    bool stopped;   /* before its end */
    bool found;     /* a feasible design */
    design best;    /* by the first goal; ties by index */
    bool missed;    /* an infeasible design whose violation is known */
    design nearest; /* with the smallest violation */
    design *front;  /* of all goals, by the first one; owned by the arena */
    size_t front_count;
    design *near; /* feasible ones that are not on the front, but within a tenth of it; the nearest first */
    size_t near_count;
} design_answer;

typedef struct design_options {
    void (*progress)(void *context, int64_t done, int64_t total); /* from the calling thread; may be NULL */
    void *progress_context;
    const volatile sig_atomic_t *stop; /* the search ends early, with what was found, once this is not 0; may be NULL */
} design_options;

/* Asks the sweep's question: searches, or evaluates every design. */
status designs_search(arena *a, const sweep *s, const design_options *options, explorer *e, design_answer *out,
                      error *err);

/* ---- what matters: design_effects.c ---- */

/* d ln(metric) / d ln(knob) at a design, between the knob's neighbouring levels; everything that is tied to the knob or
 * derived from it follows. NaN where a knob has one level, a value has no logarithm, or a neighbour has no values. */
typedef struct design_elasticity {
    double of[METRIC_COUNT];
    double low, high; /* the knob's values that it is taken between */
} design_elasticity;

/* Fills knob_count elasticities. */
status design_elasticities(explorer *e, const sweep *s, const design *at, design_elasticity *out, error *err);

/* A machine of the interaction table: a base machine with one knob at an end of its range, or as it is. */
typedef struct interaction_machine {
    size_t machine_index;
    size_t knob; /* knob_count: none is turned */
    double value;
    design *designs; /* one a lever set */
} interaction_machine;

/* Every machine under every lever set, all at one batch. */
typedef struct interaction_table {
    interaction_machine *machines; /* each base machine, then its variants */
    size_t machine_count;
} interaction_table;

/* What lever sets are worth on each machine, and machines under each lever set; owned by the arena. */
status design_interactions(arena *a, explorer *e, const sweep *s, size_t batch_index, interaction_table *out,
                           error *err);

#endif
