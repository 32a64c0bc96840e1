#include "cli/sweep_designs.h"

#include "cli/findings.h"
#include "cli/report_answer.h"
#include "cli/sweep_doubt.h"
#include "core/base/clock.h"
#include "core/base/json_writer.h"
#include "core/base/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_WIDTH = 24,
    CELL_WIDTH = 13,
    ELASTICITY_WIDTH = 18,
    INTERVAL_WIDTH = 20,
    FRONT_LINES_MAX = 20, /* the JSON has the whole front */
};

static const char *count_text(arena *a, double count) {
    return arena_strdup(a, unit_format(UNIT_PLAIN, count).text);
}

static const char *value_text(arena *a, metric m, double value) {
    return arena_strdup(a, unit_format(metric_get(m)->unit, value).text);
}

/* ---- text ---- */

/* "minimize cost_usd where tpot_p90_s <= 0.01 and ..." */
static const char *question_text(arena *a, const sweep *s) {
    const char *text = "";
    for (size_t g = 0; g < s->goal_count; g++) {
        const metric_info *goal = metric_get(s->goals[g]);
        text = arena_printf(a, "%s%s%s %s", text, g ? ", " : "", goal->larger_is_better ? "maximize" : "minimize",
                            goal->name);
    }
    for (size_t i = 0; i < s->constraint_count; i++)
        text = arena_printf(a, "%s %s %s", text, i ? "and" : "where", s->constraints[i].text);
    return text;
}

static void print_head(arena *a, const sweep *s, const design_answer *answer, double elapsed_s) {
    printf("%s: %s\n", s->name, question_text(a, s));
    if (answer->stopped)
        printf("stopped early; ");
    if ((double)answer->evaluated < answer->size)
        printf("%s of %s designs evaluated (%s, seed %llu), ", count_text(a, (double)answer->evaluated),
               count_text(a, answer->size), search_method_name(s->search.method), (unsigned long long)s->search.seed);
    else
        printf("all %s designs evaluated, ", count_text(a, answer->size));
    printf("%s feasible; %.2f s (%.0f designs/s)\n", count_text(a, (double)answer->feasible), elapsed_s,
           (double)answer->evaluated / elapsed_s);
}

static const char *design_text(arena *a, const sweep *s, const design *d) {
    const char *text =
        arena_printf(a, "%s, batch %lld, %s", design_machine(s, d), (long long)design_batch(s, d), design_levers(s, d));
    return text;
}

static void print_row(const char *name, const char *value, const char *base, const char *between) {
    printf("  %-*s %*s %*s%s%s\n", NAME_WIDTH, name, CELL_WIDTH, value, CELL_WIDTH, base, *between ? "  " : "",
           between);
}

/* A design beside the base machine under the same levers; `doubt` has it first, or is NULL. */
static void print_design(arena *a, const sweep *s, const explorer *e, const design *d, const sweep_doubt *doubt) {
    const design *base = explorer_base(e, d->machine_index, d->batch_index, d->lever_index);
    printf("  design %lld: %s\n", (long long)d->index, design_text(a, s, d));
    print_row("", "design", "base", doubt && doubt->doubts ? "90 % interval" : "");
    for (size_t k = 0; k < s->knob_count; k++) {
        const char *key = s->knobs[k].key->path;
        unit u = unit_of_key(key);
        print_row(knob_text(a, key), arena_strdup(a, unit_format(u, d->knobs[k]).text),
                  arena_strdup(a, unit_format(u, base->knobs[k]).text), "");
    }
    for (size_t i = 0; i < s->derived_count; i++) {
        const machine_key *key = s->derived[i].key;
        const machine m = sweep_machine_at(s, d->machine_index, d->knobs);
        unit u = unit_of_key(key->path);
        print_row(knob_text(a, key->path), arena_strdup(a, unit_format(u, machine_get(&m, key)).text),
                  arena_strdup(a, unit_format(u, machine_get(&s->machines[d->machine_index].base, key)).text), "");
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        if (!isnan(d->values.of[m]))
            print_row(metric_get((metric)m)->name, value_text(a, (metric)m, d->values.of[m]),
                      base->known ? value_text(a, (metric)m, base->values.of[m]) : "–",
                      doubt ? sweep_doubt_interval(a, doubt, 0, (metric)m) : "");
}

/* Elasticities of the goals, and of what designs are usually weighed by. */
static status print_elasticities(arena *a, const sweep *s, explorer *e, const design *d, error *err) {
    enum { COLUMNS_MAX = SWEEP_OBJECTIVES_MAX + 3 };
    static const metric usual[] = {METRIC_LATENCY, METRIC_ENERGY, METRIC_COST};
    metric columns[COLUMNS_MAX];
    size_t count = 0;
    for (size_t g = 0; g < s->goal_count; g++)
        columns[count++] = s->goals[g];
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        bool there = false;
        for (size_t c = 0; c < count; c++)
            there |= columns[c] == usual[i];
        if (!there)
            columns[count++] = usual[i];
    }
    design_elasticity elasticities[STORE_KNOBS_MAX];
    status result = design_elasticities(e, s, d, elasticities, err);
    if (result != STATUS_OK || s->knob_count == 0)
        return result;
    printf("1 %% more of a knob there changes\n  %-*s", NAME_WIDTH, "");
    for (size_t c = 0; c < count; c++)
        printf(" %*s", ELASTICITY_WIDTH, metric_get(columns[c])->name);
    putchar('\n');
    for (size_t k = 0; k < s->knob_count; k++) {
        printf("  %-*s", NAME_WIDTH, knob_text(a, s->knobs[k].key->path));
        for (size_t c = 0; c < count; c++) {
            double elasticity = elasticities[k].of[columns[c]];
            printf(" %*s", ELASTICITY_WIDTH, isnan(elasticity) ? "-" : arena_printf(a, "%+.3f %%", elasticity));
        }
        putchar('\n');
    }
    return STATUS_OK;
}

static void print_front(arena *a, const sweep *s, const design_answer *answer, const sweep_doubt *doubt) {
    printf("front: %zu designs; beside values that depend on time their 90 %% intervals\n ", answer->front_count);
    for (size_t g = 0; g < s->goal_count; g++)
        printf(" %*s %-*s", CELL_WIDTH, metric_get(s->goals[g])->name, INTERVAL_WIDTH, "");
    putchar('\n');
    for (size_t i = 0; i < doubt->shown; i++) {
        const design *d = doubt->designs[i];
        putchar(' ');
        for (size_t g = 0; g < s->goal_count; g++)
            printf(" %*s %-*s", CELL_WIDTH, value_text(a, s->goals[g], d->values.of[s->goals[g]]), INTERVAL_WIDTH,
                   sweep_doubt_interval(a, doubt, i, s->goals[g]));
        printf(" %s", design_text(a, s, d));
        for (size_t k = 0; k < s->knob_count; k++)
            printf(" %s=%s", knob_text(a, s->knobs[k].key->path),
                   unit_format(unit_of_key(s->knobs[k].key->path), d->knobs[k]).text);
        putchar('\n');
    }
    if (doubt->shown < answer->front_count)
        printf("  (%zu of %zu designs of the front)\n", doubt->shown, answer->front_count);
}

static status doubt_of(arena *a, const sweep *s, const design_answer *answer, sweep_doubt *out, error *err) {
    size_t shown = answer->front_count < FRONT_LINES_MAX ? answer->front_count : FRONT_LINES_MAX;
    return sweep_doubt_of(a, s, answer, shown, out, err);
}

static status print_answer(arena *a, const sweep *s, explorer *e, const design_answer *answer, error *err) {
    if (!answer->found) {
        printf(answer->stopped ? "no design found so far\n" : "no design found\n");
        if (!answer->missed)
            return STATUS_OK;
        printf("nearest miss: %s\n", answer->nearest.reason);
        print_design(a, s, e, &answer->nearest, NULL);
        return print_elasticities(a, s, e, &answer->nearest, err);
    }
    sweep_doubt doubt;
    status result = doubt_of(a, s, answer, &doubt, err);
    if (result != STATUS_OK)
        return result;
    printf("best by %s\n", metric_get(s->goals[0])->name);
    print_design(a, s, e, &answer->best, &doubt);
    if (s->goal_count > 1)
        print_front(a, s, answer, &doubt);
    sweep_doubt_print(a, &doubt);
    return print_elasticities(a, s, e, &answer->best, err);
}

/* ---- JSON ---- */

static void design_json(json_writer *w, const char *key, const sweep *s, const design *d) {
    json_object_begin(w, key);
    json_integer(w, "index", d->index);
    json_text(w, "machine", design_machine(s, d));
    json_text(w, "levers", design_levers(s, d));
    json_integer(w, "batch", design_batch(s, d));
    json_object_begin(w, "knobs");
    for (size_t k = 0; k < s->knob_count; k++)
        json_number(w, s->knobs[k].key->path, d->knobs[k]);
    json_object_end(w);
    json_text(w, "reason", d->reason[0] ? d->reason : NULL);
    json_number(w, "violation", d->violation);
    for (int m = 0; m < METRIC_COUNT; m++)
        json_number(w, metric_get((metric)m)->name, d->values.of[m]);
    json_object_end(w);
}

static status elasticities_json(json_writer *w, const sweep *s, explorer *e, const design *d, error *err) {
    design_elasticity elasticities[STORE_KNOBS_MAX];
    status result = design_elasticities(e, s, d, elasticities, err);
    if (result != STATUS_OK)
        return result;
    json_object_begin(w, "elasticities");
    for (size_t k = 0; k < s->knob_count; k++) {
        json_object_begin(w, s->knobs[k].key->path);
        for (int m = 0; m < METRIC_COUNT; m++)
            if (!isnan(d->values.of[m]))
                json_number(w, metric_get((metric)m)->name, elasticities[k].of[m]);
        json_object_end(w);
    }
    json_object_end(w);
    return STATUS_OK;
}

static status answer_json(arena *a, const sweep *s, const sweep_designs_options *o, explorer *e,
                          const design_answer *answer, double elapsed_s, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "name", s->name);
    json_text(&w, "question", question_text(a, s));
    json_text(&w, "method", search_method_name(s->search.method));
    json_integer(&w, "seed", (int64_t)s->search.seed);
    json_text(&w, "store", o->store_path);
    json_number(&w, "designs", answer->size);
    json_integer(&w, "evaluated", answer->evaluated);
    json_integer(&w, "feasible", answer->feasible);
    json_bool(&w, "stopped", answer->stopped);
    json_number(&w, "elapsed_s", elapsed_s);
    if (answer->found) {
        design_json(&w, "best", s, &answer->best);
        design_json(&w, "base", s,
                    explorer_base(e, answer->best.machine_index, answer->best.batch_index, answer->best.lever_index));
    } else if (answer->missed) {
        design_json(&w, "nearest_miss", s, &answer->nearest);
    }
    status result = STATUS_OK;
    sweep_doubt doubt;
    if (answer->found)
        result = doubt_of(a, s, answer, &doubt, err);
    if (result == STATUS_OK && answer->found)
        sweep_doubt_json(&w, &doubt);
    if (result == STATUS_OK && (answer->found || answer->missed))
        result = elasticities_json(&w, s, e, answer->found ? &answer->best : &answer->nearest, err);
    if (result != STATUS_OK) {
        json_writer_free(&w);
        return result;
    }
    json_array_begin(&w, "front");
    for (size_t i = 0; i < answer->front_count; i++)
        design_json(&w, NULL, s, &answer->front[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

/* ---- the run ---- */

status sweep_explorer(const sweep *s, int threads, store *points, const ranks *all, explorer **out, error *err) {
    status result = explorer_new(s, threads, points, out, err);
    if (result != STATUS_OK && all)
        sweep_leave_ranks(all);
    else if (result == STATUS_OK && all)
        result = explorer_join(*out, all, err);
    return result;
}

status sweep_designs_run(arena *a, const sweep *s, const sweep_designs_options *o, error *err) {
    explorer *e = NULL;
    design_answer *answer = ARENA_NEW(a, design_answer);
    const design_options options = {o->progress, o->progress_context, o->stop};
    double start_s = clock_now_s();
    status result = sweep_explorer(s, o->threads, o->points, o->ranks, &e, err);
    if (result == STATUS_OK)
        result = designs_search(a, s, &options, e, answer, err);
    double elapsed_s = clock_now_s() - start_s;
    if (result == STATUS_OK && o->json) {
        result = answer_json(a, s, o, e, answer, elapsed_s, err);
    } else if (result == STATUS_OK) {
        print_head(a, s, answer, elapsed_s);
        result = print_answer(a, s, e, answer, err);
    }
    if (result == STATUS_OK && o->report)
        report_answer_append(a, s, e, answer, question_text(a, s), o->report);
    explorer_free(e);
    if (result == STATUS_OK && !answer->found)
        result = error_set(err, STATUS_NEGATIVE, "%s: no design found: %s", s->name,
                           answer->missed ? answer->nearest.reason : "none can be evaluated");
    return result;
}
