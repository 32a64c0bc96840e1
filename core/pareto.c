/* Sort lexicographically; then no point is dominated by a later one, and one sweep over the sorted points finds the
 * front (H. T. Kung, F. Luccio, F. P. Preparata, "On finding the maxima of a set of vectors", J. ACM 22(4), 1975). */
#include "core/pareto.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_POINTS = 65536 };

/* All four objectives are compared: unused ones are zero. */
static int by_objectives(const void *left, const void *right) {
    const pareto_point *a = left, *b = right;
    for (size_t i = 0; i < PARETO_OBJECTIVES_MAX; i++)
        if (a->objectives[i] != b->objectives[i])
            return a->objectives[i] < b->objectives[i] ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static bool equal(const pareto_point *a, const pareto_point *b) {
    return memcmp(a->objectives, b->objectives, sizeof a->objectives) == 0;
}

/* Objectives 1 and 2 of the points on the front so far that no other beats in those two: rising in the first, falling
 * in the second. */
typedef struct staircase {
    double (*steps)[2];
    size_t count, capacity;
} staircase;

/* Whether some step is no worse in both; a later point in sorted order is then dominated, or equal to the point before
 * it, which the caller has seen to. */
static size_t steps_up_to(const staircase *s, double x) {
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->steps[middle][0] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool staircase_covers(const staircase *s, double x, double y) {
    size_t before = steps_up_to(s, x);
    return before > 0 && s->steps[before - 1][1] <= y;
}

/* Adds (x, y), which no step covers, and drops the steps that it covers. */
static void staircase_add(staircase *s, double x, double y) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->steps = realloc(s->steps, s->capacity * sizeof *s->steps);
        if (!s->steps)
            abort();
    }
    size_t first = steps_up_to(s, x);
    if (first > 0 && s->steps[first - 1][0] == x)
        first--; /* same x, larger y */
    size_t last = first;
    while (last < s->count && s->steps[last][1] >= y)
        last++;
    memmove(s->steps + first + 1, s->steps + last, (s->count - last) * sizeof *s->steps);
    s->steps[first][0] = x;
    s->steps[first][1] = y;
    s->count = s->count - (last - first) + 1;
}

/* Up to three objectives: with the first in sorted order, only the other two are left to compare. */
static size_t sweep_with_staircase(pareto_point *points, size_t count) {
    staircase s = {0};
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const double *o = points[i].objectives;
        bool tie = kept > 0 && equal(&points[kept - 1], &points[i]);
        if (!tie && staircase_covers(&s, o[1], o[2]))
            continue;
        if (!tie)
            staircase_add(&s, o[1], o[2]);
        points[kept++] = points[i];
    }
    free(s.steps);
    return kept;
}

static bool no_worse(const pareto_point *a, const pareto_point *b) {
    bool worse = false;
    for (size_t i = 0; i < PARETO_OBJECTIVES_MAX; i++)
        worse |= a->objectives[i] > b->objectives[i];
    return !worse;
}

static size_t sweep_pairwise(pareto_point *points, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool tie = kept > 0 && equal(&points[kept - 1], &points[i]);
        bool dominated = false;
        for (size_t j = 0; j < kept && !tie && !dominated; j++)
            dominated = no_worse(&points[j], &points[i]);
        if (!dominated)
            points[kept++] = points[i];
    }
    return kept;
}

size_t pareto_filter(pareto_point *points, size_t count, size_t objective_count) {
    assert(objective_count >= 1 && objective_count <= PARETO_OBJECTIVES_MAX);
    size_t known = 0;
    for (size_t i = 0; i < count; i++) {
        pareto_point point = points[i];
        bool unknown = false;
        for (size_t j = 0; j < PARETO_OBJECTIVES_MAX; j++) {
            /* Adding zero turns -0 into 0, so that equal values are equal bytes. */
            point.objectives[j] = j < objective_count ? point.objectives[j] + 0.0 : 0;
            unknown = unknown || isnan(point.objectives[j]);
        }
        if (!unknown)
            points[known++] = point;
    }
    qsort(points, known, sizeof *points, by_objectives);
    return objective_count < PARETO_OBJECTIVES_MAX ? sweep_with_staircase(points, known)
                                                   : sweep_pairwise(points, known);
}

pareto_front pareto_begin(size_t objective_count) {
    assert(objective_count >= 1 && objective_count <= PARETO_OBJECTIVES_MAX);
    return (pareto_front){.objective_count = objective_count};
}

void pareto_add(pareto_front *front, const double *objectives, int64_t index) {
    if (front->count == front->capacity) {
        pareto_settle(front);
        /* At least as much room as the front takes, so that filtering costs a constant number of passes a point. */
        size_t wanted = 2 * front->count > BUFFER_POINTS ? 2 * front->count : BUFFER_POINTS;
        if (wanted > front->capacity) {
            front->points = realloc(front->points, wanted * sizeof *front->points);
            if (!front->points)
                abort();
            front->capacity = wanted;
        }
    }
    pareto_point point = {.index = index};
    memcpy(point.objectives, objectives, front->objective_count * sizeof *objectives);
    front->points[front->count++] = point;
}

void pareto_settle(pareto_front *front) {
    if (front->count > 0)
        front->count = pareto_filter(front->points, front->count, front->objective_count);
}

void pareto_free(pareto_front *front) {
    free(front->points);
    *front = (pareto_front){0};
}
