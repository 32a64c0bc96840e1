/* CPU references of activations, norms, softmax, gathers and casts against identities that hold for any input. */
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <math.h>

enum { ROWS = 4, COLS = 6, COUNT = ROWS * COLS };

static double a[COUNT], b[COUNT], out[COUNT], other[COUNT];

static void set_up(void) {
    for (int i = 0; i < COUNT; i++) {
        a[i] = 3 * sin(1.7 * i + 0.3);
        b[i] = cos(0.9 * i);
        out[i] = other[i] = NAN;
    }
}

static ref_tensor over(double *data) {
    return (ref_tensor){.data = data, .row_stride = COLS};
}

static void activate(activation_function function, double sign, bool gated, double *to) {
    double in[COUNT];
    for (int i = 0; i < COUNT; i++)
        in[i] = sign * a[i];
    op o = {.kind = OP_activation,
            .as.activation = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_bf16, .function = function, .gated = gated}};
    ref_operands x = {0};
    x.at[OPERAND_activation_a] = over(in);
    x.at[OPERAND_activation_b] = over(b);
    x.at[OPERAND_activation_out] = over(to);
    ref_function_of(OP_activation)(&o, &x);
}

/* f(x) - f(-x) = x for silu and gelu (x s(x) with s(x) + s(-x) = 1), and for relu; tanh is odd. */
Test(ref_rows, activations_keep_their_symmetries, .init = set_up) {
    static const activation_function splitting[] = {activation_function_silu, activation_function_gelu,
                                                    activation_function_relu};
    for (int f = 0; f < 3; f++) {
        activate(splitting[f], 1, false, out);
        activate(splitting[f], -1, false, other);
        for (int i = 0; i < COUNT; i++)
            cr_expect_float_eq(out[i] - other[i], a[i], 1e-12, "%d", f);
    }
    activate(activation_function_sigmoid, 1, false, out);
    activate(activation_function_sigmoid, -1, false, other);
    for (int i = 0; i < COUNT; i++)
        cr_expect_float_eq(out[i] + other[i], 1, 1e-12);
    activate(activation_function_tanh, 0.5, false, out);
    for (int i = 0; i < COUNT; i++) /* tanh(x/2) = 2 sigmoid(x) - 1 */
        cr_expect_float_eq(out[i], 2 / (1 + exp(-a[i])) - 1, 1e-12);
    activate(activation_function_leaky_relu, 1, false, out);
    for (int i = 0; i < COUNT; i++)
        cr_expect_float_eq(out[i], a[i] < 0 ? a[i] / 10 : a[i], 1e-12);
}

/* Published values: gelu(1) = 0.841345, the normal distribution at 1. */
Test(ref_rows, gelu_is_the_exact_one, .init = set_up) {
    a[0] = 1;
    activate(activation_function_gelu, 1, false, out);
    cr_expect_float_eq(out[0], 0.8413447460685429, 1e-12);
}

Test(ref_rows, gates_multiply, .init = set_up) {
    activate(activation_function_silu, 1, false, out);
    activate(activation_function_silu, 1, true, other);
    for (int i = 0; i < COUNT; i++)
        cr_expect_float_eq(other[i], out[i] * b[i], 1e-12);
}

static void soft(bool logarithm, double shift, double *to) {
    double in[COUNT];
    for (int i = 0; i < COUNT; i++)
        in[i] = a[i] + shift;
    op o = {.kind = OP_softmax, .as.softmax = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_fp32, .log = logarithm}};
    ref_operands x = {0};
    x.at[OPERAND_softmax_x] = over(in);
    x.at[OPERAND_softmax_out] = over(to);
    ref_function_of(OP_softmax)(&o, &x);
}

Test(ref_rows, softmax_sums_to_one_and_ignores_shifts, .init = set_up) {
    soft(false, 0, out);
    soft(false, 1000, other); /* no overflow */
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int c = 0; c < COLS; c++) {
            sum += out[r * COLS + c];
            cr_expect_float_eq(out[r * COLS + c], other[r * COLS + c], 1e-12);
            cr_expect_float_eq(out[r * COLS + c] / out[r * COLS], exp(a[r * COLS + c] - a[r * COLS]), 1e-9);
        }
        cr_expect_float_eq(sum, 1, 1e-12);
    }
    soft(true, 0, other);
    for (int i = 0; i < COUNT; i++)
        cr_expect_float_eq(exp(other[i]), out[i], 1e-12);
}

static void norm(bool residual, bool gated, double *to) {
    double weight[COLS], bias[COLS], sum[COUNT];
    for (int c = 0; c < COLS; c++)
        weight[c] = 1, bias[c] = 0;
    op o = {.kind = OP_layernorm,
            .as.layernorm = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_bf16, .residual = residual, .gated = gated}};
    ref_operands x = {0};
    x.at[OPERAND_layernorm_x] = over(a);
    x.at[OPERAND_layernorm_residual] = over(b);
    x.at[OPERAND_layernorm_gate] = over(b);
    x.at[OPERAND_layernorm_weight] = (ref_tensor){.data = weight};
    x.at[OPERAND_layernorm_bias] = (ref_tensor){.data = bias};
    x.at[OPERAND_layernorm_sum] = over(sum);
    x.at[OPERAND_layernorm_out] = over(to);
    ref_function_of(OP_layernorm)(&o, &x);
}

Test(ref_rows, layernorm_has_mean_zero_and_variance_one, .init = set_up) {
    for (int residual = 0; residual < 2; residual++) {
        norm(residual, false, out);
        for (int r = 0; r < ROWS; r++) {
            double mean = 0, squares = 0;
            for (int c = 0; c < COLS; c++) {
                mean += out[r * COLS + c] / COLS;
                squares += out[r * COLS + c] * out[r * COLS + c] / COLS;
            }
            cr_expect_float_eq(mean, 0, 1e-12);
            cr_expect_float_eq(squares, 1, 1e-4, "up to epsilon");
            const double *in = a + r * COLS, *add = b + r * COLS, *to = out + r * COLS;
            double d1 = in[1] - in[0] + residual * (add[1] - add[0]), d2 = in[2] - in[0] + residual * (add[2] - add[0]);
            cr_expect_float_eq((to[1] - to[0]) / (to[2] - to[0]), d1 / d2, 1e-9, "an affine map of the row");
        }
    }
    norm(false, false, out);
    norm(false, true, other);
    for (int i = 0; i < COUNT; i++)
        cr_expect_float_eq(other[i], out[i] * b[i], 1e-12);
}

Test(ref_rows, means_gathers_and_copies, .init = set_up) {
    op mean = {.kind = OP_reduce, .as.reduce = {.rows = ROWS, .cols = COLS, .dtype = DTYPE_fp32}};
    double ramp[COUNT], means[ROWS];
    for (int i = 0; i < COUNT; i++)
        ramp[i] = i;
    ref_operands x = {0};
    x.at[OPERAND_reduce_x] = over(ramp);
    x.at[OPERAND_reduce_out] = (ref_tensor){.data = means, .row_stride = 1};
    ref_function_of(OP_reduce)(&mean, &x);
    for (int r = 0; r < ROWS; r++)
        cr_expect_float_eq(means[r], r * COLS + (COLS - 1) / 2.0, 1e-12);

    op gather = {.kind = OP_embedding,
                 .as.embedding = {.rows = 3, .cols = COLS, .table_rows = ROWS, .dtype = DTYPE_bf16}};
    double ids[] = {2, 0, 2};
    x = (ref_operands){0};
    x.at[OPERAND_embedding_ids].data = ids;
    x.at[OPERAND_embedding_table] = over(ramp);
    x.at[OPERAND_embedding_out] = over(out);
    ref_function_of(OP_embedding)(&gather, &x);
    for (int c = 0; c < COLS; c++)
        cr_expect(out[c] == 2 * COLS + c && out[COLS + c] == c && out[2 * COLS + c] == out[c]);

    op moved = {.kind = OP_copy,
                .as.copy = {.rows = 2, .cols = 3, .dtype = DTYPE_bf16, .out_dtype = DTYPE_fp32, .strided = true}};
    x = (ref_operands){0};
    x.at[OPERAND_copy_source] = over(ramp); /* rows six apart */
    x.at[OPERAND_copy_destination] = (ref_tensor){.data = out, .row_stride = 3};
    ref_function_of(OP_copy)(&moved, &x);
    cr_expect(out[0] == 0 && out[2] == 2 && out[3] == COLS && out[5] == COLS + 2);
}

static void pointwise(pointwise_function function, int inputs, double *to) {
    op o = {.kind = OP_elementwise,
            .as.elementwise = {.rows = ROWS,
                               .cols = COLS,
                               .inputs = inputs,
                               .dtype = DTYPE_fp32,
                               .out_dtype = DTYPE_fp32,
                               .function = function}};
    ref_operands x = {0};
    x.at[OPERAND_elementwise_a] = over(a);
    x.at[OPERAND_elementwise_b] = over(b);
    x.at[OPERAND_elementwise_out] = over(to);
    ref_function_of(OP_elementwise)(&o, &x);
}

Test(ref_rows, pointwise_functions_agree_with_each_other, .init = set_up) {
    double squares[COUNT];
    pointwise(pointwise_function_cos, 1, out);
    pointwise(pointwise_function_sin, 1, other);
    pointwise(pointwise_function_pow, 1, squares);
    for (int i = 0; i < COUNT; i++) {
        cr_expect_float_eq(out[i] * out[i] + other[i] * other[i], 1, 1e-12);
        cr_expect_float_eq(sqrt(squares[i]), fabs(a[i]), 1e-12);
    }
    pointwise(pointwise_function_mul, 2, out);
    pointwise(pointwise_function_neg, 1, other);
    for (int i = 0; i < COUNT; i++)
        cr_expect(out[i] == a[i] * b[i] && other[i] + a[i] == 0);
    pointwise(pointwise_function_compare, 2, out);
    pointwise(pointwise_function_where, 2, other);
    for (int i = 0; i < COUNT; i++) {
        cr_expect_eq(out[i], a[i] > b[i]);
        cr_expect_eq(other[i], a[i] > POINTWISE_CONSTANT ? a[i] : b[i]);
    }
}
