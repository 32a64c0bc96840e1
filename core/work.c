/* The work of each operator kind: FLOPs and bytes from its parameters, each input read once and each output written
 * once. One function a kind, gathered into a table from ops.def. */
#include "core/op.h"

/* Bytes of a scale that goes with quantised weights: fp16 (torchao and GPTQ checkpoints). */
static const double SCALE_BYTES = 2;
/* exp, subtract, multiply-add of the running sum, divide: the paper-and-pencil count for one softmax element. */
static const double SOFTMAX_FLOPS_PER_ELEMENT = 5;
/* Square, add, multiply by the inverse root, multiply by the weight. */
static const double RMSNORM_FLOPS_PER_ELEMENT = 4;
/* Two multiply-adds make one rotated element. */
static const double ROPE_FLOPS_PER_ELEMENT = 3;
/* exp, add, divide, multiply. */
static const double ACTIVATION_FLOPS_PER_ELEMENT = 4;
static const double TOKEN_ID_BYTES = 8; /* int64 ids, as PyTorch keeps them */

static double gemm_weight_bytes(const gemm_params *p) {
    double elements = (double)p->n * (double)p->k * (double)p->batch;
    double scale_bytes = 0;
    bool quantised = p->weights_dtype == DTYPE_int8 || p->weights_dtype == DTYPE_int4 || p->weights_dtype == DTYPE_fp8;
    if (quantised && p->group_size > 0)
        scale_bytes = elements / (double)p->group_size * SCALE_BYTES;
    else if (quantised)
        scale_bytes = (double)p->n * (double)p->batch * SCALE_BYTES;
    return elements * dtype_bytes(p->weights_dtype) + scale_bytes;
}

static op_work work_gemm(const op *o) {
    const gemm_params *p = &o->as.gemm;
    double batch = (double)p->batch, m = (double)p->m, n = (double)p->n, k = (double)p->k;
    double right_bytes = gemm_weight_bytes(p);
    /* An 8-bit input leaves as 16 bits: the accumulator is scaled on the way out. */
    double out_bytes = dtype_bytes(p->dtype) < 2 ? 2 : dtype_bytes(p->dtype);
    double in_bytes = m * k * batch * dtype_bytes(p->dtype);
    return (op_work){
        .flops = 2 * m * n * k * batch,
        .tensor_flops = true,
        .flops_dtype = p->dtype == DTYPE_fp32 ? DTYPE_fp32 : p->dtype,
        .weight_bytes = p->activations_only ? 0 : right_bytes,
        .read_bytes = in_bytes + (p->activations_only ? right_bytes : 0),
        .write_bytes = m * n * batch * out_bytes,
    };
}

/* Query-key pairs that a query sequence attends to. */
static double attended_pairs(const attention_params *p) {
    double q = (double)p->q_len, kv = (double)p->kv_len;
    double pairs = p->causal ? q * (kv - q) + q * (q + 1) / 2 : q * kv;
    if (p->window > 0 && pairs > q * (double)p->window)
        pairs = q * (double)p->window;
    return pairs;
}

static op_work work_attention(const op *o) {
    const attention_params *p = &o->as.attention;
    double pairs = attended_pairs(p) * (double)p->batch * (double)p->heads;
    double e = (double)p->head_dim;
    double query_bytes = (double)p->batch * (double)p->heads * (double)p->q_len * e * dtype_bytes(p->dtype);
    double kv_tokens = (double)p->kv_len;
    if (p->window > 0 && kv_tokens > (double)(p->window + p->q_len))
        kv_tokens = (double)(p->window + p->q_len);
    double kv_bytes = 2 * (double)p->batch * (double)p->kv_heads * kv_tokens * e * dtype_bytes(p->kv_dtype);
    return (op_work){
        .flops = 4 * pairs * e + SOFTMAX_FLOPS_PER_ELEMENT * pairs,
        .tensor_flops = true,
        .flops_dtype = p->dtype,
        .read_bytes = query_bytes + kv_bytes,
        .write_bytes = query_bytes,
    };
}

static op_work work_embedding(const op *o) {
    const embedding_params *p = &o->as.embedding;
    double bytes = (double)p->rows * (double)p->cols * dtype_bytes(p->dtype);
    return (op_work){.weight_bytes = bytes, .read_bytes = (double)p->rows * TOKEN_ID_BYTES, .write_bytes = bytes};
}

static op_work work_rmsnorm(const op *o) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    double elements = (double)p->rows * (double)p->cols, bytes = elements * dtype_bytes(p->dtype);
    double tensors = p->residual ? 2 : 1;
    return (op_work){
        .flops = RMSNORM_FLOPS_PER_ELEMENT * elements + (p->residual ? elements : 0),
        .weight_bytes = (double)p->cols * dtype_bytes(p->dtype),
        .read_bytes = tensors * bytes,
        .write_bytes = tensors * bytes,
    };
}

static op_work work_rope(const op *o) {
    const rope_params *p = &o->as.rope;
    double head = (double)p->rows * (double)p->head_dim;
    double rotated = head * (double)(p->heads + p->kv_heads);
    double values = p->kv_write ? head * (double)p->kv_heads : 0; /* moved from the projection into the cache */
    double bytes = (rotated + values) * dtype_bytes(p->dtype);
    return (op_work){.flops = ROPE_FLOPS_PER_ELEMENT * rotated, .read_bytes = bytes, .write_bytes = bytes};
}

static op_work work_kv_append(const op *o) {
    const kv_append_params *p = &o->as.kv_append;
    double elements = 2 * (double)p->rows * (double)p->kv_heads * (double)p->head_dim;
    return (op_work){.read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = elements * dtype_bytes(p->kv_dtype)};
}

static op_work work_kv_concat(const op *o) {
    const kv_concat_params *p = &o->as.kv_concat;
    double bytes =
        (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len * dtype_bytes(p->dtype);
    return (op_work){.read_bytes = bytes, .write_bytes = bytes};
}

static op_work work_activation(const op *o) {
    const activation_params *p = &o->as.activation;
    double elements = (double)p->rows * (double)p->cols, bytes = elements * dtype_bytes(p->dtype);
    return (op_work){
        .flops = ACTIVATION_FLOPS_PER_ELEMENT * elements + (p->gated ? elements : 0),
        .read_bytes = p->gated ? 2 * bytes : bytes,
        .write_bytes = bytes,
    };
}

static op_work work_add(const op *o) {
    const add_params *p = &o->as.add;
    double elements = (double)p->rows * (double)p->cols, bytes = elements * dtype_bytes(p->dtype);
    return (op_work){.flops = elements, .read_bytes = 2 * bytes, .write_bytes = bytes};
}

static op_work work_elementwise(const op *o) {
    const elementwise_params *p = &o->as.elementwise;
    double elements = (double)p->rows * (double)p->cols;
    bool computes = p->function != pointwise_function_cast && p->function != pointwise_function_fill;
    return (op_work){
        .flops = computes ? elements : 0,
        .read_bytes = (double)p->inputs * elements * dtype_bytes(p->dtype),
        .write_bytes = elements * dtype_bytes(p->out_dtype),
    };
}

static op_work work_reduce(const op *o) {
    const reduce_params *p = &o->as.reduce;
    double elements = (double)p->rows * (double)p->cols;
    return (op_work){.flops = elements,
                     .read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = (double)p->rows * dtype_bytes(p->dtype)};
}

static op_work work_softmax(const op *o) {
    const softmax_params *p = &o->as.softmax;
    double elements = (double)p->rows * (double)p->cols, bytes = elements * dtype_bytes(p->dtype);
    return (op_work){.flops = SOFTMAX_FLOPS_PER_ELEMENT * elements, .read_bytes = bytes, .write_bytes = bytes};
}

static op_work work_sample(const op *o) {
    const sample_params *p = &o->as.sample;
    double elements = (double)p->rows * (double)p->cols;
    double per_element = p->method == sample_method_argmax ? 1 : SOFTMAX_FLOPS_PER_ELEMENT + 1;
    return (op_work){.flops = per_element * elements,
                     .read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = (double)p->rows * TOKEN_ID_BYTES};
}

static op_work work_copy(const op *o) {
    const copy_params *p = &o->as.copy;
    double elements = (double)p->rows * (double)p->cols;
    return (op_work){.read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = elements * dtype_bytes(p->out_dtype)};
}

static op_work work_host_call(const op *o) {
    (void)o;
    return (op_work){0};
}

static op_work work_sync(const op *o) {
    (void)o;
    return (op_work){0};
}

op_work op_work_of(const op *o) {
    typedef op_work work_function(const op *);
    static work_function *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) work_##kind,
#include "core/ops.def"
    };
    return table[o->kind](o);
}
