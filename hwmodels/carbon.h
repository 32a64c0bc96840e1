/* Greenhouse gases of making a GPU, as ACT counts them (Gupta et al., ISCA 2022): wafers by area over the yield of
 * sold dies, memory by capacity. Packaging, board, cooling and transport are not in it.
 *
 *     dies   = dies * (wafer / (dies a wafer * yield)) * cost.fab_kg_per_m2
 *     memory = hbm.capacity_bytes * cost.memory_kg_per_byte */
#ifndef INGOT_CARBON_H
#define INGOT_CARBON_H

#include "core/machine.h"
#include "hwmodels/gpu_cost.h"

/* kg of CO2 equivalent; NaN: not known, because the machine lacks a key. */
typedef struct gpu_carbon {
    double dies_kg, memory_kg, total_kg;
} gpu_carbon;

/* `cost` is gpu_cost_of(m). */
gpu_carbon gpu_carbon_of(const machine *m, const gpu_cost *cost);

#endif
