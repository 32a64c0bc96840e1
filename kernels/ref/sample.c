/* One token a row: the largest, or a draw from all or from the most likely, by a given uniform number. */
#include "kernels/ref/ref.h"

#include <math.h>
#include <stdlib.h>

typedef struct candidate {
    double logit, probability;
    int64_t column;
} candidate;

/* Larger first; the lower column of equal ones. */
static int by_logit(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return x->column < y->column ? -1 : 1;
}

static int64_t draw(candidate *items, int64_t count, double uniform, double top_p) {
    double total = 0, kept = 0;
    for (int64_t i = 0; i < count; i++)
        total += items[i].probability;
    int64_t n = 0;
    while (n < count && (top_p >= 1 || kept < top_p * total))
        kept += items[n++].probability;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += items[i].probability;
        if (sum > uniform * kept)
            return items[i].column;
    }
    return items[n - 1].column;
}

void ref_sample(const op *o, const ref_operands *x) {
    const sample_params *p = &o->as.sample;
    candidate *items = calloc((size_t)p->cols, sizeof *items);
    if (!items)
        abort(); /* a test's own memory */
    for (int64_t r = 0; r < p->rows; r++) {
        const double *logits = ref_row(&x->at[OPERAND_sample_logits], 0, r);
        double top = -INFINITY;
        int64_t best = 0;
        for (int64_t c = 0; c < p->cols; c++) {
            if (logits[c] > top)
                best = c;
            top = fmax(top, logits[c]);
        }
        for (int64_t c = 0; c < p->cols; c++)
            items[c] = (candidate){logits[c], exp(logits[c] - top), c};
        bool sorts = p->method == sample_method_top_p;
        if (sorts)
            qsort(items, (size_t)p->cols, sizeof *items, by_logit);
        if (p->method != sample_method_argmax)
            best = draw(items, p->cols, x->at[OPERAND_sample_uniforms].data[r], sorts ? SAMPLE_TOP_P : 1);
        x->at[OPERAND_sample_tokens].data[r] = (double)best;
    }
    free(items);
}
