/* What each modelling term is worth: the error of measured rows with the term set to the value that removes it. */
#ifndef INGOT_ABLATION_H
#define INGOT_ABLATION_H

#include "core/machine.h"
#include "validate/rows.h"

typedef struct ablation_term {
    const char *text; /* "tails of waves" */
    op_kind kind;     /* whose rows it is scored on */
    const char *keys[3];
    double neutral[3]; /* a value that removes the term */
} ablation_term;

typedef struct ablation_row {
    const ablation_term *term;
    double mean_abs_err; /* without it */
} ablation_row;

/* The terms, in the order of their kinds. */
const ablation_term *ablation_terms(size_t *count);

/* Errors over all measured rows of the table of each term's kind, one a term of that kind; `rows` has room for all
 * terms. Returns how many were scored. The table holds one kind. */
size_t ablate(const row_table *table, const machine *m, const calibration *c, ablation_row *rows);

#endif
