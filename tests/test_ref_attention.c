/* The CPU reference of attention against results known without it. */
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <math.h>

enum { BATCH = 2, HEADS = 4, KV_HEADS = 2, WIDTH = 4, QUERIES = 3, KEYS = 6 };

typedef struct attention_case {
    double q[BATCH * QUERIES * HEADS * WIDTH], k[BATCH * KEYS * KV_HEADS * WIDTH], v[BATCH * KEYS * KV_HEADS * WIDTH];
    double k_scales[BATCH * KEYS * KV_HEADS], v_scales[BATCH * KEYS * KV_HEADS], lens[BATCH];
    double out[BATCH * QUERIES * HEADS * WIDTH];
    op o;
    ref_operands x;
} attention_case;

static void make(attention_case *c) {
    c->o = (op){.kind = OP_attention,
                .as.attention = {.batch = BATCH,
                                 .heads = HEADS,
                                 .kv_heads = KV_HEADS,
                                 .head_dim = WIDTH,
                                 .q_len = QUERIES,
                                 .kv_len = KEYS,
                                 .dtype = DTYPE_bf16,
                                 .kv_dtype = DTYPE_bf16}};
    c->x = (ref_operands){0};
    c->x.at[OPERAND_attention_q] = (ref_tensor){c->q, HEADS * WIDTH, QUERIES * HEADS * WIDTH};
    c->x.at[OPERAND_attention_k] = (ref_tensor){c->k, KV_HEADS * WIDTH, KEYS * KV_HEADS * WIDTH};
    c->x.at[OPERAND_attention_v] = (ref_tensor){c->v, KV_HEADS * WIDTH, KEYS * KV_HEADS * WIDTH};
    c->x.at[OPERAND_attention_out] = (ref_tensor){c->out, HEADS * WIDTH, QUERIES * HEADS * WIDTH};
    for (size_t i = 0; i < sizeof c->q / sizeof *c->q; i++)
        c->q[i] = 0; /* every visible key weighs the same */
    for (int i = 0; i < BATCH * KEYS; i++)
        for (int h = 0; h < KV_HEADS; h++)
            for (int w = 0; w < WIDTH; w++) {
                c->k[(i * KV_HEADS + h) * WIDTH + w] = sin(i + h + w);
                c->v[(i * KV_HEADS + h) * WIDTH + w] = i % KEYS + 100 * h + 1000 * (i / KEYS) + 0.25 * w;
            }
}

static void run(attention_case *c) {
    ref_function_of(OP_attention)(&c->o, &c->x);
}

/* With equal weights, the mean of keys first to last: their values are their numbers plus where they are. */
static void expect_mean(const attention_case *c, int sequence, int query, double first, double last) {
    for (int h = 0; h < HEADS; h++)
        for (int w = 0; w < WIDTH; w++) {
            double expected = (first + last) / 2 + 100 * (h / (HEADS / KV_HEADS)) + 1000 * sequence + 0.25 * w;
            cr_expect_float_eq(c->out[((sequence * QUERIES + query) * HEADS + h) * WIDTH + w], expected, 1e-9);
        }
}

Test(ref_attention, equal_scores_average_the_values) {
    attention_case c;
    make(&c);
    run(&c);
    for (int i = 0; i < BATCH * QUERIES; i++)
        expect_mean(&c, i / QUERIES, i % QUERIES, 0, KEYS - 1);
}

Test(ref_attention, causal_queries_see_up_to_themselves) {
    attention_case c;
    make(&c);
    c.o.as.attention.causal = true;
    run(&c);
    for (int i = 0; i < BATCH * QUERIES; i++)
        expect_mean(&c, i / QUERIES, i % QUERIES, 0, KEYS - QUERIES + i % QUERIES);
}

Test(ref_attention, windows_end_at_the_query) {
    attention_case c;
    make(&c);
    c.o.as.attention.window = 2;
    run(&c);
    for (int i = 0; i < BATCH * QUERIES; i++) {
        int position = KEYS - QUERIES + i % QUERIES;
        expect_mean(&c, i / QUERIES, i % QUERIES, position - 1, position);
    }
}

Test(ref_attention, sequences_have_their_own_lengths) {
    attention_case c;
    make(&c);
    c.o.as.attention.q_len = 1;
    c.x.at[OPERAND_attention_kv_lens] = (ref_tensor){c.lens, BATCH, BATCH};
    c.lens[0] = KEYS;
    c.lens[1] = 1;
    run(&c);
    expect_mean(&c, 0, 0, 0, KEYS - 1);
    expect_mean(&c, 1, 0, 0, 0);
}

/* Keys that are unit vectors make the scores the query's own elements: softmax in closed form. */
Test(ref_attention, weights_are_a_softmax_of_scaled_scores) {
    attention_case c;
    make(&c);
    c.o.as.attention = (attention_params){.batch = 1,
                                          .heads = 1,
                                          .kv_heads = 1,
                                          .head_dim = WIDTH,
                                          .q_len = 1,
                                          .kv_len = WIDTH,
                                          .dtype = DTYPE_bf16,
                                          .kv_dtype = DTYPE_int8};
    for (int i = 0; i < 4; i++)
        c.x.at[i].row_stride = WIDTH;
    c.x.at[OPERAND_attention_k_scales] = (ref_tensor){c.k_scales, 1, WIDTH};
    c.x.at[OPERAND_attention_v_scales] = (ref_tensor){c.v_scales, 1, WIDTH};
    double total = 0;
    for (int j = 0; j < WIDTH; j++) {
        c.q[j] = j;
        c.k_scales[j] = 0.5 * (j + 1);
        c.v_scales[j] = 2;
        for (int w = 0; w < WIDTH; w++) {
            c.k[j * WIDTH + w] = j == w;
            c.v[j * WIDTH + w] = j == w;
        }
        total += exp(j * 0.5 * (j + 1) / sqrt(WIDTH));
    }
    run(&c);
    for (int j = 0; j < WIDTH; j++)
        cr_expect_float_eq(c.out[j], 2 * exp(j * 0.5 * (j + 1) / sqrt(WIDTH)) / total, 1e-12);
}

Test(ref_attention, a_query_before_every_key_gives_zeros) {
    attention_case c;
    make(&c);
    c.o.as.attention.causal = true;
    c.o.as.attention.kv_len = 2; /* three queries: the first stands before key 0 */
    run(&c);
    for (int i = 0; i < HEADS * WIDTH; i++)
        cr_expect_eq(c.out[i], 0);
}
