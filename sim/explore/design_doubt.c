#include "sim/explore/design_doubt.h"

#include "sim/explore/ensemble.h"

#include <assert.h>
#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One operator's doubt: its share of the latency times its residual's deviation. */
typedef struct node_doubt {
    size_t which; /* workload */
    const char *phase, *id;
    const char *class_name; /* NULL: of no measured class */
    double share;
} node_doubt;

typedef struct one_doubt {
    const design *d;
    const machine *variant;
    const char *calibration;
    bool other_machine;
    double draws_s[SPREAD_DRAWS]; /* latency under each draw, weighted over the mix */
    double center_s;
    node_doubt *nodes; /* sorted */
    size_t node_count;
    double time_share[METRIC_COUNT]; /* d ln(metric) / d ln(latency), without its sign */
} one_doubt;

struct design_doubts {
    const sweep *s;
    one_doubt *of;
    size_t count;
    double deviation[DOUBT_DESIGNS_MAX][DOUBT_DESIGNS_MAX]; /* of ln(latency i / latency j); of ln(latency) at i = j */
};

/* ---- one design ---- */

static int by_node(const void *left, const void *right) {
    const node_doubt *a = left, *b = right;
    if (a->which != b->which)
        return a->which < b->which ? -1 : 1;
    int order = strcmp(a->phase, b->phase);
    return order ? order : strcmp(a->id, b->id);
}

/* Kinds without measured rows count as the worst measured class. */
static double residual_deviation(const ensemble *e, const residual_range *r) {
    double width = r ? r->upper - r->lower : 0;
    for (size_t i = 0; !r && i < e->spread.residual_count; i++)
        width = fmax(width, e->spread.residuals[i].upper - e->spread.residuals[i].lower);
    return width / 2 / SPREAD_DEVIATIONS;
}

static void add_nodes(const ensemble *e, const sweep_case *c, size_t which, double weight, const node_totals *totals,
                      one_doubt *out) {
    for (size_t i = 0; i < engine_node_count(&c->graph); i++) {
        const node_totals *t = &totals[i];
        if (t->count <= 0 || t->time_s <= 0)
            continue;
        const spread_subject subject = {&t->last, NULL, NULL, bound_name(t->bound), t->time_s / t->count};
        const residual_range *r = spread_residual(&e->spread, &subject);
        out->nodes[out->node_count++] = (node_doubt){which, c->graph.phases[t->phase].name, t->node->id,
                                                     r ? r->name : NULL, weight * t->time_s * residual_deviation(e, r)};
    }
}

static status run_case(arena *a, const sweep *s, const ensemble *e, const sweep_case *c, size_t which, double weight,
                       one_doubt *out, error *err) {
    const engine_options options = {.kind = s->engine, .host = &c->host};
    engine_result *r = ARENA_NEW(a, engine_result);
    node_totals *totals = ARENA_ARRAY(a, node_totals, engine_node_count(&c->graph));
    status result = engine_run(&c->graph, &c->scenario, &e->block, &options, a, r, totals, err);
    if (result != STATUS_OK)
        return result;
    out->center_s += weight * r->latency_s[0];
    add_nodes(e, c, which, weight, totals, out);
    for (size_t b = 0; b < ENSEMBLE_BLOCKS && result == STATUS_OK; b++) {
        result = engine_run(&c->graph, &c->scenario, &e->draws[b], &options, a, r, NULL, err);
        for (size_t i = 0; i < MACHINE_LANES && result == STATUS_OK; i++)
            out->draws_s[b * MACHINE_LANES + i] += weight * r->latency_s[i];
    }
    return result;
}

/* Idle power's part of the energy grows with time; so does the GPU's part of what a request costs and emits. */
static void find_time_shares(const sweep *s, one_doubt *one) {
    const double *of = one->d->values.of;
    double idle_frac = fmin(one->variant->power.idle_w / of[METRIC_POWER], 1);
    for (int m = 0; m < METRIC_COUNT; m++)
        one->time_share[m] = 1;
    static const metric fixed[] = {METRIC_AREA, METRIC_DIE_AREA, METRIC_COST, METRIC_MEMORY};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
        one->time_share[fixed[i]] = 0;
    one->time_share[METRIC_ENERGY] = one->time_share[METRIC_ENERGY_PER_TOKEN] =
        one->time_share[METRIC_ENERGY_PER_IMAGE] = idle_frac;
    one->time_share[METRIC_POWER] = 1 - idle_frac;
    if (!s->place)
        return;
    double energy_j = METRIC_REQUESTS * of[METRIC_POWER] / of[METRIC_THROUGHPUT] * s->place->pue_ratio;
    double energy_usd = energy_j * s->place->electricity_usd_per_j, energy_kg = energy_j * s->place->carbon_kg_per_j;
    one->time_share[METRIC_USD_PER_MILLION] = 1 - (1 - idle_frac) * energy_usd / of[METRIC_USD_PER_MILLION];
    one->time_share[METRIC_KG_PER_MILLION] = 1 - (1 - idle_frac) * energy_kg / of[METRIC_KG_PER_MILLION];
}

/* `known` is set to whether the calibration knows residuals. */
static status doubt_one(arena *a, const char *config_dir, const sweep *s, const design *d, one_doubt *out, bool *known,
                        error *err) {
    const sweep_machine *base = &s->machines[d->machine_index];
    machine *variant = ARENA_NEW(a, machine);
    *variant = sweep_machine_at(s, d->machine_index, d->knobs);
    *out = (one_doubt){.d = d, .variant = variant, .calibration = base->fitted.name};
    arena scratch = {0};
    ensemble *e = ARENA_NEW(a, ensemble); /* residual classes' names are kept */
    status result = ensemble_fill(a, config_dir, variant, &base->fitted, e, err);
    *known = result == STATUS_OK && e->spread.residual_count > 0;
    out->other_machine = e->other_machine;
    size_t nodes = 0;
    for (size_t w = 0; w < s->workload_count; w++)
        nodes += engine_node_count(&s->cases[design_case(s, d, w, 0)].graph);
    out->nodes = ARENA_ARRAY(a, node_doubt, nodes + 1);
    for (size_t w = 0; w < s->workload_count && *known && result == STATUS_OK; w++)
        result =
            run_case(&scratch, s, e, &s->cases[design_case(s, d, w, 0)], w, s->weights ? s->weights[w] : 1, out, err);
    arena_free(&scratch);
    for (size_t i = 0; i < out->node_count; i++)
        out->nodes[i].share /= out->center_s;
    qsort(out->nodes, out->node_count, sizeof *out->nodes, by_node);
    find_time_shares(s, out);
    return result;
}

/* ---- pairs ---- */

static bool together(const one_doubt *a, const one_doubt *b, const node_doubt *in_a, const node_doubt *in_b) {
    bool same_class = in_a->class_name && in_b->class_name ? strcmp(in_a->class_name, in_b->class_name) == 0
                                                           : !in_a->class_name && !in_b->class_name;
    return same_class && strcmp(a->calibration, b->calibration) == 0;
}

static double residual_variance(const one_doubt *a, const one_doubt *b) {
    double variance = 0;
    size_t i = 0, j = 0;
    while (i < a->node_count || j < b->node_count) {
        int order = i == a->node_count ? 1 : j == b->node_count ? -1 : by_node(&a->nodes[i], &b->nodes[j]);
        double in_a = order <= 0 ? a->nodes[i].share : 0, in_b = order >= 0 ? b->nodes[j].share : 0;
        bool cancels = order == 0 && together(a, b, &a->nodes[i], &b->nodes[j]);
        variance += cancels ? (in_a - in_b) * (in_a - in_b) : in_a * in_a + in_b * in_b;
        i += order <= 0;
        j += order >= 0;
    }
    return variance;
}

static double pair_deviation(const one_doubt *a, const one_doubt *b) {
    double variance = residual_variance(a, b), log_ratio = log(a->center_s / b->center_s);
    for (size_t k = 0; k < SPREAD_DRAWS; k++)
        variance += pow(log(a->draws_s[k] / b->draws_s[k]) - log_ratio, 2) / SPREAD_DRAWS;
    return sqrt(variance);
}

/* Half the width of the interval of ln(latency), as simulate gives it, in deviations. */
static double own_deviation(const one_doubt *one) {
    double variance = 0, drawn = 0, lower, upper;
    for (size_t i = 0; i < one->node_count; i++)
        variance += one->nodes[i].share * one->nodes[i].share;
    for (size_t k = 0; k < SPREAD_DRAWS; k++)
        drawn += pow(log(one->draws_s[k] / one->center_s), 2) / SPREAD_DRAWS;
    double half = SPREAD_DEVIATIONS * sqrt(variance);
    const residual_range range = {NULL, -half, half};
    spread_interval(one->center_s, sqrt(drawn), &range, one->other_machine, &lower, &upper);
    return log(upper / lower) / 2 / SPREAD_DEVIATIONS;
}

status design_doubts_of(arena *a, const char *config_dir, const sweep *s, const design *designs, size_t count,
                        design_doubts **out, error *err) {
    assert(count <= DOUBT_DESIGNS_MAX);
    *out = NULL;
    if (s->engine != ENGINE_ANALYTIC)
        return STATUS_OK;
    design_doubts *d = ARENA_NEW(a, design_doubts);
    d->s = s;
    d->count = count;
    d->of = ARENA_ARRAY(a, one_doubt, count + 1);
    bool known = true;
    for (size_t i = 0; i < count && known; i++) {
        status result = doubt_one(a, config_dir, s, &designs[i], &d->of[i], &known, err);
        if (result != STATUS_OK)
            return result;
    }
    if (!known)
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        d->deviation[i][i] = own_deviation(&d->of[i]);
        for (size_t j = 0; j < i; j++)
            d->deviation[i][j] = d->deviation[j][i] = pair_deviation(&d->of[i], &d->of[j]);
    }
    *out = d;
    return STATUS_OK;
}

void design_doubt_interval(const design_doubts *d, size_t i, metric m, double *lower, double *upper) {
    double value = d->of[i].d->values.of[m];
    double half = SPREAD_DEVIATIONS * d->of[i].time_share[m] * d->deviation[i][i];
    *lower = value * exp(-half);
    *upper = value * exp(half);
}

double design_doubt_chance(const design_doubts *d, size_t i, size_t j, metric m) {
    double log_ratio = log(d->of[j].d->values.of[m] / d->of[i].d->values.of[m]);
    if (metric_get(m)->larger_is_better)
        log_ratio = -log_ratio;
    double deviation = (d->of[i].time_share[m] + d->of[j].time_share[m]) / 2 * d->deviation[i][j];
    if (deviation > 0)
        return gsl_cdf_ugaussian_P(log_ratio / deviation);
    return log_ratio > 0 ? 1 : log_ratio < 0 ? 0 : 0.5;
}

bool design_doubt_beats(const design_doubts *d, size_t i, size_t j) {
    bool better = false;
    for (size_t g = 0; g < d->s->goal_count; g++) {
        metric m = d->s->goals[g];
        bool equal = d->of[i].d->values.of[m] == d->of[j].d->values.of[m];
        if (!equal && design_doubt_chance(d, i, j, m) < DOUBT_TOLD_APART)
            return false;
        better |= !equal;
    }
    return better;
}
