/* Products as our launchers run them (kernels/gemm.cu): the streaming kernel of core/plan_gemm_ingot.h for few rows and
 * for narrow weights, cuBLASLt for the rest, with kernels that quantise rows before it and scale sums behind it. */
#include "core/plan_gemm_ingot.h"
#include "sim/engine/cost_own.h"

static const double WARP_LANES = 32, STREAM_WARPS = 8, SCHEDULERS = 4, TILE_ROWS = 8, STREAM_FEATURES = 16;
static const double SUM_BYTES = 4, UNBOUNDED = 1e9;

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

/* Loads of scales from memory that wait for each other in a round, each eight features': the compiler keeps them
 * apart. Between repeats they stay in L2, which weights only stream through; one tile of rows has them there for all.
 */
static double scale_loads(const gemm_params *p, const plan *tile, residency where) {
    static const double FEATURES_ALONG = 8;
    bool from_memory = where == RESIDENCY_COLD || where == RESIDENCY_PREDECESSORS;
    double loads = tile->tile_n / FEATURES_ALONG / ceil((double)p->m / tile->tile_m);
    return p->weights_dtype == DTYPE_int4 && from_memory ? loads : 0;
}

/* Of the activations that blocks of an SM share, what L1 has lost before the next block comes for it: nothing of what
 * half of it holds, all of what fills it. */
static double lost_frac(double bytes, const machine_block *m, size_t i) {
    static const double KEPT_FRAC = 0.5;
    double filled = m->sm_l1_bytes[i] > 0 ? bytes / m->sm_l1_bytes[i] : 0;
    return larger(0, smaller(1, (filled - KEPT_FRAC) / (1 - KEPT_FRAC)));
}

static void stream_cost(const op *o, residency where, const machine_block *m, cost_block *out) {
    const gemm_params *p = &o->as.gemm;
    plan tile = gemm_ingot_plan(p);
    op_work work = op_work_of(o);
    double rows = (double)p->m, width = (double)p->k, ahead = chunks_ahead(p);
    double x_bytes = rows * width * dtype_bytes(p->dtype), weights = work.weight_bytes + work.read_bytes - x_bytes;
    double row_tiles = ceil(rows / tile.tile_m), warp_rounds = ceil(ceil(width / tile.tile_k) / ahead);
    double most = ceil(warp_rounds / STREAM_WARPS), mean = warp_rounds / STREAM_WARPS; /* rounds of a warp */
    double step_elements = ahead * tile.tile_k * tile.tile_n / WARP_LANES;             /* of a lane */
    /* Tiles of rows a tile of features: what is loaded of the rows serves all features of a block. */
    double products = tile.tile_m / TILE_ROWS * STREAM_FEATURES / tile.tile_n;
    double waits = scale_loads(p, &tile, where);
    own_kernel k = {.traffic = {.read_bytes = work.weight_bytes + work.read_bytes,
                                .write_bytes = work.write_bytes,
                                .hot_bytes = x_bytes},
                    .ctas = tile.ctas,
                    .threads = tile.block_threads,
                    .slots = tile.ctas_per_sm,
                    .whole_waves = row_tiles == 1,
                    .launches = 1};
    double block_x_bytes = x_bytes / row_tiles; /* each tile of features passes over all activations once */
    EACH_LANE {
        double clock = m->sm_clock_max_hz[i], x_s = block_x_bytes / (m->own_stream_rows_bytes_per_clk[i] * clock);
        double rounds = most - m->own_stream_idle_frac[i] * (most - mean);
        double ops = dtype_bytes(p->weights_dtype) >= 2 ? m->own_stream_ops16[i]
                     : p->weights_dtype == DTYPE_int8   ? m->own_stream_ops8[i]
                                                        : m->own_stream_ops4[i];
        if (p->weights_dtype == DTYPE_int4)
            ops += tile.tile_m / TILE_ROWS * m->own_stream_group_ops[i];
        double round_ops = step_elements * (ops + products * m->own_stream_row_ops[i]);
        k.traffic.again_bytes = (row_tiles - 1) * weights;
        k.latencies[i] = rounds * (m->own_stream_step_latencies[i] + waits * m->own_stream_scale_latencies[i]);
        /* Its instructions follow each other, or wait for their turn in a scheduler. */
        double turns_clk = mean * round_ops * STREAM_WARPS / SCHEDULERS;
        double ops_clk = larger(most * round_ops * m->own_stream_dependent_clk[i], turns_clk);
        k.chain_s[i] = (m->own_stream_block_clk[i] + ops_clk) / clock + x_s;
        k.issue_s[i] = (turns_clk + m->own_stream_slot_clk[i]) / clock + x_s;
        /* Neighbours have different rows where there are several tiles of them. */
        double resident_bytes = row_tiles > 1 ? tile.ctas_per_sm * block_x_bytes : block_x_bytes;
        k.intake_bytes[i] = tile.ctas * block_x_bytes * lost_frac(resident_bytes, m, i);
        k.intake_bytes_per_clk[i] = m->own_stream_intake_bytes_per_clk[i];
        k.l2_read_frac[i] = m->own_stream_l2_read_frac[i];
        k.exponent[i] = m->own_stream_overlap_exponent[i];
        k.wave_overlap[i] = m->own_stream_wave_overlap[i];
        k.read_ratio[i] = m->own_stream_read_efficiency_frac[i] / m->own_read_efficiency_frac[i];
    }
    own_cost(&k, where, m, out);
    EACH_LANE {
        out->picked[i] = tile;
    }
}

/* ---- the library's, and kernels around it ---- */

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
        own_library8_cost(&product, where, m, out);
    else
        own_library_cost(&product, where, m, out);
    add_helpers(p, where, m, out);
    return true;
}
