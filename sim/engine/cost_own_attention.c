/* Our attention kernels, as core/plan_attention_ingot.c has them run.
 *
 *   split   (few queries, or a narrow cache): waves x (block + steps x step), joined with HBM time; a kernel that
 *           combines splits
 *   tiles   (many queries): the longest block alone on its SM, or all blocks' steps over the SMs
 *   general (any width and type): a warp's keys one after the other */
#include "core/plan_attention.h"
#include "sim/engine/cost_own.h"

static const double TILE_KEYS = 64, TILE_RESIDENTS = 2, WIDE = 128;
static const double SPLIT_WARPS = 8, WARP_ROWS = 16, COMBINE_THREADS = 128, COMBINE_UNROLL = 8;
static const double FLOAT_BYTES = 4;
static const double GENERAL_SLOTS = 16; /* blocks an SM, by threads */
static const double ISSUE_LANES = 4 * 32, WARP_LANES = 32;

/* Operands once each; keys that the mask or window hides are not read. */
typedef struct attention_work {
    own_traffic traffic;
    double keys, queries, rows; /* of a sequence: visible keys, queries, queries of a key-value head */
    plan plan;
} attention_work;

static attention_work work_of(const attention_params *p) {
    attention_work w = {
        .keys = attention_visible_keys(p), .queries = (double)p->q_len, .plan = attention_ingot_plan(p)};
    double element_bytes = dtype_bytes(p->dtype), batch = (double)p->batch;
    double query_bytes = batch * (double)p->heads * w.queries * (double)p->head_dim * element_bytes;
    double kv_bytes = 2 * batch * (double)p->kv_heads * w.keys * (double)p->head_dim * dtype_bytes(p->kv_dtype);
    w.rows = w.queries * (double)(p->heads / p->kv_heads);
    w.traffic = (own_traffic){.read_bytes = query_bytes + kv_bytes,
                              .write_bytes = query_bytes,
                              .hot_bytes = query_bytes + (p->q_len == p->kv_len ? kv_bytes : 0)};
    return w;
}

/* Blocks of an SM's time each, for the event engine; what does not overlap of L2 and device memory time lengthens the
 * longer. `before_s` comes on top of the start. */
static cta_work blocks_of(const attention_work *w, const own_memory *memory, double before_s, double block_s,
                          double exponent) {
    double both_s[] = {memory->l2_s, memory->hbm_s};
    double longer = own_norm(both_s, 2, exponent) / larger(memory->l2_s, memory->hbm_s);
    bool device = memory->hbm_s > memory->l2_s;
    return (cta_work){.ctas = w->plan.ctas,
                      .slots_per_sm = 1,
                      .before_s = memory->start_s + before_s,
                      .least_s = block_s,
                      .l2_s = memory->l2_s * (device ? 1 : longer),
                      .hbm_s = memory->hbm_s * (device ? longer : 1),
                      .hbm_bytes = memory->hbm_bytes,
                      .hbm_write_frac = memory->write_frac,
                      .exponent = exponent,
                      .flows = true};
}

static void finish(const attention_work *w, const own_memory *memory, double body_s, double compute_s, size_t i,
                   cost_block *out) {
    out->time_s[i] = memory->start_s + body_s;
    out->hbm_bytes[i] = memory->hbm_bytes;
    out->l2_bytes[i] = memory->l2_bytes;
    out->launches[i] = w->plan.launches;
    out->clocked_s[i] = clocked_part(larger(compute_s, memory->l2_s), memory->hbm_s);
    out->bound[i] = memory->start_s > body_s / 2            ? BOUND_LATENCY
                    : memory->hbm_s > compute_s             ? BOUND_HBM
                    : memory->l2_s > compute_s              ? BOUND_L2
                    : w->plan.split_k > 1 || w->queries < 2 ? BOUND_LATENCY
                                                            : BOUND_COMPUTE;
    out->picked[i] = w->plan;
}

/* ---- split ---- */

static double step_clk(const attention_params *p, const machine_block *m, size_t i) {
    double clk = dtype_bytes(p->kv_dtype) >= 2 ? m->own_split_step_clk[i]
                 : p->kv_dtype == DTYPE_fp8    ? m->own_split_step8_clk[i]
                                               : m->own_split_step_integer_clk[i];
    double narrow = m->own_split_narrow_frac[i], width = (double)p->head_dim / WIDE;
    return clk * (width <= 0.5 ? narrow : narrow + (1 - narrow) * (2 * width - 1));
}

static double combine_s(const attention_params *p, const attention_work *w, const machine_block *m, size_t i) {
    double splits = w->plan.split_k, items = (double)p->batch * w->queries * (double)p->heads;
    if (splits <= 1)
        return 0;
    own_traffic t = {.read_bytes = items * splits * (double)p->head_dim * FLOAT_BYTES};
    own_memory memory = own_memory_of(&t, RESIDENCY_REPEATED, m, i);
    double waves = items / (m->sm_count[i] * m->sm_max_threads[i] / COMBINE_THREADS);
    double rounds = ceil_quotient(splits / COMBINE_UNROLL) - 1;
    return memory.start_s + memory.l2_s +
           (m->own_split_combine_latencies[i] + rounds) * memory.latency_s * larger(1, waves);
}

static void split_cost(const attention_params *p, residency where, const machine_block *m, cost_block *out) {
    attention_work w = work_of(p);
    double row_tiles = w.plan.tile_m / WARP_ROWS, step_keys = SPLIT_WARPS / row_tiles * w.plan.tile_n;
    double share = ceil_quotient(ceil_quotient(w.keys / w.plan.split_k) / w.plan.tile_n) * w.plan.tile_n;
    double steps = ceil_quotient(share / step_keys);
    w.traffic.again_bytes =
        (ceil_quotient(w.rows / w.plan.tile_m) - 1) * (w.traffic.read_bytes - w.traffic.write_bytes);
    EACH_LANE {
        own_memory memory = own_memory_of(&w.traffic, where, m, i);
        double clock = m->sm_clock_max_hz[i], latency_s = memory.latency_s;
        double narrow = (double)p->head_dim / WIDE <= 0.5 ? m->own_split_narrow_block_frac[i] : 1;
        double block_s = m->own_split_block_clk[i] * narrow / clock + m->own_split_block_latencies[i] * latency_s;
        double step_s = step_clk(p, m, i) / clock + m->own_split_step_latencies[i] * latency_s;
        double waves = effective_waves(w.plan.ctas / m->sm_count[i], m->own_split_tail_frac[i]);
        memory.hbm_s *= m->own_read_efficiency_frac[i] / m->own_split_read_efficiency_frac[i];
        double busy_s = waves * (block_s + steps * step_s);
        double terms[] = {busy_s, memory.hbm_s, memory.l2_s};
        double exponent = own_exponent(m->own_split_overlap_exponent[i], m->own_split_wave_overlap[i], waves);
        double body_s = own_norm(terms, sizeof terms / sizeof *terms, exponent);
        memory.start_s += own_code_frac(m, i, where) * m->own_split_code_latencies[i] * memory_latency_s(m, i);
        finish(&w, &memory, body_s + combine_s(p, &w, m, i), busy_s, i, out);
        out->ctas[i] = blocks_of(&w, &memory, 0, block_s + steps * step_s, exponent);
        out->ctas[i].drift_frac = m->own_split_tail_frac[i];
        out->ctas[i].time_s = memory.start_s + body_s;
    }
}

/* ---- tiles ---- */

typedef struct tile_steps {
    double blocks, longest, mean; /* blocks of a head; steps over keys of a block */
} tile_steps;

/* Steps of tile b of the queries, as the kernel walks: whole tiles of keys, from the window's begin to the last query's
 * end. */
static double steps_at(const attention_params *p, double tile_m, double b) {
    double last = smaller((b + 1) * tile_m, (double)p->q_len), end = (double)p->kv_len, begin = 0;
    if (p->causal)
        end = larger(0, (double)p->kv_len - (double)p->q_len + last);
    if (p->window > 0)
        begin = larger(0, (double)p->kv_len - (double)p->q_len + b * tile_m - (double)p->window + 1);
    return ceil(end / TILE_KEYS) - floor(begin / TILE_KEYS);
}

static tile_steps steps_of(const attention_params *p, double tile_m) {
    tile_steps s = {.blocks = ceil((double)p->q_len / tile_m)};
    double total = 0;
    for (double b = 0; b < s.blocks; b++) {
        double steps = steps_at(p, tile_m, b);
        s.longest = larger(s.longest, steps);
        total += steps;
    }
    s.mean = total / s.blocks;
    return s;
}

/* Tiles of queries, the last of a head first, as the kernel takes them. A window hides what lies before it, so that
 * lengths stop growing there. Two are resident; of width 64 a third fits by its registers, but with three, rows are
 * predicted 2 to 3 % too long and with two -1 to 0: what it waits for in its slot is as well waited for outside. */
static cta_period period_of(const attention_params *p, const tile_steps *s, double tile_m, double block_s,
                            double step_s) {
    double fall = tile_m / TILE_KEYS, most = p->window > 0 ? ceil((double)p->window / TILE_KEYS) + 1 : s->longest;
    double first = ceil((double)p->kv_len / TILE_KEYS), sum = 0;
    for (double b = 0; b < s->blocks; b++)
        sum += smaller(most, first - b * fall);
    double scale = s->mean * s->blocks / sum * step_s; /* ends of rows that are no multiple of a tile */
    return (cta_period){.blocks = s->blocks,
                        .residents = TILE_RESIDENTS,
                        .fixed_s = block_s,
                        .longest_s = first * scale,
                        .fall_s = fall * scale,
                        .most_s = most * scale};
}

/* An SM works for the older of its residents, and the next block goes to the SM that is through with one first, the
 * last tile of a head before the shorter ones. So the last SM ends a part of the longest block after the mean one (0.9
 * within 2 % of the schedule itself, over the measured shapes); equal blocks come in whole waves, and one tile a head
 * is equal.
 */
static void tiles_cost(const attention_params *p, residency where, const machine_block *m, cost_block *out) {
    attention_work w = work_of(p);
    tile_steps steps = steps_of(p, w.plan.tile_m);
    double width = (double)p->head_dim / WIDE, uneven = p->causal ? 1 - 1 / steps.blocks : 0;
    double tile_bytes = 2 * TILE_KEYS * (double)p->head_dim * dtype_bytes(p->kv_dtype);
    w.traffic.again_bytes = larger(0, w.plan.ctas * steps.mean * tile_bytes - w.traffic.read_bytes);
    EACH_LANE {
        own_memory memory = own_memory_of(&w.traffic, where, m, i);
        double clock = m->sm_clock_max_hz[i], narrow = m->own_tiles_narrow_frac[i], alone = m->own_tiles_alone_ratio[i];
        double step_s =
            m->own_tiles_step_clk[i] / clock * (width <= 0.5 ? narrow : narrow + (1 - narrow) * (2 * width - 1));
        double block_s = m->own_tiles_block_clk[i] / clock * (width <= 0.5 ? m->own_tiles_narrow_block_frac[i] : 1),
               wait_s = m->own_tiles_block_latencies[i] * memory.latency_s;
        double waves = w.plan.ctas / m->sm_count[i], ratio = waves > 1 ? 1 : alone;
        double longest_s = ratio * (block_s + steps.longest * step_s), mean_s = block_s + steps.mean * step_s;
        double tail_s =
            uneven * m->own_tiles_tail_frac[i] * longest_s + (1 - uneven) * (ceil_quotient(waves) - waves) * mean_s;
        double busy_s = waves > 1 ? larger(longest_s, waves * mean_s + tail_s) : longest_s;
        double terms[] = {busy_s, memory.hbm_s, memory.l2_s};
        double exponent =
            own_exponent(m->own_tiles_overlap_exponent[i], m->own_tiles_wave_overlap[i], ceil_quotient(waves));
        double body_s = wait_s + own_norm(terms, sizeof terms / sizeof *terms, exponent);
        memory.start_s += own_code_frac(m, i, where) * m->own_tiles_code_latencies[i] * memory_latency_s(m, i);
        finish(&w, &memory, body_s, busy_s, i, out);
        out->ctas[i] = blocks_of(&w, &memory, wait_s, ratio * mean_s, exponent);
        out->ctas[i].time_s = out->time_s[i];
        if (p->causal)
            out->ctas[i].uneven = period_of(p, &steps, w.plan.tile_m, ratio * block_s, ratio * step_s);
    }
}

/* ---- general ---- */

static void general_cost(const attention_params *p, residency where, const machine_block *m, cost_block *out) {
    attention_work w = work_of(p);
    double seen = p->causal && p->q_len > 1 ? larger(1, w.keys - (w.queries - 1) / 2) : w.keys;
    double warps = (double)p->batch * (double)p->heads * w.queries, width = (double)p->head_dim / WIDE;
    w.traffic.again_bytes =
        larger(0, warps * seen * 2 * (double)p->head_dim * dtype_bytes(p->kv_dtype) - w.traffic.read_bytes);
    EACH_LANE {
        own_memory memory = own_memory_of(&w.traffic, where, m, i);
        double clock = m->sm_clock_max_hz[i];
        double waves = effective_waves(w.plan.ctas / (m->sm_count[i] * GENERAL_SLOTS), 0);
        double warp_s = seen * (m->own_general_key_clk[i] / clock + memory.latency_s);
        double ops = warps * seen * m->own_general_key_ops[i] * larger(width, 1 / WIDE);
        double terms[] = {waves * warp_s, ops * WARP_LANES / ISSUE_LANES / m->sm_count[i] / clock, memory.hbm_s,
                          memory.l2_s};
        double body_s = own_norm(terms, sizeof terms / sizeof *terms, m->own_overlap_exponent[i]);
        finish(&w, &memory, body_s, larger(terms[0], terms[1]), i, out);
        out->ctas[i] = blocks_of(&w, &memory, 0, warp_s, m->own_overlap_exponent[i]);
        out->ctas[i].time_s = out->time_s[i];
        out->ctas[i].slots_per_sm = GENERAL_SLOTS;
        out->ctas[i].shared_s = terms[1] / ceil_quotient(w.plan.ctas / m->sm_count[i]);
    }
}

bool own_attention_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const attention_params *p = &o->as.attention;
    if (p->backend != attention_backend_ingot || p->score != attention_score_softmax || p->relative > 0)
        return false;
    switch (attention_ingot_kernel(p)) {
    case INGOT_ATTENTION_SPLIT:
        split_cost(p, where, m, out);
        return true;
    case INGOT_ATTENTION_TILES:
        tiles_cost(p, where, m, out);
        return true;
    default:
        general_cost(p, where, m, out);
        return true;
    }
}
