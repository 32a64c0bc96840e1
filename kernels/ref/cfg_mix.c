/* Classifier-free guidance of two or three conditions. */
#include "kernels/ref/ref.h"

void ref_cfg_mix(const op *o, const ref_operands *x) {
    const cfg_mix_params *p = &o->as.cfg_mix;
    const ref_tensor *logits = &x->at[OPERAND_cfg_mix_logits];
    for (int64_t r = 0; r < p->rows; r++) {
        const double *full = ref_row(logits, 0, r), *image = ref_row(logits, 1, r),
                     *none = ref_row(logits, p->ways - 1, r);
        double *out = ref_row(&x->at[OPERAND_cfg_mix_out], 0, r);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = p->ways == 3
                         ? none[c] + CFG_IMAGE_WEIGHT * (image[c] - none[c]) + CFG_FULL_WEIGHT * (full[c] - image[c])
                         : none[c] + CFG_TWO_WAY_WEIGHT * (full[c] - none[c]);
    }
}
