/* Whether a machine joins as many GPUs as a graph needs. */
#include "sim/engine/engine.h"

/* Without links of their own GPUs meet over PCIe: as many as a server has slots for. */
static const double PCIE_GPUS_MAX = 8;

status engine_check_links(const graph *g, const machine *m, error *err) {
    double needed = (g->ranks > 1 ? g->ranks : 1) * (g->stages > 1 ? g->stages : 1);
    double over_host = m->link.host_bandwidth_bytes_per_s > 0 ? PCIE_GPUS_MAX : 1;
    double linked = m->link.bandwidth_bytes_per_s > 0 ? m->link.gpus : 1;
    double joined = linked > over_host ? linked : over_host;
    if (needed <= 1 || needed <= joined)
        return STATUS_OK;
    return error_set(err, STATUS_NEGATIVE, "needs %.0f GPUs, %s joins %.0f", needed, m->name, joined);
}
