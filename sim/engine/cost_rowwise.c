/* Kernels that memory bounds: pointwise, by row, copies and gathers.
 *
 *   issue = max(further waves and rows streamed at a thread's bytes in flight, block dispatch, index arithmetic)
 *   time  = start (+ strided, + dependent chains) x latency + max(issue, L2, HBM) + exposed part of the shorter /
 * waves: within a wave blocks run in step, later waves fill each other's gaps */
#include "sim/engine/cost_rowwise.h"

/* Radix sort of (logit, token) pairs: four 8-bit digits, keys and payload read and written each pass, besides counting.
 */
static const double SORT_PASSES = 4;
static const double SORT_BYTES_PER_PASS = 2 * (4 + 8) + 4;
/* A copy engine's start, from the issue to the first byte (0.9 us for a few bytes from the host, measured on H200). */
static const double COPY_ENGINE_LATENCIES = 2.5;

/* PyTorch gives a row of a softmax to one warp up to this width (softmax_warp_forward), to a block beyond. */
static const int64_t WARP_SOFTMAX_COLS = 1024;
static double start_s(const row_kernel *k, const machine_block *m, size_t i) {
    double latencies = m->rowwise_start_latencies[i] + (k->strided ? m->rowwise_strided_latencies[i] : 0) +
                       k->chains * m->rowwise_reduce_latencies[i];
    return latencies * k->launches * memory_latency_s(m, i);
}

static double slots_per_sm(const plan *p, const machine_block *m, size_t i) {
    return larger(1, smaller(m->sm_max_ctas[i], floor(m->sm_max_threads[i] / p->block_threads)));
}

/* Times that every SM is filled with blocks; at least one. */
static double waves_of(const plan *p, const machine_block *m, size_t i) {
    return larger(1, p->ctas / (m->sm_count[i] * slots_per_sm(p, m, i)));
}

/* Elements that each thread of a fixed grid visits, one after the other. */
static double visits_of(const row_kernel *k, const plan *p, const machine_block *m, size_t i) {
    return larger(1, k->elements / (k->walkers_per_sm * m->sm_count[i] * p->block_threads));
}

static double issue_s(const row_kernel *k, const plan *p, const machine_block *m, size_t i, double waves) {
    double latency_s = memory_latency_s(m, i), threads = p->block_threads;
    if (k->walkers_per_sm > 0) /* its index, then itself */
        return visits_of(k, p, m, i) * (1 + POINTER_CHAINS) * latency_s;
    double block_bytes = (k->read_bytes + k->write_bytes) / p->ctas;
    double stream_s = (waves - 1) * latency_s;
    if (k->streams)
        stream_s = larger(stream_s, waves * block_bytes / (threads * m->rowwise_thread_inflight_bytes[i]) * latency_s);
    double dispatch_s = p->ctas * m->rowwise_dispatch_clk[i] / m->sm_clock_max_hz[i];
    double index_s = k->strided ? k->elements * (k->joins ? m->rowwise_join_ops[i] : m->rowwise_strided_ops[i]) /
                                      (m->sm_count[i] * fp32_lanes(m, i)) / m->sm_clock_max_hz[i]
                                : 0;
    return larger(stream_s, larger(dispatch_s, index_s));
}

void row_cost(const op *o, const row_kernel *k, residency where, const machine_block *m, cost_block *out) {
    plan_limits limits = plan_limits_of_block(m);
    plan_list list;
    plan_enumerate(o, &limits, &list);
    const plan *p = &list.plans[0];
    double moved = k->read_bytes + k->write_bytes, hot = 0;
    if (where == RESIDENCY_REPEATED)
        hot = 1;
    else if (where == RESIDENCY_PREDECESSORS)
        hot = k->hot_bytes / moved;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double kept = hot * l2_kept_frac(m, i, m->rowwise_l2_residency_frac[i], moved);
        double hbm_s =
            (k->read_bytes / m->memory_read_efficiency_frac[i] + k->write_bytes / m->memory_write_efficiency_frac[i]) *
            (1 - kept) / m->hbm_bandwidth_bytes_per_s[i];
        double l2_s = moved / l2_bytes_per_s(m, i, m->rowwise_l2_efficiency_frac[i]);
        double memory_s = larger(hbm_s, l2_s),
               waves = k->walkers_per_sm > 0 ? visits_of(k, p, m, i) : waves_of(p, m, i);
        double issued_s = issue_s(k, p, m, i, waves), begin_s = start_s(k, m, i);
        double body_s = larger(memory_s, issued_s) + m->rowwise_exposed_frac[i] * smaller(memory_s, issued_s) / waves;
        out->time_s[i] = begin_s + body_s;
        out->hbm_bytes[i] = moved * (1 - kept);
        out->l2_bytes[i] = moved;
        out->launches[i] = k->launches;
        out->bound[i] = begin_s > body_s || issued_s > memory_s ? BOUND_LATENCY : hbm_s > l2_s ? BOUND_HBM : BOUND_L2;
        out->picked[i] = *p;
        out->ctas[i] = (cta_work){.time_s = out->time_s[i],
                                  .ctas = p->ctas,
                                  .slots_per_sm = slots_per_sm(p, m, i),
                                  .before_s = begin_s,
                                  .least_s = issued_s / waves,
                                  .l2_s = l2_s,
                                  .hbm_s = hbm_s,
                                  .hbm_bytes = out->hbm_bytes[i],
                                  .hbm_write_frac = k->write_bytes / moved,
                                  .exposed_frac = m->rowwise_exposed_frac[i] / waves,
                                  .drift_frac = 1};
    }
}

row_kernel row_kernel_of(const op *o, double elements) {
    op_work work = op_work_of(o);
    return (row_kernel){.read_bytes = work.weight_bytes + work.read_bytes,
                        .write_bytes = work.write_bytes,
                        .hot_bytes = work.read_bytes,
                        .elements = elements,
                        .launches = 1};
}

void cost_embedding(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.embedding.rows * (double)o->as.embedding.cols);
    k.chains = POINTER_CHAINS; /* the token id is read before its row */
    row_cost(o, &k, where, machines, out);
}

void cost_rmsnorm(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.rmsnorm.rows * (double)o->as.rmsnorm.cols);
    k.chains = 1, k.streams = true;
    row_cost(o, &k, where, machines, out);
}

void cost_rope(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const rope_params *p = &o->as.rope;
    row_kernel k = row_kernel_of(o, (double)p->rows * (double)(p->heads + p->kv_heads) * (double)p->head_dim);
    row_cost(o, &k, where, machines, out);
}

void cost_kv_append(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const kv_append_params *p = &o->as.kv_append;
    row_kernel k = row_kernel_of(o, 2 * (double)p->rows * (double)p->kv_heads * (double)p->head_dim);
    row_cost(o, &k, where, machines, out);
}

void cost_kv_concat(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const kv_concat_params *p = &o->as.kv_concat;
    double token_elements = (double)p->batch * (double)p->kv_heads * (double)p->head_dim;
    row_kernel k = row_kernel_of(o, token_elements * (double)p->kv_len);
    k.hot_bytes = token_elements * dtype_bytes(p->dtype); /* the new tokens; the old cache is long gone */
    k.chains = POINTER_CHAINS;                            /* pointers and offsets of the parts are read first */
    k.strided = k.joins = p->strided;
    row_cost(o, &k, where, machines, out);
}

void cost_activation(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.activation.rows * (double)o->as.activation.cols);
    k.chains = FUNCTION_CHAINS;
    row_cost(o, &k, where, machines, out);
}

void cost_add(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.add.rows * (double)o->as.add.cols);
    k.strided = o->as.add.strided;
    row_cost(o, &k, where, machines, out);
}

void cost_elementwise(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.elementwise.rows * (double)o->as.elementwise.cols);
    k.strided = o->as.elementwise.strided;
    row_cost(o, &k, where, machines, out);
}

void cost_reduce(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.reduce.rows * (double)o->as.reduce.cols);
    k.chains = 1, k.streams = true;
    row_cost(o, &k, where, machines, out);
}

void cost_softmax(const op *o, residency where, const machine_block *machines, cost_block *out) {
    row_kernel k = row_kernel_of(o, (double)o->as.softmax.rows * (double)o->as.softmax.cols);
    k.chains = o->as.softmax.cols <= WARP_SOFTMAX_COLS ? WARP_REDUCE_CHAINS : 1;
    k.streams = true;
    row_cost(o, &k, where, machines, out);
}

void cost_sample(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const sample_params *p = &o->as.sample;
    double elements = (double)p->rows * (double)p->cols;
    row_kernel k = row_kernel_of(o, elements);
    k.chains = 2, k.streams = true; /* a block's best, then the best of the blocks */
    if (p->method == sample_method_top_p) {
        plan_limits limits = plan_limits_of_block(machines);
        plan_list list;
        plan_enumerate(o, &limits, &list);
        k.launches = list.plans[0].launches;
        k.chains = 1;
        k.read_bytes += elements * SORT_PASSES * SORT_BYTES_PER_PASS / 2;
        k.write_bytes += elements * SORT_PASSES * SORT_BYTES_PER_PASS / 2;
        k.hot_bytes = k.read_bytes;
    }
    row_cost(o, &k, where, machines, out);
}

/* A copy engine's transfer over the host link. */
static void link_cost(const row_kernel *k, const machine_block *m, cost_block *out) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double rate = m->link_host_bandwidth_bytes_per_s[i], latency_s = memory_latency_s(m, i);
        double transfer_s = rate > 0 ? k->read_bytes / rate : 0;
        out->time_s[i] = COPY_ENGINE_LATENCIES * latency_s + transfer_s;
        out->hbm_bytes[i] = k->read_bytes;
        out->l2_bytes[i] = 0;
        out->launches[i] = 1;
        out->bound[i] = transfer_s > COPY_ENGINE_LATENCIES * latency_s ? BOUND_LINK : BOUND_LATENCY;
        out->picked[i] = (plan){.launches = 1, .ctas = 1, .cluster_m = 1, .cluster_n = 1, .split_k = 1};
        out->ctas[i] = (cta_work){0}; /* a copy engine, no blocks */
    }
}

void cost_copy(const op *o, residency where, const machine_block *machines, cost_block *out) {
    const copy_params *p = &o->as.copy;
    row_kernel k = row_kernel_of(o, (double)p->rows * (double)p->cols);
    k.strided = p->strided, k.joins = p->joins;
    if (p->direction == copy_direction_device)
        row_cost(o, &k, where, machines, out);
    else
        link_cost(&k, machines, out);
}
