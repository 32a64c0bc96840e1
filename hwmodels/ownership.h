/* What a request costs and emits on a GPU that stands somewhere: its share of the GPU's life, and its energy.
 *
 *     busy life  = lifetime_s * utilisation_frac
 *     GPU        = gpu_cost.total_usd * price_ratio / busy life * seconds
 *     energy     = joules * pue_ratio * electricity_usd_per_j
 *
 * and the same for CO2 equivalents, with what making the GPU emitted. Servers, networks and people are not in it. */
#ifndef INGOT_OWNERSHIP_H
#define INGOT_OWNERSHIP_H

#include "core/base/arena.h"
#include "hwmodels/carbon.h"
#include "hwmodels/gpu_cost.h"

/* configs/sites/NAME.yaml. Assumptions, not measurements: results scale with them. */
typedef struct site {
    const char *name, *description;
    double electricity_usd_per_j;
    double carbon_kg_per_j; /* of the grid */
    double pue_ratio;       /* the building's power over the computers' */
    double lifetime_s;
    double utilisation_frac; /* of its life that a GPU works on requests */
    double price_ratio;      /* paid for a GPU over what it costs to make */
} site;

/* By name, or any path. Errors name file:line:column. */
status site_load(arena *a, const char *config_dir, const char *name_or_path, site *out, error *err);

/* NaN where the GPU's cost or carbon is not known. */
typedef struct ownership {
    double gpu_usd, energy_usd, total_usd;
    double embodied_kg, operational_kg, total_kg;
} ownership;

/* Of `seconds` of one GPU that draws `joules` at its board meanwhile; for several GPUs pass GPU-seconds. */
ownership ownership_of(const site *s, const gpu_cost *cost, const gpu_carbon *carbon, double seconds, double joules);

#endif
