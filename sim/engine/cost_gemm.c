/* Time of a matrix multiply: the fastest of the plans a library could pick.
 *
 * The busiest SM has c = ceil(CTAs / SMs) tiles, in ceil(c / resident) rounds. Its time is
 *   max(c x steps x tensor, c x steps x loads into the SM, all loads through L2, rounds x steps x shortest step)
 *   + rounds x prologue + c x epilogue.
 * HBM time for bytes that are not resident runs beside it, hidden but for a small part, and a split reduction adds a
 * kernel. Power may stretch the SM's part (gemm_power.h). Every term falls or stays when a bandwidth or a clock rises.
 */
#include "sim/engine/cost_gemm.h"

#include "core/plan_gemm_cutlass.h"
#include "sim/engine/cost_gemm_cutlass.h"
#include "sim/engine/cost_memory.h"
#include "sim/engine/gemm_operands.h"
#include "sim/engine/gemm_power.h"
#include "sim/engine/gemm_rules.h"

#include <math.h>
#include <string.h>

static const double ACCUMULATOR_BYTES = 4;          /* fp32 partial sums of a split reduction */
static const double SPILLING_TILE_AREA = 256 * 128; /* its fp32 accumulators fill 128 registers a thread */
/* Epilogues of warps that scale store 256 outputs of a warp's 64 x 64 at a time, and load the scales of their rows and
 * columns before each (CUTLASS 2.x's visitors, as vLLM uses them): every block from the same lines. */
static const double WARP_TILE_AREA = 64 * 64, WARP_STORE_AREA = 256, SCALES = 2;
static const double WIDE_BYTES = 2; /* activations before they are quantised */

static const double MULTICAST_INTAKE = 2; /* what one SM of a pair asks for, both take in */

/* Kernels of warp instructions set out with loads of so many k, and up to so many times that. */
static const double FILL_K = 64, FILL_STAGES = 4;

/* Reductions this long are worth sharing between SMs. */
static const double SHARED_STEPS_MIN = 16;

/* A step of block-scaled products on Blackwell, whose scales are copied into tensor memory before its instructions:
 * 7,168 outputs among 4,608 and 2,304 inputs take 9.82 and 7.49 us on a B200 (CUTLASS, flashinfer-ai/flashinfer pull
 * 2540). */
static const double BLOCK_SCALED_STEP_CLK = 510;

/* Times that a graph_steady row's operator runs until the mean of its series is taken: nine replays of six (the
 * collector's num_warmups + num_runs, and copies of the weights). */
static const double SERIES_RUNS = 9 * 6;

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

/* What the machines give this operator, a lane each, before any plan. */
typedef struct gemm_machines {
    lanes per_sm;                                        /* reciprocal of the SMs */
    lanes tensor_s_per_flop, tensor_edge, l2_s_per_byte; /* one SM's tensor pipe; whole chip's L2 */
    lanes helper_l2_s_per_byte;                          /* whole chip, of the small kernels beside the product */
    lanes load_s_per_byte, load_latency_s;               /* one SM's intake */
    lanes step_s, prologue_s, epilogue_s_per_byte, scaled_s_per_byte, spilled_s_per_byte; /* one SM */
    lanes scale_wait_s, scale_request_s; /* warps that scale: one load of scales; one at L2, for all that wait there */
    lanes vector_s_per_element;          /* one SM, of a batch of matrices times a vector each */
    lanes dequantise_s_per_element, reduce_s, hbm_s, overlap_loss, shared_last_frac;
    lanes written_bytes;      /* of hbm_bytes */
    lanes hbm_bytes, sharing; /* sharing: L2 reads for each operand byte that an SM takes in */
    bool throttles;           /* the product is measured alone, and what follows holds */
    gemm_power power;
} gemm_machines;

static void fill_machines(const op *o, const gemm_bytes *b, residency where, const machine_block *m,
                          gemm_machines *out) {
    const gemm_params *g = &o->as.gemm;
    lanes rate;
    tensor_flops_per_s(g->dtype, m, rate);
    bool warpgroups = generation_has_warpgroups(m->generation);
    bool block_scaled = g->dtype == DTYPE_nvfp4 && m->generation == GENERATION_BLACKWELL;
    bool replayed = is_repeated(where);
    EACH_LANE {
        double clock = m->sm_clock_max_hz[i];
        missing_bytes missing = gemm_missing_of(g, b, where, m, i);
        double miss = missing.read / (b->left + b->right);
        out->per_sm[i] = 1 / m->sm_count[i];
        double efficiency = warpgroups ? m->gemm_tensor_efficiency_frac[i] : m->gemm_warp_tensor_efficiency_frac[i];
        out->tensor_s_per_flop[i] = m->sm_count[i] / (rate[i] * efficiency);
        out->tensor_edge[i] = m->gemm_tensor_edge[i];
        out->l2_s_per_byte[i] = 1 / (m->l2_bytes_per_clk[i] * clock * m->gemm_l2_efficiency_frac[i]);
        out->sharing[i] = l2_has_halves(m, i) ? 1 / m->gemm_multicast_ratio[i] : 1;
        double share_bytes_per_s = sm_l2_bytes_per_s(m, i);
        out->load_s_per_byte[i] =
            1 / (m->gemm_sm_load_ratio[i] * (warpgroups ? MULTICAST_INTAKE : 1) * share_bytes_per_s);
        out->helper_l2_s_per_byte[i] = 1 / (m->l2_bytes_per_clk[i] * clock * m->gemm_helper_l2_frac[i]);
        double latency_clk = m->l2_near_latency_clk[i] + miss * (m->hbm_latency_clk[i] - m->l2_near_latency_clk[i]);
        out->load_latency_s[i] = latency_clk * m->gemm_loaded_latency_ratio[i] / clock;
        double step_clk = warpgroups ? m->gemm_step_clk[i] : m->gemm_warp_step_clk[i];
        out->step_s[i] = (block_scaled ? BLOCK_SCALED_STEP_CLK : step_clk) / clock;
        out->prologue_s[i] = m->gemm_prologue_clk[i] / clock;
        out->epilogue_s_per_byte[i] = 1 / (m->gemm_epilogue_ratio[i] * share_bytes_per_s);
        out->scaled_s_per_byte[i] = warpgroups ? out->epilogue_s_per_byte[i] : 0;
        double wait_s = m->l2_near_latency_clk[i] * m->gemm_loaded_latency_ratio[i] / clock;
        out->scale_wait_s[i] = warpgroups ? 0 : wait_s;
        out->scale_request_s[i] = warpgroups ? 0 : m->gemm_scale_request_clk[i] / clock;
        out->spilled_s_per_byte[i] = 1 / (m->gemm_spilled_epilogue_bytes_per_clk[i] * clock);
        out->vector_s_per_element[i] = 1 / (m->gemm_vector_elements_per_clk[i] * clock);
        out->dequantise_s_per_element[i] = 1 / (m->gemm_dequantise_elements_per_clk[i] * clock);
        /* Between two kernels of a replayed graph lies a gap that rows measured so include. */
        out->reduce_s[i] = m->gemm_reduce_latencies[i] * memory_latency_s(m, i) + (replayed ? steady_gap_s(m, i) : 0);
        double streaming = m->gemm_hbm_efficiency_frac[i] * (g->dynamic_quantise ? m->gemm_scaled_hbm_ratio[i] : 1);
        double stream_s = missing.read / hbm_bytes_per_s(m, i, streaming) +
                          missing.written / hbm_bytes_per_s(m, i, m->gemm_write_efficiency_frac[i]);
        if (replayed && !warpgroups)
            stream_s *= 1 + m->method_series_loss_frac[i] * exp(-SERIES_RUNS * stream_s / m->method_series_s[i]);
        out->hbm_s[i] = stream_s + SMALLER(stream_s, m->gemm_hbm_ramp_s[i]);
        out->hbm_bytes[i] = missing.read + missing.written;
        out->written_bytes[i] = missing.written;
        out->overlap_loss[i] = m->gemm_overlap_loss_frac[i];
        out->shared_last_frac[i] = warpgroups ? m->gemm_shared_last_frac[i] : 0;
    }
    out->throttles = where != RESIDENCY_PREDECESSORS || o->own;
    if (out->throttles)
        gemm_power_of(o, out->hbm_bytes, m, &out->power);
}

/* What a plan asks for, the same on every machine. */
typedef struct plan_work {
    double ctas, steps, resident;
    double stages_max, stages_sm; /* of one CTA alone on its SM; of an SM */
    double step_flops, step_edge_flops, step_bytes, step_dequantised,
        step_vector;   /* edge: for each row or column of overhead */
    double load_bytes; /* through L2, whole chip, with multicast */
    double epilogue_bytes, scaled_bytes, spilled_bytes, reduce_bytes;
    double scale_waits, scale_requests; /* of a tile, one after the other; of the whole grid */
    double unfilled;                    /* stages that a short reduction leaves empty */
    double reduces, shares;             /* 1 or 0; shares: the last wave's tiles, between SMs (stream-K) */
} plan_work;

static plan_work work_of_plan(const plan *p, const gemm_params *g, const gemm_bytes *b) {
    double right_bytes = p->tile_k * b->right_element_bytes, left_bytes = p->tile_k * b->element_bytes;
    double m_bytes = p->tile_m * (p->swapped ? right_bytes : left_bytes);
    double n_bytes = p->tile_n * (p->swapped ? left_bytes : right_bytes);
    double area = (double)p->tile_m * p->tile_n;
    plan_work w = {.ctas = p->ctas, .steps = ceil((double)g->k / p->tile_k / p->split_k)};
    w.resident = p->ctas_per_sm;
    w.unfilled = LARGER(FILL_STAGES - ceil((double)g->k / FILL_K), 0);
    w.stages_max = SMALLER(PLAN_STAGES_MAX, p->stages * p->ctas_per_sm);
    w.stages_sm = p->stages * p->ctas_per_sm;
    w.step_flops = 2 * area * p->tile_k;
    w.step_edge_flops = 2.0 * (p->tile_m + p->tile_n) * p->tile_k;
    w.step_bytes = m_bytes + n_bytes;
    w.step_dequantised =
        b->right_element_bytes < b->element_bytes ? (double)p->tile_k * (p->swapped ? p->tile_m : p->tile_n) : 0;
    if (g->m == 1 && g->batch > 1 && gemm_is_vector(p))
        w.step_vector = p->tile_n * (double)g->k / w.steps;
    w.load_bytes = p->ctas * w.steps * (m_bytes + n_bytes / p->cluster_m);
    w.epilogue_bytes = area * (p->split_k > 1 ? ACCUMULATOR_BYTES : b->out_element_bytes);
    if (g->dynamic_quantise) {
        bool spills = p->cluster_m == 1 && area >= SPILLING_TILE_AREA;
        *(spills ? &w.spilled_bytes : &w.scaled_bytes) = w.epilogue_bytes;
        w.scale_waits = SMALLER(area, WARP_TILE_AREA) / WARP_STORE_AREA;
        w.scale_requests = SCALES * p->ctas * area / WARP_STORE_AREA;
        w.epilogue_bytes = 0;
    }
    w.reduces = p->split_k > 1 && p->launches > 1;
    w.shares = p->split_k == 1 && !g->dynamic_quantise && w.steps >= SHARED_STEPS_MIN;
    if (p->split_k > 1)
        w.reduce_bytes = (double)g->m * (double)g->n * (double)g->batch *
                         (2 * ACCUMULATOR_BYTES * p->split_k + b->out_element_bytes);
    return w;
}

struct gemm_recipe {
    op o;
    residency where;
    gemm_bytes b;
    bool cutlass;           /* plans are of core/plan_gemm_cutlass.h, and have no works */
    const plan_list *plans; /* allocated up to its count only */
    const plan_work *works; /* one a plan */
};

/* Parts of a plan's time on one machine. */
typedef struct gemm_parts {
    double tensor, load, l2, latency, epilogue, stretch, sm, hbm, reduce, all;
} gemm_parts;

/* Tiles' worth of reductions that the busiest SM does of its tiles. */
static inline __attribute__((always_inline)) double shared_tiles(const plan_work *w, const gemm_machines *m,
                                                                 double tiles, size_t i) {
    return tiles - m->shared_last_frac[i] * w->shares * (tiles - w->ctas * m->per_sm[i]);
}

static inline __attribute__((always_inline)) gemm_parts parts_of(const plan_work *w, const gemm_machines *m,
                                                                 bool throttles, size_t i) {
    gemm_parts p;
    double tiles = ceil(w->ctas * m->per_sm[i] - 1e-9); /* of the busiest SM; the product may round up */
    double rounds = ceil(tiles / w->resident), resident = SMALLER(tiles, w->resident);
    double steps = shared_tiles(w, m, tiles, i) * w->steps;
    double step_flops = w->step_flops + w->step_edge_flops * m->tensor_edge[i];
    p.tensor = steps * (step_flops * m->tensor_s_per_flop[i] + w->step_dequantised * m->dequantise_s_per_element[i] +
                        w->step_vector * m->vector_s_per_element[i]);
    double in_flight = SMALLER(resident * w->stages_max, w->stages_sm);
    double intake_s = w->step_bytes * m->load_s_per_byte[i], wait_s = m->load_latency_s[i] / in_flight;
    p.load = steps * LARGER(intake_s, wait_s);
    p.l2 = w->load_bytes * m->sharing[i] * m->l2_s_per_byte[i];
    double chain = rounds * w->steps * m->step_s[i];
    double loop = LARGER(LARGER(p.tensor, p.load), LARGER(p.l2, chain));
    p.epilogue = tiles * (w->epilogue_bytes * m->epilogue_s_per_byte[i] + w->scaled_bytes * m->scaled_s_per_byte[i] +
                          w->spilled_bytes * m->spilled_s_per_byte[i]);
    p.epilogue += tiles * w->scale_waits * m->scale_wait_s[i] + w->scale_requests * m->scale_request_s[i];
    p.latency = rounds * m->prologue_s[i];
    double full_clock = loop + p.latency + p.epilogue;
    double sm = full_clock;
    if (throttles)
        sm = throttled_s(&m->power, full_clock, w->load_bytes * m->sharing[i] + w->reduce_bytes, i);
    p.stretch = sm / full_clock, p.sm = sm;
    p.hbm = m->hbm_s[i];
    p.reduce = w->reduces * m->reduce_s[i] + w->reduce_bytes * m->helper_l2_s_per_byte[i];
    p.all = LARGER(sm, p.hbm) + m->overlap_loss[i] * SMALLER(sm, p.hbm) + p.reduce;
    return p;
}

static inline __attribute__((always_inline)) void pick_by(const gemm_recipe *r, const gemm_machines *m, bool throttles,
                                                          const passed_over *passed, lanes best) {
    static const lanes none = {0};
    lanes best_s;
    EACH_LANE best_s[i] = INFINITY, best[i] = 0;
    for (size_t c = 0; c < r->plans->count; c++) {
        const plan *p = &r->plans->plans[c];
        const plan_work w = r->works[c];
        bool small = gemm_is_small(p);
        const double *whole_s = w.reduces > 0 ? none : passed->whole_s;
        const double *gap_s = w.reduces > 0 ? passed->gap_s : none;
        const double *split_s = small ? passed->small_split_s : passed->split_s;
        const double *other_s = p->split_k > 1 ? split_s : small ? passed->small_s : none;
        double index = (double)c, favour = w.reduces > 0 ? GEMM_SPLIT_GAIN_RATIO : 1;
        EACH_LANE {
            double t = parts_of(&w, m, throttles, i).all * favour + whole_s[i] + other_s[i] + gap_s[i];
            best[i] = t < best_s[i] ? index : best[i];
            best_s[i] = t < best_s[i] ? t : best_s[i];
        }
    }
}

static void pick(const gemm_recipe *r, const machine_block *block, const gemm_machines *m, lanes best) {
    passed_over passed;
    gemm_pass_over(&r->o, r->where, r->plans, block, m->hbm_s, &passed);
    if (m->throttles)
        pick_by(r, m, true, &passed, best);
    else
        pick_by(r, m, false, &passed, best);
}

static bound_kind bound_of(const gemm_parts *p, double launch_s) {
    double compute = p->tensor * p->stretch, l2 = LARGER(p->load, p->l2), latency = p->latency + p->epilogue;
    double others = LARGER(LARGER(compute, l2), latency);
    if (p->hbm >= others && p->hbm >= launch_s)
        return BOUND_HBM;
    if (launch_s >= others)
        return BOUND_LAUNCH;
    return compute >= others ? BOUND_COMPUTE : l2 >= others ? BOUND_L2 : BOUND_LATENCY;
}

/* The kernel that quantises activations first: it reads 16-bit ones twice, for the scale and for the values, and writes
 * narrow ones; nvfp4, whose scales cover 16 values, is written in one pass. */
static void add_quantise(const gemm_params *p, const gemm_bytes *b, const machine_block *m, size_t i, cost_times *out) {
    double rows = (double)p->m * (double)p->batch, elements = rows * (double)p->k;
    double passes = p->dtype == DTYPE_nvfp4 ? 1 : 2;
    double bytes = elements * (passes * WIDE_BYTES + b->element_bytes);
    double share = operand_share_bytes(m, i);
    double hbm_bytes =
        bytes * missed_frac(elements * (WIDE_BYTES + b->element_bytes), share, m->gemm_residency_fall_ratio[i]);
    bool one_scale = p->dtype == DTYPE_fp8; /* integers take a scale a row */
    double issue_s = elements * m->gemm_quantise_ops[i] / lane_operations_per_s(m, i);
    double l2_s = bytes / l2_bytes_per_s(m, i, 1);
    double hbm_s = hbm_bytes / (m->hbm_bandwidth_bytes_per_s[i] * m->gemm_hbm_efficiency_frac[i]);
    double rows_s = one_scale ? rows * m->gemm_quantise_row_clk[i] / m->sm_clock_max_hz[i] : 0;
    double start_s = m->gemm_quantise_latencies[i] * memory_latency_s(m, i);
    out->time_s[i] += start_s + LARGER(LARGER(issue_s, rows_s), LARGER(l2_s, hbm_s));
    out->launches[i] += 1;
    out->l2_bytes[i] += bytes;
    out->hbm_bytes[i] += hbm_bytes;
}

/* The picked plan's blocks, with the power limit's stretch in every time of theirs. Persistent ones load the next tile
 * while they store this one's results. */
static cta_work ctas_of(const plan_work *w, const gemm_parts *p, const gemm_machines *g, double start_s,
                        bool persistent, size_t i) {
    double tiles = ceil(w->ctas * g->per_sm[i] - 1e-9), steps_s = w->steps * p->stretch;
    return (cta_work){.time_s = start_s + p->all,
                      .ctas = w->ctas,
                      .slots_per_sm = w->resident,
                      .before_s = start_s,
                      .after_s = p->reduce,
                      .prologue_s = g->prologue_s[i] * p->stretch,
                      .epilogue_s = p->epilogue / tiles * p->stretch,
                      .shared_s = LARGER(p->tensor / shared_tiles(w, g, tiles, i) * p->stretch,
                                         steps_s * w->step_bytes * g->load_s_per_byte[i]),
                      .waited_s = steps_s * g->load_latency_s[i],
                      .stages_cta = w->stages_max,
                      .stages_sm = w->stages_sm,
                      .least_s = steps_s * g->step_s[i],
                      .l2_s = p->l2 * p->stretch,
                      .hbm_s = p->hbm,
                      .hbm_bytes = g->hbm_bytes[i],
                      .hbm_write_frac = g->hbm_bytes[i] > 0 ? g->written_bytes[i] / g->hbm_bytes[i] : 0,
                      .exposed_frac = g->overlap_loss[i],
                      .drift_frac = g->shared_last_frac[i] * w->shares,
                      .l2_in_loop = true,
                      .flows = persistent};
}

static double start_of(const plan_work *w, const machine_block *m, size_t i) {
    bool warpgroups = generation_has_warpgroups(m->generation);
    double saved = warpgroups ? 0 : w->unfilled * m->gemm_warp_fill_frac[i];
    return m->gemm_start_clk[i] * (1 - saved) / m->sm_clock_max_hz[i];
}

static void finish_times(const gemm_recipe *r, size_t best, const gemm_machines *g, const machine_block *m, size_t i,
                         gemm_parts *parts, cost_times *out) {
    const plan_work *w = &r->works[best];
    *parts = parts_of(w, g, g->throttles, i);
    out->time_s[i] = start_of(w, m, i) + parts->all;
    out->launches[i] =
        r->plans->plans[best].launches + (gemm_needs_counter(&r->o, g->per_sm[i], m->generation) ? 1 : 0);
    out->hbm_bytes[i] = g->hbm_bytes[i];
    out->l2_bytes[i] = w->load_bytes * g->sharing[i] + r->b.out + w->reduce_bytes;
    out->clocked_s[i] = clocked_part(parts->sm, parts->hbm);
    out->limited_s[i] = g->throttles ? out->clocked_s[i] * (1 - 1 / parts->stretch) : 0;
    if (r->o.as.gemm.dynamic_quantise)
        add_quantise(&r->o.as.gemm, &r->b, m, i, out);
}

static void finish_lane(const gemm_recipe *r, size_t best, const gemm_machines *g, const machine_block *m, size_t i,
                        cost_block *out) {
    gemm_parts parts;
    finish_times(r, best, g, m, i, &parts, &out->times);
    double start_s = start_of(&r->works[best], m, i), launch_s = start_s + parts.reduce;
    out->bound[i] = bound_of(&parts, launch_s);
    out->picked[i] = r->plans->plans[best];
    bool persistent = generation_has_warpgroups(m->generation);
    out->ctas[i] = ctas_of(&r->works[best], &parts, g, start_s, persistent, i);
}

double gemm_left_bytes(const op *gemm) {
    const gemm_params *p = &gemm->as.gemm;
    return (double)p->m * (double)p->k * (double)p->batch * dtype_bytes(p->dtype);
}

void cost_gemm(const op *o, residency where, const machine_block *machines, cost_block *out) {
    cost_gemm_implicit(o, gemm_left_bytes(o), where, machines, out);
}

/* Fills `works`, with room for all plans. */
static gemm_recipe recipe_of(const op *o, double left_bytes, residency where, generation family, const plan_list *plans,
                             plan_work *works) {
    op_work work = op_work_of(o);
    gemm_recipe r = {.o = *o, .where = where, .b = gemm_bytes_of(&o->as.gemm, &work), .plans = plans, .works = works};
    r.b.left = left_bytes;
    r.cutlass = gemm_is_cutlass(o, family);
    for (size_t c = 0; c < plans->count && !r.cutlass; c++)
        works[c] = work_of_plan(&plans->plans[c], &o->as.gemm, &r.b);
    return r;
}

void cost_gemm_implicit(const op *o, double left_bytes, residency where, const machine_block *machines,
                        cost_block *out) {
    plan_limits limits = plan_limits_of_block(machines);
    plan_list plans;
    plan_gemm(o, &limits, &plans);
    plan_work works[PLAN_CANDIDATES_MAX];
    gemm_recipe r = recipe_of(o, left_bytes, where, machines->generation, &plans, works);
    if (r.cutlass) {
        gemm_cutlass_cost(o, &r.b, where, &plans, machines, out);
        return;
    }
    gemm_machines g;
    fill_machines(o, &r.b, where, machines, &g);
    lanes best;
    pick(&r, machines, &g, best);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        finish_lane(&r, (size_t)best[i], &g, machines, i, out);
}

const gemm_recipe *gemm_prepare(const op *o, double left_bytes, residency where, const plan_limits *limits,
                                arena *memory) {
    plan_list plans;
    plan_gemm(o, limits, &plans);
    size_t bytes = offsetof(plan_list, plans) + plans.count * sizeof *plans.plans;
    plan_work *works = ARENA_ARRAY(memory, plan_work, plans.count);
    gemm_recipe *r = ARENA_NEW(memory, gemm_recipe);
    *r = recipe_of(o, left_bytes, where, limits->generation, memcpy(arena_alloc(memory, bytes), &plans, bytes), works);
    return r;
}

void gemm_times(const gemm_recipe *r, const machine_block *machines, cost_times *out) {
    if (r->cutlass) {
        gemm_cutlass_times(&r->o, &r->b, r->where, r->plans, machines, out);
        return;
    }
    gemm_machines g;
    fill_machines(&r->o, &r->b, r->where, machines, &g);
    lanes best;
    pick(r, machines, &g, best);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        gemm_parts parts;
        finish_times(r, (size_t)best[i], &g, machines, i, &parts, out);
    }
}
