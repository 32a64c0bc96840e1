/* Kernels of positions, caches, sampling and speculation. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define ROPE(ids, r, q, kv, d, type, cache, pairs) \
    {ids, PATTERN_RANDOM, {.kind = OP_rope, .as.rope = {.rows = (r), .heads = (q), .kv_heads = (kv), .head_dim = (d), .dtype = DTYPE_##type, .kv_write = (cache), .interleaved = (pairs)}}}
#define APPEND(ids, r, kv, d, type, to) \
    {ids, PATTERN_RANDOM, {.kind = OP_kv_append, .as.kv_append = {.rows = (r), .kv_heads = (kv), .head_dim = (d), .dtype = DTYPE_##type, .kv_dtype = DTYPE_##to}}}
#define CONCAT(ids, b, kv, d, l, type) \
    {ids, PATTERN_RANDOM, {.kind = OP_kv_concat, .as.kv_concat = {.batch = (b), .kv_heads = (kv), .head_dim = (d), .kv_len = (l), .dtype = DTYPE_##type}}}
#define REORDER(ids, b, kv, d, l, type) \
    {ids, PATTERN_RANDOM, {.kind = OP_kv_reorder, .as.kv_reorder = {.batch = (b), .kv_heads = (kv), .head_dim = (d), .kv_len = (l), .dtype = DTYPE_##type}}}
#define SAMPLE(ids, r, c, type, how) \
    {ids, PATTERN_RANDOM, {.kind = OP_sample, .as.sample = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .method = sample_method_##how}}}
#define TOPK(ids, r, c, k, type) {ids, PATTERN_RANDOM, {.kind = OP_topk, .as.topk = {.rows = (r), .cols = (c), .top = (k), .dtype = DTYPE_##type}}}
#define TOPK_OF(how, r, c, k, type) \
    {NULL, PATTERN_##how, {.kind = OP_topk, .as.topk = {.rows = (r), .cols = (c), .top = (k), .dtype = DTYPE_##type}}}
#define PENALTY(ids, r, c, l, type) \
    {ids, PATTERN_RANDOM, {.kind = OP_penalty, .as.penalty = {.rows = (r), .cols = (c), .len = (l), .dtype = DTYPE_##type}}}
#define CFG_MIX(ids, r, c, n, type) {ids, PATTERN_RANDOM, {.kind = OP_cfg_mix, .as.cfg_mix = {.rows = (r), .cols = (c), .ways = (n), .dtype = DTYPE_##type}}}
#define ACCEPT(ids, r, n) {ids, PATTERN_RANDOM, {.kind = OP_accept, .as.accept = {.rows = (r), .drafts = (n)}}}
#define QUANTISE(ids, r, c, in, out) \
    {ids, PATTERN_RANDOM, {.kind = OP_quantise, .as.quantise = {.rows = (r), .cols = (c), .dtype = DTYPE_##in, .out_dtype = DTYPE_##out}}}
/* clang-format on */

static const kernel_case cases[] = {
    ROPE("LM-5", 1, 32, 32, 128, bf16, false, false),
    ROPE("LM-5", 154, 64, 8, 128, bf16, false, true),
    ROPE("LM-6", 154, 64, 8, 128, bf16, true, true),
    ROPE("LM-6", 8, 32, 32, 128, fp16, true, false),
    ROPE(NULL, 3, 5, 1, 80, fp16, true, false),
    ROPE(NULL, 7, 3, 3, 6, fp32, false, true),
    ROPE(NULL, 9, 7, 2, 64, fp32, true, false),
    ROPE(NULL, 9, 7, 2, 64, fp32, false, true),
    ROPE(NULL, 5, 70, 1, 80, bf16, true, true),
    ROPE(NULL, 5, 9, 3, 72, bf16, true, false),
    ROPE(NULL, 1, 1, 1, 512, bf16, true, true),
    APPEND("LM-6", 1, 32, 128, bf16, bf16),
    APPEND("LM-6", 154, 8, 128, fp16, fp16),
    APPEND("LM-6", 9, 8, 128, bf16, fp8),
    APPEND("LM-6", 33, 8, 128, bf16, int8),
    APPEND("LM-6", 33, 8, 128, bf16, int4),
    APPEND("LM-6", 154, 8, 128, bf16, int8),
    APPEND(NULL, 7, 3, 80, bf16, int8),
    APPEND(NULL, 7, 3, 80, bf16, int4),
    APPEND(NULL, 70, 5, 64, fp32, int8),
    APPEND(NULL, 70, 5, 64, fp32, int4),
    APPEND(NULL, 3, 1, 512, bf16, int8),
    APPEND(NULL, 7, 3, 12, fp16, fp8),
    APPEND(NULL, 300, 3, 40, fp32, fp32),
    APPEND(NULL, 5, 3, 65, fp16, fp16),
    APPEND(NULL, 5, 3, 65, fp16, int8),
    APPEND(NULL, 5, 3, 66, fp16, int4),
    CONCAT("LM-6b", 1, 32, 128, 155, bf16),
    CONCAT("LM-6c", 1, 64, 128, 218, fp16),
    CONCAT("LM-6b", 8, 8, 128, 1025, bf16),
    CONCAT(NULL, 3, 2, 33, 7, fp16),
    CONCAT(NULL, 2, 3, 64, 1, bf16), /* no past */
    REORDER("SM-19", 5, 16, 64, 1024, fp16),
    REORDER(NULL, 7, 3, 33, 5, fp16),
    SAMPLE("LM-17", 1, 32000, bf16, argmax),
    SAMPLE("LM-17", 8, 128256, fp32, argmax),
    SAMPLE(NULL, 3, 7, bf16, argmax), /* equal logits are common in 16 bits */
    SAMPLE(NULL, 33, 1000, fp16, argmax),
    SAMPLE("LM-17", 4, 32000, fp32, multinomial),
    SAMPLE(NULL, 9, 77, bf16, multinomial),
    SAMPLE("LM-16", 1, 32000, fp32, top_p),
    SAMPLE("LM-16", 3, 65536, fp32, top_p),
    SAMPLE(NULL, 7, 129, bf16, top_p),
    SAMPLE(NULL, 600, 3, fp16, top_p),
    TOPK(NULL, 1, 5 * 256102, 10, fp32),
    TOPK("LM-16", 4, 32000, 50, fp32),
    TOPK(NULL, 3, 8, 2, bf16),
    TOPK(NULL, 5, 4097, 128, fp16),
    TOPK(NULL, 2, 3, 3, bf16),
    TOPK(NULL, 40, 12288, 128, fp32),
    TOPK(NULL, 7, 20000, 128, bf16),
    TOPK(NULL, 300, 60, 8, bf16), /* short rows, a block each, which begin anywhere */
    TOPK(NULL, 64, 1001, 10, fp32),
    TOPK(NULL, 300, 4096, 128, fp16),
    TOPK(NULL, 800, 10001, 50, bf16), /* many rows */
    TOPK(NULL, 800, 70000, 10, bf16),
    TOPK(NULL, 36, 65601, 20, bf16), /* long ones, in two steps */
    TOPK(NULL, 72, 70001, 128, bf16),
    TOPK(NULL, 66, 256102, 10, fp32),
    TOPK(NULL, 131, 50003, 50, fp32), /* a row an SM, and two SMs or half of one a row */
    TOPK(NULL, 110, 70001, 128, bf16),
    TOPK(NULL, 200, 70007, 50, fp16),
    TOPK(NULL, 60, 70001, 128, fp32),
    TOPK(NULL, 3, 40001, 128, fp32),
    TOPK_OF(TIES, 3, 20000, 50, fp32),
    TOPK_OF(TIES, 800, 10002, 50, fp32),
    TOPK_OF(TIES, 64, 5000, 128, bf16),
    TOPK_OF(TIES, 120, 70001, 50, bf16),
    TOPK_OF(TIES, 64, 70001, 128, fp32),
    TOPK_OF(BUNCHED, 120, 40001, 50, fp32), /* large values in a few lanes */
    TOPK_OF(BUNCHED, 5, 40001, 128, fp32),
    TOPK_OF(BUNCHED, 64, 150001, 20, bf16),
    TOPK_OF(BUNCHED, 800, 20001, 50, fp32),
    TOPK_OF(RISING, 120, 70001, 128, fp32),
    TOPK_OF(RISING, 60, 70001, 128, fp32),
    TOPK_OF(RISING, 2, 40000, 20, fp32),
    TOPK_OF(RISING, 40, 8100, 128, fp32),
    TOPK_OF(RISING, 800, 9000, 10, bf16),
    PENALTY("LM-18", 1, 65536, 1030, fp32),
    PENALTY("LM-18", 8, 32000, 154, fp32),
    PENALTY(NULL, 3, 5, 100, fp16), /* every token many times */
    CFG_MIX("CH-1", 1, 65536, 3, fp32),
    CFG_MIX("CH-1", 4, 65536, 2, fp32),
    CFG_MIX(NULL, 3, 1001, 3, bf16),
    CFG_MIX(NULL, 5, 1000, 2, fp16),
    ACCEPT("LS-5", 1, 6),
    ACCEPT("LS-5", 17, 6),
    ACCEPT(NULL, 5, 1),
    ACCEPT(NULL, 200, 70),
    QUANTISE("LM-21", 1, 4096, bf16, int8),
    QUANTISE("LM-21", 154, 8192, fp16, int8),
    QUANTISE(NULL, 7, 22016, bf16, fp8),
    QUANTISE(NULL, 9, 100, fp32, int8),
    QUANTISE(NULL, 1033, 128, bf16, int8),
    QUANTISE(NULL, 1100, 2640, bf16, fp8),
    QUANTISE(NULL, 1100, 264, fp16, int8),
    QUANTISE(NULL, 3, 50001, bf16, fp8),
};

kernel_cases kernel_cases_tokens(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
