#include "sim/explore/ensemble.h"

#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "hwmodels/spread_load.h"

#include <math.h>

status ensemble_fill(arena *a, const char *config_dir, const machine *m, const calibration *c, ensemble *out,
                     error *err) {
    out->machine = *m;
    out->center = *c;
    status result = spread_load(a, config_dir, m, &out->spread, err);
    if (result != STATUS_OK)
        return result;
    out->other_machine = spread_extrapolates_machine(&out->spread, m);
    out->own_other_machine = out->spread.own && spread_extrapolates_machine(out->spread.own, m);
    const machine *machines[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    calibration drawn[MACHINE_LANES];
    for (size_t i = 0; i < MACHINE_LANES; i++)
        machines[i] = m, calibrations[i] = &drawn[i];
    for (size_t b = 0; b < ENSEMBLE_BLOCKS; b++) {
        for (size_t i = 0; i < MACHINE_LANES; i++)
            drawn[i] = spread_draw(&out->spread, c, b * MACHINE_LANES + i);
        machine_block_fill(&out->draws[b], machines, calibrations, MACHINE_LANES);
    }
    calibrations[0] = c;
    machine_block_fill(&out->block, machines, calibrations, 1);
    return STATUS_OK;
}

status ensemble_load(arena *a, const char *config_dir, const char *name, ensemble *out, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, config_dir, name, &m, NULL, err);
    if (result == STATUS_OK)
        result = calibration_load(a, config_dir, &m, &c, err);
    return result == STATUS_OK ? ensemble_fill(a, config_dir, &m, &c, out, err) : result;
}

/* Deviation of ln(time) over the draws, around the central prediction. */
static double log_deviation(const operator_row *row, const ensemble *e, double time_s) {
    double sum = 0;
    for (size_t b = 0; b < ENSEMBLE_BLOCKS; b++) {
        lanes times_s;
        predict_row_lanes(row, &e->draws[b], times_s);
        for (size_t i = 0; i < MACHINE_LANES; i++)
            sum += pow(log(times_s[i] / time_s), 2);
    }
    return sqrt(sum / SPREAD_DRAWS);
}

row_interval predict_row_interval(const operator_row *row, const ensemble *e) {
    row_interval out = {.prediction = predict_row(row, &e->block)};
    double time_s = out.prediction.time_s;
    const spread_subject subject = {&row->op, row->source, row_method_name(row->method),
                                    bound_name(out.prediction.bound), time_s};
    const residual_range *residual = spread_residual(&e->spread, &subject);
    bool other_machine = row->op.own ? e->own_other_machine : e->other_machine;
    out.extrapolated = other_machine || spread_extrapolates_shape(&e->spread, &row->op);
    bool draws = residual && out.extrapolated && spread_of(&e->spread, &row->op)->key_count > 0;
    spread_interval(time_s, draws ? log_deviation(row, e, time_s) : 0, residual, other_machine, &out.lower_s,
                    &out.upper_s);
    if (e->event) { /* the interval keeps its width, relative to the time */
        out.prediction = predict_row_event(row, &e->block, e->memory);
        out.lower_s *= out.prediction.time_s / time_s;
        out.upper_s *= out.prediction.time_s / time_s;
    }
    return out;
}

status ensemble_score_rows(arena *a, const row_table *table, const ensemble *e, row_scores *out, size_t *count,
                           error *err) {
    scored_row *rows = ARENA_ARRAY(a, scored_row, table->count + 1);
    *count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const operator_row *row = &table->rows[i];
        if (row->unsupported || row->empty || isnan(row->measured_s))
            continue;
        row_interval p = predict_row_interval(row, e);
        rows[(*count)++] = (scored_row){row, table->path, p.prediction.time_s, p.lower_s, p.upper_s};
    }
    if (*count == 0)
        return error_set(err, STATUS_NEGATIVE, "%s: no row is both measured and modelled", table->path);
    *out = score_rows(rows, *count, a);
    return STATUS_OK;
}

status ensemble_set_engine(ensemble *e, const char *engine, error *err) {
    engine_kind kind = ENGINE_ANALYTIC;
    if (engine && engine_parse(engine, &kind, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (kind == ENGINE_ROOFLINE)
        return error_set(err, STATUS_BAD_INPUT, "operator rows go through the analytic or the event engine");
    e->event = kind == ENGINE_EVENT;
    status result = e->event ? hbm_streams_of(&e->machine, &e->memory[0], err) : STATUS_OK;
    for (size_t i = 1; i < MACHINE_LANES; i++)
        e->memory[i] = e->memory[0];
    return result;
}

static double wider(double a, const residual_range *r) {
    return fmax(a, (r->upper - r->lower) / 2 / SPREAD_DEVIATIONS);
}

/* Standard deviation of the time that residuals alone leave. */
static double residual_deviation_s(const ensemble *e, const node_totals *nodes, size_t count) {
    double worst = 0, variance = 0;
    for (size_t i = 0; i < e->spread.residual_count; i++)
        worst = wider(worst, &e->spread.residuals[i]);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].count <= 0 || nodes[i].time_s <= 0)
            continue;
        const spread_subject subject = {&nodes[i].last, NULL, NULL, bound_name(nodes[i].bound),
                                        nodes[i].time_s / nodes[i].count};
        const residual_range *r = spread_residual(&e->spread, &subject);
        variance += pow(nodes[i].time_s * (r ? wider(0, r) : worst), 2);
    }
    return sqrt(variance);
}

status ensemble_latency(arena *a, const graph *g, const scenario *s, const engine_options *options, const ensemble *e,
                        const engine_result *center, const node_totals *nodes, double *lower_s, double *upper_s,
                        error *err) {
    *lower_s = *upper_s = NAN;
    if (e->spread.residual_count == 0 || options->kind != ENGINE_ANALYTIC)
        return STATUS_OK;
    double latency_s = center->latency_s[0], sum = 0;
    engine_result *drawn = ARENA_NEW(a, engine_result);
    for (size_t b = 0; b < ENSEMBLE_BLOCKS; b++) {
        status result = engine_run(g, s, &e->draws[b], options, a, drawn, NULL, err);
        if (result != STATUS_OK)
            return result;
        for (size_t i = 0; i < MACHINE_LANES; i++)
            sum += pow(log(drawn->latency_s[i] / latency_s), 2);
    }
    double left = residual_deviation_s(e, nodes, engine_node_count(g)) / latency_s;
    double half = SPREAD_DEVIATIONS * left;
    const residual_range range = {NULL, -half, half};
    spread_interval(latency_s, sqrt(sum / SPREAD_DRAWS), &range, e->other_machine, lower_s, upper_s);
    return STATUS_OK;
}
