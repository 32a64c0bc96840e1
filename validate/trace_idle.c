#include "validate/trace_idle.h"

#include "core/base/si.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const double gap_size_below_s[GAP_SIZES] = {1e-6, 3e-6, 10e-6, 100e-6, 1e-3, INFINITY};

const char *idle_cause_name(idle_cause cause) {
    static const char *const names[] = {
#define X(name) #name,
        IDLE_CAUSES(X)
#undef X
    };
    return names[cause];
}

static bool is_sync(const trace *t, const trace_event *e) {
    return e->kind == TRACE_CALL && strstr(trace_name(t, e->name), "Synchronize");
}

trace_window trace_window_of(const trace *t) {
    trace_window w = {t->gpu[0].start_ns, INT64_MIN};
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *launch = trace_launch(t, &t->gpu[i]);
        if (launch && launch->start_ns < w.start_ns)
            w.start_ns = launch->start_ns;
        if (trace_end_ns(&t->gpu[i]) > w.end_ns)
            w.end_ns = trace_end_ns(&t->gpu[i]);
    }
    int64_t gpu_end_ns = w.end_ns;
    for (size_t i = 0; i < t->host_count; i++) {
        const trace_event *e = &t->host[i];
        bool waits = is_sync(t, e) && e->start_ns < gpu_end_ns;
        if (e->kind == TRACE_HOST_OP && e->start_ns < w.start_ns)
            w.start_ns = e->start_ns;
        if ((e->kind == TRACE_HOST_OP || waits) && trace_end_ns(e) > w.end_ns)
            w.end_ns = trace_end_ns(e);
    }
    return w;
}

/* ---- idle ---- */

/* The host's waits, by start. */
typedef struct wait_list {
    trace_window *waits;
    size_t count, next;
} wait_list;

static int compare_windows(const void *a, const void *b) {
    const trace_window *x = a, *y = b;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

static wait_list find_waits(const trace *t) {
    wait_list list = {0};
    for (size_t i = 0; i < t->host_count; i++)
        list.count += is_sync(t, &t->host[i]);
    list.waits = malloc((list.count + 1) * sizeof *list.waits);
    if (!list.waits)
        abort();
    list.count = 0;
    for (size_t i = 0; i < t->host_count; i++)
        if (is_sync(t, &t->host[i]))
            list.waits[list.count++] = (trace_window){t->host[i].start_ns, trace_end_ns(&t->host[i])};
    qsort(list.waits, list.count, sizeof *list.waits, compare_windows);
    return list;
}

static int64_t overlap_ns(int64_t a0, int64_t a1, int64_t b0, int64_t b1) {
    int64_t start = a0 > b0 ? a0 : b0, end = a1 < b1 ? a1 : b1;
    return end > start ? end - start : 0;
}

/* Of [start, end), the part in which the host waits. Calls go forward in time. */
static int64_t waited_ns(wait_list *list, int64_t start, int64_t end) {
    int64_t sum = 0;
    while (list->next < list->count && list->waits[list->next].end_ns <= start)
        list->next++;
    for (size_t i = list->next; i < list->count && list->waits[i].start_ns < end; i++)
        sum += overlap_ns(start, end, list->waits[i].start_ns, list->waits[i].end_ns);
    return sum < end - start ? sum : end - start; /* two threads may wait at once */
}

/* The gap [start, end) in front of GPU event `next`, which follows `previous` (either may be NULL at the ends). */
static void account(const trace *t, wait_list *waits, int64_t start, int64_t end, const trace_event *previous,
                    const trace_event *next, trace_idle *out) {
    double gap_s = (double)(end - start) * S_PER_NS;
    size_t size = 0;
    while (gap_s >= gap_size_below_s[size])
        size++;
    out->gap_count++;
    out->size_count[size]++;
    out->size_s[size] += gap_s;
    if (!next) { /* behind the last event: the host waits, or works on */
        double waited_s = (double)waited_ns(waits, start, end) * S_PER_NS;
        out->cause_s[IDLE_sync] += waited_s;
        out->cause_s[IDLE_launch_bound] += gap_s - waited_s;
        return;
    }
    const trace_event *launch = trace_launch(t, next);
    if (!launch) {
        out->cause_s[IDLE_unknown] += gap_s;
        return;
    }
    bool same_graph = previous && previous->launch == next->launch;
    int64_t issued = trace_end_ns(launch);
    if (same_graph || issued <= start) {
        out->cause_s[IDLE_queued] += gap_s;
        return;
    }
    if (issued > end)
        issued = end;
    double waited_s = (double)waited_ns(waits, start, issued) * S_PER_NS;
    idle_cause issue = next->kind == TRACE_KERNEL ? IDLE_launch_bound : IDLE_copy;
    out->cause_s[IDLE_sync] += waited_s;
    out->cause_s[issue] += (double)(issued - start) * S_PER_NS - waited_s;
    out->cause_s[IDLE_launch_latency] += (double)(end - issued) * S_PER_NS;
}

void trace_idle_of(const trace *t, trace_window window, trace_idle *out) {
    *out = (trace_idle){0};
    wait_list waits = find_waits(t);
    int64_t covered = window.start_ns;
    const trace_event *previous = NULL;
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *e = &t->gpu[i];
        if (e->start_ns > covered)
            account(t, &waits, covered, e->start_ns, previous, e, out);
        if (trace_end_ns(e) > covered) {
            covered = trace_end_ns(e);
            previous = e;
        }
    }
    if (window.end_ns > covered)
        account(t, &waits, covered, window.end_ns, previous, NULL, out);
    free(waits.waits);
}

/* ---- categories ---- */

void trace_categories(const trace *t, const classified *classes, trace_window window, double out_s[CATEGORY_COUNT]) {
    for (int c = 0; c < CATEGORY_COUNT; c++)
        out_s[c] = 0;
    size_t *running = NULL, count = 0, capacity = 0, next = 0;
    int64_t now = window.start_ns;
    while (next < t->gpu_count || count > 0) {
        if (count == 0 && t->gpu[next].start_ns > now) {
            out_s[CATEGORY_IDLE] += (double)(t->gpu[next].start_ns - now) * S_PER_NS;
            now = t->gpu[next].start_ns;
        }
        for (; next < t->gpu_count && t->gpu[next].start_ns <= now; next++) {
            if (count == capacity) {
                capacity = capacity ? 2 * capacity : 64;
                running = realloc(running, capacity * sizeof *running);
                if (!running)
                    abort();
            }
            running[count++] = next;
        }
        int64_t until = next < t->gpu_count ? t->gpu[next].start_ns : INT64_MAX;
        for (size_t i = 0; i < count; i++)
            if (trace_end_ns(&t->gpu[running[i]]) < until)
                until = trace_end_ns(&t->gpu[running[i]]);
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
            if (until > now)
                out_s[classes[running[i]].category] += (double)(until - now) * S_PER_NS / (double)count;
            if (trace_end_ns(&t->gpu[running[i]]) > until)
                running[kept++] = running[i];
        }
        now = until > now ? until : now;
        count = kept;
    }
    out_s[CATEGORY_IDLE] += (double)(window.end_ns - now) * S_PER_NS;
    free(running);
}

/* ---- the host ---- */

static int compare_costs(const void *a, const void *b) {
    const host_cost *x = a, *y = b;
    if (x->total_s != y->total_s)
        return (x->total_s < y->total_s) - (x->total_s > y->total_s);
    return (x->name > y->name) - (x->name < y->name);
}

static host_cost *costs_by_name(const trace *t, bool calls, size_t *count) {
    host_cost *costs = calloc(names_count(t->names) + 1, sizeof *costs);
    if (!costs)
        abort();
    for (size_t i = 0; i < t->host_count; i++) {
        const trace_event *e = &t->host[i];
        if (calls ? e->kind != TRACE_CALL : trace_root_op(t, e) != e)
            continue;
        costs[e->name].count++;
        costs[e->name].total_s += (double)e->duration_ns * S_PER_NS;
        costs[e->name].self_s += (double)e->duration_ns * S_PER_NS;
    }
    /* What lies directly inside is not the event's own. */
    for (size_t i = 0; i < t->host_count; i++) {
        const trace_event *e = &t->host[i];
        if (e->parent == TRACE_NONE)
            continue;
        const trace_event *outer = &t->host[e->parent];
        if (calls ? outer->kind == TRACE_CALL : trace_root_op(t, outer) == outer)
            costs[outer->name].self_s -= (double)e->duration_ns * S_PER_NS;
    }
    for (size_t i = 0; i < t->gpu_count; i++) {
        const trace_event *launch = trace_launch(t, &t->gpu[i]);
        const trace_event *owner = calls ? launch : trace_root_op(t, launch);
        if (owner)
            costs[owner->name].launches++;
    }
    *count = 0;
    for (uint32_t name = 0; name < names_count(t->names); name++)
        if (costs[name].count > 0) {
            host_cost kept = costs[name];
            kept.name = name;
            costs[(*count)++] = kept;
        }
    qsort(costs, *count, sizeof *costs, compare_costs);
    return costs;
}

host_cost *trace_host_ops(const trace *t, size_t *count) {
    return costs_by_name(t, false, count);
}

host_cost *trace_host_calls(const trace *t, size_t *count) {
    return costs_by_name(t, true, count);
}
