/* Root-mean-square norm by row: x / sqrt(mean(x^2) + epsilon) * weight, of x + residual where there is one. */
#include "kernels/ref/ref.h"

#include <math.h>

void ref_rmsnorm(const op *o, const ref_operands *x) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    const double *weight = x->at[OPERAND_rmsnorm_weight].data;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_rmsnorm_x], 0, r);
        if (p->residual) {
            const double *residual = ref_row(&x->at[OPERAND_rmsnorm_residual], 0, r);
            double *sum = ref_row(&x->at[OPERAND_rmsnorm_sum], 0, r);
            for (int64_t c = 0; c < p->cols; c++)
                sum[c] = in[c] + residual[c];
            in = sum;
        }
        double squares = 0;
        for (int64_t c = 0; c < p->cols; c++)
            squares += in[c] * in[c];
        double inverse = 1 / sqrt(squares / (double)p->cols + RMSNORM_EPSILON);
        double *out = ref_row(&x->at[OPERAND_rmsnorm_out], 0, r);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = in[c] * inverse * weight[c];
    }
}
