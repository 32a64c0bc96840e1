#include "sim/explore/analysis.h"

#include "core/pareto.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SERIES_MAX = 1024,
    REASONS_MAX = 64, /* different reasons that are counted; more are lumped with none */
};

typedef struct reason_count {
    const char *text;
    int64_t count;
} reason_count;

typedef struct walk {
    arena *a;
    const store_manifest *manifest;
    analysis *out;
    sensitivity *latency[SERIES_MAX], *energy[SERIES_MAX];
    sensitivity *asked[SERIES_MAX][SWEEP_OBJECTIVES_MAX]; /* in the order in which they were asked for */
    size_t asked_at[SWEEP_OBJECTIVES_MAX];                /* of each objective that is left */
    reason_count reasons[REASONS_MAX];
    size_t reason_count;
    int64_t known[SWEEP_OBJECTIVES_MAX]; /* designs for which the objective is known */
    pareto_front front;
    size_t filled; /* of the front, in the second walk */
} walk;

static store_point keep(arena *a, const store_point *p) {
    store_point copy = *p;
    copy.machine = arena_strdup(a, p->machine);
    copy.workload = arena_strdup(a, p->workload);
    copy.levers = arena_strdup(a, p->levers);
    copy.reason = p->reason ? arena_strdup(a, p->reason) : NULL;
    return copy;
}

static bool in_group(const analysis *out, const store_point *p) {
    return p->batch == out->batch && strcmp(p->workload, out->workload) == 0;
}

static size_t series_of(const analysis *out, const store_point *p) {
    size_t i = 0;
    while (i < out->series_count &&
           (strcmp(out->series[i].levers, p->levers) != 0 || strcmp(out->series[i].machine, p->machine) != 0))
        i++;
    return i;
}

static void count_reason(walk *w, const char *reason) {
    for (size_t i = 0; i < w->reason_count; i++) {
        if (strcmp(w->reasons[i].text, reason) == 0) {
            w->reasons[i].count++;
            return;
        }
    }
    if (w->reason_count < REASONS_MAX)
        w->reasons[w->reason_count++] = (reason_count){arena_strdup(w->a, reason), 1};
}

static bool is_base(const walk *w, const store_point *p) {
    for (size_t k = 0; k < w->manifest->knob_count; k++)
        if (p->knobs[k] != w->manifest->knob_base[k])
            return false;
    return true;
}

static status new_series(walk *w, const store_point *p, error *err) {
    analysis *out = w->out;
    if (out->series_count == SERIES_MAX)
        return error_set(err, STATUS_BAD_INPUT, "more than %d lever sets and machines in one store", SERIES_MAX);
    size_t i = out->series_count++;
    out->series[i] =
        (analysis_series){.machine = arena_strdup(w->a, p->machine), .levers = arena_strdup(w->a, p->levers)};
    w->latency[i] = sensitivity_new(w->manifest->knob_count);
    w->energy[i] = sensitivity_new(w->manifest->knob_count);
    for (size_t o = 0; o < out->objective_count; o++)
        w->asked[i][o] = sensitivity_new(w->manifest->knob_count);
    return STATUS_OK;
}

static void add_feasible(walk *w, size_t i, const store_point *p) {
    analysis_series *series = &w->out->series[i];
    if (series->feasible++ == 0 || p->latency_s < series->best.latency_s)
        series->best = keep(w->a, p);
    if (is_base(w, p)) {
        series->has_base = true;
        series->base = keep(w->a, p);
    }
    sensitivity_add(w->latency[i], p->knobs, p->latency_s);
    sensitivity_add(w->energy[i], p->knobs, p->energy_j);
    for (size_t o = 0; o < w->out->objective_count; o++)
        sensitivity_add(w->asked[i][o], p->knobs, sweep_objective_of(w->out->objectives[o], p));
}

static status first_walk(void *context, const store_point *p, error *err) {
    walk *w = context;
    if (!in_group(w->out, p))
        return STATUS_OK;
    size_t i = series_of(w->out, p);
    if (i == w->out->series_count) {
        status result = new_series(w, p, err);
        if (result != STATUS_OK)
            return result;
    }
    if (p->reason) {
        w->out->series[i].infeasible++;
        w->out->infeasible++;
        count_reason(w, p->reason);
        return STATUS_OK;
    }
    w->out->feasible++;
    for (size_t o = 0; o < w->out->objective_count; o++)
        w->known[o] += !isnan(sweep_objective_of(w->out->objectives[o], p));
    add_feasible(w, i, p);
    return STATUS_OK;
}

/* The front needs to know which objectives are known at all, hence a walk of its own. */
static status front_walk(void *context, const store_point *p, error *err) {
    (void)err;
    walk *w = context;
    if (p->reason || !in_group(w->out, p))
        return STATUS_OK;
    double values[SWEEP_OBJECTIVES_MAX];
    for (size_t o = 0; o < w->out->objective_count; o++)
        values[o] = sweep_objective_of(w->out->objectives[o], p);
    pareto_add(&w->front, values, p->index);
    return STATUS_OK;
}

static int by_index(const void *left, const void *right) {
    const pareto_point *a = left, *b = right;
    return (a->index > b->index) - (a->index < b->index);
}

static int by_latency(const void *left, const void *right) {
    const store_point *a = left, *b = right;
    if (a->latency_s != b->latency_s)
        return a->latency_s < b->latency_s ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

/* Points come in index order, and so do the front's indices here. */
static status collect_walk(void *context, const store_point *p, error *err) {
    (void)err;
    walk *w = context;
    if (w->filled < w->front.count && w->front.points[w->filled].index == p->index)
        w->out->front[w->filled++] = keep(w->a, p);
    return STATUS_OK;
}

static void drop_unknown_objectives(walk *w) {
    analysis *out = w->out;
    size_t kept = 0;
    for (size_t o = 0; o < out->objective_count; o++)
        if (w->known[o] > 0) {
            w->asked_at[kept] = o;
            out->objectives[kept++] = out->objectives[o];
        }
    out->objective_count = kept;
}

static void finish_series(walk *w) {
    analysis *out = w->out;
    bool several = false;
    for (size_t i = 1; i < out->series_count; i++)
        several |= strcmp(out->series[i].machine, out->series[0].machine) != 0;
    for (size_t i = 0; i < out->series_count; i++) {
        analysis_series *series = &out->series[i];
        series->label = several ? arena_printf(w->a, "%s %s", series->machine, series->levers) : series->levers;
        if (series->feasible == 0)
            continue;
        series->latency_fit = sensitivity_solve(w->latency[i], series->latency_effects);
        series->energy_fit = sensitivity_solve(w->energy[i], series->energy_effects);
        for (size_t o = 0; o < out->objective_count; o++)
            sensitivity_solve(w->asked[i][w->asked_at[o]], series->effects[o]);
    }
}

static void finish_reasons(walk *w) {
    int64_t most = 0;
    for (size_t i = 0; i < w->reason_count; i++) {
        if (w->reasons[i].count > most) {
            most = w->reasons[i].count;
            w->out->most_frequent_reason = w->reasons[i].text;
        }
    }
}

static status find_front(walk *w, store *points, error *err) {
    analysis *out = w->out;
    if (out->feasible == 0 || out->objective_count == 0)
        return STATUS_OK;
    w->front = pareto_begin(out->objective_count);
    status result = store_each(points, false, front_walk, w, err);
    if (result != STATUS_OK)
        return result;
    pareto_settle(&w->front);
    qsort(w->front.points, w->front.count, sizeof *w->front.points, by_index);
    out->front = ARENA_ARRAY(w->a, store_point, w->front.count + 1);
    out->front_series = ARENA_ARRAY(w->a, size_t, w->front.count + 1);
    result = store_each(points, false, collect_walk, w, err);
    out->front_count = w->filled;
    qsort(out->front, out->front_count, sizeof *out->front, by_latency);
    for (size_t i = 0; i < out->front_count; i++)
        out->front_series[i] = series_of(out, &out->front[i]);
    return result;
}

status analysis_of(arena *a, store *points, const store_manifest *manifest, const analysis_group *group,
                   const sweep_objective *asked, size_t objective_count, analysis *out, error *err) {
    *out = (analysis){.workload = group->workload, .batch = group->batch, .objective_count = objective_count};
    memcpy(out->objectives, asked, objective_count * sizeof *asked);
    out->series = ARENA_ARRAY(a, analysis_series, SERIES_MAX);
    walk *w = ARENA_NEW(a, walk);
    *w = (walk){.a = a, .manifest = manifest, .out = out};
    status result = store_each(points, false, first_walk, w, err);
    if (result == STATUS_OK) {
        drop_unknown_objectives(w);
        finish_series(w);
        finish_reasons(w);
        result = find_front(w, points, err);
    }
    for (size_t i = 0; i < out->series_count; i++) {
        sensitivity_free(w->latency[i]);
        sensitivity_free(w->energy[i]);
        for (size_t o = 0; o < SWEEP_OBJECTIVES_MAX; o++)
            sensitivity_free(w->asked[i][o]);
    }
    pareto_free(&w->front);
    return result;
}

/* ---- groups ---- */

typedef struct group_walk {
    arena *a;
    analysis_group *groups;
    size_t count, capacity;
} group_walk;

static status visit_group(void *context, const store_point *p, error *err) {
    (void)err;
    group_walk *w = context;
    for (size_t i = w->count; i-- > 0;)
        if (w->groups[i].batch == p->batch && strcmp(w->groups[i].workload, p->workload) == 0)
            return STATUS_OK;
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 16;
        analysis_group *larger = ARENA_ARRAY(w->a, analysis_group, capacity);
        if (w->count > 0)
            memcpy(larger, w->groups, w->count * sizeof *larger);
        w->groups = larger;
        w->capacity = capacity;
    }
    w->groups[w->count++] = (analysis_group){arena_strdup(w->a, p->workload), p->batch};
    return STATUS_OK;
}

status analysis_groups(arena *a, store *points, analysis_group **groups, size_t *count, error *err) {
    group_walk w = {.a = a};
    status result = store_each(points, false, visit_group, &w, err);
    *groups = w.groups;
    *count = w.count;
    return result;
}
