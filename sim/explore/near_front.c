#include "sim/explore/near_front.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

near_front near_front_begin(size_t objective_count) {
    near_front n = {.objective_count = objective_count,
                    .limit = NEAR_DISTANCE,
                    .points = malloc(NEAR_POINTS_MAX * sizeof *n.points),
                    .references = malloc(NEAR_REFERENCES_MAX * sizeof *n.references)};
    if (!n.points || !n.references)
        abort();
    return n;
}

void near_front_free(near_front *n) {
    free(n->points);
    free(n->references);
    *n = (near_front){0};
}

/* By how much a would have to improve for b not to beat it. */
static double gap(const double *a, const double *b, size_t count) {
    double least = INFINITY;
    for (size_t o = 0; o < count; o++)
        least = fmin(least, a[o] - b[o]);
    return least;
}

static int by_distance(const void *left, const void *right) {
    const near_point *a = left, *b = right;
    if (a->distance != b->distance)
        return a->distance < b->distance ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

void near_front_settle(near_front *n) {
    for (size_t i = 0; i < n->count; i++) {
        double most = n->count > 1 ? -INFINITY : 0;
        for (size_t j = 0; j < n->count; j++)
            if (j != i)
                most = fmax(most, gap(n->points[i].logs, n->points[j].logs, n->objective_count));
        n->points[i].distance = fmax(most, 0);
    }
    qsort(n->points, n->count, sizeof *n->points, by_distance);
    while (n->count > 0 && n->points[n->count - 1].distance > n->limit)
        n->count--;
    size_t front = 0;
    while (front < n->count && n->points[front].distance <= 0)
        front++;
    n->reference_count = front < NEAR_REFERENCES_MAX ? front : NEAR_REFERENCES_MAX;
    for (size_t r = 0; r < n->reference_count; r++)
        memcpy(n->references[r], n->points[r * front / n->reference_count].logs, sizeof n->references[r]);
}

void near_front_add(near_front *n, const double *logs, int64_t index) {
    for (size_t o = 0; o < n->objective_count; o++)
        if (!isfinite(logs[o]))
            return;
    for (size_t r = 0; r < n->reference_count; r++)
        if (gap(logs, n->references[r], n->objective_count) > n->limit)
            return;
    if (n->count == NEAR_POINTS_MAX) {
        near_front_settle(n);
        if (n->count > NEAR_POINTS_MAX / 2) { /* keep the nearest */
            n->count = NEAR_POINTS_MAX / 2;
            n->limit = n->points[n->count - 1].distance;
        }
    }
    near_point *p = &n->points[n->count++];
    *p = (near_point){.index = index};
    memcpy(p->logs, logs, n->objective_count * sizeof *logs);
}
