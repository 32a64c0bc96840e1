/* Fits the parameters of calibration.def to measured operator rows.
 *
 * Nonlinear least squares on the logarithm of time (GSL multifit_nlinear, Levenberg-Marquardt), with robust weights and
 * a normal prior on every parameter: a row far off pulls no harder than one at the knee (Huber), and a parameter that
 * the rows do not determine stays at its prior. Rows whose hash is even are fitted, the odd ones held (rows.h).
 * Derivatives are differences: the lanes of a machine block hold a parameter's change each, so one cost call gives
 * seven. */
#ifndef INGOT_CALIBRATE_H
#define INGOT_CALIBRATE_H

#include "core/machine.h"
#include "core/scores.h"
#include "core/spread.h"
#include "validate/rows.h"

enum { CALIBRATE_PARAMETERS_MAX = 320 };

typedef enum calibrate_state {
    CALIBRATE_UNTOUCHED, /* no fitted row depends on it: keeps its value */
    CALIBRATE_FITTED,
    CALIBRATE_WEAK,  /* the rows say less than the prior: at the prior */
    CALIBRATE_BOUND, /* the fit ran to a bound, where the rows no longer say anything: at the prior */
} calibrate_state;

const char *calibrate_state_name(calibrate_state state);

typedef struct calibrate_parameter {
    const machine_key *key;
    calibrate_state state;
    double prior, start, value;
    double deviation; /* posterior standard deviation of the transformed value: about relative; 0 unless fitted */
} calibrate_parameter;

typedef struct calibrate_input {
    const machine *machine;
    calibration priors, start; /* start: first guess, and the values of what is not fitted */
    const row_table *tables;
    size_t table_count;
    bool kinds[OP_KIND_COUNT]; /* whose rows are fitted */
    bool all_rows;             /* fit the held half too: for a final file, not for a score */
    bool own;                  /* the rows and the parameters of our own kernels alone, else all others */
} calibrate_input;

typedef struct calibrate_kind_score {
    size_t rows;
    score fit, held;
    double log_deviation; /* robust standard deviation of ln(predicted / measured) over the fitted rows */
} calibrate_kind_score;

typedef struct calibrate_result {
    calibration fitted;
    calibrate_parameter *parameters; /* one a key of calibration.def, in its order */
    size_t parameter_count;
    size_t fitted_count;
    size_t *fitted_keys; /* indices into parameters */
    double *covariance;  /* fitted_count squared, of the transformed values */
    calibrate_kind_score kinds[OP_KIND_COUNT];
    residual_range *residuals; /* classes with rows enough */
    size_t residual_count;
    shape_range *shapes;
    size_t shape_count;
    const machine *machine; /* that was measured */
    bool own;
    size_t rounds; /* of reweighting */
} calibrate_result;

/* STATUS_NEGATIVE when no row can be fitted. The arena owns the result's arrays. */
status calibrate(arena *a, const calibrate_input *input, calibrate_result *out, error *err);

/* Writes a calibration file: values, residuals, covariance. `data` says what was fitted, `date` when (YYYY-MM-DD). */
typedef struct calibrate_labels {
    const char *name, *data, *date;
} calibrate_labels;

status calibrate_write(const char *path, const calibrate_result *result, const calibrate_labels *labels, error *err);

#endif
