/* A block of a tile has its stages on their way, so a step takes the longest of the products of all blocks on the SM, a
 * load's latency over these stages, and its own instructions. A kernel of vectors waits in each pass over k for its
 * loads, and then multiplies. */
#include "sim/engine/cost_gemm_cutlass.h"

#include "core/plan_gemm_cutlass.h"
#include "sim/engine/cost_memory.h"
#include "sim/engine/gemm_power.h"

#include <math.h>

static const double NIBBLE_BYTES = 0.5; /* of weights that take longest to widen: as long as twice as many bytes */
static const double VECTOR_LOADS = 2, VECTOR_LOADS_WIDENING = 8; /* of weights, by a thread in a pass */

/* A product with its operands where they are, or as the plugin's measurement has it. */
typedef struct situation {
    double rows;
    lanes latency_s, hbm_s, vector_hbm_s, hbm_bytes, written_bytes;
} situation;

typedef struct cutlass_machines {
    lanes per_sm, flops_s, edge, step_s, prologue_s, epilogue_s_per_byte, l2_s_per_byte, widen_s_per_element, slice_s;
    lanes loaded, vector_waits, vector_s, vector_s_per_product, vector_exposed, exposed;
    lanes start_s, vector_start_s, host_s, spread;
    situation runs, profiled;
    bool throttles;
    gemm_power power;
} cutlass_machines;

static bool widens(const gemm_params *g) {
    return g->dtype != DTYPE_int8;
}

/* The plugin measures a kernel over and over on the same buffers. */
static missing_bytes missing_again(const gemm_bytes *b, const machine_block *m, size_t i) {
    double all = b->left + b->right + b->out;
    double missed = missed_frac(all, operand_share_bytes(m, i), m->gemm_residency_fall_ratio[i]);
    return (missing_bytes){.read = missed * (b->left + b->right), .written = missed * b->out};
}

static void fill_missing(const gemm_bytes *b, missing_bytes missing, const machine_block *m, size_t i, situation *s) {
    double write_s = missing.written / hbm_bytes_per_s(m, i, m->gemm_write_efficiency_frac[i]);
    double stream_s = missing.read / hbm_bytes_per_s(m, i, m->gemm_hbm_efficiency_frac[i]) + write_s;
    double vector_s =
        missing.read / hbm_bytes_per_s(m, i, m->gemm_hbm_efficiency_frac[i] * m->gemm_plugin_vector_hbm_ratio[i]) +
        write_s;
    double near_clk = m->l2_near_latency_clk[i], miss = smaller(missing.read / b->right, 1);
    s->latency_s[i] = (near_clk + miss * (m->hbm_latency_clk[i] - near_clk)) / m->sm_clock_max_hz[i];
    s->hbm_s[i] = stream_s + smaller(stream_s, m->gemm_plugin_hbm_ramp_s[i]);
    s->vector_hbm_s[i] = vector_s;
    s->hbm_bytes[i] = missing.read + missing.written;
    s->written_bytes[i] = missing.written;
}

static void fill_situations(const gemm_params *g, const gemm_bytes *b, residency where, const machine_block *m,
                            situation *runs, situation *profiled) {
    gemm_bytes again = *b;
    runs->rows = (double)g->m, profiled->rows = gemm_cutlass_profiled_rows(runs->rows);
    again.left *= profiled->rows / runs->rows, again.out *= profiled->rows / runs->rows;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        fill_missing(b, gemm_missing_of(g, b, where, m, i), m, i, runs);
        fill_missing(&again, missing_again(&again, m, i), m, i, profiled);
    }
}

static void fill_rates(const gemm_params *g, const machine_block *m, cutlass_machines *out) {
    lanes rate;
    tensor_flops_per_s(g->dtype, m, rate);
    double one_row = g->m == 1 && widens(g) ? 1 : 0;
    double loads = widens(g) ? VECTOR_LOADS_WIDENING : VECTOR_LOADS;
    EACH_LANE {
        double clock = m->sm_clock_max_hz[i], latency_s = memory_latency_s(m, i);
        double share = m->l2_bytes_per_clk[i] * clock / m->sm_count[i]; /* of an SM, a second */
        out->per_sm[i] = 1 / m->sm_count[i];
        out->flops_s[i] = m->sm_count[i] / (rate[i] * m->gemm_warp_tensor_efficiency_frac[i]);
        out->edge[i] = m->gemm_plugin_tensor_edge[i];
        out->step_s[i] = m->gemm_plugin_step_clk[i] / clock;
        out->prologue_s[i] = m->gemm_plugin_prologue_clk[i] / clock;
        double epilogue = widens(g) ? m->gemm_plugin_epilogue_ratio[i] : m->gemm_plugin_scaled_epilogue_ratio[i];
        out->epilogue_s_per_byte[i] = 1 / (epilogue * share);
        out->l2_s_per_byte[i] =
            1 / (m->gemm_multicast_ratio[i] * m->l2_bytes_per_clk[i] * clock * m->gemm_l2_efficiency_frac[i]);
        out->widen_s_per_element[i] = widens(g) ? 1 / (m->gemm_dequantise_elements_per_clk[i] * clock) : 0;
        out->slice_s[i] = m->gemm_slice_latencies[i] * latency_s;
        out->vector_waits[i] =
            loads * m->gemm_plugin_vector_latencies[i] * (1 + one_row * (m->gemm_plugin_vector_one_row_ratio[i] - 1));
        out->loaded[i] = m->gemm_plugin_loaded_latency_ratio[i];
        out->vector_s[i] = m->gemm_plugin_vector_clk[i] / clock;
        out->vector_s_per_product[i] = 1 / (m->gemm_plugin_vector_products_per_clk[i] * clock);
        out->exposed[i] = m->gemm_overlap_loss_frac[i];
        out->vector_exposed[i] = widens(g) ? m->gemm_plugin_vector_exposed_frac[i] : out->exposed[i];
        out->start_s[i] = m->gemm_start_clk[i] / clock;
        out->vector_start_s[i] = out->start_s[i] * m->gemm_plugin_vector_start_ratio[i];
        out->host_s[i] = m->host_launch_s[i];
        out->spread[i] = m->gemm_plugin_profile_spread_frac[i];
    }
}

static void fill_machines(const op *o, const gemm_bytes *b, residency where, const machine_block *m,
                          cutlass_machines *out) {
    const gemm_params *g = &o->as.gemm;
    fill_rates(g, m, out);
    fill_situations(g, b, where, m, &out->runs, &out->profiled);
    out->throttles = where != RESIDENCY_PREDECESSORS;
    if (out->throttles)
        gemm_power_of(o, out->runs.hbm_bytes, m, &out->power);
}

/* What a plan asks for, the same on every machine. */
typedef struct plan_work {
    bool vector;
    double ctas, resident, steps, waits, slices;
    double step_flops, step_edge_flops, step_widened, load_bytes, epilogue_bytes, step_products;
} plan_work;

static plan_work work_of(const plan *p, const gemm_params *g, const gemm_bytes *b, double rows) {
    double area = (double)p->tile_m * p->tile_n;
    plan_work w = {.vector = gemm_cutlass_is_vector(p), .ctas = gemm_cutlass_ctas(p, g, rows)};
    w.resident = p->ctas_per_sm;
    w.steps = ceil((double)g->k / p->tile_k / p->split_k);
    w.waits = 1.0 / (p->stages > 1 ? p->stages - 1 : 1);
    w.slices = p->split_k > 1 ? p->split_k : 0;
    w.step_flops = 2 * area * p->tile_k;
    w.step_edge_flops = 2.0 * (p->tile_m + p->tile_n) * p->tile_k;
    w.step_widened = (double)p->tile_n * p->tile_k * NIBBLE_BYTES / b->right_element_bytes;
    /* Vectors are found in L1: the blocks of an SM read the same ones. */
    double left_bytes = w.vector ? 0 : p->tile_m * b->element_bytes;
    w.load_bytes = w.ctas * w.steps * p->tile_k * (left_bytes + p->tile_n * b->right_element_bytes);
    w.epilogue_bytes = area * b->out_element_bytes;
    w.step_products = area * p->tile_k;
    return w;
}

typedef struct cutlass_parts {
    double tensor, loop, l2, fixed, sm, hbm, stretch, all; /* all: from the start to the end of the kernel */
} cutlass_parts;

/* Passes of vectors: blocks of an SM wait for their loads together, and multiply one after the other. */
static inline double vector_loop_s(const plan_work *w, const cutlass_machines *m, const situation *s, double tiles,
                                   size_t i) {
    double block_s = m->vector_s[i] + w->step_products * m->vector_s_per_product[i];
    return w->steps * (m->vector_waits[i] * s->latency_s[i] + tiles * block_s);
}

static inline cutlass_parts parts_of(const plan_work *w, const cutlass_machines *m, const situation *s, bool throttles,
                                     size_t i) {
    cutlass_parts p;
    double tiles = ceil_quotient(w->ctas * m->per_sm[i]), rounds = ceil_quotient(tiles / w->resident);
    double last = tiles - (rounds - 1) * w->resident; /* resident in the last round */
    double flops = w->step_flops + w->step_edge_flops * m->edge[i];
    double tensor_s = flops * m->flops_s[i] + w->step_widened * m->widen_s_per_element[i];
    double least_s = larger(s->latency_s[i] * m->loaded[i] * w->waits, m->step_s[i]);
    double full_s = (rounds - 1) * larger(w->resident * tensor_s, least_s);
    p.tensor = w->vector ? 0 : w->steps * tiles * tensor_s;
    p.loop = w->vector ? vector_loop_s(w, m, s, tiles, i) : w->steps * (full_s + larger(last * tensor_s, least_s));
    p.l2 = w->load_bytes * m->l2_s_per_byte[i];
    p.fixed = w->vector ? 0
                        : rounds * m->prologue_s[i] + tiles * w->epilogue_bytes * m->epilogue_s_per_byte[i] +
                              w->slices * m->slice_s[i];
    double full_clock = larger(p.loop, p.l2) + p.fixed;
    p.sm = throttles ? throttled_s(&m->power, full_clock, w->load_bytes, i) : full_clock;
    p.stretch = p.sm / full_clock;
    p.hbm = w->vector ? s->vector_hbm_s[i] : s->hbm_s[i];
    double exposed = w->vector ? m->vector_exposed[i] : m->exposed[i];
    double start_s = w->vector ? m->vector_start_s[i] : m->start_s[i];
    p.all = start_s + larger(p.sm, p.hbm) + exposed * smaller(p.sm, p.hbm);
    return p;
}

/* Sums over plans, each with its chance: it falls to none where a plan is measured `spread` slower than the fastest. A
 * kernel that ends before the host has launched the next one is measured as long as that takes. */
typedef struct chances {
    lanes weight, time_s, clocked_s, limited_s, l2_bytes;
    lanes likeliest, most; /* the plan with the greatest weight */
} chances;

static void weigh(const op *o, const gemm_bytes *b, const plan_list *plans, const cutlass_machines *m, chances *c) {
    const gemm_params *g = &o->as.gemm;
    lanes measured[PLAN_CANDIDATES_MAX], fastest;
    EACH_LANE fastest[i] = INFINITY;
    for (size_t k = 0; k < plans->count; k++) {
        plan_work w = work_of(&plans->plans[k], g, b, m->profiled.rows);
        EACH_LANE {
            double t = larger(parts_of(&w, m, &m->profiled, false, i).all, m->host_s[i]);
            measured[k][i] = t;
            fastest[i] = smaller(fastest[i], t);
        }
    }
    *c = (chances){0};
    for (size_t k = 0; k < plans->count; k++) {
        plan_work w = work_of(&plans->plans[k], g, b, m->runs.rows);
        double index = (double)k;
        EACH_LANE {
            cutlass_parts p = parts_of(&w, m, &m->runs, m->throttles, i);
            double close = larger(1 - (measured[k][i] / fastest[i] - 1) / m->spread[i], 0), weight = close * close;
            double clocked = clocked_part(p.sm, p.hbm);
            c->weight[i] += weight;
            c->time_s[i] += weight * p.all;
            c->clocked_s[i] += weight * clocked;
            c->limited_s[i] += weight * clocked * (1 - 1 / p.stretch);
            c->l2_bytes[i] += weight * w.load_bytes;
            c->likeliest[i] = weight > c->most[i] ? index : c->likeliest[i];
            c->most[i] = larger(weight, c->most[i]);
        }
    }
}

static void finish(const chances *c, const cutlass_machines *m, const plan_list *plans, const gemm_bytes *b,
                   cost_times *out) {
    EACH_LANE {
        double per_weight = 1 / c->weight[i];
        out->time_s[i] = c->time_s[i] * per_weight;
        out->clocked_s[i] = c->clocked_s[i] * per_weight;
        out->limited_s[i] = m->throttles ? c->limited_s[i] * per_weight : 0;
        out->l2_bytes[i] = c->l2_bytes[i] * per_weight + b->out;
        out->hbm_bytes[i] = m->runs.hbm_bytes[i];
        out->launches[i] = plans->plans[0].launches;
    }
}

void gemm_cutlass_times(const op *o, const gemm_bytes *b, residency where, const plan_list *plans,
                        const machine_block *m, cost_times *out) {
    cutlass_machines machines;
    chances c;
    fill_machines(o, b, where, m, &machines);
    weigh(o, b, plans, &machines, &c);
    finish(&c, &machines, plans, b, out);
}

static bound_kind bound_of(const cutlass_parts *p, double start_s) {
    double others = larger(larger(p->tensor, p->l2), larger(p->loop, p->fixed));
    if (p->hbm >= others * p->stretch && p->hbm >= start_s)
        return BOUND_HBM;
    if (start_s >= others)
        return BOUND_LAUNCH;
    return p->tensor >= others ? BOUND_COMPUTE : p->l2 >= others ? BOUND_L2 : BOUND_LATENCY;
}

/* The likeliest kernel's blocks; what the mean over all takes more or less is spread over all its times. */
static cta_work ctas_of(const plan *q, const plan_work *w, const cutlass_parts *p, const cutlass_machines *m,
                        double time_s, size_t i) {
    double start_s = w->vector ? m->vector_start_s[i] : m->start_s[i], scale = time_s / p->all * p->stretch;
    double tiles = ceil_quotient(w->ctas * m->per_sm[i]), stages = w->vector ? 1 : q->stages - 1;
    double slices_s = w->slices * m->slice_s[i], slices_shown_s = slices_s * scale;
    double slots = w->vector ? larger(w->resident, tiles) : w->resident;
    double waited_s = w->vector ? 0 : w->steps * m->runs.latency_s[i] * m->loaded[i];
    double wait_s = w->vector ? w->steps * m->vector_waits[i] * m->runs.latency_s[i] : 0;
    return (cta_work){.time_s = time_s,
                      .ctas = w->ctas,
                      .slots_per_sm = slots,
                      .before_s = start_s * time_s / p->all,
                      .after_s = slices_shown_s,
                      .prologue_s = (w->vector ? wait_s : m->prologue_s[i]) * scale,
                      .epilogue_s = w->vector ? 0 : w->epilogue_bytes * m->epilogue_s_per_byte[i] * scale,
                      .shared_s = (w->vector ? (p->loop - wait_s) / tiles : p->tensor / tiles) * scale,
                      .waited_s = waited_s * scale,
                      .stages_cta = stages,
                      .stages_sm = stages * w->resident,
                      .least_s = w->vector ? 0 : w->steps * m->step_s[i] * scale,
                      .l2_s = p->l2 * scale,
                      .hbm_s = p->hbm * time_s / p->all,
                      .hbm_bytes = m->runs.hbm_bytes[i],
                      .hbm_write_frac = m->runs.hbm_bytes[i] > 0 ? m->runs.written_bytes[i] / m->runs.hbm_bytes[i] : 0,
                      .exposed_frac = w->vector ? m->vector_exposed[i] : m->exposed[i],
                      .l2_in_loop = true};
}

void gemm_cutlass_cost(const op *o, const gemm_bytes *b, residency where, const plan_list *plans,
                       const machine_block *m, cost_block *out) {
    cutlass_machines machines;
    chances c;
    fill_machines(o, b, where, m, &machines);
    weigh(o, b, plans, &machines, &c);
    finish(&c, &machines, plans, b, &out->times);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        const plan *likeliest = &plans->plans[(size_t)c.likeliest[i]];
        plan_work w = work_of(likeliest, &o->as.gemm, b, machines.runs.rows);
        cutlass_parts p = parts_of(&w, &machines, &machines.runs, machines.throttles, i);
        out->bound[i] = bound_of(&p, w.vector ? machines.vector_start_s[i] : machines.start_s[i]);
        out->picked[i] = *likeliest;
        out->ctas[i] = ctas_of(likeliest, &w, &p, &machines, out->time_s[i], i);
    }
}
