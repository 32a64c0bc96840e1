#include "sim/engine/schedule.h"

#include "sim/engine/extremes.h"

/* The recurrence itself, one node: the host issues, the GPU starts when both are ready. */
static void advance(const node_cost *node, const lanes launch_latency_s, step_clocks *clocks) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        clocks->host_s[i] += node->host_s[i];
        if (node->launches) {
            double queued_s = clocks->gpu_s[i] + node->gap_s[i];
            double start_s = larger(queued_s, clocks->host_s[i] + launch_latency_s[i]);
            clocks->starved_s[i] += start_s - queued_s;
            clocks->gap_s[i] += node->gap_s[i];
            clocks->busy_s[i] += node->busy_s[i];
            clocks->gpu_s[i] = start_s + node->busy_s[i];
        }
        if (node->waits)
            clocks->host_s[i] = larger(clocks->host_s[i], clocks->gpu_s[i]);
    }
}

/* What a body of nodes without waits does to the clocks, as max-plus coefficients:
 *   host' = host + host_s,   gpu' = max(gpu + queue_s, host + tail_s). */
typedef struct body {
    lanes host_s, busy_s, gap_s;
    lanes queue_s; /* busy and gaps: the GPU's time when it never waits for the host */
    lanes tail_s;  /* from the body's first issue to its end, the GPU idle before */
} body;

static void compose(const node_cost *nodes, size_t count, const lanes launch_latency_s, body *out) {
    *out = (body){0};
    for (size_t n = 0; n < count; n++) {
        const node_cost *node = &nodes[n];
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            out->host_s[i] += node->host_s[i];
            if (node->launches) {
                double issued_s = out->host_s[i] + launch_latency_s[i];
                out->tail_s[i] = larger(out->tail_s[i] + node->gap_s[i], issued_s) + node->busy_s[i];
                out->busy_s[i] += node->busy_s[i];
                out->gap_s[i] += node->gap_s[i];
            }
        }
    }
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out->queue_s[i] = out->busy_s[i] + out->gap_s[i];
}

/* n bodies in a row: the slower side sets the pace, and the tail is one body's. */
static void repeat_body(const body *b, double n, step_clocks *clocks) {
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double queued_s = clocks->gpu_s[i] + n * b->queue_s[i];
        double pace_s = larger(b->host_s[i], b->queue_s[i]);
        double issued_s = clocks->host_s[i] + b->tail_s[i] + (n - 1) * pace_s;
        double end_s = larger(queued_s, issued_s);
        clocks->starved_s[i] += end_s - queued_s;
        clocks->gap_s[i] += n * b->gap_s[i];
        clocks->busy_s[i] += n * b->busy_s[i];
        clocks->gpu_s[i] = end_s;
        clocks->host_s[i] += n * b->host_s[i];
    }
}

void schedule_segment(const node_cost *nodes, size_t count, int64_t repeat, const lanes launch_latency_s,
                      step_clocks *clocks) {
    bool waits = false, launches = false;
    for (size_t n = 0; n < count; n++) {
        waits |= nodes[n].waits;
        launches |= nodes[n].launches;
    }
    if (waits || !launches || repeat == 1) {
        for (int64_t r = 0; r < repeat; r++)
            for (size_t n = 0; n < count; n++)
                advance(&nodes[n], launch_latency_s, clocks);
        return;
    }
    body b;
    compose(nodes, count, launch_latency_s, &b);
    repeat_body(&b, (double)repeat, clocks);
}
