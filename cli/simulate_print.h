/* What `ingot simulate` prints of a result, for people and for programs (design.md 7: simulate --json). */
#ifndef INGOT_SIMULATE_PRINT_H
#define INGOT_SIMULATE_PRINT_H

#include "cli/setup.h"
#include "cli/simulate_requests.h"

/* Ends of the latency's 90 % interval; NaN when not known. */
typedef struct latency_interval {
    double lower_s, upper_s;
    bool extrapolated;
} latency_interval;

/* `drawn` holds no requests where none were drawn. */
status simulate_json(arena *a, const setup *s, const engine_result *r, const node_totals *nodes,
                     const latency_interval *range, const request_distribution *drawn, error *err);
void simulate_text(arena *a, const setup *s, const engine_result *r, const latency_interval *range);
/* A row an operator. */
void simulate_ops(const setup *s, const node_totals *nodes);

#endif
