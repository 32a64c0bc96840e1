/* Pointwise activation, or gate. */
#include "kernels/ref/ref.h"

#include <math.h>

static double activate(activation_function function, double a) {
    switch (function) {
    case activation_function_silu:
        return a / (1 + exp(-a));
    case activation_function_gelu:
        return 0.5 * a * (1 + erf(a / sqrt(2)));
    case activation_function_relu:
        return a > 0 ? a : 0;
    case activation_function_sigmoid:
        return 1 / (1 + exp(-a));
    case activation_function_tanh:
        return tanh(a);
    default: /* leaky_relu */
        return a > 0 ? a : LEAKY_RELU_SLOPE * a;
    }
}

void ref_activation(const op *o, const ref_operands *x) {
    const activation_params *p = &o->as.activation;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *a = ref_row(&x->at[OPERAND_activation_a], 0, r);
        const double *b = p->gated ? ref_row(&x->at[OPERAND_activation_b], 0, r) : NULL;
        double *out = ref_row(&x->at[OPERAND_activation_out], 0, r);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = activate(p->function, a[c]) * (b ? b[c] : 1);
    }
}
