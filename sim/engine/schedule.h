/* Scheduling of one step: an in-order host that issues work and a GPU that runs it, and the idle time between.
 *
 * The host issues operators in order, each at a cost; the GPU starts one when it has been issued and the one before it
 * has finished. Both clocks move by max and plus alone, so a body of operators acts on the GPU's lead over the host as
 * lead' = max(lead + busy - host, tail), and a body repeated over layers composes in closed form: a step costs one
 * pass over its folded nodes, however many layers it has. The event engine's flat simulation is the test oracle. */
#ifndef INGOT_SCHEDULE_H
#define INGOT_SCHEDULE_H

#include "core/graph.h"
#include "core/host.h"
#include "core/machine.h"

/* One node's share of a step, per lane. */
typedef struct node_cost {
    lanes host_s;  /* the host's time to issue it, in front of its launch taking effect */
    lanes busy_s;  /* the GPU's time inside its kernels */
    lanes gap_s;   /* GPU time lost between its kernels and after the kernel before: launch gaps */
    bool waits;    /* the host waits until the GPU has finished it (sync) */
    bool launches; /* issues anything to the GPU */
} node_cost;

/* Clocks of both sides since the step began. */
typedef struct step_clocks {
    lanes host_s;    /* when the host is free */
    lanes gpu_s;     /* when the GPU is free */
    lanes busy_s;    /* sum of kernel time */
    lanes starved_s; /* idle: the GPU waited for the host to issue */
    lanes gap_s;     /* idle: launch gaps between kernels */
} step_clocks;

/* Runs a segment of nodes `repeat` times. `launch_latency_s` (per lane): from issue to start on an idle GPU. */
void schedule_segment(const node_cost *nodes, size_t count, int64_t repeat, const lanes launch_latency_s,
                      step_clocks *clocks);

#endif
