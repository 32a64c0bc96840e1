/* How sure a comparison is. Both designs see the same draws of a shared calibration, so that what shifts both alike
 * does not count; residuals of an operator that falls in the same class on both are taken to be off together. */
#include "sim/explore/comparison.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

/* Latencies of the 16 draws. */
static status draw(arena *a, const comparison_design *d, const ensemble *e, double latency_s[SPREAD_DRAWS],
                   error *err) {
    engine_result *r = ARENA_NEW(a, engine_result);
    for (size_t b = 0; b < ENSEMBLE_BLOCKS; b++) {
        status result = engine_run(d->graph, d->scenario, &e->draws[b], d->options, a, r, NULL, err);
        if (result != STATUS_OK)
            return result;
        memcpy(&latency_s[b * MACHINE_LANES], r->latency_s, sizeof r->latency_s);
    }
    return STATUS_OK;
}

typedef struct node_doubt {
    const residual_range *range;
    double share; /* of the latency, times the residual's deviation */
} node_doubt;

/* Kinds without measured rows count as the worst measured class. */
static node_doubt doubt_of(const ensemble *e, const node_totals *t, double latency_s) {
    node_doubt none = {NULL, 0};
    if (!t || t->count <= 0 || t->time_s <= 0)
        return none;
    const spread_subject subject = {&t->last, NULL, NULL, bound_name(t->bound), t->time_s / t->count};
    const residual_range *r = spread_residual(&e->spread, &subject);
    double width = r ? r->upper - r->lower : 0;
    for (size_t i = 0; !r && i < e->spread.residual_count; i++)
        width = fmax(width, e->spread.residuals[i].upper - e->spread.residuals[i].lower);
    return (node_doubt){r, t->time_s / latency_s * width / 2 / SPREAD_DEVIATIONS};
}

static double residual_variance(const comparison *c, const ensemble *a, const ensemble *b) {
    double variance = 0;
    for (size_t i = 0; i < c->op_count; i++) {
        node_doubt in_a = doubt_of(a, c->ops[i].a, c->a.result.latency_s[0]);
        node_doubt in_b = doubt_of(b, c->ops[i].b, c->b.result.latency_s[0]);
        bool same_class =
            in_a.range && in_b.range ? strcmp(in_a.range->name, in_b.range->name) == 0 : !in_a.range && !in_b.range;
        bool together = same_class && strcmp(a->center.name, b->center.name) == 0;
        variance += together ? pow(in_a.share - in_b.share, 2) : pow(in_a.share, 2) + pow(in_b.share, 2);
    }
    return variance;
}

status comparison_find_chance(arena *a, const char *config_dir, const comparison_design *design_a,
                              const comparison_design *design_b, comparison *out, error *err) {
    out->b_faster_frac = out->ratio_lower = out->ratio_upper = NAN;
    ensemble *ea = ARENA_NEW(a, ensemble), *eb = ARENA_NEW(a, ensemble);
    status result = ensemble_fill(a, config_dir, design_a->machine, design_a->calibration, ea, err);
    if (result == STATUS_OK)
        result = ensemble_fill(a, config_dir, design_b->machine, design_b->calibration, eb, err);
    out->a_extrapolated = ea->other_machine;
    out->b_extrapolated = eb->other_machine;
    if (result != STATUS_OK || ea->spread.residual_count == 0 || eb->spread.residual_count == 0)
        return result;
    double drawn_a[SPREAD_DRAWS], drawn_b[SPREAD_DRAWS];
    result = draw(a, design_a, ea, drawn_a, err);
    if (result == STATUS_OK)
        result = draw(a, design_b, eb, drawn_b, err);
    if (result != STATUS_OK)
        return result;
    double log_ratio = log(out->a.result.latency_s[0] / out->b.result.latency_s[0]);
    double variance = residual_variance(out, ea, eb);
    for (size_t i = 0; i < SPREAD_DRAWS; i++)
        variance += pow(log(drawn_a[i] / drawn_b[i]) - log_ratio, 2) / SPREAD_DRAWS;
    double deviation = sqrt(variance);
    out->b_faster_frac = deviation > 0 ? gsl_cdf_ugaussian_P(log_ratio / deviation) : log_ratio > 0 ? 1 : 0.5;
    out->ratio_lower = exp(log_ratio - SPREAD_DEVIATIONS * deviation);
    out->ratio_upper = exp(log_ratio + SPREAD_DEVIATIONS * deviation);
    return STATUS_OK;
}
