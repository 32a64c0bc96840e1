#include "cli/sweep_interactions.h"

#include "cli/findings.h"
#include "cli/sweep_designs.h"
#include "core/base/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MACHINE_WIDTH = 34, COLUMN_WIDTH = 12 };

typedef struct table_view {
    const sweep *s;
    const interaction_table *table;
    const char *workload;
    metric goal;
} table_view;

/* How many times better: larger is better for some metrics. */
static double gain(metric m, const design *from, const design *to) {
    double ratio = from->values.of[m] / to->values.of[m];
    return metric_get(m)->larger_is_better ? 1 / ratio : ratio;
}

static const interaction_machine *base_of(const table_view *v, const interaction_machine *m) {
    const interaction_machine *base = m;
    while (base->knob < v->s->knob_count)
        base--; /* each base machine stands in front of its variants */
    return base;
}

static const char *machine_text(arena *a, const table_view *v, const interaction_machine *m) {
    const sweep *s = v->s;
    const char *name = s->machines[m->machine_index].base.name;
    if (m->knob == s->knob_count)
        return name;
    const char *key = s->knobs[m->knob].key->path;
    return arena_printf(a, "%s%s%s=%s", s->machine_count > 1 ? name : "", s->machine_count > 1 ? " " : "",
                        knob_text(a, key), unit_format(unit_of_key(key), m->value).text);
}

static double lever_gain(const table_view *v, const interaction_machine *m, size_t lever) {
    return gain(v->goal, &m->designs[0], &m->designs[lever]);
}

static double machine_gain(const table_view *v, const interaction_machine *m, size_t lever) {
    return gain(v->goal, &base_of(v, m)->designs[lever], &m->designs[lever]);
}

static void print_gains(arena *a, const table_view *v,
                        double (*of)(const table_view *, const interaction_machine *, size_t)) {
    for (size_t i = 0; i < v->table->machine_count; i++) {
        const interaction_machine *m = &v->table->machines[i];
        printf("  %-*s", MACHINE_WIDTH, machine_text(a, v, m));
        for (size_t l = 0; l < v->s->lever_count; l++) {
            double value = of(v, m, l);
            if (isnan(value))
                printf(" %*s", COLUMN_WIDTH, "-");
            else
                printf(" %*.2f", COLUMN_WIDTH, value);
        }
        putchar('\n');
    }
}

/* The lever set and the machine whose gains change most in each other's company. */
static void print_strongest(arena *a, const table_view *v) {
    const interaction_machine *found = NULL;
    size_t lever = 0;
    double strongest = 1;
    for (size_t i = 0; i < v->table->machine_count; i++) {
        const interaction_machine *m = &v->table->machines[i];
        for (size_t l = 1; l < v->s->lever_count; l++) {
            double factor = lever_gain(v, m, l) / lever_gain(v, base_of(v, m), l);
            if (!isnan(factor) && fabs(log(factor)) > fabs(log(strongest))) {
                strongest = factor;
                found = m;
                lever = l;
            }
        }
    }
    if (found)
        printf("  %s gains %.2f times on the base and %.2f with %s: together they are worth %.2f of the product.\n",
               v->s->cases[lever].levers, lever_gain(v, base_of(v, found), lever), lever_gain(v, found, lever),
               machine_text(a, v, found), strongest);
}

static void print_table(arena *a, const table_view *v) {
    const sweep *s = v->s;
    printf("%s, %s\n", v->workload, metric_get(v->goal)->name);
    for (size_t l = 0; l < s->lever_count; l++)
        printf("  (%zu) %s\n", l + 1, s->cases[l].levers);
    printf("  %-*s", MACHINE_WIDTH, "lever sets over (1), on each machine");
    for (size_t l = 0; l < s->lever_count; l++)
        printf(" %*s", COLUMN_WIDTH, arena_printf(a, "(%zu)", l + 1));
    putchar('\n');
    print_gains(a, v, lever_gain);
    printf("  machines over their base, under each lever set\n");
    print_gains(a, v, machine_gain);
    print_strongest(a, v);
}

static void table_json(arena *a, json_writer *w, const table_view *v) {
    json_object_begin(w, NULL);
    json_text(w, "workload", v->workload);
    json_text(w, "metric", metric_get(v->goal)->name);
    json_array_begin(w, "cells");
    for (size_t i = 0; i < v->table->machine_count; i++) {
        const interaction_machine *m = &v->table->machines[i];
        for (size_t l = 0; l < v->s->lever_count; l++) {
            json_object_begin(w, NULL);
            json_text(w, "machine", machine_text(a, v, m));
            json_text(w, "levers", v->s->cases[l].levers);
            json_number(w, "value", m->designs[l].values.of[v->goal]);
            json_number(w, "lever_gain", lever_gain(v, m, l));
            json_number(w, "machine_gain", machine_gain(v, m, l));
            json_number(w, "interaction", lever_gain(v, m, l) / lever_gain(v, base_of(v, m), l));
            json_object_end(w);
        }
    }
    json_array_end(w);
    json_object_end(w);
}

status sweep_interactions_run(arena *a, const sweep *s, int threads, const ranks *all, bool json, error *err) {
    explorer *e = NULL;
    json_writer w = {0};
    status result = sweep_explorer(s, threads, NULL, all, &e, err);
    if (result != STATUS_OK) {
        explorer_free(e);
        return result;
    }
    if (json) {
        w = json_writer_to_file(stdout, JSON_PRETTY);
        json_array_begin(&w, NULL);
    }
    size_t tables = s->weights ? 1 : s->workload_count;
    for (size_t i = 0; i < tables && result == STATUS_OK; i++) {
        interaction_table table;
        explorer_judge_only(e, s->weights ? s->workload_count : i);
        result = design_interactions(a, e, s, 0, &table, err);
        const table_view view = {
            s, &table, s->weights ? "mix" : s->cases[i * s->statistic_count * s->batch_count * s->lever_count].workload,
            s->goals[0]};
        if (result == STATUS_OK && json)
            table_json(a, &w, &view);
        else if (result == STATUS_OK)
            print_table(a, &view);
    }
    explorer_free(e);
    if (json && result == STATUS_OK) {
        json_array_end(&w);
        return json_writer_finish(&w, err);
    }
    if (json)
        json_writer_free(&w);
    return result;
}
