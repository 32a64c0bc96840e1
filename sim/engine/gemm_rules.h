/* Which plans libraries do not consider, though the estimate may find them the fastest: read off rows and traces. They
 * depend on the product and the SMs, not on how fast a machine is, but for how long a stream takes. */
#ifndef INGOT_GEMM_RULES_H
#define INGOT_GEMM_RULES_H

#include "core/plan.h"
#include "sim/engine/cost.h"

/* cuBLAS's largest tile before Hopper, outputs. */
static const double GEMM_LARGEST_TILE_AREA = 256 * 128;

/* A split that comes to about the same is not taken. The library counts a gap before the second kernel wherever it runs
 * (traces of prefill on H200: 154 rows, 4,096 outputs and k of 11,008 are not split). */
static const double GEMM_SPLIT_GAIN_RATIO = 1.02;

static inline bool gemm_is_small(const plan *p) {
    return (double)p->tile_m * p->tile_n < GEMM_LARGEST_TILE_AREA;
}

/* Plans with no more rows in a tile than this are vector kernels. */
static inline bool gemm_is_vector(const plan *p) {
    static const int32_t ROWS_MAX = 4;
    return !p->swapped && p->tile_m <= ROWS_MAX;
}

/* So many seconds that it rules a plan out where the library would not consider a plan: an unsplit reduction, a smaller
 * tile than the largest, the largest one split. */
typedef struct passed_over {
    lanes whole_s, small_s, small_split_s, split_s;
    lanes gap_s; /* before a second kernel, where the plan's time is without */
} passed_over;

/* `hbm_s`: what device memory takes of the product on each machine. */
void gemm_pass_over(const op *gemm, residency where, const plan_list *plans, const machine_block *machines,
                    const lanes hbm_s, passed_over *out);

/* Whether the library clears a counter before it, one launch more; per_sm: 1 over the SMs. */
bool gemm_needs_counter(const op *gemm, double per_sm, generation g);

#endif
