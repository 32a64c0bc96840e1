/* What designs*.c share. */
#ifndef INGOT_DESIGNS_PRIVATE_H
#define INGOT_DESIGNS_PRIVATE_H

#include "sim/explore/designs.h"

/* Neighbours in the sorted batch that share a machine and a case: one evaluation. */
typedef struct point_task {
    size_t first, count; /* in the sorted batch */
    size_t machine_index, case_index, row;
} point_task;

/* The other processes that compute, or NULL. */
typedef struct rank_team rank_team;

struct explorer {
    const sweep *s;
    store *points;
    evaluator *shared;
    yield_rule yields; /* read-only */
    evaluate_worker **workers;
    int threads;
    rank_team *team;
    size_t rows;      /* workloads x statistics: points that a design needs */
    evaluated *slots; /* [rows][SEARCH_BATCH_MAX], in sorted order */
    double *knobs;    /* [SEARCH_BATCH_MAX][knob_count], likewise */
    point_task *tasks;
    size_t *order; /* sorted position to position in the batch */
    design *bases; /* by group: machine, batch, lever set */
    size_t only;   /* the workload that designs are judged on; workload_count: all */
};

evaluated *explorer_slot(const explorer *e, size_t row, size_t position);

/* Computes this process's tasks on its threads; `knobs` are those of the sorted batch. */
status explorer_compute(explorer *e, size_t task_count, const double *knobs, error *err);

/* ---- design_ranks.c ---- */

/* Ends the other ranks. Nothing without a team. */
void rank_team_end(explorer *e);
/* Whether this process computes a task itself, by its number. */
bool rank_team_computes(const explorer *e, size_t number);
/* On rank 0: all tasks, on all ranks, into the slots. */
status rank_team_run(explorer *e, size_t task_count, error *err);

#endif
