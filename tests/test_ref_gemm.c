/* The CPU reference of matrix products against products whose result is known in closed form. */
#include "kernels/ref/ref.h"

#include <criterion/criterion.h>
#include <math.h>

enum { M = 3, N = 4, K = 6, BATCH = 2 };

typedef struct product {
    double a[BATCH * M * K], b[BATCH * N * K], out[BATCH * M * N], a_scales[M], b_scales[N * K];
    ref_operands x;
} product;

static void bind(product *p) {
    p->x = (ref_operands){0};
    p->x.at[OPERAND_gemm_a] = (ref_tensor){p->a, K, M * K};
    p->x.at[OPERAND_gemm_b] = (ref_tensor){p->b, K, N * K};
    p->x.at[OPERAND_gemm_out] = (ref_tensor){p->out, N, M * N};
}

static op gemm(void) {
    return (op){.kind = OP_gemm,
                .as.gemm = {.m = M, .n = N, .k = K, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16}};
}

/* a[i, k] = x_i^k and b[n, k] = y_n^k: their product is a geometric series. */
Test(ref_gemm, sums_geometric_series) {
    static product p;
    bind(&p);
    for (int k = 0; k < K; k++) {
        for (int m = 0; m < M; m++)
            p.a[m * K + k] = pow(0.5 + m, k);
        for (int n = 0; n < N; n++)
            p.b[n * K + k] = pow(1.5 + n, k);
    }
    op o = gemm();
    ref_function_of(OP_gemm)(&o, &p.x);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            double ratio = (0.5 + m) * (1.5 + n);
            double sum = fabs(ratio - 1) < 1e-12 ? K : (pow(ratio, K) - 1) / (ratio - 1);
            cr_expect_float_eq(p.out[m * N + n], sum, 1e-9 * sum);
        }
}

/* A product with the identity returns the other matrix, in each product of a batch. */
Test(ref_gemm, batches_are_apart) {
    static product p;
    bind(&p);
    op o = gemm();
    o.as.gemm.batch = BATCH;
    for (int i = 0; i < BATCH * M * K; i++)
        p.a[i] = i;
    for (int batch = 0; batch < BATCH; batch++)
        for (int n = 0; n < N; n++)
            p.b[batch * N * K + n * K + n] = batch + 1; /* picks column n, times the batch's number */
    ref_function_of(OP_gemm)(&o, &p.x);
    for (int batch = 0; batch < BATCH; batch++)
        for (int m = 0; m < M; m++)
            for (int n = 0; n < N; n++)
                cr_expect_eq(p.out[batch * M * N + m * N + n], (batch + 1) * p.a[batch * M * K + m * K + n]);
}

Test(ref_gemm, scales_multiply_rows_columns_and_groups) {
    static product p;
    bind(&p);
    for (int i = 0; i < M * K; i++)
        p.a[i] = 1;
    for (int i = 0; i < N * K; i++)
        p.b[i] = 1;
    op o = gemm();
    o.as.gemm.dtype = o.as.gemm.weights_dtype = DTYPE_int8;
    for (int m = 0; m < M; m++)
        p.a_scales[m] = m + 1;
    for (int n = 0; n < N; n++)
        p.b_scales[n] = 10 * (n + 1);
    p.x.at[OPERAND_gemm_a_scales] = (ref_tensor){p.a_scales, M, M};
    p.x.at[OPERAND_gemm_b_scales] = (ref_tensor){p.b_scales, 1, N};
    ref_function_of(OP_gemm)(&o, &p.x);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++)
            cr_expect_eq(p.out[m * N + n], K * (m + 1) * 10 * (n + 1));

    /* Groups of 4 of 6: the second has 2. */
    o.as.gemm = (gemm_params){
        .m = M, .n = N, .k = K, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_int4, .group_size = 4};
    for (int n = 0; n < N; n++) {
        p.b_scales[2 * n] = 100;
        p.b_scales[2 * n + 1] = n;
    }
    p.x.at[OPERAND_gemm_a_scales] = (ref_tensor){0};
    p.x.at[OPERAND_gemm_b_scales] = (ref_tensor){p.b_scales, 2, 2 * N};
    ref_function_of(OP_gemm)(&o, &p.x);
    for (int n = 0; n < N; n++)
        cr_expect_eq(p.out[n], 4 * 100 + 2 * n);
}

/* Epilogues add the bias first, then bend: against values of the functions from tables. */
Test(ref_gemm, epilogues_add_and_bend) {
    static product p;
    bind(&p);
    double bias[N];
    for (int i = 0; i < M * K; i++)
        p.a[i] = i % K == 0; /* sums are the first elements of b's rows */
    for (int n = 0; n < N; n++) {
        p.b[n * K] = n % 2 ? 1 : -1;
        bias[n] = n % 2 ? 1 : -2;
    }
    p.x.at[OPERAND_gemm_bias] = (ref_tensor){bias, N, N};
    const struct {
        gemm_epilogue epilogue;
        double odd, even; /* columns */
    } expected[] = {{gemm_epilogue_none, 1, -1},
                    {gemm_epilogue_bias, 2, -3},
                    {gemm_epilogue_relu, 1, 0},
                    {gemm_epilogue_bias_relu, 2, 0},
                    {gemm_epilogue_gelu, 0.8412, -0.1588},
                    {gemm_epilogue_bias_gelu, 1.9546, -0.0036}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        op o = gemm();
        o.as.gemm.epilogue = expected[i].epilogue;
        ref_function_of(OP_gemm)(&o, &p.x);
        for (int n = 0; n < N; n++)
            cr_expect_float_eq(p.out[n], n % 2 ? expected[i].odd : expected[i].even, 1e-4, "%zu", i);
    }
}
