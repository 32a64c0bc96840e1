/* Products that cuBLASLt runs for our launchers (kernels/gemm_library.cu): tiles of the output, a whole number an SM;
 * an SM's steps along k, or L2, or memory bound them.
 *
 * The library is asked for a dozen kernels and the fastest is kept, so the plan is the fastest of those that Hopper's
 * tiles allow: one side a multiple of 64, as the instruction has it, the other any of eight (`actual_plan` of the
 * measured rows). */
#include "sim/engine/cost_own.h"
#include "sim/engine/gemm_power.h"
#include "sim/engine/gemm_rules.h"

static const double VECTOR_BYTES = 16, SECTOR_BYTES = 32, LINE_BYTES = 128;
/* 128 bytes that do not begin at a sector lie in five instead of four. */
static const double SECTORS_SHIFTED = 5.0 / 4;
static const double SUM_BYTES = 4; /* fp32 and int32 sums */

/* Lines that a row's 128 bytes touch on average, by what its length is a multiple of. */
static double lines_of(int64_t elements, double element_bytes) {
    double bytes = (double)elements * element_bytes;
    for (double step = LINE_BYTES; step >= VECTOR_BYTES; step /= 2)
        if (fmod(bytes, step) == 0)
            return (2 - step / LINE_BYTES) * (step < SECTOR_BYTES ? SECTORS_SHIFTED : 1);
    return 2 * SECTORS_SHIFTED;
}

/* SM time under the power limit: dynamic power grows as clock^x, so that what would draw e times the limit takes
 * e^(1/x) times as long, once the limit has set in (cost_gemm.c). */
static double slowed_s(double sm_s, double energy_j, const machine_block *m, size_t i) {
    double exponent = 1 + 2 * m->power_voltage_slope_ratio[i];
    double excess = energy_j / (m->power_limit_w[i] - m->power_idle_w[i] - m->power_clock_w[i]) / sm_s;
    double more_s = excess > 1 ? sm_s * (pow(excess, 1 / exponent) - 1) : 0;
    return sm_s + more_s * sm_s / (sm_s + m->own_gemm_power_lag_s[i]);
}

/* ---- tiles ---- */

static const double WIDE[] = {64, 128, 192, 256}; /* rows of the instruction */
static const double FREE[] = {8, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 256};
static const double SPLITS[] = {1, 2, 3, 4, 6, 8};
enum {
    WIDES = sizeof WIDE / sizeof *WIDE,
    FREES = sizeof FREE / sizeof *FREE,
    SPLIT_COUNT = sizeof SPLITS / sizeof *SPLITS
};
static const double TILE_AREA_MAX = 160 * 256; /* sums that registers hold */
static const double TILE_SIDE_MIN = 64;        /* beside it, none that an extent does not fill but for as much */
static const double SPLIT_STEPS_MIN = 18;      /* no recorded split has fewer */
static const double SPLIT_TILES_MAX = 300;     /* nor more blocks */

typedef struct library_tile {
    double rows, cols, split;
} library_tile;

/* What is asked of a machine, and of its SMs for a step and a tile. */
typedef struct library_product {
    double rows, cols, batch, steps; /* steps of 128 bytes of k */
    double step_elements, out_bytes; /* of k; of an element */
    double lines, out_lines;         /* further ones that a row's 128 bytes touch */
    op_work work;
} library_product;

typedef struct library_rates {
    lanes flop_s, step_s, intake_s, store_s; /* of an SM: a FLOP; a step at least; a byte in; a byte out */
    lanes once_s, again_s, hbm_s;            /* of all: operands and results through L2 once; a byte again; memory */
    lanes reduce_s, reduce_byte_s;
    lanes lines, out_lines; /* bytes moved over bytes asked for */
} library_rates;

/* One plan's times on one machine. */
typedef struct library_times {
    double tiles, busiest, sm_s, l2_s, reduce_s;
} library_times;

static bool is_sensible(const library_product *p, const library_tile *t) {
    if (t->rows * t->cols > TILE_AREA_MAX)
        return false;
    if ((t->rows > TILE_SIDE_MIN && t->rows >= p->rows + TILE_SIDE_MIN) ||
        (t->cols > TILE_SIDE_MIN && t->cols >= p->cols + TILE_SIDE_MIN))
        return false;
    double tiles = ceil(p->rows / t->rows) * ceil(p->cols / t->cols) * p->batch;
    return t->split == 1 || (ceil(p->steps / t->split) >= SPLIT_STEPS_MIN && tiles * t->split <= SPLIT_TILES_MAX);
}

/* Rows and columns past the edge are not loaded. */
static double step_bytes_of(const library_product *p, const library_tile *t) {
    return (smaller(t->rows, p->rows) + smaller(t->cols, p->cols)) * LINE_BYTES;
}

static inline __attribute__((always_inline)) library_times
times_of(const library_product *p, const library_tile *t, const library_rates *r, const machine_block *m, size_t i) {
    double steps = ceil(p->steps / t->split), splits = t->split > 1;
    double rows = smaller(t->rows, p->rows), cols = smaller(t->cols, p->cols);
    double tiles = ceil(p->rows / t->rows) * ceil(p->cols / t->cols) * p->batch * t->split;
    double busiest = ceil(tiles / m->sm_count[i] - 1e-9), step_bytes = step_bytes_of(p, t) * r->lines[i];
    double step_s = larger(larger(r->step_s[i], 2 * t->rows * t->cols * p->step_elements * r->flop_s[i]),
                           step_bytes * r->intake_s[i]);
    double tile_bytes = rows * cols * (splits > 0 ? SUM_BYTES : p->out_bytes) * r->out_lines[i];
    double outputs = p->rows * p->cols * p->batch, read_bytes = p->work.weight_bytes + p->work.read_bytes;
    double sum_bytes = outputs * (2 * SUM_BYTES * t->split + p->out_bytes);
    return (library_times){.tiles = tiles,
                           .busiest = busiest,
                           .sm_s = busiest * (steps * step_s + tile_bytes * r->store_s[i]),
                           .l2_s = r->once_s[i] + larger(0, tiles * steps * step_bytes - read_bytes) * r->again_s[i],
                           .reduce_s = splits * (r->reduce_s[i] + sum_bytes * r->reduce_byte_s[i])};
}

/* The fastest, where SM time and the longer of L2 and memory add up as squares; the power limit slows all alike. */
static void pick(const library_product *p, const library_rates *r, const machine_block *m, library_tile best[]) {
    lanes best_s;
    EACH_LANE best_s[i] = INFINITY;
    for (size_t wide = 0; wide < WIDES; wide++)
        for (size_t other = 0; other < 2 * FREES; other++)
            for (size_t split = 0; split < SPLIT_COUNT; split++) {
                double free_side = FREE[other / 2];
                library_tile t = {other % 2 ? free_side : WIDE[wide], other % 2 ? WIDE[wide] : free_side,
                                  SPLITS[split]};
                if (!is_sensible(p, &t))
                    continue;
                for (size_t i = 0; i < MACHINE_LANES; i++) {
                    library_times x = times_of(p, &t, r, m, i);
                    double memory_s = larger(x.l2_s, r->hbm_s[i]);
                    double time_s = sqrt(x.sm_s * x.sm_s + memory_s * memory_s) + x.reduce_s;
                    if (time_s < best_s[i])
                        best_s[i] = time_s, best[i] = t;
                }
            }
}

/* ---- 16-bit types, fp32, and int8 into int32 sums ---- */

static library_product product_of(const op *o) {
    const gemm_params *p = &o->as.gemm;
    double bytes = dtype_bytes(p->dtype), out_bytes = p->dtype == DTYPE_int8 ? SUM_BYTES : bytes;
    return (library_product){.rows = (double)p->m,
                             .cols = (double)p->n,
                             .batch = (double)p->batch,
                             .steps = ceil((double)p->k * bytes / LINE_BYTES),
                             .step_elements = LINE_BYTES / bytes,
                             .out_bytes = out_bytes,
                             .lines = lines_of(p->k, bytes) - 1,
                             .out_lines = lines_of(p->n, out_bytes) - 1,
                             .work = op_work_of(o)};
}

/* Of L2 that our calls keep from one replay to the next: the same weights every time. */
static own_memory memory_of(const op *o, const library_product *p, residency where, machine_block *b, size_t i) {
    const gemm_params *g = &o->as.gemm;
    own_traffic traffic = {.read_bytes = p->work.weight_bytes + p->work.read_bytes,
                           .write_bytes = p->rows * p->cols * p->batch * p->out_bytes,
                           .hot_bytes = p->rows * (double)g->k * p->batch * dtype_bytes(g->dtype),
                           .streamed_bytes = o->streamed_bytes};
    b->own_kept_frac[i] = b->own_gemm_kept_frac[i];
    b->own_gone_ratio[i] = larger(b->own_gemm_gone_ratio[i], b->own_gemm_kept_frac[i]);
    return own_memory_of(&traffic, where, b, i);
}

static void fill_rates(const op *o, const library_product *p, const own_memory *memory, const machine_block *m,
                       library_rates *r) {
    bool warpgroups = generation_has_warpgroups(m->generation);
    bool int8 = o->as.gemm.dtype == DTYPE_int8; /* kernels without multicast */
    double read_bytes = p->work.weight_bytes + p->work.read_bytes;
    double write_bytes = p->rows * p->cols * p->batch * p->out_bytes;
    lanes flops_per_s;
    tensor_flops_per_s(o->as.gemm.dtype, m, flops_per_s);
    EACH_LANE {
        double clock = m->sm_clock_max_hz[i];
        double share_bytes_per_s = sm_l2_bytes_per_s(m, i);
        double efficiency = warpgroups ? m->gemm_tensor_efficiency_frac[i] : m->gemm_warp_tensor_efficiency_frac[i];
        double step_clk = warpgroups ? m->gemm_step_clk[i] : m->gemm_warp_step_clk[i];
        efficiency *= m->own_gemm_tensor_ratio[i] * (int8 ? m->own_gemm_int8_tensor_ratio[i] : 1);
        r->lines[i] = 1 + p->lines * m->own_gemm_misaligned_frac[i];
        r->out_lines[i] = 1 + p->out_lines * m->own_gemm_misaligned_out_frac[i];
        r->flop_s[i] = m->sm_count[i] / (flops_per_s[i] * efficiency);
        r->step_s[i] = step_clk * m->own_gemm_step_ratio[i] / clock;
        r->intake_s[i] =
            1 / (share_bytes_per_s * m->own_gemm_intake_ratio[i] * (int8 ? m->own_gemm_int8_load_ratio[i] : 1));
        r->store_s[i] = 1 / (share_bytes_per_s * m->own_gemm_epilogue_ratio[i]);
        r->once_s[i] = read_bytes / l2_bytes_per_s(m, i, m->own_gemm_l2_once_frac[i]) +
                       write_bytes * r->out_lines[i] / l2_bytes_per_s(m, i, m->own_l2_write_frac[i]);
        r->again_s[i] = 1 / l2_bytes_per_s(m, i, m->own_gemm_l2_ratio[i]);
        r->hbm_s[i] = memory[i].hbm_s * m->own_read_efficiency_frac[i] / m->own_gemm_hbm_efficiency_frac[i];
        r->reduce_s[i] = m->own_gemm_reduce_latencies[i] * memory_latency_s(m, i);
        r->reduce_byte_s[i] = 1 / l2_bytes_per_s(m, i, m->own_gemm_reduce_l2_frac[i]);
    }
}

static double flop_j_of(data_type type, const machine_block *m, size_t i) {
    double half = m->power_energy_per_fp16_flop_j[i], quarter = m->power_energy_per_fp8_flop_j[i];
    if (type == DTYPE_fp32)
        return m->power_energy_per_fp32_flop_j[i];
    return dtype_bytes(type) >= 2 ? half : quarter > 0 ? quarter : half / 2;
}

static void finish_lane(const op *o, const library_product *p, const library_tile *t, const library_rates *r,
                        const own_memory *memory, double start_s, const machine_block *m, size_t i, cost_block *out) {
    library_times x = times_of(p, t, r, m, i);
    double energy_j = p->work.flops * flop_j_of(o->as.gemm.dtype, m, i) * m->own_gemm_switching_frac[i];
    double sm_s = slowed_s(x.sm_s, energy_j, m, i), memory_s = larger(x.l2_s, r->hbm_s[i]);
    /* The longer an SM's loop, the smaller its share in which loads have nothing to hide behind. */
    double steps = x.busiest * ceil(p->steps / t->split);
    double exponent = own_exponent(m->own_gemm_overlap_exponent[i], m->own_gemm_step_overlap[i], steps);
    double terms[] = {sm_s, memory_s}, body_s = own_norm(terms, sizeof terms / sizeof *terms, exponent);
    bool counts = gemm_needs_counter(o, 1 / m->sm_count[i], m->generation);
    double launches = (t->split > 1 ? 2 : 1) + (counts ? 1 : 0);
    out->time_s[i] = start_s + body_s + x.reduce_s;
    out->hbm_bytes[i] = memory->hbm_bytes;
    out->l2_bytes[i] = x.tiles * ceil(p->steps / t->split) * step_bytes_of(p, t) + p->work.write_bytes;
    out->launches[i] = launches;
    out->clocked_s[i] = clocked_part(larger(sm_s, x.l2_s), r->hbm_s[i]);
    out->limited_s[i] = sm_s >= memory_s ? sm_s - x.sm_s : 0;
    out->bound[i] = start_s + x.reduce_s > body_s        ? BOUND_LAUNCH
                    : r->hbm_s[i] > larger(sm_s, x.l2_s) ? BOUND_HBM
                    : x.l2_s > sm_s                      ? BOUND_L2
                                                         : BOUND_COMPUTE;
    out->picked[i] = (plan){.tile_m = (int32_t)t->rows,
                            .tile_n = (int32_t)t->cols,
                            .tile_k = (int32_t)p->step_elements,
                            .cluster_m = 1,
                            .cluster_n = 1,
                            .split_k = (int32_t)t->split,
                            .stages = 1,
                            .ctas_per_sm = 1,
                            .launches = (int32_t)launches,
                            .ctas = x.tiles};
    out->ctas[i] = (cta_work){.time_s = out->time_s[i],
                              .ctas = x.tiles,
                              .slots_per_sm = 1,
                              .before_s = start_s,
                              .after_s = x.reduce_s,
                              .least_s = sm_s / x.busiest,
                              .l2_s = x.l2_s,
                              .hbm_s = r->hbm_s[i],
                              .hbm_bytes = memory->hbm_bytes,
                              .hbm_write_frac = memory->write_frac,
                              .exponent = exponent,
                              .flows = true};
}

void own_library_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    library_product p = product_of(o);
    machine_block kept = *m;
    own_memory memory[MACHINE_LANES];
    library_rates rates;
    library_tile best[MACHINE_LANES];
    for (size_t i = 0; i < MACHINE_LANES; i++)
        memory[i] = memory_of(o, &p, where, &kept, i);
    fill_rates(o, &p, memory, m, &rates);
    pick(&p, &rates, m, best);
    bool repeats = is_repeated(where);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double code = own_code_frac(m, i, where) * m->own_gemm_code_latencies[i];
        double start_s = (m->own_gemm_start_latencies[i] + code) * memory_latency_s(m, i);
        if (repeats && best[i].split > 1) /* the graph's gap before the kernel that adds up */
            start_s += m->own_graph_gap_s[i];
        finish_lane(o, &p, &best[i], &rates, &memory[i], start_s, m, i, out);
    }
}

/* ---- 8-bit operands scaled by row and column ---- */

/* 8-bit operands scaled by row and column: tiles of 128 x 128 that are never split, without multicast (the plans that
 * the library tells). */
void own_library8_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    static const double TILE = 128;
    const gemm_params *p = &o->as.gemm;
    op_work work = op_work_of(o);
    double rows = (double)p->m, cols = (double)p->n, width = (double)p->k;
    double tiles = ceil(rows / TILE) * ceil(cols / TILE), steps = ceil(width / TILE), further = lines_of(p->k, 1) - 1;
    bool by_sectors = p->k % (int64_t)SECTOR_BYTES == 0; /* rows begin with one */
    double step_bytes = (smaller(rows, TILE) + smaller(cols, TILE)) * TILE;
    own_traffic traffic = {.read_bytes = work.weight_bytes + work.read_bytes,
                           .write_bytes = work.write_bytes,
                           .hot_bytes = rows * width * dtype_bytes(p->dtype)};
    EACH_LANE {
        own_memory memory = own_memory_of(&traffic, where, m, i);
        double clock = m->sm_clock_max_hz[i], sms = m->sm_count[i], busiest = ceil_quotient(tiles / sms);
        double lines = 1 + further * m->own_gemm8_misaligned_frac[i];
        double loaded = tiles * steps * step_bytes * lines;
        double once_s = traffic.read_bytes / l2_bytes_per_s(m, i, m->own_stream_l2_read_frac[i]);
        double l2_s = once_s + larger(0, loaded - traffic.read_bytes) / l2_bytes_per_s(m, i, m->own_gemm8_l2_ratio[i]);
        double step_clk = m->own_gemm8_step_clk[i] * (by_sectors ? 1 : 1 + m->own_gemm8_shifted_frac[i]);
        double sm_s = busiest * (steps * step_clk + m->own_gemm8_tile_clk[i]) / clock;
        double exponent = own_exponent(m->own_gemm8_overlap_exponent[i], m->own_gemm8_wave_overlap[i], busiest);
        double full_s = sm_s;
        double flop_j = m->power_energy_per_fp8_flop_j[i] > 0 ? m->power_energy_per_fp8_flop_j[i]
                                                              : m->power_energy_per_fp16_flop_j[i] / 2;
        sm_s = slowed_s(full_s, work.flops * flop_j * m->own_gemm8_switching_frac[i], m, i);
        memory.hbm_s *= m->own_read_efficiency_frac[i] / m->own_gemm8_hbm_efficiency_frac[i];
        double terms[] = {sm_s, larger(l2_s, memory.hbm_s)};
        double code = own_code_frac(m, i, where) * m->own_gemm_code_latencies[i];
        double start_s = (m->own_gemm8_start_latencies[i] + code) * memory_latency_s(m, i);
        double body_s = own_norm(terms, sizeof terms / sizeof *terms, exponent);
        out->time_s[i] = start_s + body_s;
        out->hbm_bytes[i] = memory.hbm_bytes;
        out->l2_bytes[i] = tiles * steps * step_bytes * lines;
        out->launches[i] = 1;
        out->clocked_s[i] = clocked_part(larger(sm_s, l2_s), memory.hbm_s);
        out->limited_s[i] = sm_s >= larger(l2_s, memory.hbm_s) ? sm_s - full_s : 0;
        out->bound[i] = start_s > body_s                    ? BOUND_LATENCY
                        : memory.hbm_s > larger(sm_s, l2_s) ? BOUND_HBM
                        : l2_s > sm_s                       ? BOUND_L2
                                                            : BOUND_COMPUTE;
        out->picked[i] = (plan){.tile_m = (int32_t)TILE,
                                .tile_n = (int32_t)TILE,
                                .tile_k = (int32_t)TILE,
                                .cluster_m = 1,
                                .cluster_n = 1,
                                .split_k = 1,
                                .stages = 1,
                                .ctas_per_sm = 1,
                                .launches = 1,
                                .ctas = tiles};
        out->ctas[i] = (cta_work){.time_s = out->time_s[i],
                                  .ctas = tiles,
                                  .slots_per_sm = 1,
                                  .before_s = start_s,
                                  .least_s = sm_s / busiest,
                                  .l2_s = l2_s,
                                  .hbm_s = memory.hbm_s,
                                  .hbm_bytes = memory.hbm_bytes,
                                  .hbm_write_frac = memory.write_frac,
                                  .exponent = exponent,
                                  .flows = true};
    }
}
