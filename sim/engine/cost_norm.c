/* Norms with a mean: LayerNorm by row, GroupNorm by group of channels. */
#include "sim/engine/cost_rowwise.h"

row_kernel row_kernel_layernorm(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.layernorm.rows * (double)o->as.layernorm.cols);
    k.chains = 1, k.streams = true; /* mean and variance in one pass (Welford) */
    return k;
}

row_kernel row_kernel_groupnorm(const op *o, const plan *planned) {
    const groupnorm_params *p = &o->as.groupnorm;
    double elements = (double)p->batch * (double)p->cin * (double)p->height * (double)p->width;
    row_kernel k = row_kernel_of(o, elements);
    k.read_bytes += elements * dtype_bytes(p->dtype); /* once for the moments, once to apply them */
    k.hot_bytes = k.read_bytes;
    k.chains = 1, k.streams = true;
    k.launches = planned->launches;
    return k;
}
