/* Repetition penalty, once a token however often it was seen. */
#include "kernels/ref/ref.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void ref_penalty(const op *o, const ref_operands *x) {
    const penalty_params *p = &o->as.penalty;
    double *sorted = calloc((size_t)p->len, sizeof *sorted);
    if (!sorted)
        abort(); /* a test's own memory */
    for (int64_t r = 0; r < p->rows; r++) {
        const double *seen = ref_row(&x->at[OPERAND_penalty_seen], 0, r);
        double *logits = ref_row(&x->at[OPERAND_penalty_logits], 0, r);
        for (int64_t i = 0; i < p->len; i++)
            sorted[i] = seen[i];
        qsort(sorted, (size_t)p->len, sizeof *sorted, compare);
        for (int64_t i = 0; i < p->len; i++) {
            double *value = &logits[(int64_t)sorted[i]];
            if (i == 0 || sorted[i] != sorted[i - 1])
                *value = *value > 0 ? *value / REPETITION_PENALTY : *value * REPETITION_PENALTY;
        }
    }
    free(sorted);
}
