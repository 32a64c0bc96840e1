/* Collectives over the machine's links, as NCCL runs them on one host: a ring under three protocols, sums in the switch
 * where there is one, grouped sends and receives for the rest.
 *
 *   ring  = start + hops x hop + passes of (bytes / ranks) / rate, the least over the protocols
 *   LL    : data and flag in one 8-byte store; short hops, low rate
 *   LL128 : lines of 128 bytes with one flag
 *   Simple: slices with separate flags; long hops, full rate
 *   pairs : LL, Simple, and for long ones Simple in larger parts over more channels: a later start, a higher rate (on
 *           an H200 0.56 and 0.70 of the links, crossing near 20 MB; A100 and L40S alike)
 *
 * A ring's passes count the rank's own part: an all-gather is one send, ranks - 2 forwards and one receive. Without
 * links of their own, GPUs go through the host's, which they share. Protocols and what bounds them: NCCL's
 * src/graph/tuning.cc; times are fitted, not taken from there. */
#include "sim/engine/cost.h"

#include <math.h>

/* Rings' ends: the first step only sends, the last only receives. */
static const double END_STEPS = 2;
/* Sums in the switch pay from this many ranks on; two exchange directly. */
static const double SWITCH_RANKS_MIN = 3;

typedef struct exchange {
    double ranks, bytes, hops, steps; /* steps: passes of bytes / ranks over a rank's links */
    bool pairs, sums_in_switch;
} exchange;

static exchange exchange_of(const collective_params *p, generation g) {
    exchange e = {.ranks = (double)p->ranks, .bytes = (double)p->bytes};
    e.hops = e.ranks - 1, e.steps = e.ranks;
    switch (p->collective) {
    case collective_pattern_all_reduce:
        e.hops = 2 * (e.ranks - 1), e.steps = 2 * e.ranks - 1;
        /* The switch adds floating-point numbers only. */
        e.sums_in_switch = (g == GENERATION_HOPPER || g == GENERATION_BLACKWELL) && dtype_bytes(p->dtype) >= 2 &&
                           e.ranks >= SWITCH_RANKS_MIN;
        break;
    case collective_pattern_alltoall:
        e.pairs = true;
        break;
    case collective_pattern_send:
        e.pairs = true, e.ranks = 2, e.bytes *= 2, e.hops = 1; /* one part of two */
        break;
    default:
        break;
    }
    return e;
}

/* Starts are SM clocks: 9,900, 6,300 and 8,100 on A100, H200 and L40S, and 36,800, 26,400 and 30,300 for Simple's. */
static double clocks_s(const machine_block *m, const lanes clocks, size_t i) {
    return clocks[i] / m->sm_clock_max_hz[i];
}

/* From GPU to GPU. NCCL's tables where a machine does not say (tuning.cc: a ring's step, LL, over NVLink and PCIe). */
static double link_latency_s(const machine_block *m, size_t i) {
    static const double NVLINK_S = 0.6e-6, PCIE_S = 1e-6;
    if (m->link_latency_s[i] > 0)
        return m->link_latency_s[i];
    return m->link_bandwidth_bytes_per_s[i] > 0 ? NVLINK_S : PCIE_S;
}

/* Whether the GPUs' own links join all ranks; an exchange of more goes through the host's. */
static bool links_join(const exchange *e, const machine_block *m, size_t i) {
    return m->link_bandwidth_bytes_per_s[i] > 0 && (m->link_gpus[i] < 2 || e->ranks <= m->link_gpus[i]);
}

/* What one GPU sends a second. Links without a switch lead to one other GPU each (MI300X: 48 GB/s between two, 313
 * among eight, stas00/ml-engineering). */
static double link_rate(const exchange *e, const machine_block *m, size_t i) {
    bool meshed = m->generation == GENERATION_CDNA3 && m->link_gpus[i] > 1;
    if (links_join(e, m, i))
        return m->link_bandwidth_bytes_per_s[i] * (meshed ? (e->ranks - 1) / (m->link_gpus[i] - 1) : 1);
    double shared = e->ranks > 2 ? pow(2 / e->ranks, m->collective_host_contention_exponent[i]) : 1;
    return m->link_host_bandwidth_bytes_per_s[i] * shared;
}

typedef struct exchange_time {
    double fixed_s, transfer_s;
} exchange_time;

static void keep_faster(exchange_time *best, double fixed_s, double transfer_s) {
    if (fixed_s + transfer_s < best->fixed_s + best->transfer_s)
        *best = (exchange_time){fixed_s, transfer_s};
}

/* Flags within the data: links lose the flags' part, and threads move no more than they can. Groups of threads that
 * each move `own_bytes` share links that carry `shared_bytes` in all. */
static double flagged_s(const machine_block *m, size_t i, double own_bytes, double shared_bytes, double rate,
                        double link_frac, double bytes_per_clk) {
    double of_links_s = shared_bytes / (rate * m->collective_simple_frac[i] * link_frac);
    double of_threads_s = own_bytes / (bytes_per_clk * m->sm_clock_max_hz[i]);
    return of_links_s > of_threads_s ? of_links_s : of_threads_s;
}

static exchange_time ring_time(const exchange *e, const machine_block *m, size_t i, double rate) {
    double start_s = clocks_s(m, m->collective_start_clk, i),
           step_s = m->collective_hop_latencies[i] * link_latency_s(m, i);
    double part_s = e->bytes / e->ranks / rate, moved = e->steps * e->bytes / e->ranks;
    exchange_time best = {start_s + e->hops * step_s, flagged_s(m, i, moved, moved, rate, m->collective_ll_frac[i],
                                                                m->collective_ll_bytes_per_clk[i])};
    keep_faster(&best,
                start_s + clocks_s(m, m->collective_wide_start_clk, i) +
                    e->hops * step_s * m->collective_wide_hop_ratio[i],
                flagged_s(m, i, moved, moved, rate, m->collective_wide_frac[i], m->collective_wide_bytes_per_clk[i]));
    double ends = END_STEPS / m->collective_end_ratio[i];
    keep_faster(&best,
                start_s + clocks_s(m, m->collective_simple_start_clk, i) +
                    e->hops * step_s * m->collective_simple_hop_ratio[i],
                (e->steps - END_STEPS + ends) * part_s / m->collective_simple_frac[i]);
    if (e->sums_in_switch && links_join(e, m, i)) /* reads a part of everyone's, multicasts the sum */
        keep_faster(&best,
                    start_s + clocks_s(m, m->collective_switch_start_clk, i) +
                        2 * step_s * m->collective_simple_hop_ratio[i],
                    (e->bytes + e->bytes / e->ranks) / (rate * m->collective_switch_frac[i]));
    return best;
}

static exchange_time pairs_time(const exchange *e, const machine_block *m, size_t i, double rate) {
    double others = e->ranks - 1, part = e->bytes / e->ranks, part_s = part / rate;
    double start_s = clocks_s(m, m->collective_start_clk, i) +
                     m->collective_pair_start_latencies[i] * link_latency_s(m, i) +
                     (others - 1) * m->collective_pair_hop_s[i];
    exchange_time best = {start_s, flagged_s(m, i, part, others * part, rate, m->collective_ll_frac[i],
                                             m->collective_ll_bytes_per_clk[i])}; /* threads of its own a pair */
    keep_faster(&best, start_s + m->collective_pair_simple_start_s[i], others * part_s / m->collective_pair_frac[i]);
    keep_faster(&best, start_s + m->collective_pair_long_start_s[i], others * part_s / m->collective_pair_long_frac[i]);
    return best;
}

/* A rank's kernel reads what it sends from device memory and writes what it gets; the links are slower. */
void cost_collective(const op *o, residency where, const machine_block *machines, cost_block *out) {
    (void)where;
    op_work work = op_work_of(o);
    exchange e = exchange_of(&o->as.collective, machines->generation);
    *out = (cost_block){0};
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double rate = link_rate(&e, machines, i);
        exchange_time t = {clocks_s(machines, machines->collective_start_clk, i), 0};
        if (rate > 0)
            t = e.pairs ? pairs_time(&e, machines, i, rate) : ring_time(&e, machines, i, rate);
        double hbm_s = (work.read_bytes + work.write_bytes) / machines->hbm_bandwidth_bytes_per_s[i];
        double bound_s = rate > 0 ? work.write_bytes / rate : 0; /* links carry each byte once at least */
        double moved_s = t.transfer_s > hbm_s ? t.transfer_s : hbm_s;
        if (!e.sums_in_switch && moved_s < bound_s)
            moved_s = bound_s;
        out->time_s[i] = t.fixed_s + moved_s;
        out->hbm_bytes[i] = work.read_bytes + work.write_bytes;
        out->l2_bytes[i] = 0;
        out->launches[i] = 1;
        out->bound[i] = moved_s > t.fixed_s ? BOUND_LINK : BOUND_LATENCY;
        out->picked[i] = (plan){.launches = 1, .ctas = 1, .cluster_m = 1, .cluster_n = 1, .split_k = 1};
    }
}
