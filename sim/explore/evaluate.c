#include "sim/explore/evaluate.h"

#include "core/base/si.h"
#include "hwmodels/area.h"
#include "hwmodels/gpu_cost.h"
#include "sim/engine/prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct evaluator {
    const sweep *s;
};

/* A case prepared for machines with some limits. */
typedef struct prepared_case {
    const sweep_case *c; /* NULL: an empty slot */
    plan_limits limits;
    const engine_prepared *engine; /* NULL: engine_run evaluates it */
    engine_scratch *scratch;
    arena memory;
    uint64_t last_use;
} prepared_case;

/* Searches go back and forth between the cases of a mix, sweeps from one to the next. */
enum { PREPARED_CASES = 32 };

struct evaluate_worker {
    const evaluator *e;
    machine variants[MACHINE_LANES];
    machine_block block;
    engine_result result;
    yield_rule yields;
    prepared_case cases[PREPARED_CASES];
    uint64_t uses;
};

/* Aligned for vectors, zeroed. */
static void *new_object(size_t bytes) {
    enum { ALIGNMENT_BYTES = 64 };
    bytes = (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    void *object = aligned_alloc(ALIGNMENT_BYTES, bytes);
    if (!object)
        abort();
    return memset(object, 0, bytes);
}

evaluator *evaluator_new(const sweep *s) {
    evaluator *e = new_object(sizeof *e);
    e->s = s;
    return e;
}

void evaluator_free(evaluator *e) {
    free(e);
}

evaluate_worker *evaluate_worker_new(const evaluator *e) {
    evaluate_worker *w = new_object(sizeof *w);
    w->e = e;
    w->yields = yield_rule_of(e->s->machines[0].base.cost.defect_clustering);
    return w;
}

void evaluate_worker_free(evaluate_worker *w) {
    for (size_t i = 0; w && i < PREPARED_CASES; i++)
        arena_free(&w->cases[i].memory);
    free(w);
}

static bool same_limits(const plan_limits *a, const plan_limits *b) {
    return a->generation == b->generation && a->shared_bytes == b->shared_bytes && a->max_threads == b->max_threads &&
           a->max_ctas == b->max_ctas && a->registers == b->registers;
}

/* From those at hand, or in place of the one that was not used for longest. */
static prepared_case *find_prepared(evaluate_worker *w, const sweep_case *c, const plan_limits *limits) {
    prepared_case *oldest = &w->cases[0];
    for (size_t i = 0; i < PREPARED_CASES; i++) {
        prepared_case *p = &w->cases[i];
        if (p->c == c && same_limits(&p->limits, limits)) {
            p->last_use = ++w->uses;
            return p;
        }
        oldest = p->last_use < oldest->last_use ? p : oldest;
    }
    arena_free(&oldest->memory);
    *oldest = (prepared_case){.c = c, .limits = *limits, .last_use = ++w->uses};
    engine_options options = {.kind = w->e->s->engine, .host = &c->host};
    oldest->engine = engine_prepare(&c->graph, &c->scenario, limits, &options, &oldest->memory);
    if (oldest->engine)
        oldest->scratch = engine_scratch_new(oldest->engine, &oldest->memory);
    return oldest;
}

/* ---- one block ---- */

static void begin_point(const sweep *s, size_t machine_index, const sweep_case *c, evaluated *out) {
    out->point = (store_point){.machine = s->machines[machine_index].base.name,
                               .workload = c->workload,
                               .levers = c->levers,
                               .batch = c->batch};
}

static void check_point(const sweep_case *c, const machine *variant, evaluated *out) {
    if (c->not_applicable) {
        static const char said[] = "not applicable: "; /* by those that know the workload, not by mere exclusions */
        bool again = strncmp(c->not_applicable, said, sizeof said - 1) == 0;
        snprintf(out->reason.text, sizeof out->reason.text, "%s%s", again ? "" : said, c->not_applicable);
        out->point.reason = out->reason.text;
    } else if (machine_check(variant, &out->reason) != STATUS_OK ||
               engine_check_links(&c->graph, variant, &out->reason) != STATUS_OK) {
        out->point.reason = out->reason.text;
    }
}

static void fill_numbers(const engine_result *r, size_t lane, const machine *m, const yield_rule *yields,
                         store_point *p) {
    p->latency_s = r->latency_s[lane];
    p->ttft_s = r->ttft_s[lane];
    p->tpot_s = r->tpot_s[lane];
    p->gpu_busy_s = r->busy_s[lane];
    p->gpu_idle_s = r->idle_s[lane];
    p->energy_j = r->energy_j[lane];
    p->area_m2 = area_of(m).total_m2;
    p->cost_usd = gpu_cost_by(m, yields).total_usd;
    p->peak_memory_bytes = r->memory_bytes[lane];
    for (size_t phase = 0; phase < r->phase_count; phase++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            p->category_s[c] += r->phases[phase].category_s[c][lane];
}

static status run_engine(evaluate_worker *w, const sweep_case *c, const plan_limits *limits, error *err) {
    const prepared_case *prepared = find_prepared(w, c, limits);
    if (prepared->engine) {
        engine_run_prepared(prepared->engine, &w->block, prepared->scratch, &w->result);
        return STATUS_OK;
    }
    arena memory = {0};
    engine_options options = {.kind = w->e->s->engine, .host = &c->host};
    status result = engine_run(&c->graph, &c->scenario, &w->block, &options, &memory, &w->result, NULL, err);
    arena_free(&memory);
    return result;
}

static void fill_points(const evaluate_worker *w, const machine *const *variants, size_t count, evaluated *const *out) {
    for (size_t i = 0; i < count; i++) {
        if (w->result.fits[i] == 0) {
            error_set(&out[i]->reason, STATUS_NEGATIVE, "needs %.1f GB, has %.1f GB",
                      w->result.memory_bytes[i] / BYTES_PER_GB, variants[i]->hbm.capacity_bytes / BYTES_PER_GB);
            out[i]->point.reason = out[i]->reason.text;
            out[i]->point.peak_memory_bytes = w->result.memory_bytes[i];
        } else {
            fill_numbers(&w->result, i, variants[i], &w->yields, &out[i]->point);
        }
    }
}

/* Points that run together: their machines make sense, and their plans have the same limits. */
typedef struct lane_group {
    plan_limits limits;
    const machine *machines[MACHINE_LANES];
    const calibration *fitted[MACHINE_LANES];
    evaluated *points[MACHINE_LANES];
    size_t count;
} lane_group;

/* Takes the first that waits, and all like it; false where none does. */
static bool take_group(const machine *variants, const calibration *fitted, bool *waits, size_t count, evaluated *out,
                       lane_group *group) {
    group->count = 0;
    for (size_t i = 0; i < count; i++) {
        plan_limits own = plan_limits_of(&variants[i]);
        if (group->count == 0)
            group->limits = own;
        if (!waits[i] || !same_limits(&group->limits, &own))
            continue;
        waits[i] = false;
        group->machines[group->count] = &variants[i], group->fitted[group->count] = fitted;
        group->points[group->count++] = &out[i];
    }
    return group->count > 0;
}

/* At most MACHINE_LANES points. */
static status evaluate_lanes(evaluate_worker *w, size_t machine_index, const sweep_case *c, const machine *variants,
                             size_t count, evaluated *out, error *err) {
    const calibration *fitted = &w->e->s->machines[machine_index].fitted;
    bool waits[MACHINE_LANES];
    for (size_t i = 0; i < count; i++) {
        if (!out[i].point.reason)
            check_point(c, &variants[i], &out[i]);
        waits[i] = out[i].point.reason == NULL;
    }
    lane_group group;
    while (take_group(variants, fitted, waits, count, out, &group)) {
        machine_block_fill(&w->block, group.machines, group.fitted, group.count);
        status result = run_engine(w, c, &group.limits, err);
        if (result != STATUS_OK)
            return result;
        fill_points(w, group.machines, group.count, group.points);
    }
    return STATUS_OK;
}

status evaluate_machines(evaluate_worker *w, size_t machine_index, size_t case_index, const machine *variants,
                         size_t count, evaluated *out, error *err) {
    const sweep_case *c = &w->e->s->cases[case_index];
    status result = STATUS_OK;
    for (size_t first = 0; first < count && result == STATUS_OK; first += MACHINE_LANES) {
        size_t lanes_used = count - first < MACHINE_LANES ? count - first : MACHINE_LANES;
        for (size_t i = 0; i < lanes_used; i++)
            begin_point(w->e->s, machine_index, c, &out[first + i]);
        result = evaluate_lanes(w, machine_index, c, &variants[first], lanes_used, &out[first], err);
    }
    return result;
}

static void check_range(const machine *m, const machine_key *key, evaluated *out) {
    double value = machine_get(m, key);
    bool absent = !key->required && value == 0;
    if (out->point.reason || absent || (value >= key->min && value <= key->max)) /* false of NaN */
        return;
    error_set(&out->reason, STATUS_BAD_INPUT, "%s is %g, must be from %g to %g", key->path, value, key->min, key->max);
    out->point.reason = out->reason.text;
}

status evaluate_knobs(evaluate_worker *w, size_t machine_index, size_t case_index, const double *knobs, size_t count,
                      evaluated *out, error *err) {
    const sweep *s = w->e->s;
    const sweep_case *c = &s->cases[case_index];
    status result = STATUS_OK;
    for (size_t first = 0; first < count && result == STATUS_OK; first += MACHINE_LANES) {
        size_t lanes_used = count - first < MACHINE_LANES ? count - first : MACHINE_LANES;
        for (size_t i = 0; i < lanes_used; i++) {
            const double *own = &knobs[(first + i) * s->knob_count];
            evaluated *point = &out[first + i];
            begin_point(s, machine_index, c, point);
            memcpy(point->point.knobs, own, s->knob_count * sizeof *own);
            w->variants[i] = sweep_machine_at(s, machine_index, own);
            for (size_t k = 0; k < s->knob_count; k++) {
                check_range(&w->variants[i], s->knobs[k].key, point);
                for (size_t t = 0; t < s->knobs[k].tied_count; t++)
                    check_range(&w->variants[i], s->knobs[k].tied[t], point);
            }
            for (size_t d = 0; d < s->derived_count; d++)
                check_range(&w->variants[i], s->derived[d].key, point);
        }
        result = evaluate_lanes(w, machine_index, c, w->variants, lanes_used, &out[first], err);
    }
    return result;
}
