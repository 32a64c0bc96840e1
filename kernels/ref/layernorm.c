/* LayerNorm by row, of x + residual where there is one, times a gate where there is one. */
#include "kernels/ref/ref.h"

#include <math.h>

static void normalise(const double *in, const ref_operands *x, const double *gate, int64_t cols, double *out) {
    const double *weight = x->at[OPERAND_layernorm_weight].data, *bias = x->at[OPERAND_layernorm_bias].data;
    double mean = 0, squares = 0;
    for (int64_t c = 0; c < cols; c++)
        mean += in[c] / (double)cols;
    for (int64_t c = 0; c < cols; c++)
        squares += (in[c] - mean) * (in[c] - mean);
    double inverse = 1 / sqrt(squares / (double)cols + LAYERNORM_EPSILON);
    for (int64_t c = 0; c < cols; c++)
        out[c] = ((in[c] - mean) * inverse * weight[c] + bias[c]) * (gate ? gate[c] : 1);
}

void ref_layernorm(const op *o, const ref_operands *x) {
    const layernorm_params *p = &o->as.layernorm;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_layernorm_x], 0, r);
        if (p->residual) {
            const double *residual = ref_row(&x->at[OPERAND_layernorm_residual], 0, r);
            double *sum = ref_row(&x->at[OPERAND_layernorm_sum], 0, r);
            for (int64_t c = 0; c < p->cols; c++)
                sum[c] = in[c] + residual[c];
            in = sum;
        }
        const double *gate = p->gated ? ref_row(&x->at[OPERAND_layernorm_gate], 0, r) : NULL;
        normalise(in, x, gate, p->cols, ref_row(&x->at[OPERAND_layernorm_out], 0, r));
    }
}
