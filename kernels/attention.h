/* Attention kernels of our own and what they are given; kernels/attention.cu routes. Inside libingot_gpu.so alone. */
#ifndef INGOT_ATTENTION_H
#define INGOT_ATTENTION_H

#include "core/plan_attention.h"
#include "kernels/launch.h"

/* Strides are in elements: between tokens, and between sequences. */
typedef struct attention_tensor {
    const void *data;
    int64_t row, block;
} attention_tensor;

typedef struct attention_arguments {
    attention_tensor q, k, v, k_scales, v_scales;
    const int32_t *kv_lens; /* NULL: kv_len for all */
    /* Of a paged cache, whose keys and values are one pool: the pages of each sequence, and their tokens. */
    const int32_t *pages; /* NULL: not paged */
    int64_t pages_row;
    int32_t page_tokens, page_shift; /* 2^page_shift tokens, where a power of 2 */
    void *out;                       /* contiguous */
    int32_t batch, heads, kv_heads, group, head_dim, q_len, kv_len, window;
    bool causal;
    float scale; /* of scores, times log2(e): weights are powers of 2 */
    /* Split kernels: blocks that share a sequence's keys, and where their results meet. */
    int32_t splits;
    float *partial_out; /* [batch, heads, q_len, splits, head_dim], each normalised */
    float *partial_log; /* [batch, heads, q_len, splits]: log2 of the sum of weights; -infinity: no keys */
} attention_arguments;

/* Any width up to ATTENTION_GENERAL_WIDTH and any type, a warp a query: right, not fast. */
enum { ATTENTION_GENERAL_WIDTH = 512 };
gpu_status attention_general(const attention_params *p, const attention_arguments *s, gpu_stream stream);

/* Few queries, or caches of 8 and 4 bits: widths up to 128 whose vectors are whole and aligned. `splits`,
 * `partial_out` and `partial_log` must be set. */
gpu_status attention_split(const attention_params *p, const attention_arguments *s, gpu_stream stream);

/* Many queries over a cache of the queries' 16-bit type: widths up to 128, multiples of 16, rows aligned. */
gpu_status attention_tiles(const attention_params *p, const attention_arguments *s, gpu_stream stream);

#endif
