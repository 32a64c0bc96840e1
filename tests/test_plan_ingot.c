/* The fixed rules by which our own kernels are chosen and split. */
#include "core/plan_attention.h"
#include "core/plan_gemm_ingot.h"

#include <criterion/criterion.h>

static attention_params decode(int64_t batch, int64_t heads, int64_t kv_heads, int64_t keys) {
    return (attention_params){.batch = batch,
                              .heads = heads,
                              .kv_heads = kv_heads,
                              .head_dim = 128,
                              .q_len = 1,
                              .kv_len = keys,
                              .dtype = DTYPE_bf16,
                              .kv_dtype = DTYPE_bf16,
                              .causal = true,
                              .backend = attention_backend_ingot};
}

/* An executor asks for scratch memory at a request's first and last step alone. */
Test(plan_ingot, splits_never_fall_as_a_cache_grows) {
    for (int64_t kv_heads = 1; kv_heads <= 32; kv_heads *= 2)
        for (int64_t batch = 1; batch <= 40; batch += 3) {
            int32_t last = 1;
            for (int64_t keys = 1; keys <= 40000; keys += 97) {
                attention_params p = decode(batch, 32, kv_heads, keys);
                plan t = attention_ingot_plan(&p);
                cr_assert(t.split_k >= last && t.split_k <= ATTENTION_SPLITS_MAX);
                cr_assert(t.split_k == 1 || keys / t.split_k >= 256);
                cr_assert_eq(t.launches, t.split_k > 1 ? 2 : 1);
                cr_assert_eq(t.ctas, (double)(batch * kv_heads * t.split_k));
                last = t.split_k;
            }
        }
}

/* Few sequences over long caches: as many blocks as run at once, not one more. */
Test(plan_ingot, long_caches_fill_a_wave) {
    attention_params few = decode(1, 64, 8, 32768), one = decode(1, 32, 32, 8192), many = decode(132, 8, 1, 8192);
    cr_expect_eq(attention_ingot_plan(&few).ctas, 128);
    cr_expect_eq(attention_ingot_plan(&one).ctas, 128);
    cr_expect_eq(attention_ingot_plan(&many).split_k, 1); /* a whole wave already */
}

Test(plan_ingot, attention_kernels_by_shape) {
    attention_params p = decode(1, 64, 8, 1000);
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_SPLIT);
    p.q_len = 16;
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_SPLIT);
    cr_expect_eq(attention_ingot_plan(&p).tile_m, 64); /* 128 rows share keys: a block takes 64 */
    p.q_len = 17;
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_TILES);
    p.kv_dtype = DTYPE_int8;
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_SPLIT);
    p.head_dim = 72; /* no whole vectors of 16 bytes */
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_GENERAL);
    p.kv_dtype = DTYPE_bf16, p.q_len = 1; /* of 8 elements */
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_SPLIT);
    p.head_dim = 256;
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_GENERAL);
    p.head_dim = 128, p.dtype = p.kv_dtype = DTYPE_fp32;
    cr_expect_eq(attention_ingot_kernel(&p), INGOT_ATTENTION_GENERAL);
}

Test(plan_ingot, vector_products_have_few_rows_and_whole_vectors) {
    gemm_params p = {.m = 1, .n = 4096, .k = 4096, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16};
    cr_expect(gemm_ingot_is_vector(&p));
    cr_expect_eq(gemm_ingot_plan(&p).ctas, 256);
    p.m = 5;
    cr_expect_not(gemm_ingot_is_vector(&p));
    p.m = 1, p.k = 4100;
    cr_expect_not(gemm_ingot_is_vector(&p));
    p.k = 4096, p.weights_dtype = DTYPE_int8;
    cr_expect_not(gemm_ingot_is_vector(&p));
    p.m = 100;
    cr_expect_eq(gemm_ingot_plan(&p).ctas, 2 * 256);
}
