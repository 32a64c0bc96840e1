/* Between the files of the calibration. */
#ifndef INGOT_CALIBRATE_PRIVATE_H
#define INGOT_CALIBRATE_PRIVATE_H

#include "sim/explore/calibrate.h"

/* Standard deviation of a prior, in the transformed value: a factor of 1.6 either way. */
static const double PRIOR_DEVIATION = 0.5;
/* The change for a difference, in the transformed value: wide enough to step over the kinks of ceilings. */
static const double DIFFERENCE = 0.02;

typedef struct fit_rows {
    const operator_row **rows;
    double *log_measured;
    double *scale; /* robust deviation of the row's kind */
    size_t count;
} fit_rows;

typedef struct fit_problem {
    const machine *machine;
    calibration values;       /* of everything that is not free */
    const machine_key **keys; /* free parameters */
    double *prior;            /* transformed */
    size_t key_count;
    fit_rows rows;
} fit_problem;

/* ln(predicted / measured) of every row at transformed parameters `x`. */
void fit_residuals(const fit_problem *p, const double *x, double *residuals);

/* Their derivatives, rows x keys. `residuals` are those at `x`. */
void fit_jacobian(const fit_problem *p, const double *x, const double *residuals, double *jacobian);

/* One weighted fit from `x`, which is replaced by the best found; fills `covariance` (key_count squared) when it is not
 * NULL. */
status fit_solve(const fit_problem *p, const double *weights, double *x, double *covariance, error *err);

/* The residual ranges of the result's machine and fitted parameters, by class. `residuals`: ln(predicted / measured) of
 * every row, had it not been fitted. */
void calibrate_residual_classes(arena *a, const fit_rows *rows, const double *residuals, calibrate_result *out);

/* The range of every dimension that the rows have. */
void calibrate_shapes(arena *a, const fit_rows *rows, calibrate_result *out);

#endif
