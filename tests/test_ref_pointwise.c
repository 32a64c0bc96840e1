/* CPU references of pointwise and row kernels against independent formulas, and the element types they are stored in.
 */
#include "kernels/ref/encode.h"
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <math.h>

enum { ROWS = 3, COLS = 5 };

static ref_tensor tensor_over(double *data, int64_t cols) {
    return (ref_tensor){.data = data, .row_stride = cols, .block_stride = 0};
}

Test(ref_add, sums_each_element) {
    double a[ROWS * COLS], b[ROWS * COLS], out[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++) {
        a[i] = i;
        b[i] = 100 - 3 * i;
    }
    op o = {.kind = OP_add, .as.add = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_bf16}};
    ref_operands x = {{tensor_over(a, COLS), tensor_over(b, COLS), tensor_over(out, COLS)}};
    ref_function_of(OP_add)(&o, &x);
    for (int i = 0; i < ROWS * COLS; i++)
        cr_expect_eq(out[i], 100 - 2 * i);
}

/* A normalised row with weight 1 has mean square 1 (up to epsilon), whatever its scale, and keeps its direction. */
Test(ref_rmsnorm, normalises_rows) {
    double in[ROWS * COLS], weight[COLS], out[ROWS * COLS];
    for (int i = 0; i < ROWS * COLS; i++)
        in[i] = sin(i + 1) * pow(10, i / COLS);
    for (int c = 0; c < COLS; c++)
        weight[c] = 1;
    op o = {.kind = OP_rmsnorm, .as.rmsnorm = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_bf16}};
    ref_operands x = {0};
    x.at[OPERAND_rmsnorm_x] = tensor_over(in, COLS);
    x.at[OPERAND_rmsnorm_weight] = tensor_over(weight, COLS);
    x.at[OPERAND_rmsnorm_out] = tensor_over(out, COLS);
    ref_function_of(OP_rmsnorm)(&o, &x);
    for (int r = 0; r < ROWS; r++) {
        double squares = 0;
        for (int c = 0; c < COLS; c++)
            squares += out[r * COLS + c] * out[r * COLS + c];
        cr_expect_float_eq(squares / COLS, 1, 1e-4);
        for (int c = 1; c < COLS; c++)
            cr_expect_float_eq(out[r * COLS + c] / out[r * COLS], in[r * COLS + c] / in[r * COLS], 1e-9);
    }
}

Test(ref_rmsnorm, adds_the_residual_first) {
    double in[COLS] = {1, 2, 3, 4, 5}, residual[COLS] = {1, 0, -1, -2, -3}, weight[COLS] = {1, 2, 3, 4, 5};
    double sum[COLS], out[COLS];
    op o = {.kind = OP_rmsnorm, .as.rmsnorm = {.rows = 1, .cols = COLS, .dtype = DTYPE_bf16, .residual = true}};
    ref_operands x = {0};
    x.at[OPERAND_rmsnorm_x] = tensor_over(in, COLS);
    x.at[OPERAND_rmsnorm_residual] = tensor_over(residual, COLS);
    x.at[OPERAND_rmsnorm_weight] = tensor_over(weight, COLS);
    x.at[OPERAND_rmsnorm_sum] = tensor_over(sum, COLS);
    x.at[OPERAND_rmsnorm_out] = tensor_over(out, COLS);
    ref_function_of(OP_rmsnorm)(&o, &x);
    for (int c = 0; c < COLS; c++) { /* every sum is 2 */
        cr_expect_eq(sum[c], 2);
        cr_expect_float_eq(out[c], 2 / sqrt(4 + RMSNORM_EPSILON) * (c + 1), 1e-12);
    }
}

Test(encode, floats_match_the_compilers) {
    static const double values[] = {0, -0.0, 1, -1, 0.1, 1e-3, 3e-6, 6e-8, 65504, 65519, 65520, 1e9, INFINITY};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        cr_expect_eq(round_to_type(DTYPE_fp16, values[i]), (double)(_Float16)values[i], "%g", values[i]);
        cr_expect_eq(round_to_type(DTYPE_fp32, values[i]), (double)(float)values[i], "%g", values[i]);
    }
    cr_expect(isnan(round_to_type(DTYPE_bf16, NAN)));
}

Test(encode, known_bit_patterns) {
    cr_expect_eq(encode_element(DTYPE_bf16, 1), 0x3f80);
    cr_expect_eq(encode_element(DTYPE_bf16, -2.5), 0xc020);
    cr_expect_eq(encode_element(DTYPE_bf16, 1 + 0x1p-8), 0x3f80); /* a tie goes to even */
    cr_expect_eq(encode_element(DTYPE_bf16, 1 + 3 * 0x1p-8), 0x3f82);
    cr_expect_eq(encode_element(DTYPE_fp8, 448), 0x7e);
    cr_expect_eq(encode_element(DTYPE_fp8, 1e6), 0x7e); /* saturates */
    cr_expect_eq(encode_element(DTYPE_fp8, 0x1p-9), 0x01);
    cr_expect_eq(encode_element(DTYPE_fp8, 1), 0x38);
    cr_expect_eq(encode_element(DTYPE_int8, -200), 0x80);
    cr_expect_eq(encode_element(DTYPE_int4, -3), 0xd);
}

/* Decoding then encoding gives every bit pattern back. */
Test(encode, every_8_bit_pattern_survives) {
    for (uint32_t bits = 0; bits < 256; bits++) {
        if ((bits & 0x7f) != 0x7f) /* NaN has no one pattern */
            cr_expect_eq(encode_element(DTYPE_fp8, decode_element(DTYPE_fp8, bits)), bits);
        cr_expect_eq(encode_element(DTYPE_int8, decode_element(DTYPE_int8, bits)), bits);
    }
    for (uint32_t bits = 0; bits < 65536; bits++) {
        double value = decode_element(DTYPE_bf16, bits);
        if (!isnan(value))
            cr_expect_eq(encode_element(DTYPE_bf16, value), bits);
    }
}

Test(encode, four_bit_rows_pack_two_a_byte) {
    double in[5] = {-8, 7, 0, -1, 3}, out[5];
    unsigned char row[3];
    encode_row(DTYPE_int4, in, 5, row);
    cr_expect_eq(row[0], 0x78);
    decode_row(DTYPE_int4, row, 5, out);
    for (int c = 0; c < 5; c++)
        cr_expect_eq(out[c], in[c]);
}

/* Operands follow from parameters: a quantised matrix brings its scales, an operand that is absent has no blocks. */
Test(operands, follow_from_the_parameters) {
    op o = {
        .kind = OP_gemm,
        .as.gemm = {
            .m = 2, .n = 6, .k = 256, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_int4, .group_size = 128}};
    operand_list list;
    operands_of(&o, &list);
    cr_expect_eq(list.count, (size_t)OPERAND_COUNT_gemm);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_gemm_b]), 6 * 256 / 2);
    cr_expect_eq(operand_bytes(&list.at[OPERAND_gemm_b_scales]), 6 * 2 * 2);
    cr_expect_not(operand_present(&list.at[OPERAND_gemm_a_scales]));
    op wait = {.kind = OP_sync};
    operands_of(&wait, &list);
    cr_expect_eq(list.count, (size_t)0);
}

/* The bytes of an operator's operands are those that its work counts, for kinds whose operands are read whole; what may
 * be left out aside. */
Test(operands, bytes_agree_with_the_work) {
    const op ops[] = {
        {.kind = OP_add, .as.add = {.rows = 3, .cols = 7, .dtype = DTYPE_bf16}},
        {.kind = OP_rmsnorm, .as.rmsnorm = {.rows = 3, .cols = 8, .dtype = DTYPE_bf16, .residual = true}},
        {.kind = OP_activation, .as.activation = {.rows = 3, .cols = 8, .dtype = DTYPE_fp16, .gated = true}},
        {.kind = OP_softmax, .as.softmax = {.rows = 3, .cols = 8, .dtype = DTYPE_fp32}},
        {.kind = OP_gemm,
         .as.gemm = {.m = 5, .n = 6, .k = 256, .batch = 2, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16}},
        {.kind = OP_attention,
         .as.attention = {.batch = 2,
                          .heads = 8,
                          .kv_heads = 2,
                          .head_dim = 64,
                          .q_len = 3,
                          .kv_len = 9,
                          .dtype = DTYPE_bf16,
                          .kv_dtype = DTYPE_fp8}},
    };
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        operand_list list;
        operands_of(&ops[i], &list);
        double read = 0, written = 0;
        for (size_t j = 0; j < list.count; j++)
            if (!list.at[j].optional)
                *(list.at[j].written ? &written : &read) += (double)operand_bytes(&list.at[j]);
        op_work work = op_work_of(&ops[i]);
        cr_expect_eq(read, work.read_bytes + work.weight_bytes, "%s", op_info_get(ops[i].kind)->name);
        cr_expect_eq(written, work.write_bytes, "%s", op_info_get(ops[i].kind)->name);
    }
}
