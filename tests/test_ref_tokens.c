/* CPU references of positions, caches, sampling and speculation against what they must be by hand. */
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static ref_tensor over(double *data, int64_t row_stride, int64_t block_stride) {
    return (ref_tensor){.data = data, .row_stride = row_stride, .block_stride = block_stride};
}

/* A rotation keeps lengths, does nothing at position 0, and adds: twice by p is once by 2 p. */
static void rotate(bool interleaved, double position, const double *in, double *out) {
    enum { DIM = 6 };
    double positions[] = {position}, frequencies[] = {1, 0.1, 0.01}, k_in[DIM], k_out[DIM], q[DIM];
    memcpy(q, in, sizeof q);
    memcpy(k_in, in, sizeof k_in);
    op o = {
        .kind = OP_rope,
        .as.rope = {
            .rows = 1, .heads = 1, .kv_heads = 1, .head_dim = DIM, .dtype = DTYPE_fp32, .interleaved = interleaved}};
    ref_operands x = {0};
    x.at[OPERAND_rope_q] = over(q, DIM, 0);
    x.at[OPERAND_rope_k] = over(k_in, DIM, 0);
    x.at[OPERAND_rope_positions].data = positions;
    x.at[OPERAND_rope_frequencies].data = frequencies;
    x.at[OPERAND_rope_q_out] = over(out, DIM, 0);
    x.at[OPERAND_rope_k_out] = over(k_out, DIM, 0);
    ref_function_of(OP_rope)(&o, &x);
    for (int i = 0; i < DIM; i++)
        cr_expect_eq(out[i], k_out[i], "queries and keys turn alike");
}

Test(ref_tokens, rotations_are_rotations) {
    const double in[] = {1, 2, 3, -1, 0.5, 4};
    double once[6], twice[6], both[6];
    for (int interleaved = 0; interleaved < 2; interleaved++) {
        rotate(interleaved, 0, in, once);
        for (int i = 0; i < 6; i++)
            cr_expect_eq(once[i], in[i]);
        rotate(interleaved, 3, in, once);
        rotate(interleaved, 3, once, twice);
        rotate(interleaved, 6, in, both);
        for (int i = 0; i < 6; i++)
            cr_expect_float_eq(twice[i], both[i], 1e-12);
        int other = interleaved ? 1 : 3; /* the partner of element 0 */
        cr_expect_float_eq(once[0] * once[0] + once[other] * once[other], in[0] * in[0] + in[other] * in[other], 1e-12);
        cr_expect_float_eq(once[0], in[0] * cos(3) - in[other] * sin(3), 1e-12);
    }
}

Test(ref_tokens, new_tokens_go_to_their_slots_and_nowhere_else) {
    enum { ROWS = 2, SLOTS = 4, COLS = 4 };
    double k[ROWS * COLS] = {1, -2, 0.5, 0.25, 4, 3, 2, 1}, v[ROWS * COLS] = {0}, slots[] = {3, 0};
    double k_cache[SLOTS * COLS], v_cache[SLOTS * COLS], k_scales[SLOTS * 2], v_scales[SLOTS * 2];
    for (int i = 0; i < SLOTS * COLS; i++)
        k_cache[i] = v_cache[i] = 77;
    for (int kv_type = 0; kv_type < 2; kv_type++) {
        op o = {.kind = OP_kv_append,
                .as.kv_append = {.rows = ROWS,
                                 .kv_heads = 2,
                                 .head_dim = 2,
                                 .dtype = DTYPE_fp16,
                                 .kv_dtype = kv_type ? DTYPE_int8 : DTYPE_fp16}};
        ref_operands x = {0};
        x.at[OPERAND_kv_append_k] = over(k, COLS, 0);
        x.at[OPERAND_kv_append_v] = over(v, COLS, 0);
        x.at[OPERAND_kv_append_slots].data = slots;
        x.at[OPERAND_kv_append_k_cache] = over(k_cache, COLS, 0);
        x.at[OPERAND_kv_append_v_cache] = over(v_cache, COLS, 0);
        x.at[OPERAND_kv_append_k_scales] = over(k_scales, 2, 0);
        x.at[OPERAND_kv_append_v_scales] = over(v_scales, 2, 0);
        ref_function_of(OP_kv_append)(&o, &x);
        for (int c = 0; c < COLS; c++) {
            double scale3 = kv_type ? k_scales[3 * 2 + c / 2] : 1, scale0 = kv_type ? k_scales[c / 2] : 1;
            cr_expect_float_eq(k_cache[3 * COLS + c] * scale3, k[c], kv_type ? 2.0 / 127 : 0);
            cr_expect_float_eq(k_cache[c] * scale0, k[COLS + c], kv_type ? 4.0 / 127 : 0);
            cr_expect(k_cache[COLS + c] == 77 && k_cache[2 * COLS + c] == 77);
        }
    }
    cr_expect_float_eq(k_cache[3 * COLS + 1], -127, 0, "the largest of its head takes the last level");
}

Test(ref_tokens, caches_grow_and_reorder) {
    double past[] = {1, 2, 3, 4, /* second head */ 5, 6, 7, 8}, token[] = {9, 10, 11, 12}, out[12], reordered[12];
    op concat = {.kind = OP_kv_concat,
                 .as.kv_concat = {.batch = 1, .kv_heads = 2, .head_dim = 2, .kv_len = 3, .dtype = DTYPE_fp16}};
    ref_operands x = {0};
    x.at[OPERAND_kv_concat_past] = over(past, 2, 4);
    x.at[OPERAND_kv_concat_token] = over(token, 2, 2);
    x.at[OPERAND_kv_concat_out] = over(out, 2, 6);
    ref_function_of(OP_kv_concat)(&concat, &x);
    const double expected[] = {1, 2, 3, 4, 9, 10, 5, 6, 7, 8, 11, 12};
    cr_expect_arr_eq(out, expected, sizeof expected);

    double beams[] = {1, 1};
    op reorder = {.kind = OP_kv_reorder,
                  .as.kv_reorder = {.batch = 2, .kv_heads = 1, .head_dim = 2, .kv_len = 3, .dtype = DTYPE_fp16}};
    x = (ref_operands){0};
    x.at[OPERAND_kv_reorder_cache] = over(out, 2, 6);
    x.at[OPERAND_kv_reorder_beams].data = beams;
    x.at[OPERAND_kv_reorder_out] = over(reordered, 2, 6);
    ref_function_of(OP_kv_reorder)(&reorder, &x);
    cr_expect_arr_eq(reordered, expected + 6, 6 * sizeof *reordered);
    cr_expect_arr_eq(reordered + 6, expected + 6, 6 * sizeof *reordered);
}

static double sampled(sample_method method, double *logits, int64_t cols, double uniform) {
    double token = -1;
    op o = {.kind = OP_sample, .as.sample = {.rows = 1, .cols = cols, .dtype = DTYPE_fp32, .method = method}};
    ref_operands x = {0};
    x.at[OPERAND_sample_logits] = over(logits, cols, 0);
    x.at[OPERAND_sample_uniforms].data = &uniform;
    x.at[OPERAND_sample_tokens].data = &token;
    ref_function_of(OP_sample)(&o, &x);
    return token;
}

/* Probabilities 0.1, 0.6, 0.05, 0.25: their logarithms as logits. */
Test(ref_tokens, draws_follow_the_distribution) {
    double logits[] = {log(0.1), log(0.6), log(0.05), log(0.25)};
    cr_expect_eq(sampled(sample_method_argmax, logits, 4, 0), 1);
    static const struct {
        double uniform, all, likely;
    } draws[] = {{0, 0, 1},    {0.0999, 0, 1}, {0.1001, 1, 1}, {0.6, 1, 1}, /* of 0.95: 0.6, 0.25, 0.1 */
                 {0.64, 1, 3}, {0.72, 2, 3},   {0.76, 3, 3},   {0.89, 3, 3}, {0.9, 3, 0}, {0.999, 3, 0}};
    for (size_t i = 0; i < sizeof draws / sizeof draws[0]; i++) {
        cr_expect_eq(sampled(sample_method_multinomial, logits, 4, draws[i].uniform), draws[i].all, "%g",
                     draws[i].uniform);
        cr_expect_eq(sampled(sample_method_top_p, logits, 4, draws[i].uniform), draws[i].likely, "%g",
                     draws[i].uniform);
    }
    double equal[] = {2, 5, 5, 1};
    cr_expect_eq(sampled(sample_method_argmax, equal, 4, 0), 1, "the lowest of equal ones");
}

Test(ref_tokens, the_largest_come_in_order) {
    double row[] = {3, 9, -1, 9, 4}, values[4], columns[4];
    op o = {.kind = OP_topk, .as.topk = {.rows = 1, .cols = 5, .top = 4, .dtype = DTYPE_fp32}};
    ref_operands x = {0};
    x.at[OPERAND_topk_x] = over(row, 5, 0);
    x.at[OPERAND_topk_values] = over(values, 4, 0);
    x.at[OPERAND_topk_columns] = over(columns, 4, 0);
    ref_function_of(OP_topk)(&o, &x);
    const double v[] = {9, 9, 4, 3}, c[] = {1, 3, 4, 0};
    cr_expect_arr_eq(values, v, sizeof v);
    cr_expect_arr_eq(columns, c, sizeof c);
}

Test(ref_tokens, seen_tokens_pay_once) {
    double logits[] = {1.2, -1, 3}, seen[] = {0, 1, 0, 0};
    op o = {.kind = OP_penalty, .as.penalty = {.rows = 1, .cols = 3, .len = 4, .dtype = DTYPE_fp32}};
    ref_operands x = {0};
    x.at[OPERAND_penalty_seen] = over(seen, 4, 0);
    x.at[OPERAND_penalty_logits] = over(logits, 3, 0);
    ref_function_of(OP_penalty)(&o, &x);
    cr_expect_float_eq(logits[0], 1, 1e-12);
    cr_expect_float_eq(logits[1], -1.2, 1e-12);
    cr_expect_eq(logits[2], 3);
}

/* Conditions that agree stay as they are; the weights are those of the models. */
Test(ref_tokens, guidance_amplifies_differences) {
    double logits[] = {5, 1, /* image */ 5, 1, /* none */ 5, 0}, out[2];
    op o = {.kind = OP_cfg_mix, .as.cfg_mix = {.rows = 1, .cols = 2, .ways = 3, .dtype = DTYPE_fp32}};
    ref_operands x = {0};
    x.at[OPERAND_cfg_mix_logits] = over(logits, 2, 2);
    x.at[OPERAND_cfg_mix_out] = over(out, 2, 0);
    ref_function_of(OP_cfg_mix)(&o, &x);
    cr_expect_float_eq(out[0], 5, 1e-12);
    cr_expect_float_eq(out[1], 1.2, 1e-12);
    o.as.cfg_mix.ways = 2;
    logits[3] = 0;
    ref_function_of(OP_cfg_mix)(&o, &x);
    cr_expect_float_eq(out[1], 6, 1e-12);
}

Test(ref_tokens, prefixes_end_at_the_first_difference) {
    double drafted[] = {4, 5, 6, 1, 2, 3}, verified[] = {4, 5, 7, 1, 2, 3}, count[2];
    op o = {.kind = OP_accept, .as.accept = {.rows = 2, .drafts = 3}};
    ref_operands x = {0};
    x.at[OPERAND_accept_drafted] = over(drafted, 3, 0);
    x.at[OPERAND_accept_verified] = over(verified, 3, 0);
    x.at[OPERAND_accept_count].data = count;
    ref_function_of(OP_accept)(&o, &x);
    cr_expect(count[0] == 2 && count[1] == 3);
}

Test(ref_tokens, quantised_rows_come_back_within_half_a_level) {
    double row[] = {0.5, -1.27, 0.004, 1}, out[4], scale;
    for (int type = 0; type < 2; type++) {
        op o = {.kind = OP_quantise,
                .as.quantise = {.rows = 1, .cols = 4, .dtype = DTYPE_fp32, .out_dtype = type ? DTYPE_fp8 : DTYPE_int8}};
        ref_operands x = {0};
        x.at[OPERAND_quantise_x] = over(row, 4, 0);
        x.at[OPERAND_quantise_scales].data = &scale;
        x.at[OPERAND_quantise_out] = over(out, 4, 0);
        ref_function_of(OP_quantise)(&o, &x);
        cr_expect_float_eq(scale, 1.27 / (type ? 448 : 127), 1e-12);
        for (int c = 0; c < 4; c++)
            cr_expect_float_eq(out[c] * scale, row[c], type ? 1e-12 : scale / 2 + 1e-12);
    }
}
