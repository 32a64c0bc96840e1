/* Scores of predicted operator rows, from any number of files: over all, by kind, and by finer groups; each for the
 * rows that parameters were fitted on, those held back, and both. Predictions are handed in: this asks not who made
 * them. */
#ifndef INGOT_SCORE_ROWS_H
#define INGOT_SCORE_ROWS_H

#include "core/base/json_writer.h"
#include "core/scores.h"
#include "validate/rows.h"

enum { WORST_ROWS_MAX = 10 };

/* A measured row (measured_s is a number, neither unsupported nor empty) and its prediction. */
typedef struct scored_row {
    const operator_row *row;
    const char *file;
    double predicted_s;
    double lower_s, upper_s; /* NaN without an interval */
} scored_row;

/* Both halves, and all rows together. A group's coverage is NaN unless each of its rows has an interval. */
typedef struct split_score {
    score all, fit, held;
} split_score;

/* What rows of one group have in common. */
typedef struct row_key {
    op_kind kind;
    data_type dtype, second_dtype; /* second: weights of a gemm, cache of attention, else dtype again */
    const char *phase;             /* "decode", "prefill" or NULL */
    const char *source;
} row_key;

typedef struct row_group {
    row_key key;
    split_score scores;
} row_group;

/* Borrows the rows' texts. */
typedef struct row_scores {
    split_score all;
    split_score kinds[OP_KIND_COUNT];
    row_group *groups; /* sorted by kind, types, phase, source */
    size_t group_count;
    scored_row worst[WORST_ROWS_MAX]; /* largest absolute error first; of equals the earlier row */
    size_t worst_count;
} row_scores;

/* `memory` owns the groups. Scores are in n log n. */
row_scores score_rows(const scored_row *rows, size_t count, arena *memory);

/* One score as an object: n, mean_abs_err, median_abs_err, bias, p90, coverage, kendall_tau; unknown is null, and so is
 * everything of no rows, and the rank correlation of one. */
void score_json(json_writer *w, const char *key, const score *s);

/* The members all, by_kind, fit {all, by_kind}, held {all, by_kind}, groups and worst, into an object that is open. */
void row_scores_json(json_writer *w, const row_scores *scores);

#endif
