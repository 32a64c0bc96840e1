/* Rate and power of tensor cores in matrix products.
 *
 * Where a product is measured alone, over and over, power stretches the SM's part of its time: dynamic power grows as
 * clock^x, so the clock that keeps within the limit has a closed form. Inside a graph the clock follows from all of a
 * step's operators (power.h). */
#ifndef INGOT_GEMM_POWER_H
#define INGOT_GEMM_POWER_H

#include "sim/engine/cost.h"
#include "sim/engine/cost_memory.h"

/* To the power limit's curve, and how many of them reach as far as loads exceed what a supply gives. */
enum { TANGENTS = 3, PEAK_TANGENTS = 2 };

typedef struct gemm_power {
    lanes energy_s, energy_s_per_l2_byte; /* energy over the power that the limit leaves */
    lanes peak_frac;                      /* that power over what the supply gives at once; 0: it gives any */
    lanes tangent_time[TANGENTS], tangent_energy[TANGENTS], lag_s;
} gemm_power;

/* Of a whole machine's tensor cores at the highest clock, for operands of a type. */
void tensor_flops_per_s(data_type type, const machine_block *m, lanes rate);

/* `hbm_bytes`: that the product moves on each machine. */
void gemm_power_of(const op *o, const lanes hbm_bytes, const machine_block *m, gemm_power *out);

/* Time of SMs that would take sm_s at the highest clock, within a limit: the least of the tangents. */
static inline double limited_s(const gemm_power *p, size_t tangents, double sm_s, double energy_s, size_t i) {
    double least = p->tangent_time[0][i] * sm_s + p->tangent_energy[0][i] * energy_s;
    for (size_t k = 1; k < tangents; k++) {
        double tangent = p->tangent_time[k][i] * sm_s + p->tangent_energy[k][i] * energy_s;
        least = tangent < least ? tangent : least;
    }
    return least > sm_s ? least : sm_s;
}

/* The same where they move so many bytes through L2: the supply's limit acts at once, the board's after a while. */
static inline double throttled_s(const gemm_power *p, double sm_s, double l2_bytes, size_t i) {
    double energy_s = p->energy_s[i] + l2_bytes * p->energy_s_per_l2_byte[i];
    double peak_s = limited_s(p, PEAK_TANGENTS, sm_s, energy_s * p->peak_frac[i], i);
    double sustained_s = limited_s(p, TANGENTS, sm_s, energy_s, i);
    return peak_s + (sustained_s - peak_s) * sm_s / (sm_s + p->lag_s[i]);
}

#endif
