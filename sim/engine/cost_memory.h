/* What attention and row-wise costs share: memory latency, the L2's rate, and how much of a footprint stays in L2. */
#ifndef INGOT_COST_MEMORY_H
#define INGOT_COST_MEMORY_H

#include "sim/engine/cost.h"
#include "sim/engine/extremes.h"

#include <math.h>

/* A far partition this much slower than the near one marks an L2 of two halves, each caching what its SMs read: what
 * every SM reads is held twice (NVIDIA A100 whitepaper; measured capacity in Chips and Cheese's H100 review). */
static const double PARTITION_LATENCY_RATIO = 1.25;
/* Flag lanes divide two FLOPs an FMA. */
static const double FLOPS_PER_FMA = 2;

/* Operands that find what an earlier run of the same left. */
static inline bool is_repeated(residency where) {
    return where == RESIDENCY_REPEATED || where == RESIDENCY_REPEATED_FEW;
}

/* Time of SMs and L2 where it, not the memory beside it, sets a kernel's. */
static inline double clocked_part(double core_s, double memory_s) {
    return core_s > memory_s ? core_s : 0;
}

/* ceil of a quotient of whole numbers, forgiving rounding. */
static inline double ceil_quotient(double x) {
    return ceil(x - 1e-9);
}

static inline double memory_latency_s(const machine_block *m, size_t i) {
    return m->hbm_latency_clk[i] / m->sm_clock_max_hz[i];
}

/* Between two kernels of a graph that is replayed for a graph_steady row. */
static inline double steady_gap_s(const machine_block *m, size_t i) {
    return m->method_graph_steady_gap_ratio[i] * m->host_graph_node_s[i];
}

/* Peak bandwidth of device memory, corrected by what this memory attains at best against the H200's, to which the
 * fitted efficiencies belong; never above the peak. */
static inline double hbm_bytes_per_s(const machine_block *m, size_t i, double efficiency) {
    static const double REFERENCE_ATTAINED_FRAC = 0.94;
    double attained = m->hbm_attained_frac[i];
    double corrected = attained > 0 ? efficiency * attained / REFERENCE_ATTAINED_FRAC : efficiency;
    return m->hbm_bandwidth_bytes_per_s[i] * smaller(corrected, 1);
}

static inline double l2_bytes_per_s(const machine_block *m, size_t i, double efficiency) {
    return m->l2_bytes_per_clk[i] * m->sm_clock_max_hz[i] * efficiency;
}

/* What an SM takes in of L2, at the most: its own path's rate where that is known, else its share of the whole. */
static inline double sm_l2_bytes_per_s(const machine_block *m, size_t i) {
    double own = m->sm_l2_bytes_per_clk[i];
    return (own > 0 ? own : m->l2_bytes_per_clk[i] / m->sm_count[i]) * m->sm_clock_max_hz[i];
}

static inline double fp32_lanes(const machine_block *m, size_t i) {
    return m->sm_fp32_flops_per_clk[i] / FLOPS_PER_FMA;
}

/* Of all SMs' FP32 lanes. */
static inline double lane_operations_per_s(const machine_block *m, size_t i) {
    return fp32_lanes(m, i) * m->sm_count[i] * m->sm_clock_max_hz[i];
}

/* Waves that a grid takes, of so many full ones; a last one that is not full saves part of what it lacks. */
static inline double effective_waves(double waves, double drift_frac) {
    double whole = ceil_quotient(waves);
    return waves <= 1 ? 1 : whole - drift_frac * (whole - waves);
}

static inline bool l2_has_halves(const machine_block *m, size_t i) {
    return m->l2_far_latency_clk[i] >= PARTITION_LATENCY_RATIO * m->l2_near_latency_clk[i];
}

/* Part of an L2 of halves that different bytes can fill. On an A100 it is half: rows of 3.1 MB of weights, six copies,
 * run from L2, and of 4.2 MB do not. Later ones keep a line in its home half and, where an SM of the other half reads
 * it, there too: 1.5 times each for weights that one SM reads (on an H200, 8.4 MB run from L2 and 11 MB do not). */
static const double AMPERE_HALVES_FRAC = 0.5, HALVES_FRAC = 1 / 1.5;

/* L2 that operands of matrix products stay in. */
static inline double operand_share_bytes(const machine_block *m, size_t i) {
    double different = m->generation == GENERATION_AMPERE ? AMPERE_HALVES_FRAC : HALVES_FRAC;
    return m->l2_bytes[i] * m->memory_l2_residency_frac[i] * (l2_has_halves(m, i) ? different : 1);
}

/* The part of a footprint found in L2 when it is used again: all up to the capacity, none from twice that on. */
static inline double l2_kept_frac(const machine_block *m, size_t i, double residency_frac, double footprint_bytes) {
    bool halves = l2_has_halves(m, i);
    double capacity = residency_frac * m->l2_bytes[i] * (halves ? 0.5 : 1);
    return larger(0, smaller(1, 2 - footprint_bytes / capacity));
}

#endif
