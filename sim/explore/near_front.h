/* The designs of a stream that are on the Pareto front or nearly so, in bounded memory.
 *
 * A design's distance is by what factor its objectives would have to improve, all together, for no other design to beat
 * it: with logarithms of the objectives, max over the others j of min over objectives o of (l_i,o - l_j,o) (the
 * additive epsilon indicator of Zitzler et al., IEEE Trans. Evol. Comp. 7(2), 2003). On the front it is 0 or less. */
#ifndef INGOT_NEAR_FRONT_H
#define INGOT_NEAR_FRONT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NEAR_OBJECTIVES_MAX = 4, NEAR_POINTS_MAX = 2048, NEAR_REFERENCES_MAX = 64 };

/* Designs farther than this are no candidates: e^0.1, a tenth worse. */
static const double NEAR_DISTANCE = 0.1;

typedef struct near_point {
    double logs[NEAR_OBJECTIVES_MAX];
    int64_t index;
    double distance;
} near_point;

typedef struct near_front {
    size_t objective_count;
    near_point *points; /* settled ones first, by rising distance, then by index */
    size_t count;
    double (*references)[NEAR_OBJECTIVES_MAX]; /* some of the front at the last settling */
    size_t reference_count;
    double limit; /* of distance: NEAR_DISTANCE, less once more than fit have been as near */
} near_front;

near_front near_front_begin(size_t objective_count);
void near_front_free(near_front *n);

/* `logs`: logarithms of the objectives, less being better. Those with one that is not finite are left out. */
void near_front_add(near_front *n, const double *logs, int64_t index);

/* Finds all distances; points[0, count) are then sorted. A stream in another order gives the same points as long as no
 * more than NEAR_POINTS_MAX / 2 are near. */
void near_front_settle(near_front *n);

#endif
