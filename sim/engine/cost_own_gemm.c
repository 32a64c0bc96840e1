/* Products as our launchers run them (kernels/gemm.cu): the streaming kernel of core/plan_gemm_ingot.h for few rows and
 * for narrow weights, cuBLASLt for the rest, with kernels that quantise rows before it and scale sums behind it. */
#include "core/plan_gemm_ingot.h"
#include "sim/engine/cost_gemm.h"
#include "sim/engine/cost_own.h"

static const double WARP_LANES = 32, STREAM_WARPS = 8, TILE_ROWS = 8, STREAM_FEATURES = 16;
static const double VECTOR_BYTES = 16, SECTOR_BYTES = 32, LINE_BYTES = 128;
static const double SUM_BYTES = 4, UNBOUNDED = 1e9;
/* 128 bytes that do not begin at a sector lie in five instead of four. */
static const double SECTORS_SHIFTED = 5.0 / 4;

static bool streams(const gemm_params *p) {
    bool wide = p->dtype == DTYPE_bf16 || p->dtype == DTYPE_fp16;
    bool narrow = p->weights_dtype == DTYPE_int8 || p->weights_dtype == DTYPE_int4;
    return gemm_ingot_is_vector(p) || (wide && narrow);
}

/* ---- the streaming kernel ---- */

/* Chunks of k that a warp has on their way at once. */
static double chunks_ahead(const gemm_params *p) {
    if (gemm_ingot_is_vector(p))
        return 8;
    return (double)p->m <= TILE_ROWS ? 4 : (double)p->m <= 2 * TILE_ROWS ? 2 : 1;
}

static void stream_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const gemm_params *p = &o->as.gemm;
    plan tile = gemm_ingot_plan(p);
    op_work work = op_work_of(o);
    double rows = (double)p->m, cols = (double)p->n, width = (double)p->k, ahead = chunks_ahead(p);
    double x_bytes = rows * width * dtype_bytes(p->dtype), weights = work.weight_bytes + work.read_bytes - x_bytes;
    double row_tiles = ceil(rows / tile.tile_m), warp_rounds = ceil(ceil(width / tile.tile_k) / ahead);
    double rounds = ceil(warp_rounds / STREAM_WARPS);
    double step_elements = ahead * tile.tile_k * tile.tile_n / WARP_LANES; /* of a lane */
    /* Tiles of rows a tile of features: what is loaded of the rows serves all features of a block. */
    double products = tile.tile_m / TILE_ROWS * STREAM_FEATURES / tile.tile_n;
    own_kernel k = {.traffic = {.read_bytes = work.weight_bytes + work.read_bytes,
                                .write_bytes = work.write_bytes,
                                .hot_bytes = x_bytes},
                    .ctas = tile.ctas,
                    .threads = tile.block_threads,
                    .slots = tile.ctas_per_sm,
                    .busy_frac = warp_rounds / (rounds * STREAM_WARPS),
                    .launches = 1};
    double passes = ceil(cols / tile.tile_n); /* over the activations, one a tile of features */
    EACH_LANE {
        double ops = dtype_bytes(p->weights_dtype) >= 2 ? m->own_stream_ops16[i]
                     : p->weights_dtype == DTYPE_int8   ? m->own_stream_ops8[i]
                                                        : m->own_stream_ops4[i];
        k.traffic.again_bytes = (row_tiles - 1) * weights;
        k.l1_s[i] = passes * x_bytes / (m->sm_count[i] * m->own_stream_rows_bytes_per_clk[i] * m->sm_clock_max_hz[i]);
        k.latencies[i] = m->own_stream_block_latencies[i] + rounds * m->own_stream_step_latencies[i];
        k.chain_s[i] = m->own_stream_block_clk[i] / m->sm_clock_max_hz[i];
        if (p->weights_dtype == DTYPE_int4)
            ops += tile.tile_m / TILE_ROWS * m->own_stream_group_ops[i];
        k.thread_ops[i] = rounds * step_elements * (ops + products * m->own_stream_row_ops[i]);
        k.code_latencies[i] = m->own_stream_code_latencies[i];
        k.intake_bytes_per_clk[i] = m->own_stream_intake_bytes_per_clk[i];
        k.exponent[i] = m->own_stream_overlap_exponent[i];
        k.wave_overlap[i] = m->own_stream_wave_overlap[i];
        k.read_ratio[i] = m->own_stream_read_efficiency_frac[i] / m->own_read_efficiency_frac[i];
    }
    own_cost(&k, where, m, out);
    EACH_LANE {
        out->picked[i] = tile;
    }
}

/* ---- the library ---- */

/* Lines that a row's 128 bytes touch on average, by what its length is a multiple of. */
static double lines_of(int64_t elements, double element_bytes) {
    double bytes = (double)elements * element_bytes;
    for (double step = LINE_BYTES; step >= VECTOR_BYTES; step /= 2)
        if (fmod(bytes, step) == 0)
            return (2 - step / LINE_BYTES) * (step < SECTOR_BYTES ? SECTORS_SHIFTED : 1);
    return 2 * SECTORS_SHIFTED;
}

/* Of the bandwidth that a cold operator has, beside what a flush has left to be written back. */
static double flush_ratio(const machine_block *m, size_t i, double read_bytes, double written_bytes) {
    double footprint = read_bytes + written_bytes, moved = read_bytes;
    if (footprint > m->own_kept_frac[i] * m->l2_bytes[i])
        moved = footprint;
    return moved / (moved + own_flushed_bytes(m, i, footprint));
}

/* The library's cost with what our calls do otherwise: the same weights in every replay, a graph's gap, rows that do
 * not begin at lines. */
static void library_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    op_work work = op_work_of(o);
    double reads = work.weight_bytes + work.read_bytes;
    const gemm_params *p = &o->as.gemm;
    double outputs = (double)p->m * (double)p->n * (double)p->batch;
    double further = lines_of(p->k, dtype_bytes(p->dtype)) - 1, further_out = lines_of(p->n, dtype_bytes(p->dtype)) - 1;
    machine_block b = *m;
    EACH_LANE {
        double code = own_code_frac(m, i, where) * m->own_gemm_code_latencies[i];
        double lines = 1 + further * m->own_gemm_misaligned_frac[i];
        b.method_graph_steady_weight_copies[i] = 1;
        b.method_graph_steady_gap_ratio[i] = 1;
        b.host_graph_node_s[i] = m->own_graph_gap_s[i];
        b.gemm_start_clk[i] = (m->own_gemm_start_latencies[i] + code) * m->hbm_latency_clk[i];
        b.gemm_hbm_efficiency_frac[i] = m->own_gemm_hbm_efficiency_frac[i];
        b.gemm_write_efficiency_frac[i] = m->own_gemm_write_efficiency_frac[i];
        b.gemm_overlap_loss_frac[i] = m->own_gemm_overlap_loss_frac[i];
        b.gemm_sm_load_ratio[i] /= lines;
        b.gemm_l2_efficiency_frac[i] /= lines;
        b.gemm_reduce_latencies[i] = m->own_gemm_reduce_latencies[i];
        b.gemm_epilogue_ratio[i] *= m->own_gemm_epilogue_ratio[i] / (1 + further_out * m->own_gemm_misaligned_frac[i]);
        b.gemm_step_clk[i] *= m->own_gemm_step_ratio[i];
        b.gemm_prologue_clk[i] *= m->own_gemm_prologue_ratio[i];
        b.gemm_tensor_efficiency_frac[i] *= m->own_gemm_tensor_ratio[i];
        b.gemm_switching_frac[i] = m->own_gemm_switching_frac[i];
        b.gemm_power_lag_s[i] = m->own_gemm_power_lag_s[i];
        b.memory_l2_residency_frac[i] = 1;
        b.memory_l2_residency_frac[i] = m->own_gemm_kept_frac[i] * m->l2_bytes[i] / operand_share_bytes(&b, i);
        b.gemm_residency_fall_ratio[i] = larger(0.01, m->own_gemm_gone_ratio[i] / m->own_gemm_kept_frac[i] - 1);
        if (p->dtype == DTYPE_int8) { /* kernels without multicast, which store sums */
            b.gemm_sm_load_ratio[i] *= m->own_gemm_int8_load_ratio[i];
            b.gemm_tensor_efficiency_frac[i] *= m->own_gemm_int8_tensor_ratio[i];
            b.gemm_epilogue_ratio[i] *= work.write_bytes / (SUM_BYTES * outputs);
            b.gemm_write_efficiency_frac[i] *= work.write_bytes / (SUM_BYTES * outputs);
        }
        if (where == RESIDENCY_COLD)
            b.hbm_bandwidth_bytes_per_s[i] *= flush_ratio(m, i, reads, work.write_bytes);
    }
    cost_gemm(o, where, &b, out);
}

/* SM time under the power limit: dynamic power grows as clock^x, so that what would draw e times the limit takes
 * e^(1/x) times as long (cost_gemm.c). */
static double throttled8_s(double sm_s, double flops, const machine_block *m, size_t i) {
    double exponent = 1 + 2 * m->power_voltage_slope_ratio[i];
    double spare_w = m->power_limit_w[i] - m->power_idle_w[i] - m->power_clock_w[i];
    double flop_j = m->power_energy_per_fp8_flop_j[i] > 0 ? m->power_energy_per_fp8_flop_j[i]
                                                          : m->power_energy_per_fp16_flop_j[i] / 2;
    double excess = flops * flop_j * m->own_gemm8_switching_frac[i] / spare_w / sm_s;
    return excess > 1 ? sm_s * pow(excess, 1 / exponent) : sm_s;
}

/* 8-bit operands scaled by row and column: tiles of 128 x 128 that are never split, without multicast (the plans that
 * the library tells). */
static void library8_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    static const double TILE = 128;
    const gemm_params *p = &o->as.gemm;
    op_work work = op_work_of(o);
    double rows = (double)p->m, cols = (double)p->n, width = (double)p->k;
    double tiles = ceil(rows / TILE) * ceil(cols / TILE), steps = ceil(width / TILE), further = lines_of(p->k, 1) - 1;
    double step_bytes = (smaller(rows, TILE) + smaller(cols, TILE)) * TILE;
    own_traffic traffic = {.read_bytes = work.weight_bytes + work.read_bytes,
                           .write_bytes = work.write_bytes,
                           .hot_bytes = rows * width * dtype_bytes(p->dtype)};
    EACH_LANE {
        own_memory memory = own_memory_of(&traffic, where, m, i);
        double clock = m->sm_clock_max_hz[i], sms = m->sm_count[i], busiest = ceil_quotient(tiles / sms);
        double lines = 1 + further * m->own_gemm8_misaligned_frac[i];
        double loaded = busiest * smaller(tiles, sms) * steps * step_bytes * lines;
        double once_s = traffic.read_bytes / l2_bytes_per_s(m, i, m->own_l2_read_frac[i]);
        double l2_s = once_s + larger(0, loaded - traffic.read_bytes) / l2_bytes_per_s(m, i, m->own_gemm8_l2_ratio[i]);
        double sm_s = busiest * (steps * m->own_gemm8_step_clk[i] + m->own_gemm8_tile_clk[i]) / clock;
        double full_s = sm_s;
        sm_s = throttled8_s(full_s, work.flops, m, i);
        memory.hbm_s *= m->own_read_efficiency_frac[i] / m->own_gemm8_hbm_efficiency_frac[i];
        double terms[] = {sm_s, larger(l2_s, memory.hbm_s)};
        double code = own_code_frac(m, i, where) * m->own_gemm_code_latencies[i];
        double start_s = (m->own_gemm8_start_latencies[i] + code) * memory_latency_s(m, i);
        double body_s = own_norm(terms, sizeof terms / sizeof *terms, m->own_gemm8_overlap_exponent[i]);
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
                                  .exponent = m->own_gemm8_overlap_exponent[i],
                                  .flows = true};
    }
}

static void add_kernel(cost_block *sum, const cost_block *further) {
    EACH_LANE {
        sum->time_s[i] += further->time_s[i];
        sum->launches[i] += further->launches[i];
        sum->clocked_s[i] += further->clocked_s[i];
        sum->limited_s[i] += further->limited_s[i];
        sum->hbm_bytes[i] += further->hbm_bytes[i];
        sum->l2_bytes[i] += further->l2_bytes[i]; /* its blocks stay undescribed: they follow the product's */
    }
}

/* Rows to 8 bits before the product: a block a row, an element a thread and access, twice; four loads of a thread are
 * on their way at once, the second time from L1. */
static void quantise_rows_cost(const gemm_params *p, residency where, const machine_block *m, cost_block *out) {
    static const double THREADS = 256, UNROLL = 4, PASSES = 2, WIDE_BYTES = 2;
    double rows = (double)p->m * (double)p->batch, cols = (double)p->k, elements = rows * cols;
    double rounds = ceil(cols / THREADS), groups = floor(rounds / UNROLL) + fmod(rounds, UNROLL);
    own_kernel k = {.traffic = {.read_bytes = elements * WIDE_BYTES,
                                .write_bytes = elements * dtype_bytes(p->dtype),
                                .hot_bytes = elements * WIDE_BYTES},
                    .ctas = rows,
                    .threads = THREADS,
                    .slots = UNBOUNDED,
                    .launches = 1};
    EACH_LANE {
        k.latencies[i] = m->own_rows_base_latencies[i] + groups * m->own_rows_scalar_latencies[i];
        k.chain_s[i] = m->own_rows_block_reduce_clk[i] / m->sm_clock_max_hz[i];
        k.thread_ops[i] = PASSES * rounds * m->own_rows_scalar_ops[i];
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

/* int32 sums to 16-bit results behind it: a thread an element. */
static void scale_sums_cost(const gemm_params *p, residency where, const machine_block *m, cost_block *out) {
    static const double THREADS = 256, RESULT_BYTES = 2;
    double elements = (double)p->m * (double)p->n * (double)p->batch;
    own_kernel k = {.traffic = {.read_bytes = elements * SUM_BYTES,
                                .write_bytes = elements * RESULT_BYTES,
                                .hot_bytes = elements * SUM_BYTES},
                    .ctas = (double)p->m * ceil((double)p->n / THREADS),
                    .threads = THREADS,
                    .slots = UNBOUNDED,
                    .launches = 1};
    EACH_LANE {
        k.latencies[i] = m->own_rows_base_latencies[i] + 1;
        k.thread_ops[i] = m->own_rows_scalar_ops[i];
        k.code_latencies[i] = 0;
    }
    own_cost(&k, where, m, out);
}

static void add_helpers(const gemm_params *p, residency where, const machine_block *m, cost_block *out) {
    residency after = where == RESIDENCY_COLD ? RESIDENCY_PREDECESSORS : where;
    cost_block part;
    if (p->dynamic_quantise) {
        quantise_rows_cost(p, where, m, &part);
        add_kernel(out, &part);
    }
    if (p->dtype == DTYPE_int8) {
        scale_sums_cost(p, after, m, &part);
        add_kernel(out, &part);
    }
}

bool own_gemm_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const gemm_params *p = &o->as.gemm;
    if (streams(p)) {
        stream_cost(o, where, m, out);
        return true;
    }
    op product = *o;
    product.as.gemm.dynamic_quantise = false;
    if (p->dtype == DTYPE_fp8)
        library8_cost(&product, where, m, out);
    else
        library_cost(&product, where, m, out);
    add_helpers(p, where, m, out);
    return true;
}
