/* Which knob matters: elasticities d ln(objective) / d ln(knob) over a set of designs, by least squares on logarithms
 *
 *     ln y = c + sum_i e_i ln x_i
 *
 * Designs of one lever set and workload make one fit. The designs are streamed, and memory does not grow with them
 * (tall-skinny QR, GSL's multilarge; the small triangular system is solved by GSL's truncated SVD, so that knobs tied
 * to each other share the effect evenly instead of failing). */
#ifndef INGOT_SENSITIVITY_H
#define INGOT_SENSITIVITY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sensitivity sensitivity;

typedef struct knob_effect {
    double elasticity; /* 1: ten percent more of the knob, ten percent more of the objective. NaN when the knob does
                          not vary or no design can be used */
    double low, high;  /* swept range of the knob, over the designs that were used */
    double effect;     /* objective at `high` over objective at `low` by the fit, less 1; NaN as above */
} knob_effect;

typedef struct sensitivity_fit {
    size_t used, left_out; /* designs; left out: with a knob or objective that has no logarithm */
    double r_squared;      /* share of the variance of ln y that the fit explains; NaN when y does not vary */
    size_t most_important; /* knob with the largest |ln(1 + effect)|; knob_count when none varies */
} sensitivity_fit;

sensitivity *sensitivity_new(size_t knob_count);
void sensitivity_free(sensitivity *s); /* NULL is fine */

/* `knobs` holds knob_count values. */
void sensitivity_add(sensitivity *s, const double *knobs, double objective);

/* Fills knob_count effects. More designs may be added afterwards. */
sensitivity_fit sensitivity_solve(sensitivity *s, knob_effect *effects);

#ifdef __cplusplus
}
#endif
#endif
