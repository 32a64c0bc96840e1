#include "sim/engine/gemm_power.h"

#include <math.h>

/* Multiply-adds of a type that the tensor cores lack run at the next wider type that they have. bfloat16 is widened to
 * FP32 on the way: 10.65 TFLOP/s where FP32 reaches 14.38 on a V100, 6.0 and 8.1 on a P100 (zzc0721's
 * torch-performance-test-data, issues 140 and 164). */
static const double WIDENED_FRAC = 0.74;

void tensor_flops_per_s(data_type type, const machine_block *m, lanes rate) {
    data_type wider = type == DTYPE_nvfp4                        ? DTYPE_fp8
                      : type == DTYPE_bf16 || type == DTYPE_tf32 ? DTYPE_fp32
                                                                 : DTYPE_fp16;
    EACH_LANE {
        double first = m->peak_flops_per_s[type][i], second = m->peak_flops_per_s[wider][i];
        double last = m->peak_flops_per_s[DTYPE_fp16][i], plain = m->peak_flops_per_s[DTYPE_fp32][i];
        double widened = type == DTYPE_bf16 ? plain * WIDENED_FRAC : second > 0 ? second : last > 0 ? last : plain;
        double found = first > 0 ? first : widened;
        rate[i] = found * m->sm_clock_max_hz[i] / m->sm_clock_tensor_hz[i];
    }
}

static double energy_per_flop(data_type type, const machine_block *m, size_t i) {
    double half = m->power_energy_per_fp16_flop_j[i];
    double quarter = m->power_energy_per_fp8_flop_j[i] > 0 ? m->power_energy_per_fp8_flop_j[i] : half / 2;
    if (type == DTYPE_fp32)
        return m->power_energy_per_fp32_flop_j[i];
    if (dtype_bytes(type) < 1)
        return quarter / 2; /* machine.def */
    return dtype_bytes(type) < 2 ? quarter : half;
}

/* The power limit. At ratio r of the highest clock, energy E and time t there draw E r^x / t, so the SMs' time becomes
 * t^(1-1/x) (E/P)^(1/x): a concave function of E, which the least of its tangents at these E/(P t) gives within 1 %. */
static const double tangent_at[TANGENTS] = {1, 1.7, 2.9};

void gemm_power_of(const op *o, const lanes hbm_bytes, const machine_block *m, gemm_power *out) {
    const gemm_params *g = &o->as.gemm;
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k * (double)g->batch;
    EACH_LANE {
        double exponent = 1 + 2 * m->power_voltage_slope_ratio[i]; /* f V^2 */
        double spare_w = m->power_limit_w[i] - m->power_idle_w[i] - m->power_clock_w[i];
        double flop_j = energy_per_flop(g->dtype, m, i) * m->gemm_switching_frac[i];
        double fixed_j = flops * flop_j + hbm_bytes[i] * m->power_energy_per_hbm_byte_j[i];
        out->energy_s[i] = fixed_j / spare_w;
        out->energy_s_per_l2_byte[i] = m->power_energy_per_l2_byte_j[i] / spare_w;
        for (size_t k = 0; k < TANGENTS; k++) {
            double value = k > 0 ? pow(tangent_at[k], 1 / exponent) : 1;
            out->tangent_time[k][i] = value * (1 - 1 / exponent);
            out->tangent_energy[k][i] = value / exponent / tangent_at[k];
        }
        double peak_w = spare_w + (m->power_peak_ratio[i] - 1) * m->power_limit_w[i];
        out->peak_frac[i] = m->power_peak_ratio[i] > 0 ? spare_w / peak_w : 0;
        out->lag_s[i] = m->gemm_power_lag_s[i];
    }
}
