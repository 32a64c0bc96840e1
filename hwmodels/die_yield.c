/* The part of dies that can be sold: gpu_cost.h has the formula. */
#include "hwmodels/gpu_cost.h"

#include <float.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdbool.h>

/* The Gauss-Laguerre rule over the defect density; more nodes change the yield by less than 1e-6 for the densities and
 * die sizes of machine.def's notes. */
yield_rule yield_rule_of(double clustering) {
    yield_rule rule = {.clustering = clustering};
    for (size_t i = 0; i < YIELD_NODES; i++)
        rule.density[i] = rule.weights[i] = NAN;
    if (!(clustering > 0))
        return rule;
    /* With t = D alpha / mean, the gamma density is t^(alpha - 1) exp(-t) / Gamma(alpha). */
    gsl_integration_fixed_workspace *workspace =
        gsl_integration_fixed_alloc(gsl_integration_fixed_laguerre, YIELD_NODES, 0, 1, clustering - 1, 0);
    if (!workspace)
        return rule;
    const double *t = gsl_integration_fixed_nodes(workspace), *weights = gsl_integration_fixed_weights(workspace);
    double sum = 0;
    for (size_t i = 0; i < YIELD_NODES; i++)
        sum += weights[i];
    for (size_t i = 0; i < YIELD_NODES; i++) {
        rule.density[i] = t[i] / clustering;
        rule.weights[i] = weights[i] / sum;
    }
    gsl_integration_fixed_free(workspace);
    return rule;
}

/* At density D an SM survives with exp(-D a). Of N of them, k fail with the chance
 *     C(N, k) exp(-D a (N - k)) (1 - exp(-D a))^k  =  exp(-D a N) C(N, k) expm1(D a)^k,
 * each term one product from the one before; all nodes side by side. The sum of k up to N is 1 by construction: where
 * every SM may fail, only the critical area counts. */
double die_yield_by(const yield_rule *rule, double defects_per_m2, double critical_m2, double sm_m2, double sms,
                    double spares) {
    double term[YIELD_NODES], odds[YIELD_NODES], sum[YIELD_NODES], sold = 0;
    bool all = spares >= sms;
    for (size_t i = 0; i < YIELD_NODES; i++) {
        double density = rule->density[i] * defects_per_m2;
        odds[i] = fmin(expm1(density * sm_m2), DBL_MAX); /* 0 times infinity is none of these */
        term[i] = sum[i] = exp(-density * (critical_m2 + (all ? 0 : sms * sm_m2)));
    }
    for (double failed = 0; failed < spares && !all; failed++) {
        double ways = (sms - failed) / (failed + 1);
        for (size_t i = 0; i < YIELD_NODES; i++) {
            term[i] *= ways * odds[i];
            sum[i] += term[i];
        }
    }
    for (size_t i = 0; i < YIELD_NODES; i++)
        sold += rule->weights[i] * sum[i];
    return sold;
}

double die_yield(double defects_per_m2, double clustering, double critical_m2, double sm_m2, double sms,
                 double spares) {
    yield_rule rule = yield_rule_of(clustering);
    return die_yield_by(&rule, defects_per_m2, critical_m2, sm_m2, sms, spares);
}
