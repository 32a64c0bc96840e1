/* Convolutions: implicit matrix products on the tensor cores, or memory-bound kernels where each channel is its own. */
#include "sim/engine/cost_gemm.h"
#include "sim/engine/cost_rowwise.h"

/* The product that a convolution is: a row an output position, a column an output channel, the taps of all input
 * channels along k. The adjoint's rows are inputs, and every tap is a column. */
static op product_of_conv1d(const conv1d_params *p) {
    op o = {.kind = OP_gemm, .as.gemm = {.batch = p->groups, .dtype = p->dtype, .weights_dtype = p->dtype}};
    int64_t cin = p->cin / p->groups, cout = p->cout / p->groups;
    o.as.gemm.m = p->batch * (p->transposed ? p->len : conv1d_out_len(p));
    o.as.gemm.n = p->transposed ? cout * p->kernel : cout;
    o.as.gemm.k = p->transposed ? cin : cin * p->kernel;
    return o;
}

static op product_of_conv2d(const conv2d_params *p) {
    return (op){.kind = OP_gemm,
                .as.gemm = {.m = p->batch * conv2d_out_height(p) * conv2d_out_width(p),
                            .n = p->cout,
                            .k = p->cin * p->kernel * p->kernel,
                            .batch = 1,
                            .dtype = p->dtype,
                            .weights_dtype = p->dtype}};
}

static void depthwise_cost(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const conv1d_params *p = &o->as.conv1d;
    row_kernel k = row_kernel_of(o, (double)p->batch * (double)p->cout * (double)conv1d_out_len(p));
    k.strided = true, k.streams = true; /* a thread walks its taps */
    row_cost(o, &k, where, machines, out);
    for (size_t i = 0; i < MACHINE_LANES; i++) { /* every tap is a multiply-add of the FP32 lanes */
        double compute_s = op_work_of(o).flops / machines->peak_flops_per_s[DTYPE_fp32][i];
        if (compute_s > out->time_s[i]) {
            out->time_s[i] = out->clocked_s[i] = compute_s;
            out->bound[i] = BOUND_COMPUTE;
        }
    }
}

/* 32-bit convolutions run as TF32 where tensor cores have it (PyTorch's default for cuDNN). */
static void use_tf32(op *product, const machine_block *machines) {
    if (product->as.gemm.dtype == DTYPE_fp32 && machines->peak_flops_per_s[DTYPE_tf32][0] > 0)
        product->as.gemm.dtype = product->as.gemm.weights_dtype = DTYPE_tf32;
}

void cost_conv1d(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const conv1d_params *p = &o->as.conv1d;
    if (p->groups == p->cin && p->groups > 1) {
        depthwise_cost(o, where, machines, out);
        return;
    }
    op product = product_of_conv1d(p);
    use_tf32(&product, machines);
    cost_gemm_implicit(&product, op_work_of(o).read_bytes, where, machines, out);
}

void cost_conv2d(const op *o, residency where, const machine_block *machines, cost_block *out) {
    op product = product_of_conv2d(&o->as.conv2d);
    use_tf32(&product, machines);
    cost_gemm_implicit(&product, op_work_of(o).read_bytes, where, machines, out);
}
