/* Grids of the kernels that memory bounds, as frameworks launch them: pointwise kernels give each thread 16 bytes
 * (PyTorch's vectorized_elementwise_kernel) or four elements where operands are not contiguous, row kernels give a row
 * to a block or to a warp. */
#include "core/plan.h"

#include <math.h>

enum {
    POINTWISE_THREADS = 128,
    ROW_THREADS_MAX = 512,
    WARP_THREADS = 32,
    STRIDED_ELEMENTS_PER_THREAD = 4,
    VECTOR_ELEMENTS_PER_THREAD = 8,
    WARP_SOFTMAX_COLS = 1024, /* PyTorch: softmax_warp_forward up to here, a block a row beyond */
    REDUCE_ROWS_PER_BLOCK = 16,
    ARGMAX_COLS_PER_BLOCK = 16384,
    GROUPNORM_KERNELS = 2,
    TOPK_THREADS = 1024,
    TOPK_COLS_PER_BLOCK = 65536,
    TOPK_KERNELS = 2,
    FBANK_THREADS = 256,
    SORT_KERNELS = 12, /* top_p: a segmented radix sort, softmax, scan, cut and draw */
};

static const double VECTOR_BYTES_PER_THREAD = 16;

static void add_plan(plan_list *out, int32_t threads, double ctas, int32_t rows_per_cta) {
    out->plans[out->count++] = (plan){
        .tile_m = rows_per_cta,
        .cluster_m = 1,
        .cluster_n = 1,
        .split_k = 1,
        .stages = 1,
        .block_threads = threads,
        .ctas_per_sm = 1, /* by threads; the cost counts them on each machine */
        .launches = 1,
        .ctas = ctas < 1 ? 1 : ceil(ctas),
    };
}

static void add_pointwise(plan_list *out, double elements, data_type type, bool strided) {
    double each = fmin(VECTOR_ELEMENTS_PER_THREAD, VECTOR_BYTES_PER_THREAD / dtype_bytes(type));
    if (strided)
        each = STRIDED_ELEMENTS_PER_THREAD;
    add_plan(out, POINTWISE_THREADS, elements / (POINTWISE_THREADS * each), 1);
}

/* A block a row, a thread for every few elements of it. */
static void add_rows(plan_list *out, double rows, double cols) {
    double threads = ceil(cols / VECTOR_ELEMENTS_PER_THREAD / WARP_THREADS) * WARP_THREADS;
    add_plan(out, (int32_t)fmin(ROW_THREADS_MAX, threads), rows, 1);
}

void plan_embedding(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_rows(out, (double)o->as.embedding.rows, (double)o->as.embedding.cols);
}

void plan_rmsnorm(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_rows(out, (double)o->as.rmsnorm.rows, (double)o->as.rmsnorm.cols);
}

void plan_layernorm(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_rows(out, (double)o->as.layernorm.rows, (double)o->as.layernorm.cols);
}

/* A block a group, as PyTorch's RowwiseMoments; a second kernel applies the moments. */
void plan_groupnorm(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const groupnorm_params *p = &o->as.groupnorm;
    add_rows(out, (double)(p->batch * p->groups), (double)(p->cin / p->groups * p->height * p->width));
    out->plans[out->count - 1].launches = GROUPNORM_KERNELS;
}

void plan_rope(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const rope_params *p = &o->as.rope;
    add_rows(out, (double)p->rows, (double)(p->heads + p->kv_heads) * (double)p->head_dim);
}

void plan_kv_append(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const kv_append_params *p = &o->as.kv_append;
    add_rows(out, (double)p->rows, 2 * (double)p->kv_heads * (double)p->head_dim);
}

void plan_kv_concat(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const kv_concat_params *p = &o->as.kv_concat;
    add_pointwise(out, (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len, p->dtype,
                  false);
}

void plan_kv_reorder(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const kv_reorder_params *p = &o->as.kv_reorder;
    add_pointwise(out, (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len, p->dtype,
                  true);
}

void plan_activation(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const activation_params *p = &o->as.activation;
    add_pointwise(out, (double)p->rows * (double)p->cols, p->dtype, false);
}

void plan_add(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_pointwise(out, (double)o->as.add.rows * (double)o->as.add.cols, o->as.add.dtype, o->as.add.strided);
}

void plan_elementwise(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const elementwise_params *p = &o->as.elementwise;
    data_type wider = dtype_bytes(p->dtype) > dtype_bytes(p->out_dtype) ? p->dtype : p->out_dtype;
    add_pointwise(out, (double)p->rows * (double)p->cols, wider, p->strided);
}

void plan_reduce(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    double rows = (double)o->as.reduce.rows;
    int32_t together = rows < REDUCE_ROWS_PER_BLOCK ? (int32_t)rows : REDUCE_ROWS_PER_BLOCK;
    add_plan(out, ROW_THREADS_MAX, rows / together, together);
}

void plan_softmax(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    double rows = (double)o->as.softmax.rows, cols = (double)o->as.softmax.cols;
    if (cols <= WARP_SOFTMAX_COLS)
        add_plan(out, POINTWISE_THREADS, rows * WARP_THREADS / POINTWISE_THREADS, POINTWISE_THREADS / WARP_THREADS);
    else
        add_rows(out, rows, cols);
}

void plan_sample(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const sample_params *p = &o->as.sample;
    add_plan(out, ROW_THREADS_MAX, (double)p->rows * ceil((double)p->cols / ARGMAX_COLS_PER_BLOCK), 1);
    if (p->method == sample_method_top_p)
        out->plans[out->count - 1].launches = SORT_KERNELS;
}

/* PyTorch's radix select: a block a row walks it once a digit; then the kept values are sorted. */
void plan_topk(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_plan(out, TOPK_THREADS, (double)o->as.topk.rows * ceil((double)o->as.topk.cols / TOPK_COLS_PER_BLOCK), 1);
    out->plans[out->count - 1].launches = TOPK_KERNELS;
}

void plan_penalty(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_pointwise(out, (double)o->as.penalty.rows * (double)o->as.penalty.len, o->as.penalty.dtype, true);
}

void plan_cfg_mix(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_pointwise(out, (double)o->as.cfg_mix.rows * (double)o->as.cfg_mix.cols, o->as.cfg_mix.dtype, false);
}

void plan_accept(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_plan(out, WARP_THREADS, (double)o->as.accept.rows, 1);
}

void plan_quantise(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_rows(out, (double)o->as.quantise.rows, (double)o->as.quantise.cols);
}

/* A block a frame: window, transform and mel bins stay in shared memory. */
void plan_fbank(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    add_plan(out, FBANK_THREADS, (double)o->as.fbank.rows, 1);
}

void plan_copy(const op *o, const plan_limits *limits, plan_list *out) {
    (void)limits;
    const copy_params *p = &o->as.copy;
    data_type wider = dtype_bytes(p->dtype) > dtype_bytes(p->out_dtype) ? p->dtype : p->out_dtype;
    add_pointwise(out, (double)p->rows * (double)p->cols, wider, p->strided);
}
