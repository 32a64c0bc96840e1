/* Die area from the machine's own keys.
 *
 *     area = SMs built * SM + L2 built + hbm.stacks * area.memory_phy_m2
 *            + link.bandwidth_bytes_per_s * area.link_m2_s_per_byte + area.other_m2
 *
 * of all compute dies together. SMs built = round(sm.count * area.sm_built_ratio). An SM is the sum of what it holds:
 *
 *     SM = sm_ratio * (logic_ratio * (scheduling + FP32 lanes + integer lanes + FP64 lanes + tensor multipliers
 *                      + its port to the network) + sram_ratio * (registers + L1))
 *     L2 = built ratio * (logic_ratio * l2.bytes_per_clk * port + sram_ratio * l2.bytes * array)
 *
 * Constants are transistor counts and areas of LLMCompass' model as fitted to NVIDIA's parts, the SM of GA100's die
 * shot, and for L2 the die shots of GA100 and Aldebaran. No other die is fitted. What an SM has for graphics is not in
 * it. A variant that changes sm.count, tensor rates, registers, L1, L2, memory or links therefore changes its die, with
 * the same share of spares as its base: it is another chip, not the same one harvested otherwise. */
#ifndef INGOT_AREA_H
#define INGOT_AREA_H

#include "core/machine.h"

/* NaN in every member where a key it needs is absent. */
typedef struct die_area {
    double sms_built;
    double one_sm_m2; /* with its port to the network */
    double sm_m2, l2_m2, memory_m2, link_m2, other_m2;
    double total_m2;
} die_area;

die_area area_of(const machine *m);

#endif
