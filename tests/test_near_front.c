#include "sim/explore/near_front.h"

#include "core/base/random.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { POINTS = 1500 };

static double logs[POINTS][2];

static void draw(void) {
    for (size_t i = 0; i < POINTS; i++)
        for (size_t o = 0; o < 2; o++)
            logs[i][o] = log(1 + random_uniform(3, o, i));
}

/* By how much both objectives must fall for no other point to beat it, found by trying. */
static double distance_of(size_t i) {
    double most = 0;
    for (size_t j = 0; j < POINTS; j++)
        if (j != i)
            most = fmax(most, fmin(logs[i][0] - logs[j][0], logs[i][1] - logs[j][1]));
    return most;
}

Test(near_front, distances) {
    draw();
    near_front n = near_front_begin(2);
    for (size_t i = 0; i < POINTS; i++)
        near_front_add(&n, logs[i], (int64_t)i);
    near_front_settle(&n);
    size_t near = 0;
    for (size_t i = 0; i < POINTS; i++)
        near += distance_of(i) <= NEAR_DISTANCE;
    cr_expect_eq(n.count, near);
    cr_expect_gt(near, 10);
    for (size_t i = 0; i < n.count; i++) {
        cr_expect_float_eq(n.points[i].distance, distance_of((size_t)n.points[i].index), 1e-15);
        cr_expect(i == 0 || n.points[i].distance >= n.points[i - 1].distance);
    }
    near_front_free(&n);
}

/* Thousands of the same few objectives: what is kept is the nearest, whatever their order. */
Test(near_front, memory_is_bounded_and_keeps_the_best) {
    enum { MANY = 100000 };
    for (int backwards = 0; backwards < 2; backwards++) {
        near_front n = near_front_begin(1);
        for (int64_t i = 0; i < MANY; i++) {
            int64_t index = backwards ? MANY - 1 - i : i;
            const double value = 1 + (double)(index * 7919 % MANY) / MANY;
            near_front_add(&n, &(const double){log(value)}, index);
            cr_assert_leq(n.count, NEAR_POINTS_MAX);
        }
        near_front_settle(&n);
        cr_assert_geq(n.count, 500);
        for (int64_t i = 0; i < 500; i++)
            cr_assert_eq(n.points[i].index * 7919 % MANY, i);
        near_front_free(&n);
    }
}

Test(near_front, what_has_no_logarithm_is_left_out) {
    near_front n = near_front_begin(2);
    near_front_add(&n, (const double[]){NAN, 1}, 0);
    near_front_add(&n, (const double[]){1, -INFINITY}, 1);
    near_front_settle(&n);
    cr_expect_eq(n.count, 0);
    near_front_add(&n, (const double[]){1, 1}, 2);
    near_front_settle(&n);
    cr_expect_eq(n.count, 1);
    cr_expect_eq(n.points[0].distance, 0);
    near_front_free(&n);
}
