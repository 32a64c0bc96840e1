/* A sweep of workloads and lever sets on one machine as one table: a row a workload and batch, a column a lever set. */
#ifndef INGOT_SWEEP_TABLE_H
#define INGOT_SWEEP_TABLE_H

#include "core/base/json_writer.h"
#include "sim/explore/sweep.h"

/* The points of a sweep of one machine without variants, in the order of its cases. */
typedef struct sweep_table {
    const sweep *asked;
    store_point *points; /* as many as cases; text owned by the arena */
} sweep_table;

/* Whether a sweep is such a table: several workloads and lever sets, one machine, no variants. */
bool sweep_is_table(const sweep *s);

status sweep_table_read(arena *a, const sweep *s, store *points, sweep_table *out, error *err);

/* Latencies, and below the table why cells are empty. */
void sweep_table_print(arena *a, const sweep_table *t);

/* An array `cells`: workload, batch, levers, and latency_s or not_applicable. */
void sweep_table_json(json_writer *w, const sweep_table *t);

#endif
