#include "hwmodels/carbon.h"

#include <math.h>

static double known(double value) {
    return value == 0 ? NAN : value;
}

gpu_carbon gpu_carbon_of(const machine *m, const gpu_cost *cost) {
    double radius_m = known(m->cost.wafer_diameter_m) / 2;
    double wafer_kg = M_PI * radius_m * radius_m * known(m->cost.fab_kg_per_m2);
    gpu_carbon c;
    c.dies_kg = known(m->area.dies) * wafer_kg / (cost->dies_per_wafer * cost->die_yield_frac);
    c.memory_kg = m->hbm.capacity_bytes * known(m->cost.memory_kg_per_byte);
    c.total_kg = c.dies_kg + c.memory_kg;
    return c;
}
