/* The calibration around the solver: which rows, which parameters, robust weights, and what came of it. */
#include "sim/explore/calibrate_private.h"
#include "sim/explore/row_prediction.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 6 };
/* Weight falls with the distance beyond this many deviations (Huber): near the median, where mean absolute error lies.
 */
static const double HUBER_KNEE = 0.5;
/* Median absolute deviation of a normal distribution, in standard deviations. */
static const double MAD_PER_DEVIATION = 0.6745;
static const double DEVIATION_MIN = 0.01; /* no model is better than this, whatever a few rows say */
static const double DEVIATION_START = 0.1;
/* A parameter that the rows leave this wide, against its prior, is the prior's to say. */
static const double WEAK_DEVIATION = 0.8 * PRIOR_DEVIATION;
/* Derivatives below this sum of squares are none. */
static const double SENSITIVITY_MIN = 1e-9;
static const double BOUND_MARGIN = 0.01; /* of the range: at a bound */
static const double ROUND_TOLERANCE = 1e-3;

const char *calibrate_state_name(calibrate_state state) {
    static const char *const names[] = {"untouched", "fitted", "at prior: rows say little", "at prior: ran to a bound"};
    return names[state];
}

/* Discrete, or a fact of the harness. Rows cannot tell the gap between replays from the starts of their kernels: it is
 * what a graph's node was measured to take. */
static bool is_fixed(const machine_key *key) {
    return strcmp(key->path, "method.graph_steady_weight_copies") == 0 ||
           strcmp(key->path, "method.graph_steady_gap_ratio") == 0 || strcmp(key->path, "own.graph_gap_s") == 0;
}

/* Of rows that say fit or held, those of odd hash are scored too; of operators in models, other runs' are. */
static bool is_scored(const calibrate_input *in, const operator_row *row) {
    return row_is_held(row) || (in->own && row->method != ROW_METHOD_IN_MODEL && (row->hash & 1) == 1);
}

static bool usable(const calibrate_input *in, const operator_row *row) {
    return row->op.own == in->own && !row->unsupported && !row->empty && in->kinds[row->op.kind] && row->measured_s > 0;
}

static fit_rows choose_rows(arena *a, const calibrate_input *in, bool held) {
    size_t most = 0;
    for (size_t t = 0; t < in->table_count; t++)
        most += in->tables[t].count;
    fit_rows rows = {ARENA_ARRAY(a, const operator_row *, most + 1), ARENA_ARRAY(a, double, most + 1),
                     ARENA_ARRAY(a, double, most + 1), 0};
    for (size_t t = 0; t < in->table_count; t++)
        for (size_t i = 0; i < in->tables[t].count; i++) {
            const operator_row *row = &in->tables[t].rows[i];
            if (!usable(in, row) || (is_scored(in, row) != held && !(in->all_rows && !held)))
                continue;
            rows.rows[rows.count] = row;
            rows.scale[rows.count] = DEVIATION_START;
            rows.log_measured[rows.count++] = log(row->measured_s);
        }
    return rows;
}

/* Each kind's robust deviation, into its rows. */
static void update_scales(arena *a, fit_rows *rows, const double *residuals, double *by_kind) {
    double *sorted = ARENA_ARRAY(a, double, rows->count + 1);
    for (size_t kind = 0; kind < OP_KIND_COUNT; kind++) {
        size_t n = 0;
        for (size_t r = 0; r < rows->count; r++)
            if (rows->rows[r]->op.kind == (op_kind)kind)
                sorted[n++] = fabs(residuals[r]);
        if (n == 0)
            continue;
        gsl_sort(sorted, 1, n);
        by_kind[kind] = fmax(sorted[n / 2] / MAD_PER_DEVIATION, DEVIATION_MIN);
    }
    for (size_t r = 0; r < rows->count; r++)
        rows->scale[r] = by_kind[rows->rows[r]->op.kind];
}

static void huber_weights(const fit_rows *rows, const double *residuals, double *weights) {
    for (size_t r = 0; r < rows->count; r++) {
        double deviations = fabs(residuals[r]) / rows->scale[r];
        weights[r] = fmin(1, HUBER_KNEE / fmax(deviations, HUBER_KNEE)) / (rows->scale[r] * rows->scale[r]);
    }
}

/* Marks every parameter that any row depends on as one to fit. */
static void screen(arena *a, const calibrate_input *in, const fit_rows *rows, calibrate_result *out) {
    fit_problem p = {.machine = in->machine, .values = out->fitted, .rows = *rows};
    size_t n = out->parameter_count;
    p.key_count = n, p.keys = ARENA_ARRAY(a, const machine_key *, n), p.prior = ARENA_ARRAY(a, double, n);
    double *x = ARENA_ARRAY(a, double, n), *residuals = ARENA_ARRAY(a, double, rows->count);
    double *jacobian = ARENA_ARRAY(a, double, rows->count *n);
    for (size_t k = 0; k < n; k++) {
        p.keys[k] = out->parameters[k].key;
        x[k] = parameter_transform(p.keys[k], calibration_get(&out->fitted, p.keys[k]));
    }
    fit_residuals(&p, x, residuals);
    fit_jacobian(&p, x, residuals, jacobian);
    for (size_t k = 0; k < n; k++) {
        double information = 0;
        for (size_t r = 0; r < rows->count; r++)
            information += pow(jacobian[r * n + k] / rows->scale[r], 2);
        calibrate_parameter *parameter = &out->parameters[k];
        if (parameter->state == CALIBRATE_UNTOUCHED && !is_fixed(parameter->key) &&
            calibration_key_is_own(parameter->key) == in->own &&
            information * DEVIATION_START * DEVIATION_START > SENSITIVITY_MIN)
            parameter->state = CALIBRATE_FITTED;
    }
}

static fit_problem problem_of(arena *a, const calibrate_input *in, const fit_rows *rows, calibrate_result *out) {
    fit_problem p = {.machine = in->machine, .values = out->fitted, .rows = *rows};
    p.keys = ARENA_ARRAY(a, const machine_key *, out->parameter_count);
    p.prior = ARENA_ARRAY(a, double, out->parameter_count);
    for (size_t k = 0; k < out->parameter_count; k++) {
        const calibrate_parameter *parameter = &out->parameters[k];
        if (parameter->state != CALIBRATE_FITTED)
            continue;
        out->fitted_keys[p.key_count] = k;
        p.keys[p.key_count] = parameter->key;
        p.prior[p.key_count++] = parameter_transform(parameter->key, parameter->prior);
    }
    out->fitted_count = p.key_count;
    return p;
}

/* Reweighted fits until the parameters rest. */
static status solve(arena *a, fit_problem *p, calibrate_result *out, error *err) {
    double *x = ARENA_ARRAY(a, double, p->key_count + 1), *before = ARENA_ARRAY(a, double, p->key_count + 1);
    double *residuals = ARENA_ARRAY(a, double, p->rows.count), *weights = ARENA_ARRAY(a, double, p->rows.count);
    double by_kind[OP_KIND_COUNT] = {0};
    out->covariance = ARENA_ARRAY(a, double, p->key_count * p->key_count + 1);
    for (size_t k = 0; k < p->key_count; k++)
        x[k] = parameter_transform(p->keys[k], calibration_get(&out->fitted, p->keys[k]));
    status result = STATUS_OK;
    double moved = INFINITY;
    for (out->rounds = 0; out->rounds < ROUNDS_MAX && moved > ROUND_TOLERANCE && result == STATUS_OK; out->rounds++) {
        fit_residuals(p, x, residuals);
        update_scales(a, &p->rows, residuals, by_kind);
        huber_weights(&p->rows, residuals, weights);
        memcpy(before, x, p->key_count * sizeof *x);
        result = fit_solve(p, weights, x, out->covariance, err);
        moved = 0;
        for (size_t k = 0; k < p->key_count; k++)
            moved = fmax(moved, fabs(x[k] - before[k]));
    }
    for (size_t k = 0; k < p->key_count; k++) {
        calibrate_parameter *parameter = &out->parameters[out->fitted_keys[k]];
        calibration_set(&out->fitted, p->keys[k], parameter_restore(p->keys[k], x[k]));
        parameter->deviation = sqrt(out->covariance[k * p->key_count + k]);
    }
    return result;
}

static bool at_bound(const machine_key *key, double value) {
    double margin = BOUND_MARGIN * (key->max - key->min);
    double low = strstr(key->path, "_frac") ? key->min + margin : key->min * (1 + BOUND_MARGIN);
    return value <= low || value >= key->max - margin;
}

/* Sends parameters that ran to a bound, or that the rows hardly determine, back to their priors; true when there were
 * any. */
static bool release(calibrate_result *out) {
    bool any = false;
    for (size_t k = 0; k < out->parameter_count; k++) {
        calibrate_parameter *p = &out->parameters[k];
        if (p->state != CALIBRATE_FITTED)
            continue;
        bool bound = at_bound(p->key, calibration_get(&out->fitted, p->key));
        if (!bound && p->deviation < WEAK_DEVIATION)
            continue;
        p->state = bound ? CALIBRATE_BOUND : CALIBRATE_WEAK;
        p->deviation = 0;
        calibration_set(&out->fitted, p->key, p->prior);
        any = true;
    }
    return any;
}

/* What each row would be off by had it not been fitted, to first order: ln(predicted / measured) over one less the
 * row's leverage, its own weight in its prediction. */
static const double *residuals_left_out(arena *a, const fit_problem *p, const calibrate_result *out) {
    static const double LEVERAGE_MAX = 0.5; /* beyond, differences and weights are too rough to divide by */
    size_t n = p->rows.count, keys = p->key_count;
    double *x = ARENA_ARRAY(a, double, keys + 1), *residuals = ARENA_ARRAY(a, double, n + 1);
    double *weights = ARENA_ARRAY(a, double, n + 1), *jacobian = ARENA_ARRAY(a, double, n *keys + 1);
    for (size_t k = 0; k < keys; k++)
        x[k] = parameter_transform(p->keys[k], calibration_get(&out->fitted, p->keys[k]));
    fit_residuals(p, x, residuals);
    huber_weights(&p->rows, residuals, weights);
    fit_jacobian(p, x, residuals, jacobian);
    for (size_t r = 0; r < n; r++) {
        const double *slope = &jacobian[r * keys];
        double variance = 0;
        for (size_t i = 0; i < keys; i++)
            for (size_t j = 0; j < keys; j++)
                variance += slope[i] * slope[j] * out->covariance[i * keys + j];
        residuals[r] /= 1 - fmin(weights[r] * variance, LEVERAGE_MAX);
    }
    return residuals;
}

static score score_half(arena *a, const calibrate_input *in, const calibration *c, op_kind kind, bool held,
                        double *deviation) {
    calibrate_input half = *in;
    half.all_rows = false;
    memset(half.kinds, 0, sizeof half.kinds);
    half.kinds[kind] = true;
    fit_rows rows = choose_rows(a, &half, held);
    const machine *machines[] = {in->machine};
    const calibration *calibrations[] = {c};
    machine_block *block = ARENA_NEW(a, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    double *predicted = ARENA_ARRAY(a, double, rows.count + 1), *measured = ARENA_ARRAY(a, double, rows.count + 1);
    double *distance = ARENA_ARRAY(a, double, rows.count + 1);
    for (size_t r = 0; r < rows.count; r++) {
        predicted[r] = predict_row(rows.rows[r], block).time_s;
        measured[r] = rows.rows[r]->measured_s;
        distance[r] = fabs(log(predicted[r] / measured[r]));
    }
    gsl_sort(distance, 1, rows.count);
    if (deviation)
        *deviation = rows.count > 0 ? distance[rows.count / 2] / MAD_PER_DEVIATION : 0;
    return score_of(predicted, measured, NULL, NULL, rows.count);
}

static void start_result(arena *a, const calibrate_input *in, calibrate_result *out) {
    size_t count;
    const machine_key *keys = calibration_keys(&count);
    *out = (calibrate_result){.fitted = in->start, .machine = in->machine, .own = in->own, .parameter_count = count};
    out->parameters = ARENA_ARRAY(a, calibrate_parameter, count);
    out->fitted_keys = ARENA_ARRAY(a, size_t, count);
    for (size_t k = 0; k < count; k++)
        out->parameters[k] = (calibrate_parameter){.key = &keys[k],
                                                   .prior = calibration_get(&in->priors, &keys[k]),
                                                   .start = calibration_get(&in->start, &keys[k])};
}

status calibrate(arena *a, const calibrate_input *input, calibrate_result *out, error *err) {
    start_result(a, input, out);
    fit_rows rows = choose_rows(a, input, false);
    if (rows.count == 0)
        return error_set(err, STATUS_NEGATIVE, "no measured row of these kinds is there to fit");
    status result = STATUS_OK;
    bool again = true;
    fit_problem p = {0};
    while (again && result == STATUS_OK) {
        screen(a, input, &rows, out);
        p = problem_of(a, input, &rows, out);
        if (p.key_count == 0)
            return error_set(err, STATUS_NEGATIVE, "these rows determine no parameter");
        result = solve(a, &p, out, err);
        again = result == STATUS_OK && release(out);
    }
    for (size_t k = 0; k < out->parameter_count; k++)
        out->parameters[k].value = calibration_get(&out->fitted, out->parameters[k].key);
    calibrate_residual_classes(a, &rows, residuals_left_out(a, &p, out), out);
    calibrate_shapes(a, &rows, out);
    for (size_t kind = 0; kind < OP_KIND_COUNT; kind++) {
        if (!input->kinds[kind])
            continue;
        calibrate_kind_score *s = &out->kinds[kind];
        s->fit = score_half(a, input, &out->fitted, (op_kind)kind, false, &s->log_deviation);
        s->held = score_half(a, input, &out->fitted, (op_kind)kind, true, NULL);
        s->rows = s->fit.n + s->held.n;
    }
    return result;
}
