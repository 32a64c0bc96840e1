/* Energy of operators, and the clock that the board's power limit leaves.
 *
 * Board power at ratio r of the highest clock and voltage v(r) over that clock's voltage:
 *   idle_w + awake_w r v^2 + clock_w r v^2 (while kernels run) + (core energy x v^2 + memory energy) / time.
 * Core energy (tensor and FP32 operations, bytes through L2) grows as the voltage squared, device memory's stays. The
 * voltage falls in a line with the clock down to a floor. Time grows as 1/r where the SMs or the L2 set it; of tensor
 * work from tensor_hold_ratio on, since even in short runs, which costs are fitted on, it does not hold the highest
 * clock.
 *
 * The limit's control answers after power.loop_s: up to there a run keeps the highest clock (burst) unless the board's
 * supply gives out first (power.peak_ratio), what follows goes on where the power is the limit (sustained). What the
 * control sees of operands is less than what they do to power: it lowers the clock of products of zeros far below the
 * limit (limit_data_frac). */
#ifndef INGOT_POWER_H
#define INGOT_POWER_H

#include "sim/engine/cost.h"

typedef enum thermal_mode { THERMAL_BY_DURATION, THERMAL_BURST, THERMAL_SUSTAINED, THERMAL_COUNT } thermal_mode;

const char *thermal_name(thermal_mode mode);
status thermal_parse(const char *name, thermal_mode *out, error *err);

/* One execution at the highest clock, J and s, per lane. */
typedef struct op_power {
    lanes core_j, memory_j;
    lanes seen_j;    /* core energy by the control's estimate */
    lanes clocked_s; /* of the time: grows as 1/r. What memory bounds at the highest clock is taken to stay so */
    lanes limited_s; /* of that: what an operator's own power already adds */
    lanes held_s;    /* of the rest: tensor work, which grows from tensor_hold_ratio on */
} op_power;

/* `switching`: 1 for operands like random numbers, 0 for zeros; scales what the data cause (power.data_frac and
 * memory_data_frac). */
void power_of(const op *o, const op_work *work, const cost_times *cost, const machine_block *machines, double switching,
              op_power *out);

/* A step's sums over its executions, of one GPU. */
typedef struct step_power {
    lanes core_j, memory_j, seen_j, clocked_s, limited_s, held_s, busy_s;
} step_power;

void power_add(const op_power *one, const lanes time_s, double times, step_power *sum);

/* Where the limit leaves the clock. */
typedef struct step_clock {
    lanes ratio;          /* sustained clock over the highest; 1 where the limit is not reached */
    lanes burst_ratio;    /* before its control has answered: 1, or where the board's supply gives no more */
    lanes sustained_frac; /* of the work that runs at `ratio`; the rest at `burst_ratio` */
    lanes stretch;        /* of clocked time, on average over both */
    lanes held_stretch;   /* of tensor work's: tensor_hold_ratio over either ratio, at least 1 */
    bool throttles;       /* on any lane */
} step_clock;

step_clock step_clock_full(void);

/* What such a clock adds to an operator: no slower than either the step's power or its own demands. */
static inline double power_longer_s(const op_power *one, const step_clock *clock, size_t i) {
    double held_s = one->held_s[i], full_s = one->clocked_s[i] - one->limited_s[i] - held_s;
    double longer_s = full_s * (clock->stretch[i] - 1) + held_s * (clock->held_stretch[i] - 1) - one->limited_s[i];
    return longer_s > 0 ? longer_s : 0;
}

/* From a step's sums, its wall time at the highest clock, and the time that equal steps go on for. */
void power_solve(const step_power *sum, const lanes wall_s, const lanes duration_s, thermal_mode mode,
                 const machine_block *machines, step_clock *out);

/* Stretches what the clock sets, the blocks' times too. */
void power_stretch(const step_clock *clock, const op_power *one, cost_block *cost);

/* Energy of a step at such a clock, one GPU; `busy_s` as stretched. */
double power_step_j(const step_power *sum, const step_clock *clock, double wall_s, double busy_s,
                    const machine_block *machines, size_t lane);

/* An operator repeated for so long: board power and clock at the end of it, and its time on average. */
typedef struct power_point {
    double power_w, clock_hz, time_s;
} power_point;

power_point power_repeated(const op *o, residency where, double duration_s, double switching,
                           const machine_block *machines);

#endif
