#include "sim/engine/power.h"

#include "core/plan_gemm_ingot.h"
#include "sim/engine/extremes.h"

#include <math.h>
#include <string.h>

/* Bisection halves the range of clocks so often: 1e-5 of the highest clock. */
enum { HALVINGS = 17 };
/* The lowest clock that is tried, over the highest: an H200 idles at 345 of 1,980 MHz. */
static const double LOWEST_RATIO = 0.17;
static const double FLOPS_PER_FMA = 2;

static const char *const mode_names[THERMAL_COUNT] = {
    [THERMAL_BY_DURATION] = "duration", [THERMAL_BURST] = "burst", [THERMAL_SUSTAINED] = "sustained"};

const char *thermal_name(thermal_mode mode) {
    return mode_names[mode];
}

status thermal_parse(const char *name, thermal_mode *out, error *err) {
    for (int mode = 0; mode < THERMAL_COUNT; mode++) {
        if (strcmp(mode_names[mode], name) == 0) {
            *out = (thermal_mode)mode;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_BAD_INPUT, "unknown thermal mode '%.40s' (known: duration, burst, sustained)", name);
}

static double flop_j(const machine_block *m, size_t i, const op_work *work) {
    if (!work->tensor_flops)
        return m->power_energy_per_fp32_flop_j[i];
    double half_j = m->power_energy_per_fp16_flop_j[i], quarter_j = m->power_energy_per_fp8_flop_j[i];
    if (dtype_bytes(work->flops_dtype) > 1)
        return half_j;
    quarter_j = quarter_j > 0 ? quarter_j : half_j / 2; /* machine.def: absent means half */
    return dtype_bytes(work->flops_dtype) < 1 ? quarter_j / 2 : quarter_j;
}

/* Instructions that widen weights to 16 bits, times lanes: those of kernels/mma.cuh a word, over the weights in it.
 * Blocks of further rows widen anew. */
static double widening_lane_ops(const op *o) {
    static const double INT8_TO_BF16 = 11.0 / 4, INT8_TO_FP16 = 5.0 / 4, INT4 = 13.0 / 8;
    const gemm_params *p = &o->as.gemm;
    if (o->kind != OP_gemm || (p->dtype != DTYPE_bf16 && p->dtype != DTYPE_fp16))
        return 0;
    double each = p->weights_dtype == DTYPE_int4   ? INT4
                  : p->weights_dtype != DTYPE_int8 ? 0
                  : p->dtype == DTYPE_bf16         ? INT8_TO_BF16
                                                   : INT8_TO_FP16;
    double blocks = ceil((double)p->m / gemm_ingot_plan(p).tile_m);
    return each * (double)p->n * (double)p->k * (double)p->batch * blocks;
}

void power_of(const op *o, const op_work *work, const cost_times *cost, const machine_block *m, double switching,
              op_power *out) {
    lanes each_j;
    bool tensor = work->tensor_flops;
    double zeros = 1 - switching, lane_ops = widening_lane_ops(o);
    for (size_t i = 0; i < MACHINE_LANES; i++)
        each_j[i] = flop_j(m, i, work);
    EACH_LANE {
        /* An instruction of a lane takes what an FMA does. */
        double lanes_j = lane_ops * FLOPS_PER_FMA * m->power_energy_per_fp32_flop_j[i];
        double flops_j = work->flops * each_j[i] + lanes_j, bytes_data = 1 - m->power_memory_data_frac[i] * zeros;
        double l2_j = bytes_data * cost->l2_bytes[i] * m->power_energy_per_l2_byte_j[i];
        out->core_j[i] = (1 - m->power_data_frac[i] * zeros) * flops_j + l2_j;
        out->seen_j[i] = (1 - m->power_limit_data_frac[i] * zeros) * flops_j + l2_j;
        out->memory_j[i] = bytes_data * cost->hbm_bytes[i] * m->power_energy_per_hbm_byte_j[i];
        out->clocked_s[i] = cost->clocked_s[i];
        out->limited_s[i] = cost->limited_s[i];
        out->held_s[i] = tensor ? cost->clocked_s[i] - cost->limited_s[i] : 0;
    }
}

void power_add(const op_power *one, const lanes time_s, double times, step_power *sum) {
    EACH_LANE {
        sum->core_j[i] += times * one->core_j[i];
        sum->memory_j[i] += times * one->memory_j[i];
        sum->seen_j[i] += times * one->seen_j[i];
        sum->clocked_s[i] += times * one->clocked_s[i];
        sum->limited_s[i] += times * one->limited_s[i];
        sum->held_s[i] += times * one->held_s[i];
        sum->busy_s[i] += times * time_s[i];
    }
}

step_clock step_clock_full(void) {
    step_clock clock = {0};
    EACH_LANE clock.ratio[i] = clock.burst_ratio[i] = clock.stretch[i] = clock.held_stretch[i] = 1;
    return clock;
}

static double voltage_squared(const machine_block *m, size_t i, double ratio) {
    double v = larger(m->power_voltage_floor_frac[i], 1 - m->power_voltage_slope_ratio[i] * (1 - ratio));
    return v * v;
}

/* Of tensor work at this clock, over its time in short runs. */
static double held_stretch(const machine_block *m, size_t i, double ratio) {
    double hold = m->power_tensor_hold_ratio[i];
    return larger(1, (hold > 0 ? hold : 1) / ratio);
}

/* Board power with the whole step at this clock and this core energy, were no operator slowed down for its own power.
 */
static double power_at(const step_power *s, const lanes core_j, const lanes wall_s, const machine_block *m, size_t i,
                       double ratio) {
    double v2 = voltage_squared(m, i, ratio), limited_s = s->limited_s[i], held_s = s->held_s[i];
    double longer_s =
        (s->clocked_s[i] - limited_s - held_s) * (1 / ratio - 1) + held_s * (held_stretch(m, i, ratio) - 1) - limited_s;
    double now_s = wall_s[i] + longer_s, clock_v2 = ratio * v2;
    double running_j = (s->busy_s[i] + longer_s) * m->power_clock_w[i] * clock_v2;
    return m->power_idle_w[i] + m->power_awake_w[i] * clock_v2 + (running_j + core_j[i] * v2 + s->memory_j[i]) / now_s;
}

/* The highest clock within so many watts at this core energy. Power grows with the clock: dynamic energy does, and time
 * falls. */
static double solve_lane(const step_power *s, const lanes core_j, double limit_w, const lanes wall_s,
                         const machine_block *m, size_t i) {
    double low = LOWEST_RATIO, high = 1;
    for (int k = 0; k < HALVINGS; k++) {
        double middle = 0.5 * (low + high);
        bool within = power_at(s, core_j, wall_s, m, i, middle) <= limit_w;
        low = within ? middle : low;
        high = within ? high : middle;
    }
    return low;
}

static double sustained_frac(double duration_s, double loop_s, thermal_mode mode) {
    if (mode != THERMAL_BY_DURATION)
        return mode == THERMAL_SUSTAINED ? 1 : 0;
    return duration_s > loop_s ? 1 - loop_s / duration_s : 0;
}

/* Until the control has answered: the highest clock, or where the supply gives no more. */
static double burst_ratio(const step_power *s, const lanes wall_s, const machine_block *m, size_t i) {
    double peak_w = m->power_peak_ratio[i] * m->power_limit_w[i];
    if (!(peak_w > 0) || power_at(s, s->core_j, wall_s, m, i, 1) <= peak_w)
        return 1;
    return solve_lane(s, s->core_j, peak_w, wall_s, m, i);
}

void power_solve(const step_power *s, const lanes wall_s, const lanes duration_s, thermal_mode mode,
                 const machine_block *m, step_clock *out) {
    *out = step_clock_full();
    if (mode == THERMAL_BURST)
        return;
    EACH_LANE {
        if (!(wall_s[i] > 0) || power_at(s, s->seen_j, wall_s, m, i, 1) <= m->power_limit_w[i])
            continue;
        double burst = burst_ratio(s, wall_s, m, i), share = sustained_frac(duration_s[i], m->power_loop_s[i], mode);
        out->burst_ratio[i] = burst;
        out->sustained_frac[i] = share;
        out->ratio[i] = solve_lane(s, s->seen_j, m->power_limit_w[i], wall_s, m, i);
        out->throttles = true;
        out->stretch[i] = (1 - share) / burst + share / out->ratio[i];
        out->held_stretch[i] = (1 - share) * held_stretch(m, i, burst) + share * held_stretch(m, i, out->ratio[i]);
    }
}

void power_stretch(const step_clock *clock, const op_power *one, cost_block *cost) {
    EACH_LANE {
        cta_work *w = &cost->ctas[i];
        double longer_s = power_longer_s(one, clock, i);
        double stretch = one->clocked_s[i] > 0 ? 1 + longer_s / one->clocked_s[i] : clock->stretch[i];
        cost->time_s[i] += longer_s;
        w->time_s += longer_s;
        w->prologue_s *= stretch;
        w->epilogue_s *= stretch;
        w->shared_s *= stretch;
        w->waited_s *= stretch;
        w->least_s *= stretch;
        w->dispatch_s *= stretch;
        w->l2_s *= stretch;
        w->uneven.fixed_s *= stretch;
        w->uneven.longest_s *= stretch;
        w->uneven.fall_s *= stretch;
        w->uneven.most_s *= stretch;
    }
}

double power_step_j(const step_power *s, const step_clock *clock, double wall_s, double busy_s, const machine_block *m,
                    size_t i) {
    double share = clock->sustained_frac[i], ratio = clock->ratio[i], v2 = voltage_squared(m, i, ratio);
    double limited_frac = s->clocked_s[i] > 0 ? s->limited_s[i] / s->clocked_s[i] : 0;
    double burst_v2 = voltage_squared(m, i, smaller(clock->burst_ratio[i], 1 - limited_frac));
    double full_s = (1 - share) * s->busy_s[i], slow_s = larger(0, busy_s - full_s); /* at either clock */
    double running_s = full_s + slow_s * ratio * v2; /* of the highest clock, for as much energy */
    double awake_s = running_s + larger(0, wall_s - busy_s) * (1 - share + share * ratio * v2);
    return m->power_idle_w[i] * wall_s + m->power_awake_w[i] * awake_s + m->power_clock_w[i] * running_s +
           s->core_j[i] * ((1 - share) * burst_v2 + share * v2) + s->memory_j[i];
}

power_point power_repeated(const op *o, residency where, double duration_s, double switching, const machine_block *m) {
    cost_block cost;
    op_work work = op_work_of(o);
    op_power one;
    step_power sum = {0};
    step_clock clock;
    lanes durations;
    cost_analytic(o, where, m, &cost);
    power_of(o, &work, &cost.times, m, switching, &one);
    power_add(&one, cost.time_s, 1, &sum);
    EACH_LANE durations[i] = duration_s;
    power_solve(&sum, cost.time_s, durations, THERMAL_BY_DURATION, m, &clock);
    double end_w = power_at(&sum, sum.core_j, cost.time_s, m, 0, clock.ratio[0]);
    double end_hz = clock.ratio[0] * m->sm_clock_max_hz[0];
    power_stretch(&clock, &one, &cost);
    return (power_point){.power_w = end_w, .clock_hz = end_hz, .time_s = cost.time_s[0]};
}
