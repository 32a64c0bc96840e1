/* Scores, in n log n: medians and quantiles on sorted copies, Kendall's tau-b by merge sort. */
#include "core/scores.h"

#include "core/base/arena.h"

#include <assert.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double P90 = 0.9;

typedef struct pair {
    double x, y;
} pair;

static int compare_numbers(double a, double b) {
    return (a > b) - (a < b);
}

static int compare_pairs(const void *a, const void *b) {
    const pair *left = a, *right = b;
    int by_x = compare_numbers(left->x, right->x);
    return by_x ? by_x : compare_numbers(left->y, right->y);
}

/* Sorts by y and returns how many pairs changed order: pairs (i < j) with y[i] > y[j]. */
static double sort_counting_swaps(pair *items, pair *scratch, size_t n) {
    if (n < 2)
        return 0;
    size_t half = n / 2;
    double swaps = sort_counting_swaps(items, scratch, half) + sort_counting_swaps(items + half, scratch, n - half);
    size_t left = 0, right = half, to = 0;
    while (left < half && right < n) {
        if (items[right].y < items[left].y) {
            swaps += (double)(half - left);
            scratch[to++] = items[right++];
        } else {
            scratch[to++] = items[left++];
        }
    }
    memcpy(scratch + to, items + left, (half - left) * sizeof *items);
    to += half - left;
    memcpy(items, scratch, to * sizeof *items); /* what is left on the right is in place already */
    return swaps;
}

typedef enum tie_kind { TIES_X, TIES_Y, TIES_BOTH } tie_kind;

static bool tied(const pair *a, const pair *b, tie_kind kind) {
    return (kind == TIES_Y || compare_numbers(a->x, b->x) == 0) && (kind == TIES_X || compare_numbers(a->y, b->y) == 0);
}

/* Pairs of items that are tied, where tied items stand side by side. */
static double tied_pairs(const pair *items, size_t n, tie_kind kind) {
    double pairs = 0, run = 0; /* run: items before this one that it is tied with */
    for (size_t i = 1; i < n; i++) {
        run = tied(&items[i - 1], &items[i], kind) ? run + 1 : 0;
        pairs += run;
    }
    return pairs;
}

/* Knight, "A computer method for calculating Kendall's tau with ungrouped data", JASA 61 (1966): sorted by x, then y,
 * the discordant pairs are those that a sort by y must swap. */
static double kendall_tau_b(const double *x, const double *y, size_t n, arena *scratch) {
    if (n < 2)
        return 0;
    pair *items = ARENA_ARRAY(scratch, pair, n), *space = ARENA_ARRAY(scratch, pair, n);
    for (size_t i = 0; i < n; i++)
        items[i] = (pair){x[i], y[i]};
    qsort(items, n, sizeof *items, compare_pairs);
    double all = 0.5 * (double)n * (double)(n - 1);
    double x_ties = tied_pairs(items, n, TIES_X), both_ties = tied_pairs(items, n, TIES_BOTH);
    double discordant = sort_counting_swaps(items, space, n);
    double y_ties = tied_pairs(items, n, TIES_Y);
    double concordant = all - x_ties - y_ties + both_ties - discordant;
    if (x_ties == all || y_ties == all)
        return 0;
    return (concordant - discordant) / (sqrt(all - x_ties) * sqrt(all - y_ties));
}

static double coverage_of(const double *measured, const double *lower, const double *upper, size_t n) {
    if (!lower || !upper || n == 0)
        return NAN;
    size_t inside = 0;
    for (size_t i = 0; i < n; i++)
        inside += measured[i] >= lower[i] && measured[i] <= upper[i];
    return (double)inside / (double)n;
}

/* Half of the interval over the prediction; NaN as the coverage is. */
static double half_width_of(const double *predicted, const double *lower, const double *upper, size_t n,
                            arena *scratch) {
    if (!lower || !upper || n == 0)
        return NAN;
    double *widths = ARENA_ARRAY(scratch, double, n);
    for (size_t i = 0; i < n; i++)
        widths[i] = (upper[i] - lower[i]) / 2 / predicted[i];
    gsl_sort(widths, 1, n);
    return gsl_stats_median_from_sorted_data(widths, 1, n);
}

score score_of(const double *predicted, const double *measured, const double *lower, const double *upper, size_t n) {
    score result = {.n = n, .coverage = coverage_of(measured, lower, upper, n), .median_half_width = NAN};
    if (n == 0)
        return result;
    arena scratch = {0};
    double *errors = ARENA_ARRAY(&scratch, double, n), *sizes = ARENA_ARRAY(&scratch, double, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert(measured[i] > 0 && isfinite(predicted[i]));
        errors[i] = predicted[i] / measured[i] - 1;
        sizes[i] = fabs(errors[i]);
        sum += sizes[i];
        if (sizes[i] > sizes[result.worst])
            result.worst = i;
    }
    gsl_sort(errors, 1, n);
    gsl_sort(sizes, 1, n);
    result.mean_abs_err = sum / (double)n;
    result.bias = gsl_stats_median_from_sorted_data(errors, 1, n);
    result.median_abs_err = gsl_stats_median_from_sorted_data(sizes, 1, n);
    result.p90 = gsl_stats_quantile_from_sorted_data(sizes, 1, n, P90);
    result.kendall_tau = kendall_tau_b(predicted, measured, n, &scratch);
    result.median_half_width = half_width_of(predicted, lower, upper, n, &scratch);
    arena_free(&scratch);
    return result;
}

double spearman_rho(const double *x, const double *y, size_t n) {
    if (n < 2)
        return 0;
    arena scratch = {0};
    double rho = gsl_stats_spearman(x, 1, y, 1, n, ARENA_ARRAY(&scratch, double, 2 * n));
    arena_free(&scratch);
    return isfinite(rho) ? rho : 0;
}
