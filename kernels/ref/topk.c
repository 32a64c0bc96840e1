/* The largest values of each row, largest first, the lower column of equal ones first. */
#include "kernels/ref/ref.h"

#include <math.h>

void ref_topk(const op *o, const ref_operands *x) {
    const topk_params *p = &o->as.topk;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_topk_x], 0, r);
        double *values = ref_row(&x->at[OPERAND_topk_values], 0, r);
        double *columns = ref_row(&x->at[OPERAND_topk_columns], 0, r);
        double last = INFINITY, last_column = -1;
        for (int64_t k = 0; k < p->top; k++) { /* the largest that comes after the one before */
            double best = -INFINITY, best_column = -1;
            for (int64_t c = 0; c < p->cols; c++) {
                bool later = in[c] < last || (in[c] == last && (double)c > last_column);
                if (later && (in[c] > best || best_column < 0)) {
                    best = in[c];
                    best_column = (double)c;
                }
            }
            values[k] = last = best;
            columns[k] = last_column = best_column;
        }
    }
}
