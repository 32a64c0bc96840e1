#include "hwmodels/gpu_cost.h"
#include "hwmodels/area.h"

#include <math.h>

double dies_per_wafer(double die_m2, double wafer_diameter_m) {
    double radius_m = wafer_diameter_m / 2;
    double count = M_PI * radius_m * radius_m / die_m2 - M_PI * wafer_diameter_m / sqrt(2 * die_m2);
    return count > 0 ? count : 0;
}

static double known(double value) {
    return value == 0 ? NAN : value;
}

static void cost_dies(const machine *m, const yield_rule *rule, gpu_cost *c) {
    die_area area = area_of(m);
    double dies = known(m->area.dies);
    double die_m2 = area.total_m2 / dies;
    c->dies_per_wafer = dies_per_wafer(die_m2, known(m->cost.wafer_diameter_m));
    if (!(m->cost.defects_per_m2 > 0 && m->cost.defect_clustering > 0 && isfinite(die_m2)))
        return;
    double sms = floor(area.sms_built / dies), needed = ceil(m->sm.count / dies);
    c->die_yield_frac =
        die_yield_by(rule, m->cost.defects_per_m2, (area.memory_m2 + area.link_m2 + area.other_m2) / dies,
                     area.one_sm_m2, sms, sms - needed);
    c->dies_usd = dies * known(m->cost.wafer_usd) / (c->dies_per_wafer * c->die_yield_frac);
}

gpu_cost gpu_cost_of(const machine *m) {
    yield_rule rule = yield_rule_of(m->cost.defect_clustering);
    return gpu_cost_by(m, &rule);
}

gpu_cost gpu_cost_by(const machine *m, const yield_rule *rule) {
    yield_rule own;
    if (rule->clustering != m->cost.defect_clustering) {
        own = yield_rule_of(m->cost.defect_clustering);
        rule = &own;
    }
    gpu_cost c = {.dies_per_wafer = NAN, .die_yield_frac = NAN, .dies_usd = NAN};
    cost_dies(m, rule, &c);
    c.memory_usd = m->hbm.capacity_bytes * known(m->cost.memory_usd_per_byte);
    c.packaging_usd = known(m->cost.packaging_usd);
    c.test_usd = known(m->cost.test_usd);
    c.board_usd = known(m->cost.board_usd);
    c.total_usd = c.dies_usd + c.memory_usd + c.packaging_usd + c.test_usd + c.board_usd;
    return c;
}
