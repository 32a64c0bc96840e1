/* The work of each operator kind: FLOPs and bytes from its parameters, each input read once and each output written
 * once. One function a kind, gathered into a table from ops.def. */
#include "core/op.h"

#include <math.h>

/* Bytes of a scale that goes with quantised weights: fp16 (torchao and GPTQ checkpoints). */
static const double SCALE_BYTES = 2;
/* An 8-bit scale for 16 values of nvfp4. */
static const double NVFP4_SCALE_BYTES = 1.0 / 16;
/* exp, subtract, multiply-add of the running sum, divide: the paper-and-pencil count for one softmax element. */
static const double SOFTMAX_FLOPS_PER_ELEMENT = 5;
/* Square, add, multiply by the inverse root, multiply by the weight. */
static const double RMSNORM_FLOPS_PER_ELEMENT = 4;
/* Sum, difference, square, add, scale, multiply and add of the affine part. */
static const double LAYERNORM_FLOPS_PER_ELEMENT = 7;
/* Magnitude, maximum, scale, round. */
static const double QUANTISE_FLOPS_PER_ELEMENT = 4;
/* 25 ms windows every 10 ms at 16 kHz (Kaldi's defaults): 400 samples padded to a power of two, 160 new ones a frame.
 */
static const double FBANK_FFT_POINTS = 512, FBANK_HOP_SAMPLES = 160;
/* Two multiply-adds make one rotated element. */
static const double ROPE_FLOPS_PER_ELEMENT = 3;
/* exp, add, divide, multiply. */
static const double ACTIVATION_FLOPS_PER_ELEMENT = 4;
static const double BIAS_BYTES = 4;     /* HSTU's relative bias is fp32 */
static const double TOKEN_ID_BYTES = 8; /* int64 ids, as PyTorch keeps them */

static double gemm_weight_bytes(const gemm_params *p) {
    double elements = (double)p->n * (double)p->k * (double)p->batch;
    double scale_bytes = 0;
    bool quantised = p->weights_dtype == DTYPE_int8 || p->weights_dtype == DTYPE_int4 || p->weights_dtype == DTYPE_fp8;
    if (quantised && p->group_size > 0)
        scale_bytes = elements / (double)p->group_size * SCALE_BYTES;
    else if (quantised)
        scale_bytes = (double)p->n * (double)p->batch * SCALE_BYTES;
    if (p->weights_dtype == DTYPE_nvfp4)
        scale_bytes = elements * NVFP4_SCALE_BYTES;
    return elements * dtype_bytes(p->weights_dtype) + scale_bytes;
}

static op_work work_gemm(const op *o) {
    const gemm_params *p = &o->as.gemm;
    double batch = (double)p->batch, m = (double)p->m, n = (double)p->n, k = (double)p->k;
    double right_bytes = gemm_weight_bytes(p);
    /* An 8-bit input leaves as 16 bits: the accumulator is scaled on the way out. */
    double out_bytes = dtype_bytes(p->dtype) < 2 ? 2 : dtype_bytes(p->dtype);
    double in_bytes = m * k * batch * dtype_bytes(p->dtype);
    right_bytes += gemm_has_bias(p) ? n * out_bytes : 0;
    return (op_work){
        .flops = 2 * m * n * k * batch,
        .tensor_flops = true,
        .flops_dtype = p->dtype == DTYPE_fp32 ? DTYPE_fp32 : p->dtype,
        .weight_bytes = p->activations_only ? 0 : right_bytes,
        .read_bytes = in_bytes + (p->activations_only ? right_bytes : 0),
        .write_bytes = m * n * batch * out_bytes,
    };
}

/* Bytes of cached vectors: integers carry a scale each, fp8 caches are scaled as a whole. */
static double kv_bytes(double vectors, double width, data_type type) {
    bool scaled = type == DTYPE_int8 || type == DTYPE_int4;
    return vectors * (width * dtype_bytes(type) + (scaled ? SCALE_BYTES : 0));
}

/* Query-key pairs that a query sequence attends to. */
static double attended_pairs(const attention_params *p) {
    double q = (double)p->q_len, kv = (double)p->kv_len;
    double pairs = p->causal ? q * (kv - q) + q * (q + 1) / 2 : q * kv, window = (double)p->window;
    if (window <= 0 || window >= kv)
        return pairs;
    if (!p->causal)
        return q * window;
    double hidden = kv - window < q ? kv - window : q; /* queries that would see more keys than the window has */
    return pairs - hidden * (kv - window) + hidden * (hidden - 1) / 2;
}

static op_work work_attention(const op *o) {
    const attention_params *p = &o->as.attention;
    double pairs = attended_pairs(p) * (double)p->batch * (double)p->heads;
    double e = (double)p->head_dim;
    double query_bytes = (double)p->batch * (double)p->heads * (double)p->q_len * e * dtype_bytes(p->dtype);
    double kv_tokens = (double)p->kv_len;
    if (p->window > 0 && kv_tokens > (double)(p->window + p->q_len))
        kv_tokens = (double)(p->window + p->q_len);
    double cache_bytes = kv_bytes(2 * (double)p->batch * (double)p->kv_heads * kv_tokens, e, p->kv_dtype);
    double queries = (double)p->batch * (double)p->heads * (double)p->q_len;
    double table_bytes = (double)p->relative * e * dtype_bytes(p->dtype);
    double bias_bytes = p->bias ? (double)p->batch * (double)p->q_len * (double)p->kv_len * BIAS_BYTES : 0;
    double score_flops = p->score == attention_score_silu ? ACTIVATION_FLOPS_PER_ELEMENT : SOFTMAX_FLOPS_PER_ELEMENT;
    return (op_work){
        .flops = 4 * pairs * e + (score_flops + (p->relative > 0 || p->bias ? 1 : 0)) * pairs +
                 2 * queries * (double)p->relative * e,
        .tensor_flops = true,
        .flops_dtype = p->dtype,
        .weight_bytes = table_bytes,
        .read_bytes = query_bytes + cache_bytes + bias_bytes,
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

static op_work work_layernorm(const op *o) {
    const layernorm_params *p = &o->as.layernorm;
    double elements = (double)p->rows * (double)p->cols, bytes = elements * dtype_bytes(p->dtype);
    double more = (p->residual ? 1 : 0) + (p->gated ? 1 : 0);
    return (op_work){
        .flops = (LAYERNORM_FLOPS_PER_ELEMENT + more) * elements,
        .weight_bytes = 2 * (double)p->cols * dtype_bytes(p->dtype),
        .read_bytes = (1 + more) * bytes,
        .write_bytes = (p->residual ? 2 : 1) * bytes,
    };
}

static op_work work_groupnorm(const op *o) {
    const groupnorm_params *p = &o->as.groupnorm;
    double elements = (double)p->batch * (double)p->cin * (double)p->height * (double)p->width;
    return (op_work){
        .flops = (LAYERNORM_FLOPS_PER_ELEMENT + (p->silu ? ACTIVATION_FLOPS_PER_ELEMENT : 0)) * elements,
        .weight_bytes = 2 * (double)p->cin * dtype_bytes(p->dtype),
        .read_bytes = elements * dtype_bytes(p->dtype),
        .write_bytes = elements * dtype_bytes(p->dtype),
    };
}

/* Positions that a kernel of `reach` positions takes along a padded axis. */
static int64_t positions(int64_t padded, int64_t reach, int64_t stride) {
    return padded < reach ? 0 : (padded - reach) / stride + 1;
}

int64_t conv1d_out_len(const conv1d_params *p) {
    int64_t reach = (p->kernel - 1) * p->dilation + 1;
    if (p->transposed)
        return (p->len - 1) * p->stride + reach - p->pad_left - p->pad_right;
    return positions(p->len + p->pad_left + p->pad_right, reach, p->stride);
}

int64_t conv2d_out_height(const conv2d_params *p) {
    return positions(p->height + p->pad_left + p->pad_right, p->kernel, p->stride);
}

int64_t conv2d_out_width(const conv2d_params *p) {
    return positions(p->width + p->pad_left + p->pad_right, p->kernel, p->stride);
}

static op_work work_conv1d(const op *o) {
    const conv1d_params *p = &o->as.conv1d;
    double weights = (double)p->cin / (double)p->groups * (double)p->cout * (double)p->kernel;
    double out = (double)p->batch * (double)conv1d_out_len(p);
    /* Each output, or each input of the adjoint, meets every tap once; padding counts, as libraries compute it. */
    double applied = (double)p->batch * (double)(p->transposed ? p->len : conv1d_out_len(p));
    return (op_work){
        .flops = 2 * weights * applied,
        .tensor_flops = p->groups == 1,
        .flops_dtype = p->dtype,
        .weight_bytes = weights * dtype_bytes(p->dtype),
        .read_bytes = (double)p->batch * (double)p->cin * (double)p->len * dtype_bytes(p->dtype),
        .write_bytes = out * (double)p->cout * dtype_bytes(p->dtype),
    };
}

static op_work work_conv2d(const op *o) {
    const conv2d_params *p = &o->as.conv2d;
    double weights = (double)p->cin * (double)p->cout * (double)(p->kernel * p->kernel);
    double out = (double)p->batch * (double)conv2d_out_height(p) * (double)conv2d_out_width(p);
    return (op_work){
        .flops = 2 * weights * out,
        .tensor_flops = true,
        .flops_dtype = p->dtype,
        .weight_bytes = weights * dtype_bytes(p->dtype),
        .read_bytes = (double)p->batch * (double)p->cin * (double)p->height * (double)p->width * dtype_bytes(p->dtype),
        .write_bytes = out * (double)p->cout * dtype_bytes(p->dtype),
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
    double vectors = 2 * (double)p->rows * (double)p->kv_heads, width = (double)p->head_dim;
    return (op_work){.read_bytes = vectors * width * dtype_bytes(p->dtype),
                     .write_bytes = kv_bytes(vectors, width, p->kv_dtype)};
}

static op_work work_kv_concat(const op *o) {
    const kv_concat_params *p = &o->as.kv_concat;
    double bytes =
        (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len * dtype_bytes(p->dtype);
    return (op_work){.read_bytes = bytes, .write_bytes = bytes};
}

static op_work work_kv_reorder(const op *o) {
    const kv_reorder_params *p = &o->as.kv_reorder;
    double bytes =
        (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len * dtype_bytes(p->dtype);
    return (op_work){.read_bytes = bytes + (double)p->batch * TOKEN_ID_BYTES, .write_bytes = bytes};
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

static op_work work_topk(const op *o) {
    const topk_params *p = &o->as.topk;
    double elements = (double)p->rows * (double)p->cols, kept = (double)p->rows * (double)p->top;
    return (op_work){.flops = elements, /* one comparison each at least */
                     .read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = kept * (dtype_bytes(p->dtype) + TOKEN_ID_BYTES)};
}

static op_work work_penalty(const op *o) {
    const penalty_params *p = &o->as.penalty;
    double touched = (double)p->rows * (double)p->len;
    return (op_work){.flops = 2 * touched, /* compare, multiply or divide */
                     .read_bytes = touched * (TOKEN_ID_BYTES + dtype_bytes(p->dtype)),
                     .write_bytes = touched * dtype_bytes(p->dtype)};
}

static op_work work_cfg_mix(const op *o) {
    const cfg_mix_params *p = &o->as.cfg_mix;
    double elements = (double)p->rows * (double)p->cols, further = (double)p->ways - 1;
    return (op_work){.flops = 3 * further * elements, /* subtract, scale, add for each further condition */
                     .read_bytes = (double)p->ways * elements * dtype_bytes(p->dtype),
                     .write_bytes = elements * dtype_bytes(p->dtype)};
}

static op_work work_accept(const op *o) {
    const accept_params *p = &o->as.accept;
    double tokens = (double)p->rows * (double)p->drafts;
    return (op_work){
        .flops = tokens, .read_bytes = 2 * tokens * TOKEN_ID_BYTES, .write_bytes = (double)p->rows * TOKEN_ID_BYTES};
}

static op_work work_quantise(const op *o) {
    const quantise_params *p = &o->as.quantise;
    double elements = (double)p->rows * (double)p->cols;
    return (op_work){.flops = QUANTISE_FLOPS_PER_ELEMENT * elements,
                     .read_bytes = elements * dtype_bytes(p->dtype),
                     .write_bytes = elements * dtype_bytes(p->out_dtype) + (double)p->rows * SCALE_BYTES};
}

static op_work work_fbank(const op *o) {
    const fbank_params *p = &o->as.fbank;
    double frames = (double)p->rows, bins = FBANK_FFT_POINTS / 2 + 1;
    double fft_flops = 2.5 * FBANK_FFT_POINTS * log2(FBANK_FFT_POINTS); /* half of 5 n log2 n: real input */
    return (op_work){.flops = frames * (fft_flops + 3 * bins + 2 * bins * (double)p->cols),
                     .weight_bytes = bins * (double)p->cols * dtype_bytes(p->dtype),
                     .read_bytes = frames * FBANK_HOP_SAMPLES * dtype_bytes(p->dtype),
                     .write_bytes = frames * (double)p->cols * dtype_bytes(p->dtype)};
}

/* What one rank sends and receives at the least over links that take no part in the sum. */
static op_work work_collective(const op *o) {
    const collective_params *p = &o->as.collective;
    double bytes = (double)p->bytes, others = ((double)p->ranks - 1) / (double)p->ranks;
    double passes = p->collective == collective_pattern_all_reduce ? 2 : 1;
    if (p->collective == collective_pattern_send)
        others = 1;
    double moved = passes * bytes * others;
    bool sums = p->collective == collective_pattern_all_reduce || p->collective == collective_pattern_reduce_scatter;
    return (op_work){
        .flops = sums ? bytes * others / dtype_bytes(p->dtype) : 0, .read_bytes = moved, .write_bytes = moved};
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
