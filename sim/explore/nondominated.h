/* The two orders of NSGA-II (K. Deb, A. Pratap, S. Agarwal, T. Meyarivan, "A fast and elitist multiobjective genetic
 * algorithm: NSGA-II", IEEE Trans. Evol. Comp. 6(2), 2002): ranks by constrained domination, and crowding distance
 * within a rank. All objectives are minimised. */
#ifndef INGOT_NONDOMINATED_H
#define INGOT_NONDOMINATED_H

#include "sim/explore/search.h"

/* Whether a beats b: feasible before infeasible, less violation among infeasible, Pareto domination among feasible. */
bool nondominated_beats(const search_value *a, const search_value *b, size_t objective_count);

/* rank[i]: 0 for those that none beats, 1 for those that only rank 0 beats, and so on. */
void nondominated_sort(const search_value *values, size_t count, size_t objective_count, size_t *rank);

/* distance[i]: how far apart i's neighbours within its rank are, summed over the objectives in parts of the rank's
 * range; infinite at either end, 0 for the infeasible, whose ranks are by violation. */
void nondominated_crowding(const search_value *values, const size_t *rank, size_t count, size_t objective_count,
                           double *distance);

#endif
