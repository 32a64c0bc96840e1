/* Our own runs as traces: intervals become events, so that summaries and comparisons are the same for both. */
#include "validate/trace_run.h"
#include "core/base/si.h"
#include "validate/trace_build.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 256 };

static int64_t ns_of(double seconds) {
    return llround(seconds * NS_PER_S);
}

static bool in_phase(const interval *item, const char *phase) {
    return !phase || strcmp(item->phase, phase) == 0;
}

/* A GPU interval is launched by the host interval in front of it, if that is the same operator's. */
static bool launches(const interval *host, const interval *gpu) {
    return host->lane == LANE_HOST && gpu->lane == LANE_GPU && host->layer == gpu->layer && host->step == gpu->step &&
           strcmp(host->op_id, gpu->op_id) == 0;
}

static status add_interval(trace_builder *b, const run *r, size_t i, error *err) {
    const interval *item = &r->intervals[i];
    bool gpu = item->lane == LANE_GPU;
    char name[NAME_BYTES], thread[32];
    if (gpu)
        snprintf(name, sizeof name, "%s (%s)", item->op_id, op_category_name(item->category));
    else
        snprintf(name, sizeof name, "issue %s", item->op_id);
    snprintf(thread, sizeof thread, "%d", gpu ? item->stream : 1);
    size_t launched = gpu ? i : i + 1 < r->count && launches(item, &r->intervals[i + 1]) ? i + 1 : i;
    int64_t start_ns = ns_of(item->start_s);
    trace_input in = {.kind = gpu ? TRACE_KERNEL : TRACE_CALL,
                      .name = name,
                      .name_bytes = strlen(name),
                      .process = gpu ? "GPU" : "host",
                      .thread = thread,
                      .start_ns = start_ns,
                      .duration_ns = ns_of(item->start_s + item->duration_s) - start_ns,
                      .correlation = (uint32_t)launched + 1};
    return trace_build(b, &in, err);
}

static status add_step_mark(trace_builder *b, const interval *first, int64_t end_ns, error *err) {
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "ProfilerStep#%lld %s", (long long)first->step, first->phase);
    int64_t start_ns = ns_of(first->start_s);
    trace_input in = {.kind = TRACE_ANNOTATION,
                      .name = name,
                      .name_bytes = strlen(name),
                      .process = "host",
                      .thread = "1",
                      .start_ns = start_ns,
                      .duration_ns = end_ns - start_ns};
    return trace_build(b, &in, err);
}

static status add_intervals(trace_builder *b, const run *r, const char *phase, error *err) {
    status result = STATUS_OK;
    for (size_t first = 0, next; first < r->count && result == STATUS_OK; first = next) {
        const interval *start = &r->intervals[first];
        int64_t end_ns = ns_of(start->start_s);
        for (next = first; next < r->count && result == STATUS_OK; next++) {
            const interval *item = &r->intervals[next];
            if (item->step != start->step || strcmp(item->phase, start->phase) != 0)
                break;
            if (ns_of(item->start_s + item->duration_s) > end_ns)
                end_ns = ns_of(item->start_s + item->duration_s);
            if (in_phase(item, phase))
                result = add_interval(b, r, next, err);
        }
        if (result == STATUS_OK && in_phase(start, phase))
            result = add_step_mark(b, start, end_ns, err);
    }
    return result;
}

status trace_from_run(const run *r, const char *path, const char *phase, trace *out, error *err) {
    *out = (trace){.path = strdup(path), .names = names_new(), .device = strdup(r->header.machine)};
    trace_builder b = {.t = out, .any_order = true};
    error inner = {""};
    status result = add_intervals(&b, r, phase, &inner);
    if (result != STATUS_OK)
        error_set(err, result, "%s: %s", path, inner.text);
    else if (out->gpu_count == 0)
        result = error_set(err, STATUS_BAD_INPUT, "%s: no GPU interval%s%s", path, phase ? " of phase " : "",
                           phase ? phase : "");
    if (result != STATUS_OK) {
        trace_free(out);
        return result;
    }
    trace_link(out);
    trace_find_steps(out);
    return STATUS_OK;
}

/* ---- matching by identity ---- */

static size_t find_op(const graph_view *view, const interval *item, size_t from) {
    for (size_t n = 0; n < view->count; n++) { /* runs go through the view in order: the next one is the likeliest */
        size_t j = (from + n) % view->count;
        if (view->ops[j].layer == item->layer && strcmp(view->ops[j].node->id, item->op_id) == 0)
            return j;
    }
    return SIZE_MAX;
}

void trace_match_run(arena *a, const trace *t, const run *r, const graph *g, size_t phase, const scenario *s,
                     trace_match *out, graph_view *view) {
    *view = graph_at(g, phase, s, 0, a);
    *out = (trace_match){.phase = g->phases[phase].name, .step_count = t->step_count, .op_count = view->count};
    out->ops = ARENA_ARRAY(a, matched_op, view->count + 1);
    out->op_of = ARENA_ARRAY(a, uint32_t, t->gpu_count + 1);
    size_t next = 0;
    for (size_t i = 0; i < t->gpu_count; i++) {
        double duration_s = (double)t->gpu[i].duration_ns * S_PER_NS;
        size_t j = find_op(view, &r->intervals[t->gpu[i].correlation - 1], next);
        out->time_s += duration_s;
        out->op_of[i] = j == SIZE_MAX ? TRACE_NONE : (uint32_t)j;
        if (j == SIZE_MAX)
            continue;
        next = j + 1;
        out->matched_s += duration_s;
        out->ops[j].events++;
        out->ops[j].time_s += duration_s;
    }
    match_count_found(out, view);
}
