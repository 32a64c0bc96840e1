/* How sure a prediction is: the covariance of a calibration's fitted parameters, the residuals that were left, and the
 * range of shapes and machines that were measured. */
#ifndef INGOT_SPREAD_H
#define INGOT_SPREAD_H

#include "core/base/arena.h"
#include "core/op.h"

/* A 90 % interval in the file's sense: what share of measured rows lies within the residual range. */
static const double SPREAD_LEVEL = 0.9;
/* Standard deviations to either end of it, for a normal distribution. */
static const double SPREAD_DEVIATIONS = 1.645;

enum { SPREAD_CLASS_LEVELS = 7, SPREAD_CLASS_TEXT = 160, SPREAD_DRAWS = 16 };

/* ln(measured / predicted) of one class of rows. */
typedef struct residual_range {
    const char *name; /* spread_class_name */
    double lower, upper;
} residual_range;

typedef struct shape_range {
    const char *name; /* "gemm.m" */
    double min, max;
} shape_range;

typedef struct measured_key {
    const machine_key *key; /* of the machine */
    double value;
} measured_key;

typedef struct calibration_spread {
    const machine_key **keys; /* fitted parameters */
    double *factor;           /* lower Cholesky factor of their transformed values' covariance, key_count squared */
    size_t key_count;
    residual_range *residuals;
    size_t residual_count;
    shape_range *shapes;
    size_t shape_count;
    measured_key *machine; /* what the measured machine was; none: no rows were measured */
    size_t machine_key_count;
    const struct calibration_spread *own; /* the same of our own kernels' parameters; NULL: they have no file */
} calibration_spread;

/* The part that an operator's prediction rests on. */
const calibration_spread *spread_of(const calibration_spread *s, const op *o);

/* A parameter as fits see it: logit between its bounds for one whose name ends in _frac, else the logarithm. */
double parameter_transform(const machine_key *key, double value);
double parameter_restore(const machine_key *key, double transformed);

/* What a class of predictions has in common. */
typedef struct spread_subject {
    const op *op;
    const char *source, *method; /* of the measurement; source NULL or "": there is none */
    const char *bound;
    double time_s; /* predicted */
} spread_subject;

/* The class at a level of detail: the last level is the kind alone, the one before adds types and phase (ranks, of a
 * collective). From there two chains grow finer: levels 4 and 3 by bound, then duration; 2, 1 and 0 by source and
 * method, then bound, then duration. Of a collective duration comes before bound: it tells protocols apart. */
void spread_class_name(const spread_subject *subject, int level, char text[SPREAD_CLASS_TEXT]);

/* The next coarser level of the chain; SPREAD_CLASS_LEVELS after the last. */
int spread_class_parent(int level);

/* The residual range of the finest class that is known, or NULL. */
const residual_range *spread_residual(const calibration_spread *s, const spread_subject *subject);

/* Draw number `draw` of the calibration: the same numbers for every design that shares it. */
calibration spread_draw(const calibration_spread *s, const calibration *center, uint64_t draw);

/* Whether the operator's sizes leave the measured range, or the machine is not one that was measured. */
bool spread_extrapolates_shape(const calibration_spread *s, const op *o);
bool spread_extrapolates_machine(const calibration_spread *s, const machine *m);

/* The keys that tell machines apart for this. */
extern const char *const spread_machine_keys[];
extern const size_t spread_machine_key_count;

/* The interval around a prediction. Among measured shapes on a measured machine the residual range says it all: what
 * the parameters are off by is in it. Elsewhere the ensemble's deviation of ln(time) comes on top, and on a machine
 * that was not measured the residuals are wider. */
void spread_interval(double time_s, double log_deviation, const residual_range *residual, bool other_machine,
                     double *lower_s, double *upper_s);

#endif
