#include "sim/explore/nondominated.h"
#include "sim/explore/search.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A test function over levels: what was asked, and the best of it. */
typedef struct test_problem {
    search_problem problem;
    void (*function)(const double *x, size_t count, search_value *out);
    double low, high;
    int64_t asked, repeats;
    unsigned char *seen; /* where the space is small */
    search_value best;   /* by constrained domination, one objective */
    int64_t best_design;
    search_value *all;
    uint64_t trace; /* hash of the order of designs */
} test_problem;

enum { ALL_MAX = 20000 };

static status evaluate(void *context, const int64_t *designs, size_t count, search_value *values, error *err) {
    test_problem *t = context;
    (void)err;
    cr_assert_leq(count, SEARCH_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        int64_t levels[SEARCH_DIMENSIONS_MAX];
        double x[SEARCH_DIMENSIONS_MAX];
        search_levels(&t->problem, designs[i], levels);
        cr_assert_eq(search_design(&t->problem, levels), designs[i]);
        for (size_t d = 0; d < t->problem.dimension_count; d++) {
            cr_assert(levels[d] >= 0 && levels[d] < t->problem.dimensions[d].levels);
            double steps = (double)t->problem.dimensions[d].levels - 1;
            x[d] = t->low + (t->high - t->low) * (double)levels[d] / (steps > 0 ? steps : 1);
        }
        values[i] = (search_value){0};
        t->function(x, t->problem.dimension_count, &values[i]);
        if (t->seen)
            t->repeats += t->seen[designs[i]]++;
        if (t->asked == 0 || nondominated_beats(&values[i], &t->best, 1)) {
            t->best = values[i];
            t->best_design = designs[i];
        }
        if (t->all && t->asked < ALL_MAX)
            t->all[t->asked] = values[i];
        t->trace = t->trace * 31 + (uint64_t)designs[i];
        t->asked++;
    }
    return STATUS_OK;
}

static test_problem new_problem(void (*function)(const double *, size_t, search_value *), size_t dimensions,
                                int64_t levels, double low, double high, size_t objectives) {
    test_problem t = {.function = function, .low = low, .high = high};
    t.problem = (search_problem){.dimension_count = dimensions, .objective_count = objectives, .evaluate = evaluate};
    for (size_t d = 0; d < dimensions; d++)
        t.problem.dimensions[d] = (search_dimension){levels, true};
    return t;
}

static int64_t run(test_problem *t, search_method method, int64_t evaluations, uint64_t seed) {
    t->problem.context = t;
    t->asked = 0;
    t->trace = 0;
    int64_t evaluated;
    error err = {""};
    cr_assert_eq(search_run(&t->problem, &(search_options){method, evaluations, seed}, &evaluated, &err), STATUS_OK,
                 "%s", err.text);
    cr_assert_eq(evaluated, t->asked);
    return evaluated;
}

/* ---- functions with known optima ---- */

/* H.-P. Schwefel: many deep local optima, the best near a corner, 0 at x = 420.9687. */
static void schwefel(const double *x, size_t count, search_value *out) {
    out->objectives[0] = 418.9828872724338 * (double)count;
    for (size_t d = 0; d < count; d++)
        out->objectives[0] -= x[d] * sin(sqrt(fabs(x[d])));
}

/* Rosenbrock: a curved valley, 0 at (1, ..., 1). */
static void rosenbrock(const double *x, size_t count, search_value *out) {
    for (size_t d = 0; d + 1 < count; d++)
        out->objectives[0] += 100 * pow(x[d + 1] - x[d] * x[d], 2) + pow(1 - x[d], 2);
}

/* The least sum of squares that a product constraint allows: prod x >= 1 gives count, at (1, ..., 1). */
static void product_constraint(const double *x, size_t count, search_value *out) {
    double product = 1;
    for (size_t d = 0; d < count; d++) {
        out->objectives[0] += x[d] * x[d];
        product *= x[d];
    }
    out->violation = product < 1 ? 1 - product : 0;
}

static double zdt_g(const double *x, size_t count) {
    double sum = 0;
    for (size_t d = 1; d < count; d++)
        sum += x[d];
    return 1 + 9 * sum / (double)(count - 1);
}

/* E. Zitzler, K. Deb, L. Thiele, "Comparison of multiobjective evolutionary algorithms", Evol. Comp. 8(2), 2000:
 * fronts at g = 1, convex and concave. */
static void zdt1(const double *x, size_t count, search_value *out) {
    double g = zdt_g(x, count);
    out->objectives[0] = x[0];
    out->objectives[1] = g * (1 - sqrt(x[0] / g));
}
static void zdt2(const double *x, size_t count, search_value *out) {
    double g = zdt_g(x, count);
    out->objectives[0] = x[0];
    out->objectives[1] = g * (1 - pow(x[0] / g, 2));
}

/* ---- one objective ---- */

enum { SEEDS = 20 };

/* In how many of the seeds a search comes within `tolerance` of the optimum. */
static int seeds_within(test_problem *t, search_method method, int64_t evaluations, double optimum, double tolerance) {
    int within = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run(t, method, evaluations, seed);
        within += t->best.violation == 0 && t->best.objectives[0] <= optimum + tolerance;
    }
    return within;
}

Test(search, a_grid_sees_every_design_once_in_order) {
    test_problem t = new_problem(schwefel, 3, 7, -500, 500, 1);
    unsigned char seen[343] = {0};
    t.seen = seen;
    t.problem.dimensions[1].levels = 1;
    cr_expect_eq(run(&t, SEARCH_GRID, 5, 1), 49);
    cr_expect_eq(t.repeats, 0);
}

Test(search, no_method_asks_twice_or_beyond_its_budget) {
    for (int method = SEARCH_RANDOM; method < SEARCH_METHOD_COUNT; method++) {
        for (int64_t budget = 1; budget <= 1300; budget += 433) {
            test_problem t = new_problem(schwefel, 4, 6, -500, 500, 1);
            unsigned char seen[1296] = {0};
            t.seen = seen;
            int64_t evaluated = run(&t, (search_method)method, budget, 3);
            cr_expect_eq(evaluated, budget < 1296 ? budget : 1296, "%s asked %lld of %lld",
                         search_method_name((search_method)method), (long long)evaluated, (long long)budget);
            cr_expect_eq(t.repeats, 0, "%s repeats", search_method_name((search_method)method));
        }
    }
}

Test(search, a_seed_decides_everything) {
    for (int method = SEARCH_RANDOM; method < SEARCH_METHOD_COUNT; method++) {
        test_problem t = new_problem(rosenbrock, 4, 201, -2, 2, 1);
        run(&t, (search_method)method, 500, 7);
        uint64_t first = t.trace;
        run(&t, (search_method)method, 500, 7);
        cr_expect_eq(t.trace, first);
        run(&t, (search_method)method, 500, 8);
        cr_expect_neq(t.trace, first);
    }
}

/* How often each level of each dimension was asked for. */
static int64_t level_counts[SEARCH_DIMENSIONS_MAX][64];

static void count_levels(const double *x, size_t count, search_value *out) {
    for (size_t d = 0; d < count; d++)
        level_counts[d][(size_t)x[d]]++;
    out->objectives[0] = 0;
}

Test(search, sobol_is_even_in_every_dimension) {
    /* 256 points, 16 levels: 16 on each by the sequence, one more or less where the shift cuts a level in two. */
    test_problem t = new_problem(count_levels, 5, 16, 0, 15, 1);
    run(&t, SEARCH_SOBOL, 256, 3);
    for (size_t d = 0; d < 5; d++)
        for (size_t level = 0; level < 16; level++)
            cr_expect(llabs(level_counts[d][level] - 16) <= 2, "dimension %zu, level %zu: %lld", d, level,
                      (long long)level_counts[d][level]);
}

/* Of 1.6e9 designs 5,000 are seen. The optimum 420.9687 lies between two of 201 levels. */
Test(search, schwefel) {
    test_problem t = new_problem(schwefel, 4, 201, -500, 500, 1);
    search_value at_best = {0};
    schwefel((const double[]){420, 420, 420, 420}, 4, &at_best);
    double optimum = at_best.objectives[0], tolerance = 1; /* the next best optimum is 118 above */
    int evolve = seeds_within(&t, SEARCH_EVOLVE, 5000, optimum, tolerance),
        anneal = seeds_within(&t, SEARCH_ANNEAL, 5000, optimum, tolerance);
    cr_expect_geq(evolve, 8, "evolve %d", evolve);
    cr_expect_geq(anneal, 8, "anneal %d", anneal);
    cr_expect_eq(seeds_within(&t, SEARCH_RANDOM, 5000, optimum, 100), 0);
    cr_expect_eq(seeds_within(&t, SEARCH_SOBOL, 5000, optimum, 100), 0);
}

/* 8.1e6 designs in a curved valley. */
Test(search, rosenbrock) {
    test_problem t = new_problem(rosenbrock, 3, 201, -2, 2, 1);
    int evolve = seeds_within(&t, SEARCH_EVOLVE, 5000, 0, 0.5), anneal = seeds_within(&t, SEARCH_ANNEAL, 5000, 0, 0.5),
        random = seeds_within(&t, SEARCH_RANDOM, 5000, 0, 0.5);
    cr_expect_geq(evolve, 17, "evolve %d", evolve);
    cr_expect_geq(anneal, 17, "anneal %d", anneal);
    cr_expect_leq(random, 6, "random %d", random);
}

/* The constraint binds at the optimum: 5 at (1, 1, 1, 1, 1). */
Test(search, product_constraint) {
    test_problem t = new_problem(product_constraint, 5, 61, 0, 3, 1);
    int evolve = seeds_within(&t, SEARCH_EVOLVE, 3000, 5, 0.15),
        anneal = seeds_within(&t, SEARCH_ANNEAL, 3000, 5, 0.15),
        random = seeds_within(&t, SEARCH_RANDOM, 3000, 5, 0.15);
    cr_expect_geq(evolve, 19, "evolve %d", evolve);
    cr_expect_geq(anneal, 19, "anneal %d", anneal);
    cr_expect_leq(random, 1, "random %d", random);
}

/* Where no design is feasible, the least violation is found: the nearest miss. */
static void never(const double *x, size_t count, search_value *out) {
    schwefel(x, count, out);
    for (size_t d = 0; d < count; d++)
        out->violation += 0.1 + fabs(x[d] - 100) / 500;
}

Test(search, nearest_miss) {
    test_problem t = new_problem(never, 4, 201, -500, 500, 1);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        run(&t, SEARCH_EVOLVE, 2000, seed);
        cr_expect_float_eq(t.best.violation, 0.4, 0.02, "%g", t.best.violation);
    }
}

/* Names have no neighbours: a dimension of shuffled levels is searched as well when it is said to have no order. */
Test(search, unordered_dimensions) {
    for (int method = SEARCH_ANNEAL; method < SEARCH_METHOD_COUNT; method++) {
        test_problem t = new_problem(schwefel, 3, 101, -500, 500, 1);
        t.problem.dimensions[0] = (search_dimension){12, false};
        int64_t evaluated = run(&t, (search_method)method, 1500, 2);
        cr_expect_eq(evaluated, 1500);
    }
}

/* ---- ranks ---- */

Test(nondominated, ranks_and_crowding) {
    const search_value values[] = {
        {{1, 5}, 0},   {{2, 3}, 0},
        {{4, 1}, 0},                /* a front */
        {{2, 6}, 0},   {{5, 3}, 0}, /* beaten by it alone */
        {{6, 7}, 0},                /* by those too */
        {{0, 0}, 0.5}, {{NAN, NAN}, INFINITY},
        {{9, 9}, 0.2}, /* infeasible: by violation */
        {{2, 3}, 0},   /* a tie of the second */
    };
    size_t rank[10];
    const size_t expected[] = {0, 0, 0, 1, 1, 2, 4, 5, 3, 0};
    double crowding[10];
    nondominated_sort(values, 10, 2, rank);
    for (size_t i = 0; i < 10; i++)
        cr_expect_eq(rank[i], expected[i], "%zu has rank %zu", i, rank[i]);
    nondominated_crowding(values, rank, 10, 2, crowding);
    cr_expect(isinf(crowding[0]) && isinf(crowding[2]));
    /* The tied ones lie between their front's ends and each other: in f0 from 1 to 2 and from 2 to 4 of 3, in f1 from 5
     * to 3 and from 3 to 1 of 4; the tie is broken by place. */
    cr_expect_float_eq(crowding[1] + crowding[9], 1.0 / 3 + 2.0 / 3 + 0.5 + 0.5, 1e-12);
    cr_expect_eq(crowding[6], 0);
}

/* Distance of the true front from what was found: mean over points of the front. */
static double distance_to_front(const test_problem *t, double (*front)(double)) {
    enum { FRONT_POINTS = 101 };
    double sum = 0;
    for (int i = 0; i < FRONT_POINTS; i++) {
        double f0 = i / (double)(FRONT_POINTS - 1), f1 = front(f0), nearest = INFINITY;
        for (int64_t j = 0; j < t->asked && j < ALL_MAX; j++)
            nearest = fmin(nearest, hypot(t->all[j].objectives[0] - f0, t->all[j].objectives[1] - f1));
        sum += nearest;
    }
    return sum / FRONT_POINTS;
}

static double front1(double f0) {
    return 1 - sqrt(f0);
}
static double front2(double f0) {
    return 1 - f0 * f0;
}

/* 61 levels a dimension: neighbours on the front are 1/60 apart in f0, so that the mean distance of a perfect answer is
 * about a quarter of that and up; random search stays a hundred times as far. */
Test(search, zdt) {
    static void (*const functions[])(const double *, size_t, search_value *) = {zdt1, zdt2};
    static double (*const fronts[])(double) = {front1, front2};
    for (int f = 0; f < 2; f++) {
        test_problem t = new_problem(functions[f], 8, 61, 0, 1, 2);
        t.all = calloc(ALL_MAX, sizeof *t.all);
        for (uint64_t seed = 1; seed <= 5; seed++) {
            run(&t, SEARCH_EVOLVE, 5000, seed);
            double evolve = distance_to_front(&t, fronts[f]);
            run(&t, SEARCH_RANDOM, 5000, seed);
            cr_expect_lt(evolve, 0.01, "zdt%d, seed %d: %g", f + 1, (int)seed, evolve);
            cr_expect_gt(distance_to_front(&t, fronts[f]), 0.3);
        }
        free(t.all);
    }
}

Test(search, annealing_follows_one_objective) {
    test_problem t = new_problem(zdt1, 3, 11, 0, 1, 2);
    int64_t evaluated;
    error err = {""};
    cr_expect_eq(search_run(&t.problem, &(search_options){SEARCH_ANNEAL, 100, 1}, &evaluated, &err), STATUS_BAD_INPUT);
    cr_expect_eq(t.asked, 0);
}
