/* Dynamic quantisation by row. */
#include "kernels/ref/ref.h"

#include "kernels/ref/encode.h"

#include <math.h>

void ref_quantise(const op *o, const ref_operands *x) {
    const quantise_params *p = &o->as.quantise;
    double level = largest_level(p->out_dtype), largest = level > 0 ? level : FP8_LARGEST;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *in = ref_row(&x->at[OPERAND_quantise_x], 0, r);
        double *out = ref_row(&x->at[OPERAND_quantise_out], 0, r);
        double top = QUANTISE_EPSILON;
        for (int64_t c = 0; c < p->cols; c++)
            top = fmax(top, fabs(in[c]));
        double scale = top / largest;
        *ref_row(&x->at[OPERAND_quantise_scales], 0, r) = scale;
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = level > 0 ? fmin(fmax(rint(in[c] / scale), -level), level) : in[c] / scale;
    }
}
