#include "reports/cloud.h"

#include "core/base/hash.h"

#include <math.h>
#include <stdlib.h>

static const double CELL_LOG = 0.01; /* ln: one percent */

typedef struct cell {
    int64_t x, y, set;
} cell;

static cell cell_of(const report_point *p) {
    return (cell){(int64_t)floor(log(p->latency_s) / CELL_LOG), (int64_t)floor(log(p->energy_j) / CELL_LOG),
                  (int64_t)p->lever_set};
}

/* The slot of the cell, or the empty one where it belongs. */
static size_t *slot_of(const report_cloud *cloud, cell c) {
    size_t mask = cloud->slot_count - 1;
    size_t at = (size_t)hash_mix64(hash_fnv1a64(HASH_FNV1A64_BASIS, &c, sizeof c)) & mask;
    for (; cloud->slots[at]; at = (at + 1) & mask) {
        cell there = cell_of(&cloud->points[cloud->slots[at] - 1]);
        if (there.x == c.x && there.y == c.y && there.set == c.set)
            break;
    }
    return &cloud->slots[at];
}

static void grow(report_cloud *cloud) {
    cloud->capacity = cloud->capacity ? 2 * cloud->capacity : 1024;
    cloud->slot_count = 2 * cloud->capacity;
    cloud->points = realloc(cloud->points, cloud->capacity * sizeof *cloud->points);
    free(cloud->slots);
    cloud->slots = calloc(cloud->slot_count, sizeof *cloud->slots);
    if (!cloud->points || !cloud->slots)
        abort();
    for (size_t i = 0; i < cloud->count; i++)
        *slot_of(cloud, cell_of(&cloud->points[i])) = i + 1;
}

void report_cloud_add(report_cloud *cloud, const report_point *point) {
    if (!(point->latency_s > 0 && point->energy_j > 0 && isfinite(point->latency_s) && isfinite(point->energy_j)))
        return;
    if (cloud->count == cloud->capacity)
        grow(cloud);
    size_t *slot = slot_of(cloud, cell_of(point));
    if (*slot)
        return;
    cloud->points[cloud->count++] = *point;
    *slot = cloud->count;
}

void report_cloud_free(report_cloud *cloud) {
    free(cloud->points);
    free(cloud->slots);
    *cloud = (report_cloud){0};
}
