/* Softmax by row, or its logarithm. */
#include "kernels/ref/ref.h"

#include <math.h>

void ref_softmax(const op *o, const ref_operands *x) {
    const softmax_params *p = &o->as.softmax;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_softmax_x], 0, r);
        double *out = ref_row(&x->at[OPERAND_softmax_out], 0, r);
        double top = -INFINITY, sum = 0;
        for (int64_t c = 0; c < p->cols; c++)
            top = fmax(top, in[c]);
        for (int64_t c = 0; c < p->cols; c++)
            sum += exp(in[c] - top);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = p->log ? in[c] - top - log(sum) : exp(in[c] - top) / sum;
    }
}
