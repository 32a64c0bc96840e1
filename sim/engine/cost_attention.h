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
    bool in_graph;    /* not measured alone */
    double score_ops; /* of the FP32 lanes a score, besides a softmax's */
    data_type rate;   /* whose tensor rate bounds the products */
    double flops;
} attention_shape;

/* Lanes that an SM's four schedulers issue to in a clock, whatever pipe takes them: softmax mixes FP32, integer,
 * conversion and SFU instructions, so FP32 lanes alone (64 on GA100, 128 since) do not bound it. */
static const double ATTENTION_ISSUE_LANES = 4 * 32;

/* The part of a footprint found in L2 when attention reads it again: all up to the capacity, then less until nothing.
 * Two partitions each keep what their SMs read (cost_memory.h), and keys streamed through evict each other: half of a
 * half is what repeats hit, on A100 and H200 alike. An L40S's L2, which is one, keeps 100 MB of 100.7 and, of 134,
 * none.
 */
static inline double attention_kept_frac(const machine_block *m, size_t i, double footprint_bytes) {
    static const double STREAMED_FRAC = 0.5 * 0.5;
    double capacity = m->attention_l2_residency_frac[i] * m->l2_bytes[i] * (l2_has_halves(m, i) ? STREAMED_FRAC : 1);
    double gone = (footprint_bytes / capacity - 1) / m->attention_residency_fall_ratio[i];
    return larger(0, smaller(1, 1 - gone));
}

/* Bytes of a 16-bit element: queries, outputs, and the new keys and values before they enter a cache. */
static const double ATTENTION_ELEMENT_BYTES = 2;

/* Time of the kernel that writes `tokens` new keys and values into a paged cache (and, for FlashAttention-3 on an 8-bit
 * cache, of the one that quantises the queries), without start and drain. */
double attention_cache_write_s(const attention_shape *s, const machine_block *m, size_t i, double tokens,
                               double footprint_bytes);

/* Small kernels that the library launches beside the main one. */
double attention_helpers(const attention_shape *s, bool decodes);

/* FlashAttention-3's fixed time of a block on an 8-bit cache, over the 16-bit one. */
double attention_block8(const attention_shape *s, const machine_block *m, size_t i);

/* `details` may be NULL. */
void attention_decode_cost(const attention_shape *s, const machine_block *m, cost_times *out, cost_block *details);

/* A fused attention with everything that its time needs besides the machine. */
typedef struct attention_recipe {
    attention_params p;
    attention_shape s;
    plan t; /* of a context */
    bool decodes;
} attention_recipe;

/* False for the naive implementation. */
bool attention_prepare(const op *o, residency where, generation family, attention_recipe *out);
void attention_times(const attention_recipe *r, const machine_block *m, cost_times *out);

/* The naive implementation: scores, softmax (or SiLU) and the product with the values, each a kernel that writes its
 * result; the first finds its operands as the attention does, the others where `after` says. */
typedef struct naive_attention {
    op scores, weights, values;
    residency after;
} naive_attention;

naive_attention naive_attention_of(const op *o, residency where);

#endif
