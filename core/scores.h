/* Scores: how predictions compare with measurements. */
#ifndef INGOT_SCORES_H
#define INGOT_SCORES_H

#include <stddef.h>

/* Over n pairs; errors are predicted / measured - 1. Fractions, not percent. When n is 0, coverage is
 * NaN and the rest zero. */
typedef struct score {
    size_t n;
    double mean_abs_err, median_abs_err, bias, p90; /* bias: median signed error; p90: of the absolute error,
                                                       interpolated linearly between the sorted ones */
    double kendall_tau;                             /* tau-b of predicted against measured; 0 when n < 2 */
    double coverage;                                /* share of measurements in [lower, upper]; NaN without intervals */
    double median_half_width;                       /* of the intervals, over the predictions; NaN without */
    size_t worst;                                   /* index of the largest absolute error */
} score;

/* Measurements must be positive. `lower` and `upper` may be NULL. Runs in n log n. */
score score_of(const double *predicted, const double *measured, const double *lower, const double *upper, size_t n);

/* Spearman's rank correlation, tied values sharing the mean of their ranks; 0 when n < 2 or all of one side are tied.
 */
double spearman_rho(const double *x, const double *y, size_t n);

#endif
