/* Beam search's cache in the order of the chosen beams. */
#include "kernels/ref/ref.h"

void ref_kv_reorder(const op *o, const ref_operands *x) {
    const kv_reorder_params *p = &o->as.kv_reorder;
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t r = 0; r < p->kv_heads * p->kv_len; r++) {
            int64_t beam = (int64_t)x->at[OPERAND_kv_reorder_beams].data[b];
            const double *from = ref_row(&x->at[OPERAND_kv_reorder_cache], beam, r);
            double *to = ref_row(&x->at[OPERAND_kv_reorder_out], b, r);
            for (int64_t c = 0; c < p->head_dim; c++)
                to[c] = from[c];
        }
}
