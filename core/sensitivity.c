#include "core/sensitivity.h"

#include <assert.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_multilarge.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_ROWS = 512 };

/* Singular values below this share of the largest count as zero: knobs that are tied to each other. Logs of values
 * read from text agree to about 1e-15. */
static const double RANK_TOLERANCE = 1e-10;

struct sensitivity {
    size_t knob_count, columns; /* columns: knobs, then a constant */
    size_t used, left_out;
    double *low, *high;           /* [knob_count] */
    double *origin;               /* [columns + 1]: logs of the first design, subtracted for accuracy; last: of y */
    gsl_matrix *block;            /* [BLOCK_ROWS][columns] */
    gsl_vector *block_objectives; /* [BLOCK_ROWS] */
    size_t block_rows;
    double sum, sum_squares; /* of ln y - origin */
    gsl_multilarge_linear_workspace *workspace;
};

static void *checked(void *memory) {
    if (!memory)
        abort();
    return memory;
}

sensitivity *sensitivity_new(size_t knob_count) {
    sensitivity *s = checked(calloc(1, sizeof *s));
    s->knob_count = knob_count;
    s->columns = knob_count + 1;
    s->low = checked(calloc(s->columns, sizeof *s->low));
    s->high = checked(calloc(s->columns, sizeof *s->high));
    s->origin = checked(calloc(s->columns + 1, sizeof *s->origin));
    s->block = checked(gsl_matrix_calloc(BLOCK_ROWS, s->columns));
    s->block_objectives = checked(gsl_vector_calloc(BLOCK_ROWS));
    s->workspace = checked(gsl_multilarge_linear_alloc(gsl_multilarge_linear_tsqr, s->columns));
    assert(s->columns <= BLOCK_ROWS);
    return s;
}

void sensitivity_free(sensitivity *s) {
    if (!s)
        return;
    gsl_multilarge_linear_free(s->workspace);
    gsl_matrix_free(s->block);
    gsl_vector_free(s->block_objectives);
    free(s->low);
    free(s->high);
    free(s->origin);
    free(s);
}

/* Rows that are all zero change nothing, so a block is always passed whole (GSL wants at least as many rows as
 * columns). It is destroyed by the call. */
static void accumulate_block(sensitivity *s) {
    if (s->block_rows == 0)
        return;
    gsl_multilarge_linear_accumulate(s->block, s->block_objectives, s->workspace);
    gsl_matrix_set_zero(s->block);
    gsl_vector_set_zero(s->block_objectives);
    s->block_rows = 0;
}

static bool has_logarithm(double value) {
    return value > 0 && isfinite(value);
}

static void widen_ranges(sensitivity *s, const double *knobs) {
    for (size_t i = 0; i < s->knob_count; i++) {
        if (s->used == 0 || knobs[i] < s->low[i])
            s->low[i] = knobs[i];
        if (s->used == 0 || knobs[i] > s->high[i])
            s->high[i] = knobs[i];
    }
}

void sensitivity_add(sensitivity *s, const double *knobs, double objective) {
    bool usable = has_logarithm(objective);
    for (size_t i = 0; i < s->knob_count; i++)
        usable = usable && has_logarithm(knobs[i]);
    if (!usable) {
        s->left_out++;
        return;
    }
    widen_ranges(s, knobs);
    if (s->used == 0) {
        for (size_t i = 0; i < s->knob_count; i++)
            s->origin[i] = log(knobs[i]);
        s->origin[s->columns] = log(objective);
    }
    for (size_t i = 0; i < s->knob_count; i++)
        gsl_matrix_set(s->block, s->block_rows, i, log(knobs[i]) - s->origin[i]);
    gsl_matrix_set(s->block, s->block_rows, s->knob_count, 1);
    double y = log(objective) - s->origin[s->columns];
    gsl_vector_set(s->block_objectives, s->block_rows, y);
    s->sum += y;
    s->sum_squares += y * y;
    s->used++;
    if (++s->block_rows == BLOCK_ROWS)
        accumulate_block(s);
}

/* Least squares on the triangular system that all designs were reduced to. GSL copies nothing back, so the upper
 * triangle is copied out (below the diagonal it holds what QR left there). */
static void solve_triangle(const sensitivity *s, double *coefficients) {
    const gsl_matrix *triangle = gsl_multilarge_linear_matrix_ptr(s->workspace);
    const gsl_vector *right = gsl_multilarge_linear_rhs_ptr(s->workspace);
    size_t n = s->columns, rank;
    double squared_residuals;
    gsl_matrix *upper = checked(gsl_matrix_calloc(n, n)), *covariance = checked(gsl_matrix_alloc(n, n));
    gsl_multifit_linear_workspace *work = checked(gsl_multifit_linear_alloc(n, n));
    for (size_t i = 0; i < n; i++)
        for (size_t j = i; j < n; j++)
            gsl_matrix_set(upper, i, j, gsl_matrix_get(triangle, i, j));
    gsl_vector_view solution = gsl_vector_view_array(coefficients, n);
    gsl_multifit_linear_tsvd(upper, right, RANK_TOLERANCE, &solution.vector, covariance, &squared_residuals, &rank,
                             work);
    gsl_multifit_linear_free(work);
    gsl_matrix_free(covariance);
    gsl_matrix_free(upper);
}

/* 1 - residual variance / total variance, the residual from the norm that QR keeps. */
static double r_squared_of(const sensitivity *s, const double *coefficients) {
    double n = (double)s->used, total = s->sum_squares - s->sum * s->sum / n;
    if (!(total > 1e-24 * n)) /* rounding of logarithms that are all alike */
        return NAN;
    const gsl_matrix *triangle = gsl_multilarge_linear_matrix_ptr(s->workspace);
    const gsl_vector *right = gsl_multilarge_linear_rhs_ptr(s->workspace);
    /* |y - X c|^2 = |y|^2 - |Q'y|^2 + |Q'y - R c|^2 */
    double residual = s->sum_squares;
    for (size_t i = 0; i < s->columns; i++) {
        double fitted = 0, rotated = gsl_vector_get(right, i);
        for (size_t j = i; j < s->columns; j++)
            fitted += gsl_matrix_get(triangle, i, j) * coefficients[j];
        residual += (rotated - fitted) * (rotated - fitted) - rotated * rotated;
    }
    double r_squared = 1 - residual / total;
    return r_squared < 0 ? 0 : r_squared > 1 ? 1 : r_squared;
}

sensitivity_fit sensitivity_solve(sensitivity *s, knob_effect *effects) {
    sensitivity_fit fit = {.used = s->used, .left_out = s->left_out, .r_squared = NAN, .most_important = s->knob_count};
    double *coefficients = checked(calloc(s->columns, sizeof *coefficients));
    if (s->used > 0) {
        accumulate_block(s);
        solve_triangle(s, coefficients);
        fit.r_squared = r_squared_of(s, coefficients);
    }
    double largest = -1;
    for (size_t i = 0; i < s->knob_count; i++) {
        effects[i] = (knob_effect){.elasticity = NAN, .effect = NAN, .low = NAN, .high = NAN};
        if (s->used > 0) {
            effects[i].low = s->low[i];
            effects[i].high = s->high[i];
        }
        if (!(s->used > 0 && s->high[i] > s->low[i]))
            continue;
        double log_effect = coefficients[i] * log(s->high[i] / s->low[i]);
        effects[i].elasticity = coefficients[i];
        effects[i].effect = expm1(log_effect);
        if (fabs(log_effect) > largest) {
            largest = fabs(log_effect);
            fit.most_important = i;
        }
    }
    free(coefficients);
    return fit;
}
