/* What belongs to what: host events nest by time on their thread, GPU events find their launch by correlation id. */
#include "core/base/si.h"
#include "core/base/text.h"
#include "core/timeline.h"
#include "validate/trace_build.h"
#include "validate/trace_run.h"

#include <stdlib.h>
#include <string.h>

typedef bool before_function(const void *context, const trace_event *a, const trace_event *b);

static bool starts_before(const void *context, const trace_event *a, const trace_event *b) {
    (void)context;
    return a->start_ns != b->start_ns ? a->start_ns < b->start_ns : trace_end_ns(a) < trace_end_ns(b);
}

/* By thread, then start; of events that start together the longest is the outermost. */
static bool nests_before(const void *context, const trace_event *a, const trace_event *b) {
    (void)context;
    if (a->track != b->track)
        return a->track < b->track;
    if (a->start_ns != b->start_ns)
        return a->start_ns < b->start_ns;
    if (a->duration_ns != b->duration_ns)
        return a->duration_ns > b->duration_ns;
    return a->kind > b->kind; /* annotations around operators around calls */
}

static void sift(trace_event *list, size_t root, size_t count, before_function *before) {
    trace_event item = list[root];
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && before(NULL, &list[child], &list[child + 1]))
            child++;
        if (!before(NULL, &item, &list[child]))
            break;
        list[root] = list[child];
    }
    list[root] = item;
}

/* Heap sort: in place, so that memory stays within the events', and n log n on any order. */
static void sort_events(trace_event *list, size_t count, before_function *before) {
    size_t sorted = 1;
    while (sorted < count && !before(NULL, &list[sorted], &list[sorted - 1]))
        sorted++;
    if (sorted >= count)
        return;
    for (size_t root = count / 2; root-- > 0;)
        sift(list, root, count, before);
    for (size_t end = count; end-- > 1;) {
        trace_event largest = list[0];
        list[0] = list[end];
        list[end] = largest;
        sift(list, 0, end, before);
    }
}

static void nest(trace *t) {
    uint32_t open = TRACE_NONE; /* the innermost event that is still running */
    for (size_t i = 0; i < t->host_count; i++) {
        trace_event *e = &t->host[i];
        if (i > 0 && t->host[i - 1].track != e->track)
            open = TRACE_NONE;
        while (open != TRACE_NONE && trace_end_ns(&t->host[open]) <= e->start_ns)
            open = t->host[open].parent;
        e->parent = open;
        open = (uint32_t)i;
    }
}

typedef struct call_key {
    uint32_t correlation, index;
} call_key;

static int compare_keys(const void *a, const void *b) {
    const call_key *x = a, *y = b;
    return x->correlation != y->correlation ? (x->correlation > y->correlation) - (x->correlation < y->correlation)
                                            : (x->index > y->index) - (x->index < y->index);
}

static void correlate(trace *t) {
    call_key *keys = malloc((t->host_count + 1) * sizeof *keys);
    if (!keys)
        abort();
    size_t count = 0;
    bool sorted = true;
    for (size_t i = 0; i < t->host_count; i++) {
        if (t->host[i].kind != TRACE_CALL || t->host[i].correlation == 0)
            continue;
        sorted = sorted && (count == 0 || keys[count - 1].correlation < t->host[i].correlation);
        keys[count++] = (call_key){t->host[i].correlation, (uint32_t)i};
    }
    if (!sorted)
        qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < t->gpu_count; i++) {
        trace_event *e = &t->gpu[i];
        size_t low = 0, high = count;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (keys[middle].correlation < e->correlation)
                low = middle + 1;
            else
                high = middle;
        }
        if (e->correlation != 0 && low < count && keys[low].correlation == e->correlation)
            e->launch = keys[low].index;
    }
    free(keys);
}

void trace_link(trace *t) {
    sort_events(t->gpu, t->gpu_count, starts_before);
    sort_events(t->host, t->host_count, nests_before);
    nest(t);
    correlate(t);
}

const trace_event *trace_launch(const trace *t, const trace_event *gpu) {
    return gpu->launch == TRACE_NONE ? NULL : &t->host[gpu->launch];
}

const trace_event *trace_host_op(const trace *t, const trace_event *host) {
    while (host && host->kind != TRACE_HOST_OP)
        host = host->parent == TRACE_NONE ? NULL : &t->host[host->parent];
    return host;
}

const trace_event *trace_root_op(const trace *t, const trace_event *host) {
    const trace_event *root = NULL;
    for (; host; host = host->parent == TRACE_NONE ? NULL : &t->host[host->parent])
        if (host->kind == TRACE_HOST_OP)
            root = host;
    return root;
}

double trace_busy_s(const trace *t, size_t first, size_t count) {
    int64_t busy_ns = 0, covered_ns = INT64_MIN; /* everything up to there has been counted */
    for (size_t i = first; i < first + count; i++) {
        int64_t start = t->gpu[i].start_ns, end = trace_end_ns(&t->gpu[i]);
        if (start < covered_ns)
            start = covered_ns;
        if (end > start)
            busy_ns += end - start;
        if (end > covered_ns)
            covered_ns = end;
    }
    return (double)busy_ns * S_PER_NS;
}

double trace_step_wall_s(const trace *t, size_t step) {
    const trace_step *s = &t->steps[step];
    if (step + 1 < t->step_count)
        return (double)(t->gpu[t->steps[step + 1].first].start_ns - t->gpu[s->first].start_ns) * S_PER_NS;
    int64_t end_ns = 0;
    for (size_t i = s->first; i < s->first + s->count; i++)
        if (trace_end_ns(&t->gpu[i]) > end_ns)
            end_ns = trace_end_ns(&t->gpu[i]);
    return (double)(end_ns - t->gpu[s->first].start_ns) * S_PER_NS;
}

static status read_run(const char *path, trace *out, error *err) {
    arena a = {0};
    run r;
    status result = run_read(&a, path, &r, err);
    if (result == STATUS_OK)
        result = trace_from_run(&r, path, NULL, out, err);
    arena_free(&a);
    return result;
}

bool trace_is_run(const char *path) {
    for (const char *const *ending = run_endings; *ending; ending++)
        if (text_ends_with(path, *ending))
            return true;
    return false;
}

status trace_read(const char *path, bool any_order, trace *out, error *err) {
    if (trace_is_run(path))
        return read_run(path, out, err);
    *out = (trace){.path = strdup(path), .names = names_new()};
    status result = trace_is_sqlite(path) ? trace_parse_nsys(path, out, err)
                    : trace_is_ncu(path)  ? trace_parse_ncu(path, out, err)
                                          : trace_parse(path, any_order, out, err);
    if (result != STATUS_OK) {
        trace_free(out);
        return result;
    }
    trace_link(out);
    trace_find_steps(out);
    return STATUS_OK;
}

void trace_free(trace *t) {
    free(t->path);
    free(t->device);
    free(t->gpu);
    free(t->host);
    free(t->tracks);
    free(t->steps);
    names_free(t->names);
    *t = (trace){0};
}
