/* A trace held against a prediction: matched to the workload's graph, operator by operator. */
#ifndef INGOT_TRACE_PREDICTION_H
#define INGOT_TRACE_PREDICTION_H

#include "cli/setup.h"
#include "validate/match.h"

/* One node of the graph, over its layers, a step. */
typedef struct node_comparison {
    const graph_node *node;
    op shape; /* at the first step */
    bound_kind bound;
    double count, found;               /* operators a step; of them with a kernel */
    double kernels, predicted_kernels; /* a step */
    double measured_s, predicted_s;    /* a step, kernels one after another */
    double floor_s;                    /* what datasheet rates allow at best */
    bool absorbed; /* some of its operators run in another one's kernel; their prediction is counted there */
} node_comparison;

typedef struct trace_comparison {
    trace_match match;
    graph_view view;
    const char *phase;
    size_t phase_index;
    node_comparison *nodes;
    size_t node_count;
    double measured_wall_s, measured_busy_s, measured_kernels;    /* a step, means */
    double measured_wall_low_s, measured_wall_high_s;             /* of the steps */
    double predicted_wall_s, predicted_busy_s, predicted_kernels; /* a step, means */
    double predicted_wall_low_s, predicted_wall_high_s;           /* over the host profile's range */
    double busy_error, wall_error;                                /* predicted / measured - 1 */
    double wall_range_error; /* distance of the measured wall from the predicted range, relative; 0 inside it */
} trace_comparison;

typedef struct trace_question {
    setup_options common;
    const char *file;
    const char *phase; /* NULL: the one that fits best */
    bool any_order;
} trace_question;

/* Reads, loads, matches and predicts. STATUS_NEGATIVE when the trace is no run of the workload. `t` is the caller's to
 * free when the result is STATUS_OK; the rest is owned by the arena. */
status trace_compare(arena *a, const trace_question *q, trace *t, setup *s, trace_comparison *out, error *err);

/* The part of it up to the match: loads the workload and aligns its graph with a trace that has been read. */
status trace_match_workload(arena *a, const trace_question *q, const trace *t, setup *s, trace_comparison *out,
                            error *err);

/* Nodes by the size of their difference, the largest first; returns their number. */
enum { TRACE_GAPS_MAX = 10, TRACE_ADVICE_BYTES = 256 };
size_t trace_largest_gaps(const trace_comparison *c, const node_comparison **out);
/* What would bring the slower side to the faster one, by what bounds the operator. */
void trace_advise(const node_comparison *n, char text[TRACE_ADVICE_BYTES]);

/* Prints for people or as JSON. */
void trace_comparison_print(const trace *t, const setup *s, const trace_comparison *c);
status trace_comparison_json(const trace *t, const setup *s, const trace_comparison *c, error *err);

/* STATUS_NEGATIVE when GPU busy time, or the wall beyond the host's range, is off by more than `max_error`. */
status trace_comparison_gate(const trace_comparison *c, double max_error, error *err);

#endif
