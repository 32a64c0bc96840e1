/* What ranks hold after they exchanged. Of one rank alone nothing can be said: ref_collective_ranks takes all. */
#include "kernels/ref/collective.h"

#include <assert.h>

void ref_collective_ranks(const op *o, const ref_operands *ranks) {
    const collective_params *p = &o->as.collective;
    int64_t whole = (int64_t)((double)p->bytes / dtype_bytes(p->dtype)), part = whole / p->ranks;
    for (int64_t r = 0; r < p->ranks; r++) {
        double *out = ranks[r].at[OPERAND_collective_out].data;
        int64_t count = p->collective == collective_pattern_reduce_scatter ? part : whole;
        for (int64_t i = 0; i < count; i++) {
            int64_t from = i / part;
            switch (p->collective) {
            case collective_pattern_all_gather:
                out[i] = ranks[from].at[OPERAND_collective_in].data[i % part];
                break;
            case collective_pattern_alltoall:
                out[i] = ranks[from].at[OPERAND_collective_in].data[r * part + i % part];
                break;
            default: { /* sums, of all or of this rank's part */
                int64_t place = p->collective == collective_pattern_reduce_scatter ? r * part + i : i;
                out[i] = 0;
                for (int64_t other = 0; other < p->ranks; other++)
                    out[i] += ranks[other].at[OPERAND_collective_in].data[place];
            }
            }
        }
    }
}

void ref_collective(const op *o, const ref_operands *x) {
    assert(o->as.collective.ranks == 1);
    ref_collective_ranks(o, x);
}
