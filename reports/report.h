/* What a report of a sweep or of a validation shows: a self-contained HTML page, or Markdown, CSV and JSON with the
 * same sections and tables.
 *
 * Numbers are SI; NaN means not known and is shown as "–". A section without rows is left out. Everything is borrowed
 * for the duration of a call. Text may hold anything: it is escaped. */
#ifndef INGOT_REPORT_H
#define INGOT_REPORT_H

#include "core/base/error.h"
#include "core/op.h"
#include "core/scores.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    REPORT_KNOBS_MAX = 16,
    REPORT_FRONT_ROWS_MAX = 25, /* rows of the front that the table shows, evenly spread; all are in the plot */
    REPORT_HTML_MAX_BYTES = 2 * 1000 * 1000,
};

/* A design with its numbers: a row of the designs table and a mark in the plot. */
typedef struct report_design {
    const char *name;               /* "h200-sxm"; NULL: numbered by its place */
    const char *levers;             /* "compile weights=int8" */
    size_t lever_set;               /* index into lever_sets: the colour */
    double knobs[REPORT_KNOBS_MAX]; /* in knob_keys' order */
    double latency_s, tpot_s, energy_j, area_m2, cost_usd, peak_memory_bytes;
    double idle_frac;                     /* share of the latency in which the GPU idles */
    double latency_low_s, latency_high_s; /* its interval; NaN where it is not known */
} report_design;

/* A point of the cloud behind the front. */
typedef struct report_point {
    double latency_s, energy_j;
    size_t lever_set;
} report_point;

/* A bar of the time breakdown; the categories add up to the latency. */
typedef struct report_bar {
    const char *label;
    double category_s[CATEGORY_COUNT];
} report_bar;

/* A stretch of a timeline in equal cells: each cell's shares of the categories, idle included, add up to 1. */
typedef struct report_strip {
    const char *label;
    double duration_s;
    size_t cell_count;
    const double (*share)[CATEGORY_COUNT];
} report_strip;

/* Where device memory goes. */
typedef struct report_memory {
    const char *label;
    double weight_bytes, kv_bytes, activation_bytes, workspace_bytes, capacity_bytes;
} report_memory;

/* How changes act together: latency with both over what each alone would make of it, less 1. Below 0 they help each
 * other. */
typedef struct report_interactions {
    const char *const *rows, *const *columns;
    size_t row_count, column_count;
    const double *effect; /* [row][column]; NaN where it is not known */
    const char *about;    /* a sentence: of what, and over which ranges */
} report_interactions;

/* What levers gain on a task, over the same task without any: a mark a lever set. */
typedef struct report_ladder {
    const char *label;
    double gain[REPORT_KNOBS_MAX];      /* by lever set; NaN: does not apply */
    double published[REPORT_KNOBS_MAX]; /* the same as published; NaN: nothing is */
} report_ladder;

/* A roof: a flat one has flops_per_s, a slanted one bytes_per_s; the other is 0. */
typedef struct report_ceiling {
    const char *name; /* "bf16 tensor", "HBM" */
    double flops_per_s, bytes_per_s;
} report_ceiling;

/* An operator, all its launches in the request together. */
typedef struct report_operator {
    const char *name;
    op_category category;
    double count; /* launches of the operator */
    double flops, bytes, time_s;
    const char *bound; /* "hbm" */
} report_operator;

/* How an objective follows a knob (core/sensitivity.h). */
typedef struct report_elasticity {
    size_t lever_set;
    const char *objective; /* "latency" */
    const char *knob;      /* "hbm.bandwidth_bytes_per_s" */
    double elasticity;     /* d ln(objective) / d ln(knob) */
    double low, high;      /* swept range */
    double effect;         /* objective at `high` over at `low`, less 1 */
} report_elasticity;

typedef struct report_score {
    const char *kind; /* "gemm bf16" */
    score errors;
} report_score;

/* One measured step against its prediction. */
typedef struct report_step {
    const char *name; /* "codellama-7b eager decode, batch 1, prompt 154" */
    double measured_busy_s, predicted_busy_s;
    double measured_wall_s, predicted_wall_s;
    double measured_kernels, predicted_kernels;
    bool host_bound; /* the wall waits for a host whose cost is a range: its error is not shown */
} report_step;

typedef struct report_assumption {
    const char *text, *source; /* source: NULL when there is none */
} report_assumption;

typedef struct report_input {
    const char *title;         /* "H200 variants for Code Llama 34B" */
    const char *notice;        /* shown first, in a box: "example data". NULL: none */
    const char *question;      /* one sentence */
    const char *const *answer; /* about five lines */
    size_t answer_count;
    const char *date, *version, *command;

    size_t knob_count;
    const char *knob_keys[REPORT_KNOBS_MAX];
    const char *const *lever_sets; /* names */
    size_t lever_set_count;

    /* Designs: `base` is what they are compared with (NULL: none); `front` by rising latency. */
    const char *objectives; /* "latency, energy and cost" */
    const report_design *base;
    const report_design *front;
    size_t front_count;
    const report_point *points; /* every feasible design, or the cells of a report_cloud */
    size_t point_count;
    double feasible_count, infeasible_count; /* in the whole sweep */
    const char *infeasible_reason;           /* the most frequent one; NULL: not told */

    const report_bar *bars;
    size_t bar_count;
    bool bars_are_shares; /* each bar adds up to 1 instead of to a time */
    const report_ladder *ladders;
    size_t ladder_count;
    const report_strip *strips;
    size_t strip_count;
    const report_memory *memories;
    size_t memory_count;

    const char *roofline_machine; /* "h200-sxm, codellama-34b/humaneval, compile" */
    const report_ceiling *ceilings;
    size_t ceiling_count;
    const report_operator *operators;
    size_t operator_count;

    const report_elasticity *elasticities;
    size_t elasticity_count;

    report_interactions interactions; /* no rows: none */

    const report_score *scores;
    size_t score_count;
    const report_step *steps;
    size_t step_count;
    const char *validation_date, *validation_data; /* "validate/measured/codellama-7b.jsonl: H200, ..." */

    const report_assumption *assumptions;
    size_t assumption_count;
} report_input;

/* The input's report alone, as document_write (reports/document.h) writes it: HTML, Markdown, CSV or JSON by the path's
 * ending. */
status report_write(const report_input *input, const char *path, error *err);

#endif
