#include "validate/host_fit.h"

#include "core/base/si.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double HOST_BOUND_IDLE_FRAC = 0.5;
/* A call is a stall when it takes this long, and this many times as long as the median of its name. */
static const double STALL_MIN_S = 1e-3, STALL_RATIO = 20;

static host_step *add_step(arena *a, host_fit *fit) {
    if (fit->count == fit->capacity) {
        fit->capacity = fit->capacity ? 2 * fit->capacity : 16;
        host_step *larger = ARENA_ARRAY(a, host_step, fit->capacity);
        if (fit->count > 0)
            memcpy(larger, fit->steps, fit->count * sizeof *larger);
        fit->steps = larger;
    }
    host_step *step = &fit->steps[fit->count++];
    *step = (host_step){.call_s = NAN, .between_s = NAN};
    return step;
}

static int compare_doubles(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double median_of(double *values, size_t count) {
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- traces ---- */

/* Median duration of outermost framework operators, by name; owned by the arena. */
static double *root_medians(arena *a, const trace *t) {
    size_t names = names_count(t->names), roots = 0;
    double *medians = ARENA_ARRAY(a, double, names + 1);
    size_t *first = ARENA_ARRAY(a, size_t, names + 2);
    for (size_t i = 0; i < t->host_count; i++)
        if (trace_root_op(t, &t->host[i]) == &t->host[i]) {
            first[t->host[i].name + 1]++;
            roots++;
        }
    for (size_t n = 0; n < names; n++)
        first[n + 1] += first[n];
    double *durations = ARENA_ARRAY(a, double, roots + 1);
    size_t *filled = ARENA_ARRAY(a, size_t, names + 1);
    for (size_t i = 0; i < t->host_count; i++) {
        const trace_event *e = &t->host[i];
        if (trace_root_op(t, e) == e)
            durations[first[e->name] + filled[e->name]++] = (double)e->duration_ns * S_PER_NS;
    }
    for (size_t n = 0; n < names; n++)
        if (filled[n] > 0)
            medians[n] = median_of(durations + first[n], filled[n]);
    return medians;
}

/* When the host began a step: its first launch's outermost operator. */
static int64_t host_start_ns(const trace *t, const trace_step *s) {
    const trace_event *launch = trace_launch(t, &t->gpu[s->first]), *root = trace_root_op(t, launch);
    return root ? root->start_ns : launch ? launch->start_ns : t->gpu[s->first].start_ns;
}

static void count_launches(const trace *t, const trace_step *s, host_step *out) {
    size_t graph_events = 0;
    uint32_t last = TRACE_NONE;
    for (size_t i = s->first; i < s->first + s->count; i++) {
        const trace_event *launch = trace_launch(t, &t->gpu[i]);
        if (!launch)
            continue;
        bool graph = strstr(trace_name(t, launch->name), "GraphLaunch") != NULL;
        graph_events += graph;
        if (t->gpu[i].launch == last)
            continue;
        last = t->gpu[i].launch;
        out->launches++;
        out->launch_s += (double)launch->duration_ns * S_PER_NS;
    }
    out->captured = 2 * graph_events > s->count;
}

static void count_calls(const trace *t, int64_t from_ns, int64_t to_ns, const double *medians, host_step *out) {
    for (size_t i = 0; i < t->host_count; i++) {
        const trace_event *e = &t->host[i];
        if (e->kind != TRACE_HOST_OP || e->start_ns < from_ns || e->start_ns >= to_ns)
            continue;
        out->calls++;
        double duration_s = (double)e->duration_ns * S_PER_NS;
        if (duration_s > STALL_MIN_S && trace_root_op(t, e) == e && duration_s > STALL_RATIO * medians[e->name])
            out->stall_s += duration_s - medians[e->name];
    }
}

/* From the end of a step's GPU work to the start of the next step's. */
static double between_steps_s(const trace *t, size_t i) {
    if (i + 1 >= t->step_count)
        return NAN;
    const trace_step *s = &t->steps[i];
    int64_t end_ns = INT64_MIN, next_ns = t->gpu[t->steps[i + 1].first].start_ns;
    for (size_t e = s->first; e < s->first + s->count; e++)
        if (trace_end_ns(&t->gpu[e]) > end_ns)
            end_ns = trace_end_ns(&t->gpu[e]);
    return next_ns > end_ns ? (double)(next_ns - end_ns) * S_PER_NS : 0;
}

void host_fit_add_trace(arena *a, const trace *t, host_fit *fit) {
    const double *medians = root_medians(a, t);
    for (size_t i = 0; i < t->step_count; i++) {
        const trace_step *s = &t->steps[i];
        host_step *out = add_step(a, fit);
        out->path = arena_strdup(a, t->path);
        out->step = i;
        out->wall_s = trace_step_wall_s(t, i);
        out->busy_s = trace_busy_s(t, s->first, s->count);
        out->host_bound = out->busy_s < (1 - HOST_BOUND_IDLE_FRAC) * out->wall_s;
        count_launches(t, s, out);
        int64_t to_ns = i + 1 < t->step_count ? host_start_ns(t, &t->steps[i + 1]) : INT64_MAX;
        count_calls(t, host_start_ns(t, s), to_ns, medians, out);
        if (out->captured)
            out->between_s = between_steps_s(t, i);
        else if (out->host_bound && out->calls > 0)
            out->call_s = fmax(0, out->wall_s - out->launch_s - out->stall_s) / out->calls;
    }
}

/* ---- runs ---- */

static bool same_step(const interval *a, const interval *b) {
    return a->step == b->step && strcmp(a->phase, b->phase) == 0;
}

void host_fit_add_run(arena *a, const char *path, const run *r, host_fit *fit) {
    size_t number = 0;
    for (size_t first = 0, next; first < r->count; first = next) {
        host_step *out = add_step(a, fit);
        out->path = path;
        out->step = number++;
        double start_s = INFINITY, end_s = -INFINITY;
        for (next = first; next < r->count && same_step(&r->intervals[first], &r->intervals[next]); next++) {
            const interval *item = &r->intervals[next];
            start_s = fmin(start_s, item->start_s);
            end_s = fmax(end_s, item->start_s + item->duration_s);
            bool host = item->lane == LANE_HOST;
            out->launches += host;
            out->launch_s += host ? item->duration_s : 0;
            out->busy_s += host ? 0 : item->duration_s;
        }
        out->wall_s = end_s - start_s;
        out->captured = out->launches == 0;
        out->host_bound = out->busy_s < (1 - HOST_BOUND_IDLE_FRAC) * out->wall_s;
        if (!out->captured)
            out->call_s = 0; /* a runner without a framework: launches are all that its host does */
        else if (next < r->count)
            out->between_s = fmax(0, r->intervals[next].start_s - end_s);
    }
}

/* ---- ranges ---- */

static host_range range_of(double *values, size_t count) {
    if (count == 0)
        return (host_range){NAN, NAN, NAN};
    double median = median_of(values, count);
    return (host_range){values[0], median, values[count - 1]};
}

status host_fit_finish(arena *a, host_fit *fit, error *err) {
    double *values = ARENA_ARRAY(a, double, fit->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < fit->count; i++)
        if (!isnan(fit->steps[i].call_s))
            values[count++] = fit->steps[i].call_s;
    fit->call_s = range_of(values, count);
    count = 0;
    for (size_t i = 0; i < fit->count; i++)
        if (!fit->steps[i].captured && fit->steps[i].launches > 0)
            values[count++] = fit->steps[i].launch_s / fit->steps[i].launches;
    fit->launch_s = range_of(values, count);
    count = 0;
    for (size_t i = 0; i < fit->count; i++) {
        const host_step *s = &fit->steps[i];
        if (s->captured ? !isnan(s->between_s) : !isnan(s->call_s))
            values[count++] = s->captured ? s->between_s : s->stall_s;
    }
    fit->step_s = range_of(values, count);
    if (isnan(fit->call_s.median) && isnan(fit->step_s.median))
        return error_set(err, STATUS_NEGATIVE,
                         "no step tells what the host costs: the GPU is busy more than half of "
                         "the time in each, and none of several was captured");
    return STATUS_OK;
}
