/* Rate and power of tensor cores in matrix products.
 *
 * Where a product is measured alone, over and over, power stretches the SM's part of its time: dynamic power grows as
 * clock^x, so the clock that keeps within the limit has a closed form. Inside a graph the clock follows from all of a
 * step's operators (power.h). */
#ifndef INGOT_GEMM_POWER_H
#define INGOT_GEMM_POWER_H

#include "sim/engine/cost.h"
#include "sim/engine/cost_memory.h"

enum { TANGENTS = 4 }; /* to the power limit's curve */

typedef struct gemm_power {
    lanes energy_s, energy_s_per_l2_byte; /* energy over the power that the limit leaves */
    lanes tangent_time[TANGENTS], tangent_energy[TANGENTS], lag_s;
} gemm_power;

/* Of a whole machine's tensor cores at the highest clock, for operands of a type. */
void tensor_flops_per_s(data_type type, const machine_block *m, lanes rate);

/* `hbm_bytes`: that the product moves on each machine. */
void gemm_power_of(const op *o, const lanes hbm_bytes, const machine_block *m, gemm_power *out);

/* Time of SMs that would take sm_s at the highest clock and move so many bytes through L2. */
static inline double throttled_s(const gemm_power *p, double sm_s, double l2_bytes, size_t i) {
    double energy_s = p->energy_s[i] + l2_bytes * p->energy_s_per_l2_byte[i];
    double least = p->tangent_time[0][i] * sm_s + p->tangent_energy[0][i] * energy_s;
    for (size_t k = 1; k < TANGENTS; k++) {
        double tangent = p->tangent_time[k][i] * sm_s + p->tangent_energy[k][i] * energy_s;
        least = tangent < least ? tangent : least;
    }
    double more = least - sm_s > 0 ? least - sm_s : 0;
    return sm_s + more * sm_s / (sm_s + p->lag_s[i]);
}

#endif
