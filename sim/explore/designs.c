#include "sim/explore/designs_private.h"

#include <math.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- indices ---- */

double designs_count(const sweep *s) {
    return (double)s->machine_count * (double)s->batch_count * (double)s->lever_count * (double)s->variant_count;
}

size_t design_case(const sweep *s, const design *d, size_t which, size_t statistic) {
    return ((which * s->statistic_count + statistic) * s->batch_count + d->batch_index) * s->lever_count +
           d->lever_index;
}

int64_t design_point(const sweep *s, const design *d, size_t which, size_t statistic) {
    int64_t c = (int64_t)(d->machine_index * s->case_count + design_case(s, d, which, statistic));
    return c * s->variant_count + d->index % s->variant_count;
}

int64_t design_mix_row(const sweep *s, const design *d) {
    return s->point_count + d->index;
}

const char *design_machine(const sweep *s, const design *d) {
    return s->machines[d->machine_index].base.name;
}

static const sweep_case *first_case(const sweep *s, const design *d) {
    return &s->cases[design_case(s, d, 0, 0)];
}

const char *design_levers(const sweep *s, const design *d) {
    return first_case(s, d)->levers;
}

int64_t design_batch(const sweep *s, const design *d) {
    return first_case(s, d)->batch;
}

double design_goal(const sweep *s, const design *d, size_t goal) {
    double value = d->values.of[s->goals[goal]];
    return metric_get(s->goals[goal])->larger_is_better ? -value : value;
}

static void place_design(const sweep *s, int64_t index, design *out) {
    *out = (design){.index = index};
    int64_t group = index / s->variant_count;
    out->lever_index = (size_t)group % s->lever_count;
    group /= (int64_t)s->lever_count;
    out->batch_index = (size_t)group % s->batch_count;
    out->machine_index = (size_t)group / s->batch_count;
    sweep_knobs_at(s, design_point(s, out, 0, 0), out->knobs);
}

/* ---- the explorer ---- */

static void *checked(void *memory) {
    if (!memory)
        abort();
    return memory;
}

evaluated *explorer_slot(const explorer *e, size_t row, size_t position) {
    return &e->slots[row * SEARCH_BATCH_MAX + position];
}

/* ---- from points to a design ---- */

static metric_share share_of(const explorer *e, const design *d, size_t position, size_t which) {
    const sweep *s = e->s;
    size_t row = which * s->statistic_count;
    const sweep_case *c = &s->cases[design_case(s, d, which, 0)];
    const store_point *mean = &explorer_slot(e, row, position)->point;
    metric_share share = {.weight = s->weights ? s->weights[which] : 1, .mean = mean};
    share.requests = c->scenario.values[SCENARIO_REQUESTS];
    share.images = c->scenario.values[SCENARIO_IMAGES_OUT];
    share.gpus = fmax(c->graph.ranks, 1) * fmax(c->graph.stages, 1);
    int64_t steps = (int64_t)c->scenario.values[SCENARIO_DECODE_STEPS];
    if (!isnan(mean->tpot_s)) /* the first token comes from the prefill */
        share.tokens = share.requests * (1 + scenario_progress(&c->scenario, steps));
    for (size_t i = 1; i < s->statistic_count; i++)
        for (size_t k = 0; k < METRIC_STATISTICS; k++)
            if (metric_statistics[k] == s->statistics[i])
                share.at[k] = &explorer_slot(e, row + i, position)->point;
    return share;
}

/* Adds a reason; those that no longer fit are cut off. */
static void set_reason(design *d, double violation, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void set_reason(design *d, double violation, const char *format, ...) {
    size_t length = strlen(d->reason);
    if (length > 0)
        length += (size_t)snprintf(&d->reason[length], sizeof d->reason - length, "; ");
    if (length < sizeof d->reason) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(&d->reason[length], sizeof d->reason - length, format, arguments);
        va_end(arguments);
    }
    d->violation += violation;
}

static const double MISS_IN_PERCENT = 10; /* misses beyond ten times the bound read better as multiples of it */

/* The share by which a relation is missed; 0 where it holds. */
static double excess(double left, double right, bool at_least) {
    double over = at_least ? right - left : left - right;
    if (isnan(over))
        return INFINITY;
    double scale = fmax(fabs(right), 1e-300); /* a bound of 0: any excess counts in full */
    return over > 0 ? over / scale : 0;
}

static void check_constraints(const sweep *s, const design *base, const machine *m, design *d) {
    const void *tables[] = {[METRIC_TABLE_VALUES] = &d->values,
                            [METRIC_TABLE_BASE_VALUES] = &base->values,
                            [METRIC_TABLE_MACHINE] = m,
                            [METRIC_TABLE_BASE_MACHINE] = &s->machines[d->machine_index].base};
    for (size_t i = 0; i < s->constraint_count; i++) {
        const formula_relation *r = &s->constraints[i];
        double left = formula_value(&r->left, tables), right = formula_value(&r->right, tables);
        double over = excess(left, right, r->at_least);
        if (over > 0)
            set_reason(d, over,
                       over < MISS_IN_PERCENT ? "%s misses by %.2g %% (%.4g against %.4g)"
                                              : "%s misses by %.3g times the bound (%.4g against %.4g)",
                       r->text, over < MISS_IN_PERCENT ? 100 * over : over, left, right);
    }
    for (size_t g = 0; g < s->goal_count; g++)
        if (isnan(d->values.of[s->goals[g]]))
            set_reason(d, INFINITY, "%s is not known", metric_get(s->goals[g])->name);
}

/* Of a design whose points lie in the slots at `position`. */
static void judge(const explorer *e, size_t position, const design *base, const machine *m, design *d) {
    const sweep *s = e->s;
    for (int i = 0; i < METRIC_COUNT; i++)
        d->values.of[i] = NAN;
    size_t first = e->only < s->workload_count ? e->only : 0,
           count = e->only < s->workload_count ? 1 : s->workload_count;
    for (size_t row = first * s->statistic_count; row < (first + count) * s->statistic_count; row++) {
        const store_point *p = &explorer_slot(e, row, position)->point;
        if (!p->reason || (d->reason[0] && isinf(d->violation)))
            continue;
        bool too_large = p->peak_memory_bytes > m->hbm.capacity_bytes;
        set_reason(d, too_large ? p->peak_memory_bytes / m->hbm.capacity_bytes : INFINITY, "%s%s%s",
                   s->weights ? p->workload : "", s->weights ? ": " : "", p->reason);
    }
    if (d->reason[0])
        return;
    arena memory = {0};
    metric_share *shares = ARENA_ARRAY(&memory, metric_share, count);
    for (size_t w = 0; w < count; w++)
        shares[w] = share_of(e, d, position, first + w);
    d->values = metrics_of(shares, count, m, s->place, &e->yields);
    d->known = true;
    if (base)
        check_constraints(s, base, m, d);
    arena_free(&memory);
}

/* ---- a batch ---- */

static size_t group_of(const sweep *s, const design *d) {
    return (d->machine_index * s->batch_count + d->batch_index) * s->lever_count + d->lever_index;
}

typedef struct sort_entry {
    size_t group, at;
} sort_entry;

static int by_group(const void *left, const void *right) {
    const sort_entry *a = left, *b = right;
    if (a->group != b->group)
        return a->group < b->group ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* Sorts the batch by group and cuts it into tasks; returns their number. */
static size_t plan_batch(explorer *e, const design *designs, size_t count) {
    const sweep *s = e->s;
    sort_entry entries[SEARCH_BATCH_MAX];
    for (size_t i = 0; i < count; i++)
        entries[i] = (sort_entry){group_of(s, &designs[i]), i};
    qsort(entries, count, sizeof *entries, by_group);
    size_t task_count = 0;
    for (size_t first = 0, size; first < count; first += size) {
        for (size = 0; first + size < count && size < MACHINE_LANES; size++) {
            if (entries[first + size].group != entries[first].group)
                break;
            e->order[first + size] = entries[first + size].at;
            memcpy(&e->knobs[(first + size) * s->knob_count], designs[entries[first + size].at].knobs,
                   s->knob_count * sizeof *e->knobs);
        }
        const design *d = &designs[entries[first].at];
        for (size_t row = 0; row < e->rows; row++)
            e->tasks[task_count++] =
                (point_task){first, size, d->machine_index,
                             design_case(s, d, row / s->statistic_count, row % s->statistic_count), row};
    }
    return task_count;
}

status explorer_compute(explorer *e, size_t task_count, const double *knobs, error *err) {
    status result = STATUS_OK;
#pragma omp parallel for schedule(dynamic) num_threads(e->threads)
    for (size_t i = 0; i < task_count; i++) {
        const point_task *t = &e->tasks[i];
        if (!rank_team_computes(e, i))
            continue;
        error inner = {""};
        status one =
            evaluate_knobs(e->workers[omp_get_thread_num()], t->machine_index, t->case_index,
                           &knobs[t->first * e->s->knob_count], t->count, explorer_slot(e, t->row, t->first), &inner);
        if (one != STATUS_OK) {
#pragma omp critical
            result = error_set(err, one, "%s", inner.text);
        }
    }
    return result;
}

/* What the store keeps of a mix: weighted as the metrics are. */
static store_point mix_point(const explorer *e, const design *d, size_t position) {
    const sweep *s = e->s;
    store_point mix = {.index = design_mix_row(s, d),
                       .machine = design_machine(s, d),
                       .workload = "mix",
                       .levers = design_levers(s, d),
                       .batch = design_batch(s, d),
                       .reason = d->reason[0] ? d->reason : NULL,
                       .latency_s = d->values.of[METRIC_LATENCY],
                       .ttft_s = d->values.of[METRIC_TTFT],
                       .tpot_s = d->values.of[METRIC_TPOT],
                       .energy_j = d->values.of[METRIC_ENERGY],
                       .area_m2 = d->values.of[METRIC_AREA],
                       .cost_usd = d->values.of[METRIC_COST],
                       .peak_memory_bytes = d->values.of[METRIC_MEMORY]};
    memcpy(mix.knobs, d->knobs, sizeof mix.knobs);
    double weight = 0;
    for (size_t w = 0; w < s->workload_count && !mix.reason; w++) {
        const store_point *p = &explorer_slot(e, w * s->statistic_count, position)->point;
        weight += s->weights[w];
        mix.gpu_busy_s += s->weights[w] * p->gpu_busy_s;
        for (int c = 0; c < CATEGORY_COUNT; c++)
            mix.category_s[c] += s->weights[w] * p->category_s[c];
    }
    mix.gpu_busy_s /= weight;
    mix.gpu_idle_s = mix.latency_s - mix.gpu_busy_s;
    for (int c = 0; c < CATEGORY_COUNT; c++)
        mix.category_s[c] /= weight;
    return mix;
}

static status store_design(explorer *e, const design *d, size_t position, error *err) {
    const sweep *s = e->s;
    status result = STATUS_OK;
    for (size_t row = 0; row < e->rows && result == STATUS_OK; row++) {
        store_point p = explorer_slot(e, row, position)->point;
        p.index = design_point(s, d, row / s->statistic_count, row % s->statistic_count);
        if (!s->weights && !p.reason && d->reason[0])
            p.reason = d->reason; /* a constraint that the design breaks */
        result = store_put(e->points, &p, err);
    }
    if (result == STATUS_OK && s->weights) {
        const store_point mix = mix_point(e, d, position);
        result = store_put(e->points, &mix, err);
    }
    return result;
}

status explorer_evaluate_placed(explorer *e, design *designs, size_t count, error *err) {
    const sweep *s = e->s;
    size_t task_count = plan_batch(e, designs, count);
    status result = e->team ? rank_team_run(e, task_count, err) : explorer_compute(e, task_count, e->knobs, err);
    if (result != STATUS_OK)
        return result;
#pragma omp parallel for schedule(static) num_threads(e->threads)
    for (size_t i = 0; i < count; i++) {
        design *d = &designs[e->order[i]];
        const machine m = sweep_machine_at(s, d->machine_index, d->knobs);
        judge(e, i, &e->bases[group_of(s, d)], &m, d);
    }
    for (size_t i = 0; i < count && e->points && result == STATUS_OK; i++)
        if (designs[e->order[i]].index >= 0)
            result = store_design(e, &designs[e->order[i]], i, err);
    return result;
}

status explorer_evaluate(explorer *e, const int64_t *indices, size_t count, design *out, error *err) {
    for (size_t i = 0; i < count; i++)
        place_design(e->s, indices[i], &out[i]);
    return explorer_evaluate_placed(e, out, count, err);
}

void explorer_judge_only(explorer *e, size_t which) {
    e->only = which;
}

/* ---- beginning and end ---- */

static status evaluate_base(explorer *e, design *d, error *err) {
    const sweep *s = e->s;
    const machine *base = &s->machines[d->machine_index].base;
    status result = STATUS_OK;
    for (size_t row = 0; row < e->rows && result == STATUS_OK; row++)
        result = evaluate_machines(e->workers[0], d->machine_index,
                                   design_case(s, d, row / s->statistic_count, row % s->statistic_count), base, 1,
                                   explorer_slot(e, row, 0), err);
    for (size_t k = 0; k < s->knob_count; k++)
        d->knobs[k] = machine_get(base, s->knobs[k].key);
    if (result == STATUS_OK)
        judge(e, 0, NULL, base, d);
    return result;
}

const design *explorer_base(const explorer *e, size_t machine_index, size_t batch_index, size_t lever_index) {
    const design at = {.machine_index = machine_index, .batch_index = batch_index, .lever_index = lever_index};
    return &e->bases[group_of(e->s, &at)];
}

status explorer_new(const sweep *s, int threads, store *points, explorer **out, error *err) {
    explorer *e = checked(calloc(1, sizeof *e));
    size_t groups = s->machine_count * s->batch_count * s->lever_count;
    e->s = s;
    e->points = points;
    e->threads = threads > 0 ? threads : omp_get_num_procs();
    e->shared = evaluator_new(s);
    e->yields = yield_rule_of(s->machines[0].base.cost.defect_clustering);
    e->workers = checked(calloc((size_t)e->threads, sizeof(evaluate_worker *)));
    for (int i = 0; i < e->threads; i++)
        e->workers[i] = evaluate_worker_new(e->shared);
    e->rows = s->workload_count * s->statistic_count;
    e->only = s->workload_count;
    e->slots = checked(malloc(e->rows * SEARCH_BATCH_MAX * sizeof *e->slots));
    e->knobs = checked(malloc(SEARCH_BATCH_MAX * (s->knob_count + 1) * sizeof *e->knobs));
    e->tasks = checked(malloc(e->rows * SEARCH_BATCH_MAX * sizeof *e->tasks));
    e->order = checked(malloc(SEARCH_BATCH_MAX * sizeof *e->order));
    e->bases = checked(calloc(groups, sizeof *e->bases));
    status result = STATUS_OK;
    for (size_t g = 0; g < groups && result == STATUS_OK; g++) {
        place_design(s, (int64_t)g * s->variant_count, &e->bases[g]);
        result = evaluate_base(e, &e->bases[g], err);
    }
    *out = e;
    if (result != STATUS_OK) {
        explorer_free(e);
        *out = NULL;
    }
    return result;
}

void explorer_free(explorer *e) {
    if (!e)
        return;
    rank_team_end(e);
    for (int i = 0; i < e->threads; i++)
        evaluate_worker_free(e->workers[i]);
    evaluator_free(e->shared);
    free(e->workers);
    free(e->slots);
    free(e->knobs);
    free(e->tasks);
    free(e->order);
    free(e->bases);
    free(e);
}
