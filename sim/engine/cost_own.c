#include "sim/engine/cost_own.h"

/* Lanes that an SM's four schedulers issue to in a clock. */
static const double ISSUE_LANES = 4 * 32;
static const double SCHEDULERS = 4, WARP_LANES = 32;
/* Of what a last wave lacks to be full that it saves: blocks do not end together. */
static const double DRIFT_FRAC = 0.5;
static const double EXPONENT_MAX = 30; /* as good as the longest */

double own_norm(const double *times_s, size_t count, double exponent) {
    double longest = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        longest = larger(longest, times_s[i]);
    if (longest <= 0)
        return 0;
    for (size_t i = 0; i < count; i++)
        sum += pow(times_s[i] / longest, exponent);
    return longest * pow(sum, 1 / exponent);
}

double own_exponent(double of_one_wave, double growth, double waves) {
    return smaller(of_one_wave * pow(larger(1, waves), growth), EXPONENT_MAX);
}

/* Of a footprint that was used a moment ago. */
static double kept_frac(const machine_block *m, size_t i, double footprint_bytes) {
    double kept = m->own_kept_frac[i] * m->l2_bytes[i], gone = m->own_gone_ratio[i] * m->l2_bytes[i];
    return gone > kept ? larger(0, smaller(1, (gone - footprint_bytes) / (gone - kept))) : footprint_bytes <= kept;
}

/* Lines are replaced at random, so of `held` dirty bytes so many are written back as `bytes` others come. */
static double replaced_bytes(double held_bytes, double bytes, double capacity_bytes) {
    return held_bytes > 0 ? held_bytes * (1 - exp(-bytes / capacity_bytes)) : 0;
}

double own_flushed_bytes(const machine_block *m, size_t i, double bytes) {
    return replaced_bytes(m->own_dirty_frac[i] * m->l2_bytes[i], bytes, m->l2_bytes[i]);
}

/* An SM's two ways to L2 hinder each other: copies of 8 SMs move 96 GB/s each, half of it either way, which is this
 * norm of the time that reads and writes alone would take. */
static const double PORT_EXPONENT = 1.65;

static double ports_s(double read_bytes, double write_bytes, const machine_block *m, size_t i) {
    double clk_bytes = m->sm_count[i] * m->sm_clock_max_hz[i];
    double ways_s[] = {read_bytes / (m->own_sm_read_bytes_per_clk[i] * clk_bytes),
                       write_bytes / (m->own_sm_write_bytes_per_clk[i] * clk_bytes)};
    return own_norm(ways_s, sizeof ways_s / sizeof *ways_s, PORT_EXPONENT);
}

double own_code_frac(const machine_block *m, size_t i, residency where) {
    return where == RESIDENCY_COLD ? 1 : where == RESIDENCY_PREDECESSORS ? m->own_model_code_frac[i] : 0;
}

/* Of hot_bytes, what streamed bytes have left in L2: lines are replaced at random, so that exp(-distance / capacity) of
 * them are left. The operator before wrote all along its stream; what the block before wrote lies behind two streams at
 * least. */
static double left_bytes(const own_traffic *t, const machine_block *m, size_t i) {
    double distance = t->streamed_bytes / (m->own_streamed_frac[i] * m->l2_bytes[i]);
    double fresh = distance > 0 ? (1 - exp(-distance)) / distance : 1;
    return (t->hot_bytes - t->stale_bytes) * fresh + t->stale_bytes * exp(-2 * distance);
}

static double l2_latency_s(const machine_block *m, size_t i) {
    return m->own_l2_latency_ratio[i] * m->l2_near_latency_clk[i] / m->sm_clock_max_hz[i];
}

own_memory own_memory_of(const own_traffic *t, residency where, const machine_block *m, size_t i) {
    double footprint = t->read_bytes + t->write_bytes, kept = kept_frac(m, i, footprint);
    double dirty = m->own_dirty_frac[i] * m->l2_bytes[i], missed = t->read_bytes;
    double written = t->write_bytes - replaced_bytes(dirty, t->write_bytes, dirty); /* the rest stays in L2 */
    switch (where) {
    case RESIDENCY_COLD:
        written += own_flushed_bytes(m, i, footprint);
        kept = 0;
        break;
    case RESIDENCY_REPEATED:
    case RESIDENCY_REPEATED_FEW:
        missed = t->read_bytes * (1 - kept);
        written = t->write_bytes * (1 - kept);
        break;
    case RESIDENCY_PREDECESSORS:
        kept *= t->read_bytes > 0 ? left_bytes(t, m, i) / t->read_bytes : 0;
        missed = t->read_bytes * (1 - kept);
        break;
    }
    double near_s = l2_latency_s(m, i);
    double far_s = memory_latency_s(m, i), code = own_code_frac(m, i, where) * m->own_code_latencies[i];
    double l2_rate = m->l2_bytes_per_clk[i] * m->sm_clock_max_hz[i];
    return (own_memory){
        .hbm_bytes = missed + written,
        .write_frac = missed + written > 0 ? written / (missed + written) : 0,
        .hbm_s = missed / hbm_bytes_per_s(m, i, m->own_read_efficiency_frac[i]) +
                 written / hbm_bytes_per_s(m, i, m->own_write_efficiency_frac[i]),
        .l2_bytes = footprint + t->again_bytes,
        .l2_s = larger(larger((t->read_bytes + t->again_bytes) / m->own_l2_read_frac[i],
                              t->write_bytes / m->own_l2_write_frac[i]) /
                           l2_rate,
                       ports_s(t->read_bytes + t->again_bytes, t->write_bytes, m, i)),
        .latency_s = near_s + (1 - kept) * (far_s - near_s),
        .start_s = (m->own_start_latencies[i] + code) * far_s,
    };
}

/* CTAs that an SM holds at once. */
static double slots_per_sm(const own_kernel *k, const machine_block *m, size_t i) {
    double by_registers = k->registers > 0 ? floor(m->sm_registers[i] / (k->registers * k->threads)) : k->slots;
    double by_threads = smaller(m->sm_max_ctas[i], floor(m->sm_max_threads[i] / k->threads));
    return larger(1, smaller(smaller(k->slots, by_registers), by_threads));
}

static bound_kind own_bound(const own_memory *memory, double issue_s, double others_s) {
    if (memory->hbm_s >= larger(others_s, larger(issue_s, memory->l2_s)))
        return BOUND_HBM;
    if (memory->l2_s >= larger(others_s, issue_s))
        return BOUND_L2;
    return issue_s >= others_s ? BOUND_COMPUTE : BOUND_LATENCY;
}

static plan own_plan(const own_kernel *k, double slots) {
    return (plan){.tile_m = 1,
                  .cluster_m = 1,
                  .cluster_n = 1,
                  .split_k = 1,
                  .stages = 1,
                  .block_threads = (int32_t)k->threads,
                  .ctas_per_sm = (int32_t)slots,
                  .launches = (int32_t)k->launches,
                  .ctas = k->ctas};
}

static void finish_lane(const own_kernel *k, const machine_block *m, size_t i, residency where, cost_block *out) {
    own_memory memory = own_memory_of(&k->traffic, where, m, i);
    if (k->read_ratio[i] > 0)
        memory.hbm_s /= k->read_ratio[i];
    double clock = m->sm_clock_max_hz[i], sms = m->sm_count[i];
    double slots = slots_per_sm(k, m, i);
    double waves = k->ctas / (sms * slots), busiest = ceil_quotient(k->ctas / sms);
    double warps = ceil_quotient(k->threads / WARP_LANES);
    double thread_s = k->thread_ops[i] * larger(m->own_dependent_clk[i], warps / SCHEDULERS) / clock;
    /* What other blocks have read comes from L2. */
    double first_frac =
        k->traffic.again_bytes > 0 ? k->traffic.read_bytes / (k->traffic.read_bytes + k->traffic.again_bytes) : 1;
    double latency_s = l2_latency_s(m, i) + first_frac * (memory.latency_s - l2_latency_s(m, i));
    double block_s = k->latencies[i] * latency_s + k->chain_s[i] + thread_s;
    double alike_s = k->thread_ops[i] * warps * WARP_LANES / ISSUE_LANES / clock;
    double issue_s = busiest * (k->issue_s[i] > 0 ? k->issue_s[i] : alike_s);
    double dispatch_s = k->ctas * m->own_dispatch_clk[i] / clock;
    double loaded = memory.l2_bytes - k->traffic.write_bytes, drift_frac = k->whole_waves ? 0 : DRIFT_FRAC;
    if (k->intake_bytes_per_clk[i] > 0)
        memory.l2_s = larger(memory.l2_s,
                             busiest * (loaded + k->intake_bytes[i]) / k->ctas / (k->intake_bytes_per_clk[i] * clock));
    if (k->l2_read_frac[i] > 0)
        memory.l2_s = larger(memory.l2_s, loaded / l2_bytes_per_s(m, i, k->l2_read_frac[i]));
    double terms[] = {block_s * effective_waves(waves, drift_frac), issue_s, dispatch_s,
                      larger(memory.l2_s, memory.hbm_s)};
    double of_one_wave = k->exponent[i] > 0 ? k->exponent[i] : m->own_overlap_exponent[i];
    double growth = k->exponent[i] > 0 ? k->wave_overlap[i] : m->own_wave_overlap[i];
    double exponent = own_exponent(of_one_wave, growth, waves);
    double body_s = own_norm(terms, sizeof terms / sizeof *terms, exponent);
    memory.start_s += own_code_frac(m, i, where) * k->code_latencies[i] * memory_latency_s(m, i);
    out->time_s[i] = memory.start_s * k->launches + body_s;
    out->hbm_bytes[i] = memory.hbm_bytes;
    out->l2_bytes[i] = memory.l2_bytes;
    out->launches[i] = k->launches;
    out->clocked_s[i] = clocked_part(larger(larger(terms[0], dispatch_s), larger(issue_s, memory.l2_s)), memory.hbm_s);
    out->bound[i] = own_bound(&memory, issue_s, larger(larger(terms[0], dispatch_s), memory.start_s));
    out->picked[i] = own_plan(k, slots);
    /* A grid of one wave has no last wave that could be cut short. */
    out->ctas[i] = (cta_work){.time_s = out->time_s[i],
                              .ctas = k->ctas,
                              .slots_per_sm = slots,
                              .before_s = memory.start_s * k->launches,
                              .shared_s = issue_s / busiest,
                              .least_s = block_s,
                              .dispatch_s = dispatch_s,
                              .drift_frac = waves > 1 ? drift_frac : 0,
                              .l2_s = memory.l2_s,
                              .hbm_s = memory.hbm_s,
                              .hbm_bytes = memory.hbm_bytes,
                              .hbm_write_frac = memory.write_frac,
                              .exponent = exponent,
                              .flows = true};
}

void own_cost(const own_kernel *k, residency where, const machine_block *m, cost_block *out) {
    for (size_t i = 0; i < MACHINE_LANES; i++)
        finish_lane(k, m, i, where, out);
}

/* Nothing is faster than the lanes that multiply: kernels were measured where these were not what bounds them. */
static void keep_above_peak(const op *o, const machine_block *m, cost_block *out) {
    op_work work = op_work_of(o);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double peak = m->peak_flops_per_s[work.flops_dtype][i];
        double least_s = work.flops / (peak > 0 ? peak : m->peak_flops_per_s[DTYPE_fp32][i]);
        if (out->time_s[i] >= least_s)
            continue;
        out->time_s[i] = out->clocked_s[i] = least_s;
        out->bound[i] = BOUND_COMPUTE;
    }
}

/* A copy in front, of operands whose rows lie apart (cudaMemcpy2DAsync). */
static void add_packing(double bytes, const machine_block *m, cost_block *out) {
    EACH_LANE {
        double start_s = m->own_start_latencies[i] * memory_latency_s(m, i);
        out->time_s[i] += start_s + bytes / (m->own_pack_bytes_per_clk[i] * m->sm_clock_max_hz[i]);
        out->l2_bytes[i] += 2 * bytes;
        out->launches[i] += 1;
    }
}

bool cost_own(const op *o, residency where, const machine_block *m, cost_block *out) {
    bool product = o->kind == OP_gemm || o->kind == OP_attention;
    if (o->packed_bytes > 0) {
        op packed = *o;
        packed.packed_bytes = packed.streamed_bytes = 0;
        bool known = cost_own(&packed, where, m, out);
        add_packing(o->packed_bytes, m, out);
        return known;
    }
    if (!product)
        return own_row_cost(o, where, m, out);
    if (!(o->kind == OP_gemm ? own_gemm_cost(o, where, m, out) : own_attention_cost(o, where, m, out)))
        return false;
    keep_above_peak(o, m, out);
    return true;
}
