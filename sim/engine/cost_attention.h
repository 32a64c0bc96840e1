/* Between the files of the attention cost: the operator's sizes as doubles, and the parts that context and decoding
 * share. */
#ifndef INGOT_COST_ATTENTION_H
#define INGOT_COST_ATTENTION_H

#include "core/plan_attention.h"
#include "sim/engine/cost_memory.h"

typedef struct attention_shape {
    attention_kernel kernel;
    attention_backend backend;
    generation generation;
    double batch, heads, kv_heads, group, width, queries, keys;
    double kv_element_bytes, query_bytes, kv_bytes; /* of all queries (or outputs), of all keys and values */
    double hot_frac; /* of operands that the method or the graph leaves in L2, if they fit */
    bool eight_bit, causal;
    data_type rate; /* whose tensor rate bounds the products */
    double flops;
} attention_shape;

/* Bytes of a 16-bit element: queries, outputs, and the new keys and values before they enter a cache. */
static const double ATTENTION_ELEMENT_BYTES = 2;

/* Time of the kernel that writes `tokens` new keys and values into a paged cache (and, for FlashAttention-3 on an 8-bit
 * cache, of the one that quantises the queries), without start and drain. */
double attention_cache_write_s(const attention_shape *s, const machine_block *m, size_t i, double tokens,
                               double footprint_bytes);

/* Small kernels that the library launches beside the main one. */
double attention_helpers(const attention_shape *s, bool decodes);

void attention_decode_cost(const attention_shape *s, const machine_block *m, cost_block *out);

#endif
