/* How surely designs are told apart. The calibration's draws are shared by the designs that use it, so that what shifts
 * two alike does not count; residuals of an operator that falls in the same class on both are taken to be off together
 * (as comparison.h does for one request). What a latency is uncertain by reaches other metrics by the share of time in
 * them: all of a time, the idle power's part of an energy, none of an area. */
#ifndef INGOT_DESIGN_DOUBT_H
#define INGOT_DESIGN_DOUBT_H

#include "sim/explore/designs.h"

/* Two designs are told apart in a metric where one is better with this probability at least. */
static const double DOUBT_TOLD_APART = 0.95;

enum { DOUBT_DESIGNS_MAX = 64 }; /* looked at together */

typedef struct design_doubts design_doubts;

/* Of at most DOUBT_DESIGNS_MAX designs that have values; everything is owned by the arena, which borrows them. NULL in
 * *out where the calibration of one knows no residuals, or the engine has no intervals. */
status design_doubts_of(arena *a, const char *config_dir, const sweep *s, const design *designs, size_t count,
                        design_doubts **out, error *err);

/* The 90 % interval of a metric. */
void design_doubt_interval(const design_doubts *d, size_t i, metric m, double *lower, double *upper);
/* Probability that design i is better than j in a metric; 0.5 where they are equal. */
double design_doubt_chance(const design_doubts *d, size_t i, size_t j, metric m);
/* Whether i surely beats j: better or equal in every goal, with DOUBT_TOLD_APART where it is not certain, and better in
 * one. */
bool design_doubt_beats(const design_doubts *d, size_t i, size_t j);

#endif
