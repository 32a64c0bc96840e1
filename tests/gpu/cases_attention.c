/* Fused attention: decoding, prefill and verification, over caches of every type. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define ATTENTION(ids, b, q_heads, groups, d, q, kv, see, type, cache, w) \
    {ids, PATTERN_RANDOM, {.kind = OP_attention, .as.attention = {.batch = (b), .heads = (q_heads), .kv_heads = (groups), .head_dim = (d), \
        .q_len = (q), .kv_len = (kv), .window = (w), .dtype = DTYPE_##type, .kv_dtype = DTYPE_##cache, .causal = (see), \
        .backend = attention_backend_ingot}}}
#define PAGED(ids, b, q_heads, groups, d, q, kv, page, type, cache) \
    {ids, PATTERN_RANDOM, {.kind = OP_attention, .as.attention = {.batch = (b), .heads = (q_heads), .kv_heads = (groups), .head_dim = (d), \
        .q_len = (q), .kv_len = (kv), .page_tokens = (page), .dtype = DTYPE_##type, .kv_dtype = DTYPE_##cache, \
        .causal = true, .backend = attention_backend_ingot}}}
/* clang-format on */

enum { ALL = 0, CAUSAL = 1 };

static const kernel_case cases[] = {
    /* prefill */
    ATTENTION("LM-8a", 1, 32, 32, 128, 218, 218, CAUSAL, bf16, bf16, 0),
    ATTENTION("LM-8a", 1, 64, 8, 128, 154, 154, CAUSAL, bf16, bf16, 0),
    ATTENTION("LM-8a", 2, 32, 8, 128, 512, 512, CAUSAL, fp16, fp16, 0),
    ATTENTION("LM-8a", 1, 8, 2, 128, 100, 356, CAUSAL, bf16, bf16, 0), /* a later piece of a prompt */
    ATTENTION(NULL, 2, 16, 16, 64, 193, 193, ALL, fp16, fp16, 0),
    ATTENTION(NULL, 1, 3, 1, 80, 130, 131, CAUSAL, bf16, bf16, 0),
    ATTENTION(NULL, 3, 4, 2, 64, 65, 127, ALL, bf16, bf16, 0),
    ATTENTION(NULL, 1, 4, 4, 128, 300, 300, CAUSAL, bf16, bf16, 70),
    ATTENTION(NULL, 1, 2, 1, 96, 77, 77, CAUSAL, fp16, fp16, 0),
    ATTENTION(NULL, 1, 2, 2, 40, 70, 70, CAUSAL, fp16, fp16, 0),
    ATTENTION(NULL, 1, 2, 2, 33, 19, 41, CAUSAL, bf16, bf16, 0), /* rows of no whole vectors */
    ATTENTION(NULL, 2, 3, 3, 24, 20, 20, ALL, fp32, fp32, 0),
    ATTENTION(NULL, 1, 2, 1, 512, 33, 40, CAUSAL, bf16, bf16, 0),
    ATTENTION(NULL, 1, 8, 2, 128, 90, 90, CAUSAL, bf16, int8, 0),
    ATTENTION(NULL, 1, 8, 2, 128, 90, 200, CAUSAL, fp16, fp8, 0),
    /* decoding */
    ATTENTION("LM-8b", 1, 32, 32, 128, 1, 218, CAUSAL, bf16, bf16, 0),
    ATTENTION("LM-8b", 4, 64, 8, 128, 1, 1024, CAUSAL, bf16, bf16, 0),
    ATTENTION("LM-8b", 1, 64, 8, 128, 1, 8191, CAUSAL, fp16, fp16, 0),
    ATTENTION("LM-8b", 2, 64, 8, 128, 1, 1500, CAUSAL, bf16, fp8, 0),
    ATTENTION("LM-8b", 2, 64, 8, 128, 1, 1500, CAUSAL, bf16, int8, 0),
    ATTENTION("LM-8b", 2, 64, 8, 128, 1, 1500, CAUSAL, bf16, int4, 0),
    ATTENTION("LM-8b", 3, 32, 32, 128, 1, 700, CAUSAL, fp16, int8, 0),
    ATTENTION("LM-8b", 3, 32, 8, 128, 1, 700, CAUSAL, fp16, int4, 0),
    ATTENTION("SM-12", 5, 16, 16, 64, 1, 60, ALL, fp16, fp16, 0),
    ATTENTION(NULL, 7, 5, 1, 64, 1, 333, ALL, fp16, fp8, 0),
    ATTENTION(NULL, 2, 6, 2, 64, 1, 97, ALL, bf16, int8, 0),
    ATTENTION(NULL, 2, 6, 3, 64, 1, 129, ALL, bf16, int4, 0),
    ATTENTION(NULL, 3, 20, 1, 128, 1, 450, ALL, bf16, bf16, 0), /* more heads of a group than a tile has rows */
    ATTENTION(NULL, 2, 8, 2, 80, 1, 600, CAUSAL, bf16, bf16, 0),
    ATTENTION(NULL, 2, 8, 2, 128, 1, 2000, CAUSAL, bf16, bf16, 333),
    ATTENTION(NULL, 2, 8, 2, 36, 1, 55, CAUSAL, fp16, int8, 0),
    ATTENTION(NULL, 1, 1, 1, 128, 1, 1, CAUSAL, bf16, bf16, 0),
    ATTENTION(NULL, 2, 4, 1, 256, 1, 99, CAUSAL, bf16, bf16, 0),
    /* paged */
    PAGED("LM-8b", 1, 32, 32, 128, 1, 218, 16, bf16, bf16),
    PAGED("LM-8b", 4, 64, 8, 128, 1, 1023, 16, bf16, bf16),
    PAGED("LM-8b", 2, 64, 8, 128, 1, 4100, 64, fp16, fp16),
    PAGED("LM-8b", 3, 32, 8, 128, 1, 700, 16, bf16, fp8),
    PAGED("LM-8b", 3, 32, 8, 128, 1, 700, 32, bf16, int8),
    PAGED("LM-8b", 3, 32, 8, 128, 1, 701, 128, bf16, int4),
    PAGED(NULL, 5, 6, 2, 64, 1, 97, 1, fp16, fp16), /* a page a token */
    PAGED(NULL, 2, 6, 3, 80, 1, 300, 256, bf16, bf16),
    PAGED(NULL, 2, 4, 2, 128, 1, 130, 24, bf16, bf16), /* pages of no power of 2 */
    PAGED(NULL, 2, 4, 2, 33, 1, 77, 8, fp32, fp32),
    PAGED("LS-4", 2, 16, 4, 128, 7, 515, 16, bf16, bf16),
    PAGED(NULL, 1, 8, 2, 128, 40, 260, 16, bf16, bf16), /* many queries */
    /* verification of drafts */
    ATTENTION("LS-4", 1, 32, 32, 128, 7, 225, CAUSAL, bf16, bf16, 0),
    ATTENTION("LS-4", 1, 64, 8, 128, 7, 4100, CAUSAL, bf16, bf16, 0),
    ATTENTION("LS-4", 2, 16, 4, 128, 16, 2050, CAUSAL, fp16, fp16, 0),
    ATTENTION("LS-4", 1, 16, 4, 128, 5, 1030, CAUSAL, bf16, int8, 0),
    ATTENTION(NULL, 1, 12, 2, 64, 3, 3, CAUSAL, bf16, bf16, 0),
    ATTENTION(NULL, 1, 8, 1, 128, 9, 700, CAUSAL, bf16, fp8, 100),
};

kernel_cases kernel_cases_attention(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
