#include "core/pareto.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

static bool dominates(const pareto_point *a, const pareto_point *b, size_t objectives) {
    bool better = false;
    for (size_t i = 0; i < objectives; i++) {
        if (a->objectives[i] > b->objectives[i])
            return false;
        better = better || a->objectives[i] < b->objectives[i];
    }
    return better;
}

/* Every pair compared, by the definition. on_front[index] is set for the front. */
static size_t brute_force(const pareto_point *points, size_t count, size_t objectives, bool *on_front) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        bool beaten = false;
        for (size_t j = 0; j < count && !beaten; j++)
            beaten = dominates(&points[j], &points[i], objectives);
        on_front[points[i].index] = !beaten;
        size += !beaten;
    }
    return size;
}

/* `levels` distinct values an objective: few make many ties. */
static void random_points(pareto_point *points, size_t count, size_t objectives, int levels) {
    for (size_t i = 0; i < count; i++) {
        points[i] = (pareto_point){.index = (int64_t)i};
        for (size_t j = 0; j < objectives; j++)
            points[i].objectives[j] = (rand() % levels - levels / 3) * 0.125;
    }
}

static void check_sets(size_t objectives) {
    enum { COUNT = 400 };
    pareto_point points[COUNT];
    bool on_front[COUNT];
    const int levels[] = {1, 2, 5, 20, 1000, 1000000};
    srand(11);
    for (int round = 0; round < 60; round++) {
        size_t count = round < 5 ? (size_t)round : COUNT - (size_t)(rand() % 100);
        random_points(points, count, objectives, levels[round % 6]);
        size_t expected = brute_force(points, count, objectives, on_front);
        size_t found = pareto_filter(points, count, objectives);
        cr_assert_eq(found, expected, "%zu objectives, %zu points: %zu, not %zu", objectives, count, found, expected);
        for (size_t i = 0; i < found; i++) {
            cr_assert(on_front[points[i].index]);
            on_front[points[i].index] = false; /* each once */
            if (i > 0)
                cr_assert(points[i - 1].objectives[0] <= points[i].objectives[0], "sorted by the first objective");
        }
    }
}

Test(pareto, one_objective_against_brute_force) {
    check_sets(1);
}
Test(pareto, two_objectives_against_brute_force) {
    check_sets(2);
}
Test(pareto, three_objectives_against_brute_force) {
    check_sets(3);
}
Test(pareto, four_objectives_against_brute_force) {
    check_sets(4);
}

Test(pareto, ties_are_kept) {
    pareto_point points[] = {
        {{1, 2}, 5}, {{2, 1}, 1}, {{1, 2}, 3}, {{1, 3}, 2}, {{-0.0, 9}, 8}, {{0.0, 9}, 7},
    };
    cr_assert_eq(pareto_filter(points, 6, 2), 5);
    const int64_t order[] = {7, 8, 3, 5, 1};
    for (int i = 0; i < 5; i++)
        cr_expect_eq(points[i].index, order[i]);
}

Test(pareto, unknown_objectives_never_win) {
    pareto_point points[] = {{{NAN, 0}, 0}, {{1, 1}, 1}, {{0, NAN}, 2}, {{INFINITY, 0}, 3}};
    cr_assert_eq(pareto_filter(points, 4, 2), 2);
    cr_expect_eq(points[0].index, 1);
    cr_expect_eq(points[1].index, 3);
}

Test(pareto, values_beyond_the_objectives_are_ignored) {
    pareto_point points[] = {{{1, 1, 7, NAN}, 0}, {{1, 1, 3, 0}, 1}};
    cr_expect_eq(pareto_filter(points, 2, 2), 2);
}

/* A stream in which the front is known: points on a curve, and many more above it. */
static void check_stream(size_t objectives, size_t total) {
    pareto_front front = pareto_begin(objectives);
    enum { CURVE = 500 };
    srand(3);
    for (size_t i = 0; i < total; i++) {
        bool on_curve = i % (total / CURVE) == 0;
        double t = on_curve ? (double)(i / (total / CURVE)) / CURVE : rand() / (double)RAND_MAX;
        double above = on_curve ? 0 : 0.5 + rand() / (double)RAND_MAX;
        const double values[] = {t + above, 1 - t + above, (t - 0.5) * (t - 0.5) + above, 3 + above};
        pareto_add(&front, values, (int64_t)i);
    }
    pareto_settle(&front);
    cr_assert_eq(front.count, CURVE, "%zu points on the front", front.count);
    for (size_t i = 0; i < front.count; i++)
        cr_assert_eq((size_t)front.points[i].index, i * (total / CURVE));
    cr_expect_lt(front.capacity, 200000, "memory follows the front, not the stream");
    pareto_free(&front);
    pareto_free(&front);
}

Test(pareto, stream_of_two_objectives) {
    check_stream(2, 1000000);
}
Test(pareto, stream_of_three_objectives) {
    check_stream(3, 400000);
}
Test(pareto, stream_of_four_objectives) {
    check_stream(4, 200000);
}

Test(pareto, empty_stream) {
    pareto_front front = pareto_begin(3);
    pareto_settle(&front);
    cr_expect_eq(front.count, 0);
    pareto_free(&front);
}

Test(pareto, a_stream_that_is_all_front_grows) {
    pareto_front front = pareto_begin(2);
    for (int i = 0; i < 150000; i++)
        pareto_add(&front, (const double[]){i, -i}, i);
    pareto_settle(&front);
    cr_expect_eq(front.count, 150000);
    pareto_free(&front);
}
