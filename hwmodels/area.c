#include "hwmodels/area.h"

#include <math.h>

die_area area_of(const machine *m) {
    die_area a = {NAN, NAN, NAN, NAN, NAN, NAN};
    /* 0 is "not known" for each of these. */
    if (m->area.sm_built_ratio == 0 || m->area.sm_m2 == 0 || m->area.l2_m2_per_byte == 0 ||
        m->area.memory_phy_m2 == 0 || m->area.other_m2 == 0)
        return a;
    a.sms_built = round(m->sm.count * m->area.sm_built_ratio);
    a.sm_m2 = a.sms_built * m->area.sm_m2;
    a.l2_m2 = m->l2.bytes * m->area.l2_m2_per_byte;
    a.memory_m2 = m->hbm.stacks * m->area.memory_phy_m2;
    a.other_m2 = m->area.other_m2;
    a.total_m2 = a.sm_m2 + a.l2_m2 + a.memory_m2 + a.other_m2;
    return a;
}
