/* The longest prefix of drafted tokens that the verifier agrees with. */
#include "kernels/ref/ref.h"

void ref_accept(const op *o, const ref_operands *x) {
    const accept_params *p = &o->as.accept;
    for (int64_t r = 0; r < p->rows; r++) {
        const double *drafted = ref_row(&x->at[OPERAND_accept_drafted], 0, r);
        const double *verified = ref_row(&x->at[OPERAND_accept_verified], 0, r);
        int64_t count = 0;
        while (count < p->drafts && drafted[count] == verified[count])
            count++;
        x->at[OPERAND_accept_count].data[r] = (double)count;
    }
}
