/* Speed-ups that a sweep is asked for: one lever set over another on the same workload, beside a published figure. */
#include "sim/explore/sweep_private.h"

#include <math.h>
#include <string.h>

static const double SPEEDUP_MAX = 1e4; /* only keeps figures sane */
enum { BATCH_MAX = 1 << 20 };

static status read_entry(const config_node *node, sweep_speedup *out, error *err) {
    struct {
        const char *group, *workload, *levers, *over;
        double batch, published;
    } entry = {.batch = 1, .published = NAN};
    const config_field fields[] = {
        {"group", CONFIG_TEXT, (char *)&entry.group - (char *)&entry, 0, 0, true},
        {"workload", CONFIG_TEXT, (char *)&entry.workload - (char *)&entry, 0, 0, true},
        {"levers", CONFIG_TEXT, (char *)&entry.levers - (char *)&entry, 0, 0, true},
        {"over", CONFIG_TEXT, (char *)&entry.over - (char *)&entry, 0, 0, true},
        {"batch", CONFIG_NUMBER, (char *)&entry.batch - (char *)&entry, 1, BATCH_MAX, false},
        {"published", CONFIG_NUMBER, (char *)&entry.published - (char *)&entry, 1 / SPEEDUP_MAX, SPEEDUP_MAX, false},
    };
    status result = config_bind(node, fields, sizeof fields / sizeof fields[0], true, &entry, (config_notes){0}, err);
    if (result == STATUS_OK && entry.batch != floor(entry.batch))
        return CONFIG_ERROR(node, err, "a batch must be whole");
    *out = (sweep_speedup){.group = entry.group,
                           .workload = entry.workload,
                           .levers = entry.levers,
                           .over = entry.over,
                           .batch = (int64_t)entry.batch,
                           .published = entry.published};
    return result;
}

status sweep_load_speedups(arena *a, const config_node *list, sweep *out, error *err) {
    if (!list)
        return STATUS_OK;
    status result = sweep_check_list(list, "speedups", err);
    if (result != STATUS_OK)
        return result;
    if (out->machine_count > 1 || out->variant_count > 1)
        return CONFIG_ERROR(list, err, "speedups compare lever sets on one machine without `vary`");
    out->speedups = ARENA_ARRAY(a, sweep_speedup, list->count);
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++)
        result = read_entry(list->values[i], &out->speedups[out->speedup_count++], err);
    return result;
}

bool sweep_wants(const sweep *s, const char *name, int64_t batch, const char *set) {
    for (size_t i = 0; i < s->speedup_count; i++) {
        const sweep_speedup *p = &s->speedups[i];
        if (p->batch == batch && strcmp(p->workload, name) == 0 &&
            (strcmp(p->levers, set) == 0 || strcmp(p->over, set) == 0))
            return true;
    }
    return s->speedup_count == 0;
}

static size_t case_of(const sweep *s, const sweep_speedup *p, const char *set) {
    for (size_t i = 0; i < s->case_count; i++)
        if (s->cases[i].batch == p->batch && strcmp(s->cases[i].workload, p->workload) == 0 &&
            strcmp(s->cases[i].levers, set) == 0)
            return i;
    return s->case_count;
}

status sweep_check_speedups(const config_node *list, const sweep *s, error *err) {
    for (size_t i = 0; i < s->speedup_count; i++)
        for (int side = 0; side < 2; side++) {
            const sweep_speedup *p = &s->speedups[i];
            const char *set = side == 0 ? p->levers : p->over;
            if (case_of(s, p, set) == s->case_count)
                return CONFIG_ERROR(list->values[i], err, "the sweep has no %s under '%s' at batch %lld", p->workload,
                                    set, (long long)p->batch);
        }
    return STATUS_OK;
}

typedef struct latencies {
    arena *a;
    double *s;            /* by case */
    const char **reasons; /* by case */
} latencies;

static status visit(void *context, const store_point *p, error *err) {
    (void)err;
    latencies *l = context;
    l->s[p->index] = p->latency_s;
    l->reasons[p->index] = p->reason ? arena_strdup(l->a, p->reason) : NULL;
    return STATUS_OK;
}

status sweep_find_speedups(arena *a, sweep *s, store *points, error *err) {
    latencies l = {a, ARENA_ARRAY(a, double, s->case_count), ARENA_ARRAY(a, const char *, s->case_count)};
    status result = store_each(points, false, visit, &l, err);
    for (size_t i = 0; i < s->speedup_count && result == STATUS_OK; i++) {
        sweep_speedup *p = &s->speedups[i];
        size_t of = case_of(s, p, p->levers), over = case_of(s, p, p->over);
        p->reason = l.reasons[over] ? l.reasons[over] : l.reasons[of];
        p->predicted = p->reason ? NAN : l.s[over] / l.s[of];
    }
    return result;
}
