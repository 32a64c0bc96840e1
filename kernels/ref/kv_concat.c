/* A longer cache from a cache and its new token. */
#include "kernels/ref/ref.h"

void ref_kv_concat(const op *o, const ref_operands *x) {
    const kv_concat_params *p = &o->as.kv_concat;
    for (int64_t b = 0; b < p->batch * p->kv_heads; b++)
        for (int64_t r = 0; r < p->kv_len; r++) {
            bool fresh = r == p->kv_len - 1;
            const double *from =
                fresh ? ref_row(&x->at[OPERAND_kv_concat_token], b, 0) : ref_row(&x->at[OPERAND_kv_concat_past], b, r);
            double *to = ref_row(&x->at[OPERAND_kv_concat_out], b, r);
            for (int64_t c = 0; c < p->head_dim; c++)
                to[c] = from[c];
        }
}
