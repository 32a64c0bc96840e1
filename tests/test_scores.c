#include "core/base/random.h"
#include "core/scores.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

enum { N_MAX = 400 };

/* By the definition: every pair compared. */
static double kendall_brute_force(const double *x, const double *y, size_t n) {
    double concordant = 0, discordant = 0, x_only = 0, y_only = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            double dx = x[i] - x[j], dy = y[i] - y[j];
            concordant += dx * dy > 0;
            discordant += dx * dy < 0;
            x_only += dx == 0 && dy != 0;
            y_only += dx != 0 && dy == 0;
        }
    }
    double untied = sqrt((concordant + discordant + x_only) * (concordant + discordant + y_only));
    return untied > 0 ? (concordant - discordant) / untied : 0;
}

/* The k-th smallest by counting, k from 0. */
static double order_statistic(const double *values, size_t n, size_t k) {
    for (size_t i = 0; i < n; i++) {
        size_t below = 0, equal = 0;
        for (size_t j = 0; j < n; j++) {
            below += values[j] < values[i];
            equal += values[j] == values[i];
        }
        if (below <= k && k < below + equal)
            return values[i];
    }
    return NAN;
}

static double quantile(const double *values, size_t n, double f) {
    double place = f * (double)(n - 1);
    size_t below = (size_t)place;
    double low = order_statistic(values, n, below);
    double high = below + 1 < n ? order_statistic(values, n, below + 1) : low;
    return low + (place - (double)below) * (high - low);
}

static bool close_to(double a, double b) {
    return fabs(a - b) <= 1e-12 * fmax(1, fabs(b));
}

static void compare_with_brute_force(const double *predicted, const double *measured, size_t n) {
    double errors[N_MAX], sizes[N_MAX], sum = 0;
    size_t worst = 0;
    for (size_t i = 0; i < n; i++) {
        errors[i] = predicted[i] / measured[i] - 1;
        sizes[i] = fabs(errors[i]);
        sum += sizes[i];
        worst = sizes[i] > sizes[worst] ? i : worst;
    }
    score s = score_of(predicted, measured, NULL, NULL, n);
    cr_assert_eq(s.n, n);
    cr_assert(close_to(s.mean_abs_err, sum / (double)n));
    cr_assert(close_to(s.median_abs_err, quantile(sizes, n, 0.5)));
    cr_assert(close_to(s.bias, quantile(errors, n, 0.5)));
    cr_assert(close_to(s.p90, quantile(sizes, n, 0.9)));
    cr_assert_float_eq(s.kendall_tau, kendall_brute_force(predicted, measured, n), 1e-12, "n = %zu", n);
    cr_assert_eq(s.worst, worst);
    cr_assert(isnan(s.coverage));
}

/* Few levels make many ties in one, the other and both. */
Test(scores, agree_with_brute_force) {
    for (uint64_t trial = 0; trial < 300; trial++) {
        double predicted[N_MAX], measured[N_MAX];
        size_t n = 1 + random_bits(1, 0, trial) % (trial % 10 ? 40 : N_MAX);
        double levels[] = {1, 2, 5, 50, 1e9};
        double x_levels = levels[random_bits(2, 0, trial) % 5], y_levels = levels[random_bits(3, 0, trial) % 5];
        for (size_t i = 0; i < n; i++) {
            measured[i] = 1 + floor(y_levels * random_uniform(4, trial, i));
            predicted[i] = 1 + floor(x_levels * random_uniform(5, trial, i));
            if (trial % 3 == 0)
                predicted[i] += measured[i]; /* correlated */
        }
        compare_with_brute_force(predicted, measured, n);
    }
}

Test(scores, rank_correlation_at_its_ends) {
    double up[] = {1, 2, 3, 4, 5}, down[] = {5, 4, 3, 2, 1}, flat[] = {2, 2, 2, 2, 2};
    cr_expect_float_eq(score_of(up, up, NULL, NULL, 5).kendall_tau, 1, 1e-15);
    cr_expect_float_eq(score_of(down, up, NULL, NULL, 5).kendall_tau, -1, 1e-15);
    cr_expect_eq(score_of(flat, up, NULL, NULL, 5).kendall_tau, 0);
    cr_expect_eq(score_of(up, flat, NULL, NULL, 5).kendall_tau, 0);
    cr_expect_eq(score_of(up, up, NULL, NULL, 1).kendall_tau, 0);
}

Test(scores, signs_and_sizes) {
    double predicted[] = {50, 90, 100, 120}, measured[] = {100, 100, 100, 100};
    score s = score_of(predicted, measured, NULL, NULL, 4);
    cr_expect_float_eq(s.mean_abs_err, (0.5 + 0.1 + 0 + 0.2) / 4, 1e-12);
    cr_expect_float_eq(s.median_abs_err, 0.15, 1e-12);
    cr_expect_float_eq(s.bias, -0.05, 1e-12, "too low is negative");
    cr_expect_eq(s.worst, 0);
}

Test(scores, coverage_counts_closed_intervals) {
    double predicted[] = {1, 1, 1, 1}, measured[] = {1, 2, 3, 4};
    double lower[] = {1, 2.5, 0, 0}, upper[] = {1, 3, 3, 3.9};
    cr_expect_float_eq(score_of(predicted, measured, lower, upper, 4).coverage, 0.5, 1e-15);
}

Test(scores, none_of_nothing) {
    score s = score_of(NULL, NULL, NULL, NULL, 0);
    cr_expect_eq(s.n, 0);
    cr_expect_eq(s.mean_abs_err, 0);
    cr_expect_eq(s.kendall_tau, 0);
    cr_expect(isnan(s.coverage));
}

/* Large enough that a quadratic method would take minutes; the discordant pairs are known by construction: a sequence
 * rotated by r swaps r (n - r) pairs. */
Test(scores, large_inputs) {
    enum { N = 300000, ROTATED = 1000 };
    double *predicted = malloc(N * sizeof *predicted), *measured = malloc(N * sizeof *measured);
    cr_assert(predicted && measured);
    for (size_t i = 0; i < N; i++) {
        measured[i] = 1 + (double)i;
        predicted[i] = 1 + (double)((i + ROTATED) % N);
    }
    double pairs = 0.5 * N * (N - 1.0), discordant = (double)ROTATED * (N - ROTATED);
    cr_expect_float_eq(score_of(predicted, measured, NULL, NULL, N).kendall_tau, 1 - 2 * discordant / pairs, 1e-12);
    free(predicted);
    free(measured);
}
