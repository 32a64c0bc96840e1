/* Gather of table rows. */
#include "kernels/ref/ref.h"

void ref_embedding(const op *o, const ref_operands *x) {
    const embedding_params *p = &o->as.embedding;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *from = ref_row(&x->at[OPERAND_embedding_table], 0, (int64_t)x->at[OPERAND_embedding_ids].data[r]);
        double *out = ref_row(&x->at[OPERAND_embedding_out], 0, r);
        for (int64_t c = 0; c < p->cols; c++)
            out[c] = from[c];
    }
}
