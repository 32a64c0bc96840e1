/* Collectives over the machine's links: a ring, each rank's share moving once or twice around. */
#include "sim/engine/cost.h"

/* A rank's kernel reads what it sends from device memory and writes what it gets; the links are slower. */
void cost_collective(const op *o, residency where, const machine_block *machines, cost_block *out) {
    (void)where;
    const collective_params *p = &o->as.collective;
    op_work work = op_work_of(o);
    double ranks = (double)p->ranks;
    double hops = p->collective == collective_pattern_all_reduce ? 2 * (ranks - 1)
                  : p->collective == collective_pattern_send     ? 1
                                                                 : ranks - 1;
    *out = (cost_block){0};
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double rate = machines->link_bandwidth_bytes_per_s[i] > 0 ? machines->link_bandwidth_bytes_per_s[i]
                                                                  : machines->link_host_bandwidth_bytes_per_s[i];
        double transfer_s = rate > 0 ? work.write_bytes / rate : 0, latency_s = hops * machines->link_latency_s[i];
        double hbm_s = (work.read_bytes + work.write_bytes) / machines->hbm_bandwidth_bytes_per_s[i];
        double moved_s = transfer_s > hbm_s ? transfer_s : hbm_s;
        out->time_s[i] =
            machines->rowwise_start_latencies[i] * machines->hbm_latency_clk[i] / machines->sm_clock_max_hz[i] +
            latency_s + moved_s;
        out->hbm_bytes[i] = work.read_bytes + work.write_bytes;
        out->launches[i] = 1;
        out->bound[i] = moved_s > latency_s ? BOUND_LINK : BOUND_LATENCY;
        out->picked[i] = (plan){.launches = 1, .ctas = 1, .cluster_m = 1, .cluster_n = 1, .split_k = 1};
    }
}
