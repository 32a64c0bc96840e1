#include "cli/sweep_designs.h"

#include "cli/findings.h"
#include "core/base/json_writer.h"
#include "core/base/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    NAME_WIDTH = 24,
    CELL_WIDTH = 13,
    FRONT_LINES_MAX = 20, /* the JSON has the whole front */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

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
    if (s->searches && (double)answer->evaluated < answer->size)
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

static void print_row(const char *name, const char *value, const char *base) {
    printf("  %-*s %*s %*s\n", NAME_WIDTH, name, CELL_WIDTH, value, CELL_WIDTH, base);
}

/* A design beside the base machine under the same levers. */
static void print_design(arena *a, const sweep *s, const explorer *e, const design *d) {
    const design *base = explorer_base(e, d->machine_index, d->batch_index, d->lever_index);
    printf("  design %lld: %s\n", (long long)d->index, design_text(a, s, d));
    print_row("", "design", "base");
    for (size_t k = 0; k < s->knob_count; k++) {
        const char *key = s->knobs[k].key->path;
        unit u = unit_of_key(key);
        print_row(knob_text(a, key), arena_strdup(a, unit_format(u, d->knobs[k]).text),
                  arena_strdup(a, unit_format(u, base->knobs[k]).text));
    }
    for (size_t i = 0; i < s->derived_count; i++) {
        const machine_key *key = s->derived[i].key;
        const machine m = sweep_machine_at(s, d->machine_index, d->knobs);
        unit u = unit_of_key(key->path);
        print_row(knob_text(a, key->path), arena_strdup(a, unit_format(u, machine_get(&m, key)).text),
                  arena_strdup(a, unit_format(u, machine_get(&s->machines[d->machine_index].base, key)).text));
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        if (!isnan(d->values.of[m]))
            print_row(metric_get((metric)m)->name, value_text(a, (metric)m, d->values.of[m]),
                      base->known ? value_text(a, (metric)m, base->values.of[m]) : "–");
}

static void print_front(arena *a, const sweep *s, const design_answer *answer) {
    printf("front: %zu designs\n ", answer->front_count);
    for (size_t g = 0; g < s->goal_count; g++)
        printf(" %*s", CELL_WIDTH, metric_get(s->goals[g])->name);
    putchar('\n');
    size_t shown = answer->front_count < FRONT_LINES_MAX ? answer->front_count : FRONT_LINES_MAX;
    for (size_t i = 0; i < shown; i++) { /* evenly over the front, both ends included */
        const design *d = &answer->front[shown > 1 ? i * (answer->front_count - 1) / (shown - 1) : 0];
        putchar(' ');
        for (size_t g = 0; g < s->goal_count; g++)
            printf(" %*s", CELL_WIDTH, value_text(a, s->goals[g], d->values.of[s->goals[g]]));
        printf("  %s", design_text(a, s, d));
        for (size_t k = 0; k < s->knob_count; k++)
            printf(" %s=%s", knob_text(a, s->knobs[k].key->path),
                   unit_format(unit_of_key(s->knobs[k].key->path), d->knobs[k]).text);
        putchar('\n');
    }
}

static void print_answer(arena *a, const sweep *s, const explorer *e, const design_answer *answer) {
    if (answer->found) {
        printf("best by %s\n", metric_get(s->goals[0])->name);
        print_design(a, s, e, &answer->best);
        if (s->goal_count > 1)
            print_front(a, s, answer);
        return;
    }
    printf("no design found\n");
    if (answer->missed) {
        printf("nearest miss: %s\n", answer->nearest.reason);
        print_design(a, s, e, &answer->nearest);
    }
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

static status answer_json(arena *a, const sweep *s, const sweep_designs_options *o, const explorer *e,
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
    json_number(&w, "elapsed_s", elapsed_s);
    if (answer->found) {
        design_json(&w, "best", s, &answer->best);
        design_json(&w, "base", s,
                    explorer_base(e, answer->best.machine_index, answer->best.batch_index, answer->best.lever_index));
    } else if (answer->missed) {
        design_json(&w, "nearest_miss", s, &answer->nearest);
    }
    json_array_begin(&w, "front");
    for (size_t i = 0; i < answer->front_count; i++)
        design_json(&w, NULL, s, &answer->front[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

/* ---- the run ---- */

status sweep_designs_run(arena *a, const sweep *s, const sweep_designs_options *o, error *err) {
    explorer *e = NULL;
    design_answer *answer = ARENA_NEW(a, design_answer);
    const design_options options = {o->progress, o->progress_context};
    double start_s = now_s();
    status result = explorer_new(s, o->threads, o->points, &e, err);
    if (result == STATUS_OK)
        result = designs_search(a, s, &options, e, answer, err);
    double elapsed_s = now_s() - start_s;
    if (result == STATUS_OK && o->json) {
        result = answer_json(a, s, o, e, answer, elapsed_s, err);
    } else if (result == STATUS_OK) {
        print_head(a, s, answer, elapsed_s);
        print_answer(a, s, e, answer);
    }
    explorer_free(e);
    if (result == STATUS_OK && !answer->found)
        result = error_set(err, STATUS_NEGATIVE, "%s: no design found: %s", s->name,
                           answer->missed ? answer->nearest.reason : "none can be evaluated");
    return result;
}
