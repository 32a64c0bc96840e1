#include "hwmodels/gpu_cost.h"
#include "hwmodels/area.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

double dies_per_wafer(double die_m2, double wafer_diameter_m) {
    double radius_m = wafer_diameter_m / 2;
    double count = M_PI * radius_m * radius_m / die_m2 - M_PI * wafer_diameter_m / sqrt(2 * die_m2);
    return count > 0 ? count : 0;
}

/* P(at most `spares` of `sms` are hit), each with the same chance, terms built one from the other. */
static double enough_sms(double sms, double spares, double hit_frac) {
    if (hit_frac <= 0)
        return 1;
    if (hit_frac >= 1)
        return spares >= sms;
    double log_term = sms * log1p(-hit_frac), odds = hit_frac / (1 - hit_frac), sum = 0;
    for (double failed = 0; failed <= spares; failed++) {
        sum += exp(log_term);
        log_term += log((sms - failed) / (failed + 1) * odds);
    }
    return sum < 1 ? sum : 1;
}

/* Nodes of the Gauss-Laguerre rule over the defect density; more change the yield by less than 1e-6 for the densities
 * and die sizes of machine.def's notes. */
enum { DENSITY_NODES = 24 };

double die_yield(double defects_per_m2, double clustering, double critical_m2, double sm_m2, double sms,
                 double spares) {
    /* With t = D alpha / mean, the gamma density is t^(alpha - 1) exp(-t) / Gamma(alpha). */
    gsl_integration_fixed_workspace *rule =
        gsl_integration_fixed_alloc(gsl_integration_fixed_laguerre, DENSITY_NODES, 0, 1, clustering - 1, 0);
    if (!rule)
        return NAN;
    const double *t = gsl_integration_fixed_nodes(rule), *weights = gsl_integration_fixed_weights(rule);
    double sum = 0, weight_sum = 0;
    for (size_t i = 0; i < DENSITY_NODES; i++) {
        double density = t[i] * defects_per_m2 / clustering;
        sum += weights[i] * exp(-density * critical_m2) * enough_sms(sms, spares, -expm1(-density * sm_m2));
        weight_sum += weights[i];
    }
    gsl_integration_fixed_free(rule);
    return sum / weight_sum;
}

static double known(double value) {
    return value == 0 ? NAN : value;
}

static void cost_dies(const machine *m, gpu_cost *c) {
    die_area area = area_of(m);
    double dies = known(m->area.dies);
    double die_m2 = area.total_m2 / dies;
    c->dies_per_wafer = dies_per_wafer(die_m2, known(m->cost.wafer_diameter_m));
    if (!(m->cost.defects_per_m2 > 0 && m->cost.defect_clustering > 0 && isfinite(die_m2)))
        return;
    double sms = floor(area.sms_built / dies), needed = ceil(m->sm.count / dies);
    c->die_yield_frac =
        die_yield(m->cost.defects_per_m2, m->cost.defect_clustering,
                  (area.memory_m2 + area.link_m2 + area.other_m2) / dies, area.one_sm_m2, sms, sms - needed);
    c->dies_usd = dies * known(m->cost.wafer_usd) / (c->dies_per_wafer * c->die_yield_frac);
}

gpu_cost gpu_cost_of(const machine *m) {
    gpu_cost c = {.dies_per_wafer = NAN, .die_yield_frac = NAN, .dies_usd = NAN};
    cost_dies(m, &c);
    c.memory_usd = m->hbm.capacity_bytes * known(m->cost.memory_usd_per_byte);
    c.packaging_usd = known(m->cost.packaging_usd);
    c.test_usd = known(m->cost.test_usd);
    c.board_usd = known(m->cost.board_usd);
    c.total_usd = c.dies_usd + c.memory_usd + c.packaging_usd + c.test_usd + c.board_usd;
    return c;
}
