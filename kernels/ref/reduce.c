/* Mean of each row. */
#include "kernels/ref/ref.h"

void ref_reduce(const op *o, const ref_operands *x) {
    const reduce_params *p = &o->as.reduce;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_reduce_x], 0, r);
        double total = 0;
        for (int64_t c = 0; c < p->cols; c++)
            total += in[c];
        *ref_row(&x->at[OPERAND_reduce_out], 0, r) = total / (double)p->cols;
    }
}
