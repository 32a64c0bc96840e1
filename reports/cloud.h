/* The points of a large sweep, thinned for a plot: one point a cell of one percent in latency and in energy for each
 * lever set, so that memory follows what can be seen and not the sweep. */
#ifndef INGOT_CLOUD_H
#define INGOT_CLOUD_H

#include "reports/report.h"

/* Zero-initialise. `points` is what a report takes. */
typedef struct report_cloud {
    report_point *points;
    size_t count, capacity;
    size_t *slots; /* hash table of point indices plus one */
    size_t slot_count;
} report_cloud;

/* A point whose cell is taken is ignored, as is one that has no logarithm. */
void report_cloud_add(report_cloud *cloud, const report_point *point);
void report_cloud_free(report_cloud *cloud);

#endif
