/* Kernels that memory bounds: pointwise, by row, copies and gathers.
 *
 *   issue = max(further waves and rows streamed at a thread's bytes in flight, block dispatch, index arithmetic)
 *   time  = start (+ strided, + dependent chains) x latency + max(issue, L2, HBM) + exposed part of the shorter /
 * waves: within a wave blocks run in step, later waves fill each other's gaps; loads from memory behind index
 * arithmetic stay exposed in every wave */
#include "sim/engine/cost_rowwise.h"

/* Radix sort of (logit, token) pairs: four 8-bit digits, keys and payload read and written each pass, besides counting.
 */
static const double SORT_PASSES = 4;
static const double SORT_BYTES_PER_PASS = 2 * (4 + 8) + 4;
/* A copy engine's start, from the issue to the first byte (0.9 us for a few bytes from the host, measured on H200). */
static const double COPY_ENGINE_LATENCIES = 2.5;

/* PyTorch gives a row of a softmax to one warp up to this width (softmax_warp_forward), to a block beyond. */
static const int64_t WARP_SOFTMAX_COLS = 1024;
/* The block walks its row three times (softmax_block_forward): for the maximum, for the sum, and to write. */
static const double BLOCK_SOFTMAX_CHAINS = 3;

/* Flags are factors of 0 and 1 below, so that loops over lanes have no branches. */
static inline double start_s(const row_kernel *k, const machine_block *m, size_t i) {
    double latencies = m->rowwise_start_latencies[i] + k->strided * m->rowwise_strided_latencies[i] +
                       k->chains * m->rowwise_reduce_latencies[i];
    return latencies * k->launches * memory_latency_s(m, i);
}

static inline double slots_per_sm(const plan *p, const machine_block *m, size_t i) {
    return larger(1, smaller(m->sm_max_ctas[i], floor(m->sm_max_threads[i] / p->block_threads)));
}

/* Times that every SM is filled with blocks; at least one. */
static inline double waves_of(const plan *p, const machine_block *m, size_t i) {
    return larger(1, p->ctas / (m->sm_count[i] * slots_per_sm(p, m, i)));
}

/* Elements that each thread of a fixed grid visits, one after the other. */
static inline double visits_of(const row_kernel *k, const plan *p, const machine_block *m, size_t i) {
    return larger(1, k->elements / (k->walkers_per_sm * m->sm_count[i] * p->block_threads));
}

static inline double walk_s(const row_kernel *k, const plan *p, const machine_block *m, size_t i) {
    return visits_of(k, p, m, i) * (1 + POINTER_CHAINS) * memory_latency_s(m, i); /* its index, then itself */
}

/* Arithmetic on the addresses of operands that are not contiguous. */
static inline double index_s(const row_kernel *k, const double *index_ops, const machine_block *m, size_t i) {
    return k->strided * (k->elements * index_ops[i] / (m->sm_count[i] * fp32_lanes(m, i)) / m->sm_clock_max_hz[i]);
}

/* A thread computes its addresses before it loads: loads that L2 does not hold wait behind that, in every wave. */
static inline double missed_loads_s(const row_kernel *k, const double *index_ops, const machine_block *m, size_t i,
                                    double kept_bytes) {
    double missed_bytes = larger(0, k->read_bytes - kept_bytes);
    double load_s = missed_bytes / (m->memory_read_efficiency_frac[i] * m->hbm_bandwidth_bytes_per_s[i]);
    return smaller(load_s, index_s(k, index_ops, m, i));
}

static inline double issue_s(const row_kernel *k, const plan *p, const double *index_ops, const machine_block *m,
                             size_t i, double waves) {
    double latency_s = memory_latency_s(m, i), threads = p->block_threads;
    double block_bytes = (k->read_bytes + k->write_bytes) / p->ctas;
    double stream_s = (waves - 1) * latency_s;
    stream_s = larger(stream_s,
                      k->streams * (waves * block_bytes / (threads * m->rowwise_thread_inflight_bytes[i]) * latency_s));
    double dispatch_s = p->ctas * m->rowwise_dispatch_clk[i] / m->sm_clock_max_hz[i];
    return larger(stream_s, larger(dispatch_s, index_s(k, index_ops, m, i)));
}

row_recipe row_prepare(const row_kernel *k, const plan *planned, residency where) {
    row_recipe r = {.k = *k, .planned = *planned, .moved_bytes = k->read_bytes + k->write_bytes};
    if (where == RESIDENCY_REPEATED)
        r.hot_frac = 1;
    else if (where == RESIDENCY_PREDECESSORS)
        r.hot_frac = k->hot_bytes / r.moved_bytes;
    return r;
}

/* Parts of its time on one machine. */
typedef struct row_parts {
    double hbm_s, l2_s, waves, issued_s, begin_s, body_s, missed_frac;
} row_parts;

static inline __attribute__((always_inline)) row_parts parts_of(const row_recipe *r, bool walks, const machine_block *m,
                                                                size_t i) {
    const row_kernel *k = &r->k;
    const plan *p = &r->planned;
    const double *index_ops = k->joins ? m->rowwise_join_ops : m->rowwise_strided_ops;
    double kept = r->hot_frac * l2_kept_frac(m, i, m->rowwise_l2_residency_frac[i], r->moved_bytes);
    row_parts t = {.missed_frac = 1 - kept};
    t.hbm_s =
        (k->read_bytes / m->memory_read_efficiency_frac[i] + k->write_bytes / m->memory_write_efficiency_frac[i]) *
        (1 - kept) / m->hbm_bandwidth_bytes_per_s[i];
    t.l2_s = r->moved_bytes / l2_bytes_per_s(m, i, m->rowwise_l2_efficiency_frac[i]);
    t.waves = walks ? visits_of(k, p, m, i) : waves_of(p, m, i);
    t.issued_s = walks ? walk_s(k, p, m, i) : issue_s(k, p, index_ops, m, i, t.waves);
    t.begin_s = start_s(k, m, i);
    double memory_s = larger(t.hbm_s, t.l2_s);
    double hidden_s = smaller(memory_s, t.issued_s);
    double missed_s = missed_loads_s(k, index_ops, m, i, r->moved_bytes * kept);
    t.body_s = larger(memory_s, t.issued_s) + larger(m->rowwise_exposed_frac[i] * hidden_s / t.waves, missed_s);
    return t;
}

static inline __attribute__((always_inline)) void times_of(const row_recipe *recipe, bool walks, const machine_block *m,
                                                           cost_times *out) {
    const row_recipe r = *recipe; /* nothing that `out` could alias */
    EACH_LANE {
        row_parts t = parts_of(&r, walks, m, i);
        out->time_s[i] = t.begin_s + t.body_s;
        out->hbm_bytes[i] = r.moved_bytes * t.missed_frac;
        out->l2_bytes[i] = r.moved_bytes;
        out->launches[i] = r.k.launches;
        out->clocked_s[i] = clocked_part(larger(t.issued_s, t.l2_s), t.hbm_s);
    }
}

void row_times(const row_recipe *r, const machine_block *m, cost_times *out) {
    if (r->k.walkers_per_sm > 0)
        times_of(r, true, m, out);
    else
        times_of(r, false, m, out);
}

static void cost_of_recipe(const row_recipe *r, const machine_block *m, cost_block *out) {
    row_times(r, m, &out->times);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        row_parts t = parts_of(r, r->k.walkers_per_sm > 0, m, i);
        double memory_s = larger(t.hbm_s, t.l2_s);
        out->bound[i] = t.begin_s > t.body_s || t.issued_s > memory_s ? BOUND_LATENCY
                        : t.hbm_s > t.l2_s                            ? BOUND_HBM
                                                                      : BOUND_L2;
        out->picked[i] = r->planned;
        out->ctas[i] = (cta_work){.time_s = out->time_s[i],
                                  .ctas = r->planned.ctas,
                                  .slots_per_sm = slots_per_sm(&r->planned, m, i),
                                  .before_s = t.begin_s,
                                  .least_s = t.issued_s / t.waves,
                                  .l2_s = t.l2_s,
                                  .hbm_s = t.hbm_s,
                                  .hbm_bytes = out->hbm_bytes[i],
                                  .hbm_write_frac = r->k.write_bytes / r->moved_bytes,
                                  .exposed_frac = m->rowwise_exposed_frac[i] / t.waves,
                                  .drift_frac = 1};
    }
}

static plan plan_of(const op *o, const plan_limits *limits) {
    plan_list list;
    plan_enumerate(o, limits, &list);
    return list.plans[0];
}

void row_cost(const op *o, const row_kernel *k, residency where, const machine_block *m, cost_block *out) {
    plan_limits limits = plan_limits_of_block(m);
    plan planned = plan_of(o, &limits);
    row_recipe r = row_prepare(k, &planned, where);
    cost_of_recipe(&r, m, out);
}

row_kernel row_kernel_of(const op *o, double elements) {
    op_work work = op_work_of(o);
    return (row_kernel){.read_bytes = work.weight_bytes + work.read_bytes,
                        .write_bytes = work.write_bytes,
                        .hot_bytes = work.read_bytes,
                        .elements = elements,
                        .launches = 1};
}

row_kernel row_kernel_embedding(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.embedding.rows * (double)o->as.embedding.cols);
    k.chains = POINTER_CHAINS; /* the token id is read before its row */
    return k;
}

row_kernel row_kernel_rmsnorm(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.rmsnorm.rows * (double)o->as.rmsnorm.cols);
    k.chains = 1, k.streams = true;
    return k;
}

row_kernel row_kernel_rope(const op *o, const plan *planned) {
    (void)planned;
    const rope_params *p = &o->as.rope;
    row_kernel k = row_kernel_of(o, (double)p->rows * (double)(p->heads + p->kv_heads) * (double)p->head_dim);
    return k;
}

row_kernel row_kernel_kv_append(const op *o, const plan *planned) {
    (void)planned;
    const kv_append_params *p = &o->as.kv_append;
    row_kernel k = row_kernel_of(o, 2 * (double)p->rows * (double)p->kv_heads * (double)p->head_dim);
    return k;
}

row_kernel row_kernel_kv_concat(const op *o, const plan *planned) {
    (void)planned;
    const kv_concat_params *p = &o->as.kv_concat;
    double token_elements = (double)p->batch * (double)p->kv_heads * (double)p->head_dim;
    row_kernel k = row_kernel_of(o, token_elements * (double)p->kv_len);
    k.hot_bytes = token_elements * dtype_bytes(p->dtype); /* the new tokens; the old cache is long gone */
    k.chains = POINTER_CHAINS;                            /* pointers and offsets of the parts are read first */
    k.strided = k.joins = p->strided;
    return k;
}

row_kernel row_kernel_activation(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.activation.rows * (double)o->as.activation.cols);
    k.chains = FUNCTION_CHAINS;
    return k;
}

row_kernel row_kernel_add(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.add.rows * (double)o->as.add.cols);
    k.strided = o->as.add.strided;
    return k;
}

row_kernel row_kernel_elementwise(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.elementwise.rows * (double)o->as.elementwise.cols);
    k.strided = o->as.elementwise.strided;
    return k;
}

row_kernel row_kernel_reduce(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.reduce.rows * (double)o->as.reduce.cols);
    k.chains = 1, k.streams = true;
    return k;
}

row_kernel row_kernel_softmax(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.softmax.rows * (double)o->as.softmax.cols);
    k.chains = o->as.softmax.cols <= WARP_SOFTMAX_COLS ? WARP_REDUCE_CHAINS : BLOCK_SOFTMAX_CHAINS;
    k.streams = true;
    return k;
}

row_kernel row_kernel_sample(const op *o, const plan *planned) {
    const sample_params *p = &o->as.sample;
    double elements = (double)p->rows * (double)p->cols;
    row_kernel k = row_kernel_of(o, elements);
    k.chains = 2, k.streams = true; /* a block's best, then the best of the blocks */
    if (p->method == sample_method_top_p) {
        k.launches = planned->launches;
        k.chains = 1;
        k.read_bytes += elements * SORT_PASSES * SORT_BYTES_PER_PASS / 2;
        k.write_bytes += elements * SORT_PASSES * SORT_BYTES_PER_PASS / 2;
        k.hot_bytes = k.read_bytes;
    }
    return k;
}

/* A copy engine's transfer over the host link. */
static void link_cost(const row_kernel *k, const machine_block *m, cost_block *out) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double rate = m->link_host_bandwidth_bytes_per_s[i], latency_s = memory_latency_s(m, i);
        double transfer_s = rate > 0 ? k->read_bytes / rate : 0;
        out->time_s[i] = COPY_ENGINE_LATENCIES * latency_s + transfer_s;
        out->hbm_bytes[i] = k->read_bytes;
        out->l2_bytes[i] = out->clocked_s[i] = 0;
        out->launches[i] = 1;
        out->bound[i] = transfer_s > COPY_ENGINE_LATENCIES * latency_s ? BOUND_LINK : BOUND_LATENCY;
        out->picked[i] = (plan){.launches = 1, .ctas = 1, .cluster_m = 1, .cluster_n = 1, .split_k = 1};
        out->ctas[i] = (cta_work){0}; /* a copy engine, no blocks */
    }
}

row_kernel row_kernel_copy(const op *o, const plan *planned) {
    (void)planned;
    row_kernel k = row_kernel_of(o, (double)o->as.copy.rows * (double)o->as.copy.cols);
    k.strided = o->as.copy.strided, k.joins = o->as.copy.joins;
    return k;
}

static row_kernel_function *kernel_of(op_kind kind) {
    switch (kind) {
#define X(kind)                                                                                                        \
    case OP_##kind:                                                                                                    \
        return row_kernel_##kind;
        ROW_KINDS(X)
#undef X
    default:
        return NULL;
    }
}

bool row_recipe_of(const op *o, residency where, const plan_limits *limits, row_recipe *out) {
    row_kernel_function *kernel = kernel_of(o->kind);
    if (!kernel || (o->kind == OP_copy && o->as.copy.direction != copy_direction_device))
        return false;
    plan planned = plan_of(o, limits);
    row_kernel k = kernel(o, &planned);
    *out = row_prepare(&k, &planned, where);
    return true;
}

static void row_op_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    plan_limits limits = plan_limits_of_block(m);
    row_recipe r;
    if (row_recipe_of(o, where, &limits, &r)) {
        cost_of_recipe(&r, m, out);
    } else { /* over the host link */
        row_kernel k = row_kernel_copy(o, NULL);
        link_cost(&k, m, out);
    }
}

#define X(kind)                                                                                                        \
    void cost_##kind(const op *o, residency where, const machine_block *machines, cost_block *out) {                   \
        row_op_cost(o, where, machines, out);                                                                          \
    }
ROW_KINDS(X)
#undef X
