/* The least-squares problem: parameters as the fit sees them, residuals, derivatives by lanes, and GSL's solver. */
#include "sim/explore/calibrate_private.h"
#include "sim/explore/row_prediction.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <string.h>

enum { ITERATIONS_MAX = 30 };
static const double TOLERANCE = 1e-5; /* of a step, against the parameters */
static void fill_block(const fit_problem *p, const double *x, machine_block *block) {
    const machine *machines[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    calibration c = p->values;
    for (size_t k = 0; k < p->key_count; k++)
        calibration_set(&c, p->keys[k], parameter_restore(p->keys[k], x[k]));
    for (size_t i = 0; i < MACHINE_LANES; i++)
        machines[i] = p->machine, calibrations[i] = &c;
    machine_block_fill(block, machines, calibrations, MACHINE_LANES);
}

void fit_residuals(const fit_problem *p, const double *x, double *residuals) {
    machine_block block;
    fill_block(p, x, &block);
    for (size_t r = 0; r < p->rows.count; r++) {
        lanes time_s;
        predict_row_lanes(p->rows.rows[r], &block, time_s);
        residuals[r] = log(time_s[0]) - p->rows.log_measured[r];
    }
}

void fit_jacobian(const fit_problem *p, const double *x, const double *residuals, double *jacobian) {
    machine_block block;
    for (size_t first = 0; first < p->key_count; first += MACHINE_LANES) {
        size_t count = p->key_count - first < MACHINE_LANES ? p->key_count - first : MACHINE_LANES;
        fill_block(p, x, &block);
        for (size_t i = 0; i < count; i++) {
            const machine_key *key = p->keys[first + i];
            machine_block_set(&block, i, key, parameter_restore(key, x[first + i] + DIFFERENCE));
        }
        for (size_t r = 0; r < p->rows.count; r++) {
            lanes time_s;
            predict_row_lanes(p->rows.rows[r], &block, time_s);
            for (size_t i = 0; i < count; i++)
                jacobian[r * p->key_count + first + i] =
                    (log(time_s[i]) - p->rows.log_measured[r] - residuals[r]) / DIFFERENCE;
        }
    }
}

/* What GSL's callbacks see. The rows come first, then one residual a parameter: its distance from the prior. */
typedef struct fit_context {
    const fit_problem *problem;
    double *residuals, *jacobian;
} fit_context;

static int gsl_residuals(const gsl_vector *x, void *data, gsl_vector *f) {
    fit_context *c = data;
    const fit_problem *p = c->problem;
    fit_residuals(p, x->data, c->residuals);
    for (size_t r = 0; r < p->rows.count; r++)
        gsl_vector_set(f, r, c->residuals[r]);
    for (size_t k = 0; k < p->key_count; k++)
        gsl_vector_set(f, p->rows.count + k, (gsl_vector_get(x, k) - p->prior[k]) / PRIOR_DEVIATION);
    return GSL_SUCCESS;
}

static int gsl_jacobian(const gsl_vector *x, void *data, gsl_matrix *j) {
    fit_context *c = data;
    const fit_problem *p = c->problem;
    fit_residuals(p, x->data, c->residuals);
    fit_jacobian(p, x->data, c->residuals, c->jacobian);
    for (size_t r = 0; r < p->rows.count; r++)
        for (size_t k = 0; k < p->key_count; k++)
            gsl_matrix_set(j, r, k, c->jacobian[r * p->key_count + k]);
    for (size_t r = 0; r < p->key_count; r++)
        for (size_t k = 0; k < p->key_count; k++)
            gsl_matrix_set(j, p->rows.count + r, k, r == k ? 1 / PRIOR_DEVIATION : 0);
    return GSL_SUCCESS;
}

static void take_covariance(gsl_multifit_nlinear_workspace *w, size_t count, double *covariance) {
    gsl_matrix *c = gsl_matrix_alloc(count, count);
    gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(w), 0, c);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            covariance[i * count + j] = gsl_matrix_get(c, i, j);
    gsl_matrix_free(c);
}

status fit_solve(const fit_problem *p, const double *weights, double *x, double *covariance, error *err) {
    arena scratch = {0};
    size_t n = p->rows.count + p->key_count;
    fit_context context = {p, ARENA_ARRAY(&scratch, double, p->rows.count),
                           ARENA_ARRAY(&scratch, double, p->rows.count * p->key_count)};
    double *all_weights = ARENA_ARRAY(&scratch, double, n);
    for (size_t i = 0; i < n; i++)
        all_weights[i] = i < p->rows.count ? weights[i] : 1;
    gsl_set_error_handler_off();
    gsl_multifit_nlinear_parameters parameters = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *w =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &parameters, n, p->key_count);
    if (!w) {
        arena_free(&scratch);
        return error_set(err, STATUS_ENVIRONMENT, "not enough memory for a fit of %zu rows", p->rows.count);
    }
    gsl_multifit_nlinear_fdf fdf = {
        .f = gsl_residuals, .df = gsl_jacobian, .n = n, .p = p->key_count, .params = &context};
    gsl_vector_const_view start = gsl_vector_const_view_array(x, p->key_count);
    gsl_vector_const_view weight_view = gsl_vector_const_view_array(all_weights, n);
    gsl_multifit_nlinear_winit(&start.vector, &weight_view.vector, &fdf, w);
    int info = 0;
    /* A kink can stop the solver short of its tolerance; what it has then is still the best point it saw. */
    (void)gsl_multifit_nlinear_driver(ITERATIONS_MAX, TOLERANCE, TOLERANCE, 0, NULL, NULL, &info, w);
    const gsl_vector *best = gsl_multifit_nlinear_position(w);
    for (size_t k = 0; k < p->key_count; k++)
        x[k] = gsl_vector_get(best, k);
    if (covariance)
        take_covariance(w, p->key_count, covariance);
    gsl_multifit_nlinear_free(w);
    arena_free(&scratch);
    return STATUS_OK;
}
