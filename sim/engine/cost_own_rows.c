/* Our row-wise kernels: pointwise (kernels/pointwise.cuh, add.cu), rows reduced by lanes of a warp or by a block
 * (rows.cuh), gathers (embedding.cu). */
#include "sim/engine/cost_own.h"

enum {
    POINTWISE_THREADS = 256,
    POINTWISE_UNROLL = 4,
    ROW_THREADS_MAX = 1024,
    ROW_VECTORS = 4, /* that a thread holds */
    WARP = 32,
    WARPS_A_BLOCK = 8,
    REDUCE_UNROLL = 4,
    MANY_ROWS = 1024,
};

static const double VECTOR_BYTES = 16, UNBOUNDED = 1e9;

static own_kernel kernel_of(const op *o) {
    op_work work = op_work_of(o);
    return (own_kernel){.traffic = {.read_bytes = work.weight_bytes + work.read_bytes,
                                    .write_bytes = work.write_bytes,
                                    .hot_bytes = work.read_bytes,
                                    .streamed_bytes = o->streamed_bytes},
                        .slots = UNBOUNDED,
                        .launches = 1};
}

/* A loop of `vectors` that the compiler unrolls: whole groups load at once, what is left one by one. */
static double unrolled_rounds(double vectors) {
    double groups = floor(vectors / REDUCE_UNROLL);
    return groups + vectors - groups * REDUCE_UNROLL;
}

static double wider_bytes(data_type a, data_type b) {
    return larger(dtype_bytes(a), dtype_bytes(b));
}

/* ---- pointwise ---- */

typedef struct pointwise_shape {
    double elements, element_bytes; /* of the wider type: an access moves 16 bytes of it */
    const double *round, *ops;
    bool switched, eight; /* the function is chosen at run time, element by element; rounds to 8 bits */
    bool gated;           /* a second operand multiplies the function's result */
} pointwise_shape;

/* Branches keep a thread's four vectors in order. */
static void pointwise_cost(const op *o, const pointwise_shape *s, residency where, const machine_block *m,
                           cost_block *out) {
    own_kernel k = kernel_of(o);
    double width = VECTOR_BYTES / s->element_bytes, vectors = ceil_quotient(s->elements / width);
    double rounds = smaller(POINTWISE_UNROLL, ceil_quotient(vectors / POINTWISE_THREADS));
    k.threads = POINTWISE_THREADS;
    k.ctas = ceil_quotient(vectors / (POINTWISE_THREADS * POINTWISE_UNROLL));
    if (o->kind == OP_add)
        k.traffic.stale_bytes = s->elements * s->element_bytes;
    EACH_LANE {
        k.latencies[i] = m->own_pointwise_base_latencies[i] + rounds * s->round[i];
        k.thread_ops[i] = rounds * width * (s->ops[i] + (s->gated ? m->own_pointwise_gate_ops[i] : 0));
        k.chain_s[i] = s->switched ? rounds * width * m->own_pointwise_switch_clk[i] / m->sm_clock_max_hz[i] : 0;
        k.code_latencies[i] = s->eight ? m->own_pointwise_cast8_code_latencies[i] : 0;
    }
    own_cost(&k, where, m, out);
}

static const double *activation_ops(activation_function function, const machine_block *m) {
    switch (function) {
    case activation_function_silu:
    case activation_function_sigmoid:
        return m->own_pointwise_silu_ops;
    case activation_function_gelu:
    case activation_function_tanh:
        return m->own_pointwise_gelu_ops;
    default:
        return m->own_pointwise_copy_ops;
    }
}

/* ---- rows ---- */

/* How rows are spread over lanes, warps and blocks (rows.cuh, with_row_shape). */
typedef struct row_layout {
    double ctas, threads;
    double rounds; /* vectors that a thread loads, of one row or several */
    double held;   /* that it computes with: all that its shape has room for, zeros where nothing was loaded */
    bool warp;
} row_layout;

/* Lanes of a warp share a row, each thread holds `vectors` of each of `rows_held` rows. */
static row_layout warp_layout(double rows, double row_lanes, double vectors, double rows_held) {
    double together = WARP * WARPS_A_BLOCK / row_lanes;
    return (row_layout){.ctas = ceil_quotient(rows / (together * rows_held)),
                        .threads = WARP * WARPS_A_BLOCK,
                        .rounds = vectors * smaller(rows_held, ceil_quotient(rows / (WARP / row_lanes))),
                        .held = vectors * rows_held,
                        .warp = true};
}

static row_layout layout_of(double rows, double cols, double element_bytes) {
    double width = VECTOR_BYTES / element_bytes, vectors = cols / width, row_lanes = 1;
    bool whole = fmod(cols, width) == 0 && vectors <= (double)ROW_THREADS_MAX * ROW_VECTORS;
    if (!whole) {
        double threads = smaller(ROW_THREADS_MAX, ceil_quotient(cols / ROW_VECTORS / WARP) * WARP);
        double rounds = ceil_quotient(cols / threads);
        return (row_layout){.ctas = rows, .threads = threads, .rounds = rounds, .held = rounds};
    }
    while (row_lanes < vectors && row_lanes < WARP)
        row_lanes *= 2;
    if (vectors <= WARP)
        return warp_layout(rows, row_lanes, 1, 4);
    if (vectors <= 1.5 * WARP)
        return warp_layout(rows, WARP / 2, 3, 1);
    if (vectors <= 2 * WARP)
        return warp_layout(rows, WARP, 2, 2);
    if (vectors <= ROW_VECTORS * WARP)
        return warp_layout(rows, WARP, 4, 1);
    bool many =
        rows >= MANY_ROWS || vectors > ROW_THREADS_MAX; /* few threads each, so that more rows are on their way */
    double wanted = ceil_quotient(vectors / (many ? ROW_VECTORS : 1));
    double threads = smaller(ROW_THREADS_MAX, ceil_quotient(wanted / WARP) * WARP);
    return (row_layout){
        .ctas = rows, .threads = threads, .rounds = ceil_quotient(vectors / threads), .held = ROW_VECTORS};
}

/* The stream that a block adds to. */
static double residual_bytes(const op *o) {
    const rmsnorm_params *r = &o->as.rmsnorm;
    const layernorm_params *l = &o->as.layernorm;
    if (o->kind == OP_rmsnorm && r->residual)
        return (double)r->rows * (double)r->cols * dtype_bytes(r->dtype);
    if (o->kind == OP_layernorm && l->residual)
        return (double)l->rows * (double)l->cols * dtype_bytes(l->dtype);
    return 0;
}

/* A kernel that holds its rows. */
typedef struct rows_work {
    double reductions; /* one after the other */
    double late;       /* rounds of weights behind them */
    double tensors;    /* that are loaded: a residual is another */
    double registers;  /* of a thread, as compiled for sm_90a */
    double width;      /* elements of a vector */
    const double *ops; /* of a vector's element, held or loaded */
} rows_work;

static own_kernel rows_kernel(const op *o, const row_layout *l, const rows_work *w, const machine_block *m) {
    own_kernel k = kernel_of(o);
    k.traffic.stale_bytes = residual_bytes(o);
    k.ctas = l->ctas, k.threads = l->threads;
    k.registers = w->registers;
    EACH_LANE {
        double reduce_clk =
            l->warp || l->threads <= WARP ? m->own_rows_warp_reduce_clk[i] : m->own_rows_block_reduce_clk[i];
        double rounds = l->rounds * w->tensors;
        k.latencies[i] = m->own_rows_base_latencies[i] + (rounds + w->late) * m->own_rows_round_latencies[i];
        k.chain_s[i] = w->reductions * reduce_clk / m->sm_clock_max_hz[i];
        k.thread_ops[i] = (l->held + rounds) * w->width * w->ops[i];
        k.code_latencies[i] = 0;
    }
    return k;
}

static void rows_cost(const op *o, const row_layout *l, const rows_work *w, residency where, const machine_block *m,
                      cost_block *out) {
    own_kernel k = rows_kernel(o, l, w, m);
    own_cost(&k, where, m, out);
}

static void quantise_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const quantise_params *p = &o->as.quantise;
    double bytes = dtype_bytes(p->dtype);
    row_layout l = layout_of((double)p->rows, (double)p->cols, bytes);
    rows_work w = {.reductions = 1, .tensors = 1, .registers = 40, .width = VECTOR_BYTES / bytes};
    w.ops = p->out_dtype == DTYPE_fp8 ? m->own_rows_quantise8_ops : m->own_rows_quantise_ops;
    rows_cost(o, &l, &w, where, m, out);
}

static void softmax_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const softmax_params *p = &o->as.softmax;
    double bytes = dtype_bytes(p->dtype);
    row_layout l = layout_of((double)p->rows, (double)p->cols, bytes);
    double vectors = (double)p->cols * bytes / VECTOR_BYTES;
    if (vectors > (double)ROW_THREADS_MAX * ROW_VECTORS) { /* long rows stream, by vectors too */
        l.threads = ROW_THREADS_MAX;
        l.held = l.rounds = unrolled_rounds(ceil_quotient(vectors / ROW_THREADS_MAX));
    }
    rows_work w = {.reductions = 2, .tensors = 1, .registers = 64, .width = VECTOR_BYTES / bytes};
    w.ops = m->own_rows_softmax_ops;
    own_kernel k = rows_kernel(o, &l, &w, m);
    EACH_LANE {
        k.chain_s[i] *= m->own_rows_softmax_reduce_ratio[i];
        k.code_latencies[i] = (m->own_rows_softmax_code_ratio[i] - 1) * m->own_code_latencies[i];
    }
    own_cost(&k, where, m, out);
}

static void reduce_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const reduce_params *p = &o->as.reduce;
    double bytes = dtype_bytes(p->dtype);
    row_layout l = layout_of((double)p->rows, (double)p->cols, bytes);
    rows_work w = {.reductions = 1, .tensors = 1, .registers = 32, .width = VECTOR_BYTES / bytes};
    w.ops = m->own_rows_reduce_ops;
    rows_cost(o, &l, &w, where, m, out);
}

/* A block a token: queries, keys and values by units of two vectors, two of a thread on their way at once; sines and
 * cosines of the position meanwhile, once the position is there. */
static void rope_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    static const double UNIT_VECTORS = 2, UNITS = 2, THREADS = 256;
    const rope_params *p = &o->as.rope;
    own_kernel k = kernel_of(o);
    double bytes = dtype_bytes(p->dtype), width = VECTOR_BYTES / bytes;
    double heads = (double)p->heads + (double)p->kv_heads * (p->kv_write ? 2 : 1);
    double units = ceil_quotient(heads * (double)p->head_dim / width / UNIT_VECTORS);
    double rounds = ceil_quotient(units / (THREADS * UNITS)), each = smaller(UNITS, ceil_quotient(units / THREADS));
    k.ctas = (double)p->rows, k.threads = smaller(THREADS, ceil_quotient(units / WARP) * WARP);
    EACH_LANE {
        k.latencies[i] = 1 + rounds * m->own_tokens_rope_latencies[i]; /* slots and positions first */
        k.chain_s[i] = m->own_tokens_turns_clk[i] / m->sm_clock_max_hz[i];
        k.thread_ops[i] = rounds * each * UNIT_VECTORS * width * m->own_tokens_rope_ops[i];
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

/* New keys and values, a vector a thread and access; the slot comes first, integers take a head's maximum. */
static void append_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const kv_append_params *p = &o->as.kv_append;
    own_kernel k = kernel_of(o);
    double width = VECTOR_BYTES / dtype_bytes(p->dtype);
    double vectors = 2 * ceil_quotient((double)p->rows * (double)p->kv_heads * (double)p->head_dim / width);
    bool integers = p->kv_dtype == DTYPE_int8 || p->kv_dtype == DTYPE_int4;
    double rounds = smaller(POINTWISE_UNROLL, ceil_quotient(vectors / 2 / POINTWISE_THREADS));
    k.threads = POINTWISE_THREADS;
    k.ctas = 2 * ceil_quotient(vectors / 2 / (POINTWISE_THREADS * POINTWISE_UNROLL));
    EACH_LANE {
        k.latencies[i] = 1 + m->own_pointwise_base_latencies[i] + rounds * m->own_tokens_append_latencies[i];
        k.chain_s[i] = integers ? m->own_rows_warp_reduce_clk[i] / m->sm_clock_max_hz[i] : 0;
        k.thread_ops[i] =
            rounds * width *
            (integers || p->kv_dtype == DTYPE_fp8 ? m->own_tokens_narrow_ops[i] : m->own_pointwise_copy_ops[i]);
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

/* A block a row of logits; four vectors of a thread on their way at once. */
static void argmax_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    static const double THREADS = 512;
    const sample_params *p = &o->as.sample;
    own_kernel k = kernel_of(o);
    double width = VECTOR_BYTES / dtype_bytes(p->dtype), vectors = ceil_quotient((double)p->cols / width / THREADS);
    k.ctas = (double)p->rows, k.threads = THREADS;
    EACH_LANE {
        k.latencies[i] = m->own_rows_base_latencies[i] + unrolled_rounds(vectors) * m->own_rows_round_latencies[i];
        k.chain_s[i] = m->own_rows_block_reduce_clk[i] / m->sm_clock_max_hz[i];
        k.thread_ops[i] = vectors * width * m->own_tokens_argmax_ops[i];
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

/* A block a row: keys are sorted in passes over digits, then probabilities are summed and searched (CUB's segmented
 * sort, kernels/sample.cu). */
static void top_p_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    static const double THREADS = 512, KERNELS = 8; /* keys, six passes over digits of 6 bits, the draw */
    const sample_params *p = &o->as.sample;
    own_kernel k = kernel_of(o);
    k.ctas = (double)p->rows, k.threads = THREADS, k.launches = KERNELS;
    EACH_LANE {
        k.latencies[i] = 1;
        k.chain_s[i] = (double)p->cols * m->own_tokens_top_p_clk[i] / m->sm_clock_max_hz[i];
        k.thread_ops[i] = 0;
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

/* Vectors of all rows, four of a thread on their way at once, each behind its row's id. */
static void embedding_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const embedding_params *p = &o->as.embedding;
    own_kernel k = kernel_of(o);
    double width = VECTOR_BYTES / dtype_bytes(p->dtype);
    double vectors = (double)p->rows * ceil_quotient((double)p->cols / width);
    double rounds = smaller(POINTWISE_UNROLL, ceil_quotient(vectors / POINTWISE_THREADS));
    k.ctas = ceil_quotient(vectors / (POINTWISE_THREADS * POINTWISE_UNROLL)), k.threads = POINTWISE_THREADS;
    EACH_LANE {
        k.latencies[i] = 1 + m->own_pointwise_base_latencies[i] + rounds * m->own_rows_gather_latencies[i];
        k.thread_ops[i] = rounds * m->own_pointwise_copy_ops[i] * width;
    }
    own_cost(&k, where, m, out);
}

static pointwise_shape pointwise_of(const op *o, const machine_block *m) {
    pointwise_shape s = {.round = m->own_pointwise_round_latencies, .ops = m->own_pointwise_copy_ops};
    switch (o->kind) {
    case OP_add:
        s.elements = (double)o->as.add.rows * (double)o->as.add.cols;
        s.element_bytes = dtype_bytes(o->as.add.dtype);
        s.round = m->own_pointwise_add_round_latencies;
        break;
    case OP_activation:
        s.elements = (double)o->as.activation.rows * (double)o->as.activation.cols;
        s.element_bytes = dtype_bytes(o->as.activation.dtype);
        s.ops = activation_ops(o->as.activation.function, m);
        s.gated = o->as.activation.gated;
        break;
    case OP_elementwise: {
        const elementwise_params *p = &o->as.elementwise;
        s.elements = (double)p->rows * (double)p->cols;
        s.element_bytes = wider_bytes(p->dtype, p->out_dtype);
        s.switched = true, s.eight = p->out_dtype == DTYPE_fp8;
        s.ops = s.eight ? m->own_pointwise_cast8_ops : s.ops;
        break;
    }
    case OP_kv_concat: {
        const kv_concat_params *p = &o->as.kv_concat;
        s.elements = (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len;
        s.element_bytes = dtype_bytes(p->dtype);
        break;
    }
    case OP_kv_reorder: {
        const kv_reorder_params *p = &o->as.kv_reorder;
        s.elements = (double)p->batch * (double)p->kv_heads * (double)p->head_dim * (double)p->kv_len;
        s.element_bytes = dtype_bytes(p->dtype);
        break;
    }
    case OP_cfg_mix:
        s.elements = (double)o->as.cfg_mix.rows * (double)o->as.cfg_mix.cols;
        s.element_bytes = dtype_bytes(o->as.cfg_mix.dtype);
        break;
    default: { /* copy */
        const copy_params *p = &o->as.copy;
        s.elements = (double)p->rows * (double)p->cols;
        s.element_bytes = wider_bytes(p->dtype, p->out_dtype);
    }
    }
    return s;
}

static void rmsnorm_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    double bytes = dtype_bytes(p->dtype);
    row_layout l = layout_of((double)p->rows, (double)p->cols, bytes);
    rows_work w = {.reductions = 1, .late = 1, .width = VECTOR_BYTES / bytes, .ops = m->own_rows_rmsnorm_ops};
    w.tensors = p->residual ? 2 : 1, w.registers = p->residual ? 56 : 40;
    rows_cost(o, &l, &w, where, m, out);
}

static void layernorm_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const layernorm_params *p = &o->as.layernorm;
    double bytes = dtype_bytes(p->dtype);
    row_layout l = layout_of((double)p->rows, (double)p->cols, bytes);
    rows_work w = {.reductions = 2, .late = 1, .width = VECTOR_BYTES / bytes, .ops = m->own_rows_layernorm_ops};
    w.tensors = p->residual ? 2 : 1, w.registers = 56;
    rows_cost(o, &l, &w, where, m, out);
}

/* The kernels that reduce rows. */
static void reducing_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    switch (o->kind) {
    case OP_rmsnorm:
        rmsnorm_cost(o, where, m, out);
        break;
    case OP_layernorm:
        layernorm_cost(o, where, m, out);
        break;
    case OP_softmax:
        softmax_cost(o, where, m, out);
        break;
    case OP_quantise:
        quantise_cost(o, where, m, out);
        break;
    default:
        reduce_cost(o, where, m, out);
    }
}

bool own_row_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    switch (o->kind) {
    case OP_copy:
        if (o->as.copy.direction != copy_direction_device)
            return false; /* a copy engine's */
        /* fall through */
    case OP_add:
    case OP_activation:
    case OP_elementwise:
    case OP_kv_concat:
    case OP_kv_reorder:
    case OP_cfg_mix: {
        pointwise_shape s = pointwise_of(o, m);
        pointwise_cost(o, &s, where, m, out);
        return true;
    }
    case OP_rmsnorm:
    case OP_layernorm:
    case OP_softmax:
    case OP_quantise:
    case OP_reduce:
        reducing_cost(o, where, m, out);
        return true;
    case OP_embedding:
        embedding_cost(o, where, m, out);
        return true;
    case OP_rope:
        rope_cost(o, where, m, out);
        return true;
    case OP_kv_append:
        append_cost(o, where, m, out);
        return true;
    case OP_sample:
        if (o->as.sample.method == sample_method_argmax)
            argmax_cost(o, where, m, out);
        else
            top_p_cost(o, where, m, out);
        return true;
    default:
        return false;
    }
}
