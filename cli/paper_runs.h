/* The paper's tasks predicted: every preset on the GPU that it measured and on an H200, the profiles, and what its
 * authors published (configs/paper/authors.csv). */
#ifndef INGOT_PAPER_RUNS_H
#define INGOT_PAPER_RUNS_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/op.h"
#include "sim/explore/sweep.h"

#include <stdbool.h>
#include <stdint.h>

enum { PAPER_TASKS_MAX = 32, PAPER_PRESETS_MAX = 8 };

/* One request. */
typedef struct paper_run {
    const char *reason; /* why there is none, or NULL */
    double latency_s, busy_s;
    double category_s[CATEGORY_COUNT]; /* idle included: adds up to the latency */
    double decode_frac; /* of the latency, in the phase that yields outputs one after the other; 0: none */
    double decode_steps;
} paper_run;

/* A row of the authors' figures. */
typedef struct paper_figure {
    const char *quantity; /* "profile_share", "latency_s", "gain" */
    const char *task, *levers, *name, *source;
    int64_t batch; /* 0: not stated */
    double value;
} paper_figure;

typedef struct paper {
    const char *tasks[PAPER_TASKS_MAX]; /* of configs/sweeps/paper.yaml */
    size_t task_count;
    const char *presets[PAPER_PRESETS_MAX]; /* the first is what the others are compared with */
    size_t preset_count;
    paper_run a100[PAPER_TASKS_MAX][PAPER_PRESETS_MAX], h200[PAPER_TASKS_MAX][PAPER_PRESETS_MAX]; /* batch 1 */
    paper_run profiled[PAPER_TASKS_MAX]; /* A100, fused attention, batch 1, under the profiler */
    const paper_figure *figures;
    size_t figure_count;
    sweep levers; /* configs/sweeps/paper-levers.yaml with its predicted speed-ups */
} paper;

#define PAPER_A100 "a100-sxm-80gb"
#define PAPER_H200 "h200-sxm"
#define PAPER_HOST "pytorch-a100"
#define PAPER_PROFILED_HOST "pytorch-a100-profiled"
#define PAPER_STATISTIC "p50"
#define PAPER_COMBINED "layerskip weights=autoquant"

/* Everything above. The arena owns it. */
status paper_load(arena *a, paper *out, error *err);

/* One more request, on the GPU that was measured. */
status paper_predict(arena *a, const char *machine_name, const char *task_name, const char *preset, const char *host,
                     int64_t batch, paper_run *out, error *err);

/* The place of a preset, or preset_count. */
size_t paper_preset(const paper *p, const char *name);
/* A published figure, NaN where there is none. */
double paper_published(const paper *p, const char *quantity, const char *task_name, int64_t batch,
                       const char *lever_set, const char *name);
/* A lever's gain at a batch, published and predicted; NULL where none was published. */
const sweep_speedup *paper_speedup(const paper *p, const char *task_name, int64_t batch, const char *lever_set,
                                   const char *over);
/* What the authors gained at batch 1 over no lever at all: a product of their ratios; NaN where one is missing. */
double paper_published_gain(const paper *p, const char *task_name, const char *preset);

/* Over the tasks to which both presets apply; `count` receives their number. */
double paper_mean_gain(const paper *p, const paper_run (*runs)[PAPER_PRESETS_MAX], size_t preset, size_t over,
                       size_t *count);

#endif
