#include "hwmodels/area.h"

#include <math.h>

/* LLMCompass' cost model [LC] in transistors; logic of TSMC N7 at 96.3 million a mm2 [TTM]. */
static const double n7_transistors_per_m2 = 96.3e12;
static const double scheduling_transistors = 128 * 725650.0; /* 4 sub-partitions of 32 threads, NVIDIA's fit */
static const double port_transistors = 55.0e6;               /* SM to crossbar, NVIDIA's fit */
static const double fp64_lane_transistors = 685300;
static const double fp32_lane_transistors = 685300 * (23.0 / 52) * (23.0 / 52); /* by the square of the mantissa */
static const double fp16_lane_transistors = 685300 * (10.0 / 52) * (10.0 / 52); /* a multiplier of a tensor core */
static const double int32_lane_transistors = 177690;
enum { INT32_LANES = 64, FLOPS_PER_LANE = 2 }; /* integer lanes of every SM since Volta; a lane's FMA counts as two */

/* SRAM on N7: GA100's SM in LLMCompass' model, which its die shot confirms (4.10 of 3.75 mm2 before NVIDIA's fit). */
static const double register_m2 = 1.57e-6 / 65536; /* one of 32 bits, with its ports */
static const double l1_m2_per_byte = 0.51e-6 / 196608;

/* L2 on N7: two equations, GA100 119.31 mm2 (48 MiB, 4,819 bytes a clock as measured, slices fused off included) and
 * Aldebaran 25.2 mm2 on N6 (8 MiB, 4,096 bytes a clock of which the same 0.75 is attained) [LC]. */
static const double l2_m2_per_byte = 1.931e-12;
static const double l2_m2_clk_per_byte = 4.592e-9;

static double either(double value, double otherwise) {
    return value == 0 ? otherwise : value;
}

static double sm_area_m2(const machine *m) {
    double tensor_lanes = fmax(m->sm.tensor_fp16_flops_per_clk, m->sm.tensor_bf16_flops_per_clk) / FLOPS_PER_LANE;
    double transistors = scheduling_transistors + port_transistors + INT32_LANES * int32_lane_transistors +
                         m->sm.fp32_flops_per_clk / FLOPS_PER_LANE * fp32_lane_transistors +
                         m->sm.fp64_flops_per_clk / FLOPS_PER_LANE * fp64_lane_transistors +
                         tensor_lanes * fp16_lane_transistors;
    double logic_m2 = transistors / n7_transistors_per_m2 * m->area.logic_ratio;
    double sram_m2 = (m->sm.registers * register_m2 + m->sm.l1_bytes * l1_m2_per_byte) * m->area.sram_ratio;
    return either(m->area.sm_ratio, 1) * (logic_m2 + sram_m2);
}

static double l2_area_m2(const machine *m) {
    return m->area.l2_built_ratio * (m->area.logic_ratio * m->l2.bytes_per_clk * l2_m2_clk_per_byte +
                                     m->area.sram_ratio * m->l2.bytes * l2_m2_per_byte);
}

die_area area_of(const machine *m) {
    die_area a = {NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    /* 0 is "not known" for each of these. */
    bool links_known = m->link.bandwidth_bytes_per_s == 0 || m->area.link_m2_s_per_byte != 0;
    if (m->area.sm_built_ratio == 0 || m->area.logic_ratio == 0 || m->area.sram_ratio == 0 ||
        m->area.l2_built_ratio == 0 || m->area.memory_phy_m2 == 0 || m->area.other_m2 == 0 || !links_known)
        return a;
    a.sms_built = round(m->sm.count * m->area.sm_built_ratio);
    a.one_sm_m2 = sm_area_m2(m);
    a.sm_m2 = a.sms_built * a.one_sm_m2;
    a.l2_m2 = l2_area_m2(m);
    a.memory_m2 = m->hbm.stacks * m->area.memory_phy_m2;
    a.link_m2 = m->link.bandwidth_bytes_per_s * m->area.link_m2_s_per_byte;
    a.other_m2 = m->area.other_m2;
    a.total_m2 = a.sm_m2 + a.l2_m2 + a.memory_m2 + a.link_m2 + a.other_m2;
    return a;
}
