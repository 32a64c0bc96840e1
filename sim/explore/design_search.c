/* A sweep's question put to a search: the best design, the nearest miss, and the front. */
#include "core/pareto.h"
#include "sim/explore/designs.h"
#include "sim/explore/near_front.h"

#include <math.h>
#include <string.h>

typedef struct run {
    const sweep *s;
    explorer *explorer;
    design_answer *answer;
    const design_options *options;
    int64_t total; /* designs that will be asked for */
    pareto_front front;
    near_front near;
    design batch[SEARCH_BATCH_MAX];
} run;

/* Less is better; ties go to the smaller index, so that the order of evaluation does not matter. */
static bool beats(double value, int64_t index, double best, int64_t best_index) {
    return value < best || (value == best && index < best_index);
}

static void note(run *r, const design *d) {
    design_answer *a = r->answer;
    a->evaluated++;
    if (d->violation > 0) {
        if (isfinite(d->violation) &&
            (!a->missed || beats(d->violation, d->index, a->nearest.violation, a->nearest.index))) {
            a->missed = true;
            a->nearest = *d;
        }
        return;
    }
    a->feasible++;
    double goals[SWEEP_OBJECTIVES_MAX] = {0}, logs[SWEEP_OBJECTIVES_MAX] = {0};
    for (size_t g = 0; g < r->s->goal_count; g++) {
        goals[g] = design_goal(r->s, d, g);
        logs[g] = goals[g] < 0 ? -log(-goals[g]) : log(goals[g]);
    }
    near_front_add(&r->near, logs, d->index);
    if (!a->found || beats(goals[0], d->index, design_goal(r->s, &a->best, 0), a->best.index)) {
        a->found = true;
        a->best = *d;
    }
    if (r->s->goal_count > 1)
        pareto_add(&r->front, goals, d->index);
}

static status evaluate(void *context, const int64_t *indices, size_t count, search_value *values, error *err) {
    run *r = context;
    if (r->options->stop && *r->options->stop) { /* the one way to end a search from here */
        r->answer->stopped = true;
        return STATUS_NEGATIVE;
    }
    status result = explorer_evaluate(r->explorer, indices, count, r->batch, err);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        values[i] = (search_value){.violation = r->batch[i].violation};
        for (size_t g = 0; g < r->s->goal_count; g++)
            values[i].objectives[g] = design_goal(r->s, &r->batch[i], g);
        note(r, &r->batch[i]);
    }
    if (result == STATUS_OK && r->options->progress)
        r->options->progress(r->options->progress_context, r->answer->evaluated, r->total);
    return result;
}

static search_problem problem_of(const sweep *s, run *r) {
    search_problem p = {.objective_count = s->goal_count, .evaluate = evaluate, .context = r};
    p.dimensions[p.dimension_count++] = (search_dimension){(int64_t)s->machine_count, false};
    p.dimensions[p.dimension_count++] = (search_dimension){(int64_t)s->batch_count, true};
    p.dimensions[p.dimension_count++] = (search_dimension){(int64_t)s->lever_count, false};
    for (size_t k = 0; k < s->knob_count; k++)
        p.dimensions[p.dimension_count++] = (search_dimension){(int64_t)s->knobs[k].count, true};
    return p;
}

/* The front's designs once more, with all their values. */
static status collect_front(arena *a, run *r, error *err) {
    design_answer *answer = r->answer;
    pareto_settle(&r->front);
    answer->front_count = r->front.count;
    answer->front = ARENA_ARRAY(a, design, r->front.count + 1);
    status result = STATUS_OK;
    for (size_t first = 0; first < r->front.count && result == STATUS_OK; first += SEARCH_BATCH_MAX) {
        int64_t indices[SEARCH_BATCH_MAX];
        size_t count = r->front.count - first < SEARCH_BATCH_MAX ? r->front.count - first : SEARCH_BATCH_MAX;
        for (size_t i = 0; i < count; i++)
            indices[i] = r->front.points[first + i].index;
        result = explorer_evaluate(r->explorer, indices, count, &answer->front[first], err);
    }
    return result;
}

static bool on_front(const design_answer *answer, int64_t index) {
    for (size_t i = 0; i < answer->front_count; i++)
        if (answer->front[i].index == index)
            return true;
    return false;
}

static status collect_near(arena *a, run *r, error *err) {
    design_answer *answer = r->answer;
    int64_t indices[DESIGNS_NEAR_MAX];
    near_front_settle(&r->near);
    for (size_t i = 0; i < r->near.count && answer->near_count < DESIGNS_NEAR_MAX; i++)
        if (!on_front(answer, r->near.points[i].index))
            indices[answer->near_count++] = r->near.points[i].index;
    answer->near = ARENA_ARRAY(a, design, answer->near_count + 1);
    return explorer_evaluate(r->explorer, indices, answer->near_count, answer->near, err);
}

status designs_search(arena *a, const sweep *s, const design_options *options, explorer *e, design_answer *out,
                      error *err) {
    *out = (design_answer){.size = designs_count(s)};
    run *r = ARENA_NEW(a, run);
    *r = (run){.s = s, .explorer = e, .answer = out, .options = options};
    double asked = s->searches ? fmin((double)s->search.evaluations, out->size) : out->size;
    r->total = (int64_t)asked;
    r->front = pareto_begin(s->goal_count);
    r->near = near_front_begin(s->goal_count);
    const search_problem p = problem_of(s, r);
    int64_t asked_for;
    status result = search_run(&p, &s->search, &asked_for, err);
    if (out->stopped)
        result = STATUS_OK;
    if (result == STATUS_OK && s->goal_count > 1)
        result = collect_front(a, r, err);
    else if (result == STATUS_OK && out->found) {
        out->front = ARENA_NEW(a, design);
        out->front[0] = out->best;
        out->front_count = 1;
    }
    if (result == STATUS_OK)
        result = collect_near(a, r, err);
    pareto_free(&r->front);
    near_front_free(&r->near);
    return result;
}
