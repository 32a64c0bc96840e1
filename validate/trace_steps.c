/* Where steps begin: by the profiler's own marks, else by the period of the kernel sequence, else by CUDA graph
 * launches, else by the operator that every step begins with. A trace without any of these is one step. */
#include "validate/trace.h"

#include <stdlib.h>
#include <string.h>

/* Kernels that may differ between steps of one period (a library's other pick at another length). */
static const double PERIOD_MISMATCH_MAX = 0.005;
/* Steps found by an anchor differ in size by no more. */
static const double ANCHOR_SPREAD_MAX = 0.25;
enum { STEPS_MAX = 100000, PERIOD_MIN_EVENTS = 4 };

static void add_step(trace *t, size_t first) {
    if (t->step_count > 0 && t->steps[t->step_count - 1].first == first)
        return;
    t->steps[t->step_count++] = (trace_step){.first = first};
}

static void finish_steps(trace *t, const char *source) {
    for (size_t i = 0; i < t->step_count; i++) {
        size_t next = i + 1 < t->step_count ? t->steps[i + 1].first : t->gpu_count;
        t->steps[i].count = next - t->steps[i].first;
    }
    t->step_source = source;
}

/* When the host began what became this event: its launch where known. */
static int64_t issued_ns(const trace *t, const trace_event *e) {
    const trace_event *launch = trace_launch(t, e);
    return launch ? launch->start_ns : e->start_ns;
}

static bool is_step_mark(const trace *t, const trace_event *e) {
    static const char mark[] = "ProfilerStep";
    return (e->kind == TRACE_ANNOTATION || e->kind == TRACE_HOST_OP) &&
           strncmp(trace_name(t, e->name), mark, sizeof mark - 1) == 0;
}

static bool by_annotations(trace *t) {
    size_t next = 0;
    for (size_t i = 0; i < t->host_count && t->step_count < STEPS_MAX; i++) {
        if (!is_step_mark(t, &t->host[i]))
            continue;
        while (next < t->gpu_count && issued_ns(t, &t->gpu[next]) < t->host[i].start_ns)
            next++;
        if (next < t->gpu_count)
            add_step(t, t->step_count == 0 ? 0 : next);
    }
    if (t->step_count == 0)
        return false;
    finish_steps(t, "annotations");
    return true;
}

static bool repeats(const trace *t, size_t period) {
    size_t allowed = (size_t)(PERIOD_MISMATCH_MAX * (double)(t->gpu_count - period)), mismatches = 0;
    for (size_t i = 0; i + period < t->gpu_count; i++)
        if (t->gpu[i].name != t->gpu[i + period].name && ++mismatches > allowed)
            return false;
    return true;
}

/* The shortest period that divides the sequence and reproduces it. */
static bool by_period(trace *t) {
    for (size_t period = PERIOD_MIN_EVENTS; 2 * period <= t->gpu_count; period++) {
        if (t->gpu_count % period != 0 || t->gpu_count / period > STEPS_MAX || !repeats(t, period))
            continue;
        for (size_t first = 0; first < t->gpu_count; first += period)
            add_step(t, first);
        finish_steps(t, "period");
        return true;
    }
    return false;
}

static bool is_graph_launch(const trace *t, const trace_event *e) {
    return e && strstr(trace_name(t, e->name), "GraphLaunch");
}

/* Every graph launch begins a step; what ran since the one before belongs to the step that it prepares. */
static bool by_graphs(trace *t) {
    uint32_t last = TRACE_NONE;
    size_t outside = 0; /* first event since the last graph's own */
    for (size_t i = 0; i < t->gpu_count && t->step_count < STEPS_MAX; i++) {
        const trace_event *e = &t->gpu[i];
        if (!is_graph_launch(t, trace_launch(t, e)))
            continue;
        if (e->launch != last)
            add_step(t, last == TRACE_NONE ? 0 : outside);
        last = e->launch;
        outside = i + 1;
    }
    if (t->step_count < 2) {
        t->step_count = 0;
        return false;
    }
    finish_steps(t, "graph launches");
    return true;
}

static bool is_anchor(const trace *t, const trace_event *e) {
    const trace_event *inner = trace_host_op(t, trace_launch(t, e));
    const trace_event *root = trace_root_op(t, inner);
    return root && strcmp(trace_name(t, root->name), "aten::embedding") == 0;
}

/* Language models begin a step by embedding its tokens. */
static bool by_anchor(trace *t) {
    for (size_t i = 0; i < t->gpu_count && t->step_count < STEPS_MAX; i++)
        if (is_anchor(t, &t->gpu[i]))
            add_step(t, t->step_count == 0 ? 0 : i);
    finish_steps(t, "embeddings");
    size_t least = SIZE_MAX, most = 0;
    for (size_t i = 0; i < t->step_count; i++) {
        least = t->steps[i].count < least ? t->steps[i].count : least;
        most = t->steps[i].count > most ? t->steps[i].count : most;
    }
    if (t->step_count >= 2 && (double)(most - least) <= ANCHOR_SPREAD_MAX * (double)most)
        return true;
    t->step_count = 0;
    return false;
}

void trace_find_steps(trace *t) {
    t->steps = calloc(STEPS_MAX + 1, sizeof *t->steps);
    if (!t->steps)
        abort();
    if (by_annotations(t) || by_period(t) || by_graphs(t) || by_anchor(t))
        return;
    add_step(t, 0);
    finish_steps(t, "whole trace");
}
