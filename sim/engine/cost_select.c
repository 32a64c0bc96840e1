/* Row-wise kernels of sampling, speculation, beam search and quantisation. */
#include "sim/engine/cost_rowwise.h"

/* Radix select of 32-bit keys, eight bits a digit: each pass reads the row, from L2 where it fits. */
static const double TOPK_PASSES = 4;
/* Stages of a radix-2 transform of 512 points that exchange values through shared memory. */
static const double FBANK_CHAINS = 9;

/* PyTorch's index_select launches at most this many blocks of 128 threads an SM, which walk the elements one by one
 * (aten/native/cuda/Indexing.cu): at two bytes an element too few are on their way to fill HBM. */
static const double INDEX_SELECT_BLOCKS_PER_SM = 8;

row_kernel row_kernel_topk(const op *o, const plan *planned) {
    const topk_params *p = &o->as.topk;
    double elements = (double)p->rows * (double)p->cols;
    row_kernel k = row_kernel_of(o, elements);
    k.launches = planned->launches;
    k.read_bytes += (TOPK_PASSES - 1) * elements * dtype_bytes(p->dtype);
    k.hot_bytes = k.read_bytes;
    k.chains = TOPK_PASSES, k.streams = true;
    return k;
}

row_kernel row_kernel_penalty(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.penalty.rows * (double)o->as.penalty.len);
    k.chains = POINTER_CHAINS, k.strided = true; /* the token id is read before its logit */
    return k;
}

row_kernel row_kernel_cfg_mix(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.cfg_mix.rows * (double)o->as.cfg_mix.cols);
    return k;
}

row_kernel row_kernel_accept(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.accept.rows * (double)o->as.accept.drafts);
    k.chains = WARP_REDUCE_CHAINS;
    return k;
}

row_kernel row_kernel_quantise(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.quantise.rows * (double)o->as.quantise.cols);
    k.chains = 1, k.streams = true; /* the row's maximum first */
    return k;
}

row_kernel row_kernel_fbank(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.fbank.rows * (double)o->as.fbank.cols);
    k.chains = FBANK_CHAINS * WARP_REDUCE_CHAINS, k.streams = true;
    return k;
}

row_kernel row_kernel_kv_reorder(const op *o, const plan *planned) {
    (void)planned;
    const kv_reorder_params *p = &o->as.kv_reorder;
    row_kernel k = row_kernel_of(o, (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len);
    k.hot_bytes = 0;  /* the step before streamed all weights through L2 since these were written */
    k.strided = true; /* a source address is computed for each element */
    k.chains = POINTER_CHAINS;
    k.walkers_per_sm = INDEX_SELECT_BLOCKS_PER_SM;
    return k;
}
