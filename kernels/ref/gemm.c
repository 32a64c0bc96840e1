/* Matrix product: out[m, n] = sum over k of a[m, k] b[n, k], each operand times its scales. */
#include "kernels/ref/ref.h"

#include <math.h>

static double row_scale(const ref_tensor *scales, int64_t row) {
    return scales->data ? scales->data[row] : 1;
}

/* The activation of an epilogue. */
static double activated(gemm_epilogue epilogue, double x) {
    switch (epilogue) {
    case gemm_epilogue_relu:
    case gemm_epilogue_bias_relu:
        return x > 0 ? x : 0;
    case gemm_epilogue_gelu:
    case gemm_epilogue_bias_gelu:
        return x / 2 * (1 + tanh(sqrt(2 / M_PI) * (x + GELU_TANH_CUBIC * x * x * x)));
    default:
        return x;
    }
}

/* One group of k: the scale is common to its terms. Several sums side by side, so that additions need not wait. */
static double group_sum(const double *a, const double *b, int64_t first, int64_t end) {
    enum { SUMS = 8 };
    double sums[SUMS] = {0}, sum = 0;
    int64_t k = first;
    for (; k + SUMS <= end; k += SUMS)
        for (int i = 0; i < SUMS; i++)
            sums[i] += a[k + i] * b[k + i];
    for (; k < end; k++)
        sum += a[k] * b[k];
    for (int i = 0; i < SUMS; i++)
        sum += sums[i];
    return sum;
}

void ref_gemm(const op *o, const ref_operands *x) {
    const gemm_params *p = &o->as.gemm;
    const ref_tensor *b_scales = &x->at[OPERAND_gemm_b_scales];
    int64_t group = p->group_size > 0 ? p->group_size : p->k;
    for (int64_t batch = 0; batch < p->batch; batch++) {
#pragma omp parallel for schedule(static)
        for (int64_t n = 0; n < p->n; n++) {
            const double *b = ref_row(&x->at[OPERAND_gemm_b], batch, n);
            const double *scales = b_scales->data ? ref_row(b_scales, 0, batch * p->n + n) : NULL;
            for (int64_t m = 0; m < p->m; m++) {
                const double *a = ref_row(&x->at[OPERAND_gemm_a], batch, m);
                double sum = 0;
                for (int64_t first = 0, g = 0; first < p->k; first += group, g++) {
                    int64_t end = first + group < p->k ? first + group : p->k;
                    sum += group_sum(a, b, first, end) * (scales ? scales[g] : 1);
                }
                sum *= row_scale(&x->at[OPERAND_gemm_a_scales], m);
                if (gemm_has_bias(p))
                    sum += x->at[OPERAND_gemm_bias].data[n];
                ref_row(&x->at[OPERAND_gemm_out], batch, m)[n] = activated(p->epilogue, sum);
            }
        }
    }
}
