/* Collectives over the machine's links, as NCCL runs them on one host: a ring under three protocols, sums in the switch
 * where there is one, grouped sends and receives for the rest.
 *
 *   ring  = start + hops x hop + passes of (bytes / ranks) / rate, by the protocol that NCCL takes
 *   LL    : data and flag in one 8-byte store; short hops, low rate
 *           (few channels for few bytes, then all)
 *   LL128 : lines of 128 bytes with one flag, as fast as links
 *   Simple: slices with separate flags; long hops, full rate
 *   pairs : LL, Simple, and for long ones Simple in larger parts over more channels: a later start, a higher rate (on
 *           an H200 0.56 and 0.70 of the links, crossing near 20 MB; A100 and L40S alike)
 *
 * A ring's passes count the rank's own part: an all-gather is one send, ranks - 2 forwards and one receive. Without
 * links of their own, GPUs go through the host's, which they share. Protocols and what bounds them: NCCL's
 * src/graph/tuning.cc. Which one is taken follows from the estimates there, which are not what they take: on an A100
 * two ranks' sums of 1 MB go by Simple in 42 us where flags in the data would take 26. Times are fitted. */
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

/* Starts are SM clocks. */
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

/* By flags within the data, threads move no more than they can, nor links. */
static double flagged_s(const machine_block *m, size_t i, double links_s, double bytes, double bytes_per_clk) {
    return fmax(links_s, bytes / (bytes_per_clk * m->sm_clock_max_hz[i]));
}

/* What NCCL 2.2x believes of a protocol: seconds to begin, seconds a step, bytes a second over a ring's links. */
typedef struct belief {
    double base_s, nvlink_step_s, pcie_step_s;
} belief;

static const belief believed_ll = {6.6e-6, 0.6e-6, 1.0e-6}, believed_ll128 = {14.0e-6, 1.9e-6, 2.5e-6},
                    believed_simple = {8.4e-6, 3.4e-6, 5.7e-6};
/* Of the links' rates: 20 of 25 GB/s over NVLink, 12 of 31 over PCIe (topo.h; eight L40S change over between 0.5 and
 * 1 MB). Of these: flags within the data. */
static const double BELIEVED_NVLINK_FRAC = 0.8, BELIEVED_PCIE_FRAC = 0.39;
static const double BELIEVED_LL_FRAC = 0.5, BELIEVED_LL128_FRAC = 0.92;

/* The most that it grants LL, by generation. */
static double believed_ll_rate(generation g) {
    switch (g) {
    case GENERATION_VOLTA:
    case GENERATION_TURING:
        return 39e9;
    case GENERATION_HOPPER:
        return 141e9;
    case GENERATION_BLACKWELL:
    case GENERATION_BLACKWELL_RTX:
        return 282e9;
    default:
        return 87.7e9;
    }
}

static double believed_s(const belief *b, bool nvlink, const exchange *e, double rate) {
    return b->base_s + e->hops * (nvlink ? b->nvlink_step_s : b->pcie_step_s) + e->hops * e->bytes / e->ranks / rate;
}

typedef enum protocol { PROTOCOL_LL, PROTOCOL_LL128, PROTOCOL_SIMPLE } protocol;

/* Lines of 128 bytes need NVLink. */
static protocol protocol_of(const exchange *e, const machine_block *m, size_t i) {
    bool nvlink = links_join(e, m, i);
    double rate = nvlink ? BELIEVED_NVLINK_FRAC * m->link_bandwidth_bytes_per_s[i]
                         : BELIEVED_PCIE_FRAC * m->link_host_bandwidth_bytes_per_s[i];
    double ll_s = believed_s(&believed_ll, nvlink, e, fmin(believed_ll_rate(m->generation), BELIEVED_LL_FRAC * rate));
    double ll128_s = nvlink ? believed_s(&believed_ll128, nvlink, e, BELIEVED_LL128_FRAC * rate) : INFINITY;
    double simple_s = believed_s(&believed_simple, nvlink, e, rate);
    return ll_s <= fmin(ll128_s, simple_s) ? PROTOCOL_LL : ll128_s <= simple_s ? PROTOCOL_LL128 : PROTOCOL_SIMPLE;
}

static exchange_time ring_time(const exchange *e, const machine_block *m, size_t i, double rate) {
    double start_s = clocks_s(m, m->collective_start_clk, i),
           step_s = m->collective_hop_latencies[i] * link_latency_s(m, i);
    double part_s = e->bytes / e->ranks / rate, moved = e->steps * e->bytes / e->ranks;
    double simple_s = e->steps * part_s / m->collective_simple_frac[i];
    double wide_start_s = start_s + clocks_s(m, m->collective_wide_start_clk, i);
    double ends = END_STEPS / m->collective_end_ratio[i];
    exchange_time best = {0};
    switch (protocol_of(e, m, i)) {
    case PROTOCOL_LL: {
        double links_s = simple_s / m->collective_ll_frac[i];
        best = (exchange_time){start_s + e->hops * step_s,
                               flagged_s(m, i, links_s, moved, m->collective_ll_bytes_per_clk[i])};
        keep_faster(&best, wide_start_s + e->hops * step_s,
                    flagged_s(m, i, links_s, moved, m->collective_wide_bytes_per_clk[i]));
        break;
    }
    case PROTOCOL_LL128:
        best = (exchange_time){wide_start_s + e->hops * step_s * m->collective_wide_hop_ratio[i],
                               simple_s / m->collective_wide_frac[i]};
        break;
    case PROTOCOL_SIMPLE:
        best = (exchange_time){start_s + clocks_s(m, m->collective_simple_start_clk, i) +
                                   e->hops * step_s * m->collective_simple_hop_ratio[i],
                               (e->steps - END_STEPS + ends) * part_s / m->collective_simple_frac[i]};
    }
    if (e->sums_in_switch && links_join(e, m, i)) /* reads a part of everyone's, multicasts the sum */
        keep_faster(&best,
                    start_s + clocks_s(m, m->collective_switch_start_clk, i) +
                        2 * step_s * m->collective_simple_hop_ratio[i],
                    (e->bytes + e->bytes / e->ranks) / (rate * m->collective_switch_frac[i]));
    return best;
}

/* Channels of all pairs over NVLink, of one over PCIe (paths.cc). */
static const double PAIR_CHANNELS = 32, PCIE_PAIR_CHANNELS = 2;
/* A pair's bytes that go by LL: 16 KB a channel (enqueue.cc), of which so few bytes have one, over PCIe two. */
static const double LL_BYTES_MAX = 16384, PCIE_LL_BYTES_MAX = 32768;

static exchange_time pairs_time(const exchange *e, const machine_block *m, size_t i, double rate) {
    double others = e->ranks - 1, part = e->bytes / e->ranks, part_s = part / rate;
    double start_s = clocks_s(m, m->collective_start_clk, i) +
                     m->collective_pair_start_latencies[i] * link_latency_s(m, i) +
                     (others - 1) * m->collective_pair_hop_s[i];
    double simple_s = others * part_s / m->collective_pair_frac[i];
    if (part <= (links_join(e, m, i) ? LL_BYTES_MAX : PCIE_LL_BYTES_MAX)) /* threads of its own a pair */
        return (exchange_time){start_s, flagged_s(m, i, others * part_s / m->collective_pair_ll_frac[i], part,
                                                  m->collective_ll_bytes_per_clk[i])};
    exchange_time best = {start_s + m->collective_pair_simple_start_s[i], simple_s};
    double channels = links_join(e, m, i) ? fmax(1, PAIR_CHANNELS / e->ranks) : PCIE_PAIR_CHANNELS;
    double of_threads_s = part / (channels * m->collective_pair_bytes_per_clk[i] * m->sm_clock_max_hz[i]);
    keep_faster(&best, start_s + m->collective_pair_long_start_s[i],
                fmax(others * part_s / m->collective_pair_long_frac[i], of_threads_s));
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
