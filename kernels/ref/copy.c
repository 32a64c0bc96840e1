/* Moves a tensor; the cast is the rounding of the stored type. */
#include "kernels/ref/ref.h"

void ref_copy(const op *o, const ref_operands *x) {
    for (int64_t r = 0; r < o->as.copy.rows; r++) {
        const double *from = ref_row(&x->at[OPERAND_copy_source], 0, r);
        double *to = ref_row(&x->at[OPERAND_copy_destination], 0, r);
        for (int64_t c = 0; c < o->as.copy.cols; c++)
            to[c] = from[c];
    }
}
