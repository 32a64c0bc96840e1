/* Element-wise sum. */
#include "kernels/ref/ref.h"

void ref_add(const op *o, const ref_operands *x) {
    for (int64_t r = 0; r < o->as.add.rows; r++) {
        const double *a = ref_row(&x->at[OPERAND_add_a], 0, r), *b = ref_row(&x->at[OPERAND_add_b], 0, r);
        double *out = ref_row(&x->at[OPERAND_add_out], 0, r);
        for (int64_t c = 0; c < o->as.add.cols; c++)
            out[c] = a[c] + b[c];
    }
}
