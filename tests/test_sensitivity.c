#include "core/sensitivity.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static double uniform(double low, double high) {
    return low + (high - low) * (rand() / (double)RAND_MAX);
}

Test(sensitivity, power_law_is_recovered) {
    /* y = 3 a^-0.8 b^0.25, with c of no influence */
    sensitivity *s = sensitivity_new(3);
    srand(5);
    for (int i = 0; i < 5000; i++) {
        const double knobs[] = {uniform(2e12, 9e12), uniform(60, 300), uniform(1e6, 2e8)};
        sensitivity_add(s, knobs, 3 * pow(knobs[0], -0.8) * pow(knobs[1], 0.25));
    }
    knob_effect effects[3];
    sensitivity_fit fit = sensitivity_solve(s, effects);
    cr_expect_float_eq(effects[0].elasticity, -0.8, 1e-9);
    cr_expect_float_eq(effects[1].elasticity, 0.25, 1e-9);
    cr_expect_float_eq(effects[2].elasticity, 0, 1e-9);
    cr_expect_float_eq(effects[0].effect, pow(effects[0].high / effects[0].low, -0.8) - 1, 1e-9);
    cr_expect_float_eq(fit.r_squared, 1, 1e-9);
    cr_expect_eq(fit.most_important, 0);
    cr_expect_eq(fit.used, 5000);
    cr_expect_eq(fit.left_out, 0);
    sensitivity_free(s);
}

Test(sensitivity, a_small_elasticity_over_a_wide_range_matters_more) {
    sensitivity *s = sensitivity_new(2);
    for (int i = 0; i < 100; i++) {
        const double knobs[] = {1 + 0.01 * (i % 10), pow(10, i / 10)};
        sensitivity_add(s, knobs, pow(knobs[0], 1.5) * pow(knobs[1], -0.1));
    }
    knob_effect effects[2];
    cr_expect_eq(sensitivity_solve(s, effects).most_important, 1); /* 10^-0.9 against 1.09^1.5 */
    cr_expect_float_eq(effects[1].low, 1, 1e-12);
    cr_expect_float_eq(effects[1].high, 1e9, 1);
    sensitivity_free(s);
}

/* Ordinary least squares of one variable, by its textbook formula. */
Test(sensitivity, noisy_fit_matches_the_closed_formula) {
    sensitivity *s = sensitivity_new(1);
    double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
    srand(9);
    for (int i = 0; i < 1300; i++) {
        double knob = uniform(1, 50), y = pow(knob, -0.5) * exp(uniform(-0.4, 0.4));
        sensitivity_add(s, &knob, y);
        double lx = log(knob), ly = log(y);
        n++, sx += lx, sy += ly, sxx += lx * lx, sxy += lx * ly, syy += ly * ly;
    }
    knob_effect effect;
    sensitivity_fit fit = sensitivity_solve(s, &effect);
    double covariance = sxy - sx * sy / n, vx = sxx - sx * sx / n, vy = syy - sy * sy / n;
    cr_expect_float_eq(effect.elasticity, covariance / vx, 1e-10);
    cr_expect_float_eq(fit.r_squared, covariance * covariance / (vx * vy), 1e-10);
    sensitivity_free(s);
}

Test(sensitivity, tied_knobs_share_the_effect) {
    sensitivity *s = sensitivity_new(2);
    for (int i = 1; i <= 50; i++) {
        const double knobs[] = {i, 7.0 * i};
        sensitivity_add(s, knobs, 1.0 / i);
    }
    knob_effect effects[2];
    sensitivity_solve(s, effects);
    cr_expect_float_eq(effects[0].elasticity, -0.5, 1e-6);
    cr_expect_float_eq(effects[1].elasticity, -0.5, 1e-6);
    sensitivity_free(s);
}

Test(sensitivity, what_has_no_logarithm_is_left_out_and_counted) {
    sensitivity *s = sensitivity_new(1);
    const double knobs[] = {1, 2, 4, 0, -1, NAN, 8}, objectives[] = {8, 4, 2, 5, 5, 5, NAN};
    for (int i = 0; i < 7; i++)
        sensitivity_add(s, &knobs[i], objectives[i]);
    knob_effect effect;
    sensitivity_fit fit = sensitivity_solve(s, &effect);
    cr_expect_eq(fit.used, 3);
    cr_expect_eq(fit.left_out, 4);
    cr_expect_float_eq(effect.elasticity, -1, 1e-9);
    cr_expect_eq(effect.high, 4);
    sensitivity_free(s);
}

Test(sensitivity, nothing_to_fit) {
    sensitivity *s = sensitivity_new(2);
    knob_effect effects[2];
    cr_expect_eq(sensitivity_solve(s, effects).most_important, 2);
    cr_expect(isnan(effects[0].elasticity));
    sensitivity_add(s, (const double[]){3, 4}, 5);
    sensitivity_add(s, (const double[]){3, 4}, 5);
    sensitivity_fit fit = sensitivity_solve(s, effects);
    cr_expect_eq(fit.most_important, 2, "a knob that does not vary cannot matter");
    cr_expect(isnan(effects[1].effect));
    cr_expect(isnan(fit.r_squared));
    sensitivity_free(s);
    sensitivity_free(NULL);
}

Test(sensitivity, more_designs_may_follow_a_solution) {
    sensitivity *s = sensitivity_new(1);
    knob_effect effect;
    for (int i = 1; i < 1200; i++) {
        double knob = i;
        sensitivity_add(s, &knob, pow(knob, 0.3));
        if (i % 100 == 0) {
            sensitivity_solve(s, &effect);
            cr_assert_float_eq(effect.elasticity, 0.3, 1e-9);
        }
    }
    sensitivity_free(s);
}
