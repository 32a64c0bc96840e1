/* What a GPU costs to make, from the machine's own keys. Component prices are third parties' estimates: the figures
 * rank designs, they are no price list.
 *
 * Dies a wafer, of area A on diameter d, by the usual correction for the round edge (after TTM-CAS):
 *
 *     pi (d/2)^2 / A  -  pi d / sqrt(2 A)
 *
 * Yield, with spare SMs. Defects are Poisson at a density D that varies between wafers and regions as a gamma variable
 * with mean cost.defects_per_m2 and shape alpha = cost.defect_clustering; without spares this is the negative-binomial
 * yield (1 + A D / alpha)^(-alpha). Of a die's N SMs of area a, s are spares. A die is sold when no defect lies in its
 * critical area C (memory interfaces and the rest) and at most s SMs are hit:
 *
 *     Y = E over D [ exp(-D C) * P(Binomial(N, 1 - exp(-D a)) <= s) ]
 *
 * Defects in L2 are taken as repaired: arrays have spare rows, and products fuse slices off.
 *
 * Cost = dies * wafer / (dies a wafer * Y) + memory + packaging + test + board. With several dies each is tested before
 * packaging, so that yields do not multiply. */
#ifndef INGOT_GPU_COST_H
#define INGOT_GPU_COST_H

#include "core/machine.h"

/* NaN: not known, because the machine lacks a key. */
typedef struct gpu_cost {
    double dies_per_wafer;
    double die_yield_frac; /* sellable, spares used */
    double dies_usd;       /* the good dies of one GPU */
    double memory_usd, packaging_usd, test_usd, board_usd;
    double total_usd;
} gpu_cost;

gpu_cost gpu_cost_of(const machine *m);

/* Quadrature over the defect density for one clustering: making it costs more than everything else here. */
enum { YIELD_NODES = 24 };

typedef struct yield_rule {
    double clustering;                                 /* alpha that it was made for */
    double density[YIELD_NODES], weights[YIELD_NODES]; /* densities over their mean; weights sum to 1 */
} yield_rule;

yield_rule yield_rule_of(double clustering);

/* The same as gpu_cost_of, with a rule at hand; any clustering is right, its own is fast. */
gpu_cost gpu_cost_by(const machine *m, const yield_rule *rule);

/* The parts, for one die. */
double dies_per_wafer(double die_m2, double wafer_diameter_m);

/* `sms` of `sm_m2` each on the die, `spares` of which may fail; `critical_m2` must be free of defects. */
double die_yield(double defects_per_m2, double clustering, double critical_m2, double sm_m2, double sms, double spares);
double die_yield_by(const yield_rule *rule, double defects_per_m2, double critical_m2, double sm_m2, double sms,
                    double spares);

#endif
