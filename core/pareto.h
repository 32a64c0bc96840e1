/* Pareto fronts: the points that no other point beats. All objectives are minimised.
 *
 * a dominates b when a is no worse in every objective and better in at least one. Points that are equal in all
 * objectives do not dominate each other, so ties are kept. A point with an unknown (NaN) objective is never on a front.
 *
 * Work for n points with m on the front: sorting, n log n; then with one objective n, with two n, with three n log m
 * comparisons (and the moving of at most m entries for each point that joins), with four n m. */
#ifndef INGOT_PARETO_H
#define INGOT_PARETO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PARETO_OBJECTIVES_MAX = 4 };

typedef struct pareto_point {
    double objectives[PARETO_OBJECTIVES_MAX];
    int64_t index; /* the caller's */
} pareto_point;

/* Moves the front of points[0, count) to the beginning, sorted by the first objective, then the second and so on, then
 * by index; returns its size. 1 <= objective_count <= PARETO_OBJECTIVES_MAX (asserted). */
size_t pareto_filter(pareto_point *points, size_t count, size_t objective_count);

/* A front of a stream: memory is that of the front and a buffer, whatever the number of points. Members are read-only
 * after pareto_settle, when points[0, count) is the front as pareto_filter leaves it. */
typedef struct pareto_front {
    size_t objective_count;
    pareto_point *points;
    size_t count, capacity;
} pareto_front;

/* Nothing is allocated before the first point. */
pareto_front pareto_begin(size_t objective_count);
/* `objectives` holds objective_count values. */
void pareto_add(pareto_front *front, const double *objectives, int64_t index);
void pareto_settle(pareto_front *front);
void pareto_free(pareto_front *front);

#ifdef __cplusplus
}
#endif
#endif
