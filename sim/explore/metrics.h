/* Metrics of a design: what a workload, or a weighted mix of workloads, takes on a machine under a lever set.
 *
 * Of a mix with weights w (shares of requests; of batches where requests run in batches):
 *
 *     latency_s, ttft_s, energy_j     sum w x / sum w
 *     tpot_s                          the same, over the workloads that yield tokens
 *     *_pNN_s                         the largest of the workloads: each must keep it
 *     throughput_per_s                requests of a batch / latency_s
 *     power_w                         energy_j / latency_s
 *     energy_per_token_j, _image_j    sum w energy / sum w tokens, over the workloads that yield them
 *     usd_per_million, kg_per_million hwmodels/ownership.h at the sweep's site, of a million requests
 *     peak_memory_bytes               the largest
 *     idle_frac                       sum w idle / sum w latency
 *
 * A percentile is that of the lengths: the request whose prompt, output and all other lengths are the task's NNth
 * percentile. Times grow with lengths, so that it is at least the percentile of the times. */
#ifndef INGOT_METRICS_H
#define INGOT_METRICS_H

#include "core/base/units.h"
#include "core/store.h"
#include "hwmodels/ownership.h"
#include "sim/explore/formula.h"

typedef enum metric {
#define METRIC(enumerator, name, unit, larger, statistic, text) METRIC_##enumerator,
#include "sim/explore/metrics.def"
    METRIC_COUNT
} metric;

typedef struct metric_info {
    const char *name, *text;
    unit unit;
    bool larger_is_better;
    int statistic; /* 0, 50, 90 or 99 */
} metric_info;

const metric_info *metric_get(metric m);
/* Reads a metric's name; the message names the nearest one and has no position. */
status metric_parse(const char *name, metric *out, error *err);

typedef struct metric_values {
    double of[METRIC_COUNT]; /* NaN: not known, or none */
} metric_values;

/* What usd_per_million and kg_per_million are of. */
static const double METRIC_REQUESTS = 1e6;

/* The statistics that metrics may ask for besides the file's own, in this order. */
enum { METRIC_STATISTICS = 3 };
extern const int metric_statistics[METRIC_STATISTICS]; /* 50, 90, 99 */

/* What one workload contributes. */
typedef struct metric_share {
    double weight;
    double requests, tokens, images;          /* that a batch serves and yields; 0: none */
    double gpus;                              /* that work on it */
    const store_point *mean;                  /* at the file's statistic */
    const store_point *at[METRIC_STATISTICS]; /* NULL where not asked for */
} metric_share;

/* `place` is NULL where the sweep names no site; `yields` is for the machine's cost there. No share may have a point
 * with a reason. */
metric_values metrics_of(const metric_share *shares, size_t count, const machine *m, const site *place,
                         const yield_rule *yields);

/* Where constraints find names: metrics and machine keys, and both of the base design as base(name). */
enum { METRIC_TABLE_VALUES, METRIC_TABLE_BASE_VALUES, METRIC_TABLE_MACHINE, METRIC_TABLE_BASE_MACHINE };
formula_scope metric_scope(arena *a);
bool metric_is_read(const formula_relation *relation, metric m);

#endif
