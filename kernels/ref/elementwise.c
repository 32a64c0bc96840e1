/* One pointwise function of one or two tensors. */
#include "kernels/ref/ref.h"

#include <math.h>

static double apply(pointwise_function function, double a, const double *b) {
    switch (function) {
    case pointwise_function_mul:
        return a * (b ? *b : POINTWISE_CONSTANT);
    case pointwise_function_neg:
        return -a;
    case pointwise_function_scale:
        return a * POINTWISE_CONSTANT;
    case pointwise_function_pow:
        return a * a;
    case pointwise_function_rsqrt:
        return 1 / sqrt(a);
    case pointwise_function_cos:
        return cos(a);
    case pointwise_function_sin:
        return sin(a);
    case pointwise_function_compare:
        return a > (b ? *b : POINTWISE_CONSTANT);
    case pointwise_function_where:
        return a > POINTWISE_CONSTANT ? a : b ? *b : 0;
    case pointwise_function_fill:
        return POINTWISE_CONSTANT;
    default: /* cast */
        return a;
    }
}

void ref_elementwise(const op *o, const ref_operands *x) {
    const elementwise_params *p = &o->as.elementwise;
    bool fills = p->function == pointwise_function_fill;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *a = fills ? NULL : ref_row(&x->at[OPERAND_elementwise_a], 0, r);
        const double *b = p->inputs == 2 ? ref_row(&x->at[OPERAND_elementwise_b], 0, r) : NULL;
        double *out = ref_row(&x->at[OPERAND_elementwise_out], 0, r);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = apply(p->function, a ? a[c] : 0, b ? &b[c] : NULL);
    }
}
