#include "cli/sweep_results.h"

#include "cli/design_limits.h"
#include "cli/findings.h"
#include "cli/sweep_speedups.h"
#include "cli/sweep_table.h"
#include "core/base/json_writer.h"
#include "core/base/units.h"
#include "sim/explore/analysis.h"

#include <stdio.h>

static void print_knobs(arena *a, const store_manifest *manifest, const store_point *p) {
    for (size_t k = 0; k < manifest->knob_count; k++)
        printf(" %s=%s", knob_text(a, manifest->knob_keys[k]),
               unit_format(unit_of_key(manifest->knob_keys[k]), p->knobs[k]).text);
}

static void print_point(arena *a, const store_manifest *manifest, const char *label, const store_point *p) {
    printf("  %-26s", label);
    if (p->reason) {
        printf(" %s", p->reason);
    } else {
        printf(" %10s %10s %11s %10s %6.1f %%", unit_format(UNIT_SECONDS, p->latency_s).text,
               unit_format(UNIT_JOULES, p->energy_j).text, unit_format(UNIT_SQUARE_METRES, p->area_m2).text,
               unit_format(UNIT_DOLLARS, p->cost_usd).text, 100 * p->gpu_idle_s / p->latency_s);
    }
    print_knobs(a, manifest, p);
    putchar('\n');
}

typedef struct print_walk {
    arena *a;
    const store_manifest *manifest;
} print_walk;

static status print_visit(void *context, const store_point *p, error *err) {
    (void)err;
    print_walk *w = context;
    char label[256];
    snprintf(label, sizeof label, "%s %s b%lld %s", p->machine, p->workload, (long long)p->batch, p->levers);
    print_point(w->a, w->manifest, label, p);
    return STATUS_OK;
}

enum { FRONT_LINES_MAX = 20 }; /* the whole front is in the store, the report and the JSON */

/* The findings, and what holds designs of the front back or keeps them from being made. */
static findings all_findings(arena *a, const sweep *s, const analysis *found, const store_manifest *manifest) {
    findings f = findings_of(a, found, manifest);
    size_t held = 0, large = 0;
    for (size_t i = 0; i < found->front_count; i++) {
        const store_point *p = &found->front[i];
        machine m = sweep_variant(s, p->index, (double[STORE_KNOBS_MAX]){0});
        held += at_power_limit(&m, p->energy_j, p->latency_s);
        large += over_reticle(&m);
    }
    if (held > 0)
        findings_say(&f, arena_printf(a,
                                      "%zu of %zu designs on the front are held at their power limit "
                                      "(power.limit_w): more of other things gains them little.",
                                      held, found->front_count));
    if (large > 0)
        findings_say(&f, arena_printf(a,
                                      "%zu of %zu designs on the front have a die larger than a reticle exposes "
                                      "(858 mm²); die_area_m2 <= 8.58e-4 as a constraint leaves them out.",
                                      large, found->front_count));
    return f;
}

static void print_found(arena *a, const sweep *s, const analysis *found, const store_manifest *manifest) {
    printf("\n%s, batch %lld: %lld designs, %lld feasible\n", found->workload, (long long)found->batch,
           (long long)(found->feasible + found->infeasible), (long long)found->feasible);
    if (found->front_count > 0)
        printf("  %-26s %10s %10s %10s %10s %8s\n", "front", "latency", "energy", "die area", "cost", "idle");
    size_t shown = found->front_count < FRONT_LINES_MAX ? found->front_count : FRONT_LINES_MAX;
    for (size_t i = 0; i < shown; i++) { /* evenly over the front, both ends included */
        size_t at = shown > 1 ? i * (found->front_count - 1) / (shown - 1) : 0;
        print_point(a, manifest, found->series[found->front_series[at]].label, &found->front[at]);
    }
    if (shown < found->front_count)
        printf("  (%zu of %zu designs of the front)\n", shown, found->front_count);
    findings f = all_findings(a, s, found, manifest);
    for (size_t i = 0; i < f.count; i++)
        printf("- %s\n", f.lines[i]);
}

static void point_json(json_writer *w, const char *key, const store_manifest *manifest, const store_point *p) {
    json_object_begin(w, key);
    json_integer(w, "index", p->index);
    json_text(w, "machine", p->machine);
    json_text(w, "levers", p->levers);
    json_object_begin(w, "knobs");
    for (size_t k = 0; k < manifest->knob_count; k++)
        json_number(w, manifest->knob_keys[k], p->knobs[k]);
    json_object_end(w);
    json_number(w, "latency_s", p->latency_s);
    json_number(w, "ttft_s", p->ttft_s);
    json_number(w, "tpot_s", p->tpot_s);
    json_number(w, "idle_frac", p->gpu_idle_s / p->latency_s);
    json_number(w, "energy_j", p->energy_j);
    json_number(w, "area_m2", p->area_m2);
    json_number(w, "cost_usd", p->cost_usd);
    json_number(w, "peak_memory_bytes", p->peak_memory_bytes);
    json_object_end(w);
}

static void effects_json(json_writer *w, const char *key, const store_manifest *manifest, const knob_effect *effects) {
    json_object_begin(w, key);
    for (size_t k = 0; k < manifest->knob_count; k++)
        json_number(w, manifest->knob_keys[k], effects[k].elasticity);
    json_object_end(w);
}

static void series_json(json_writer *w, const store_manifest *manifest, const analysis *found,
                        const analysis_series *series) {
    json_object_begin(w, NULL);
    json_text(w, "machine", series->machine);
    json_text(w, "levers", series->levers);
    json_integer(w, "feasible", series->feasible);
    json_integer(w, "infeasible", series->infeasible);
    if (series->has_base)
        point_json(w, "base", manifest, &series->base);
    if (series->feasible > 0) {
        point_json(w, "fastest", manifest, &series->best);
        effects_json(w, "latency_elasticities", manifest, series->latency_effects);
        effects_json(w, "energy_elasticities", manifest, series->energy_effects);
        json_object_begin(w, "elasticities"); /* of every objective */
        for (size_t o = 0; o < found->objective_count; o++)
            effects_json(w, sweep_objective_name(found->objectives[o]), manifest, series->effects[o]);
        json_object_end(w);
    }
    json_object_end(w);
}

static void found_json(json_writer *w, arena *a, const sweep *s, const analysis *found,
                       const store_manifest *manifest) {
    json_object_begin(w, NULL);
    json_text(w, "workload", found->workload);
    json_integer(w, "batch", found->batch);
    json_integer(w, "feasible", found->feasible);
    json_integer(w, "infeasible", found->infeasible);
    json_text(w, "most_frequent_reason", found->most_frequent_reason);
    json_array_begin(w, "objectives");
    for (size_t o = 0; o < found->objective_count; o++)
        json_text(w, NULL, sweep_objective_name(found->objectives[o]));
    json_array_end(w);
    findings f = all_findings(a, s, found, manifest);
    json_array_begin(w, "findings");
    for (size_t i = 0; i < f.count; i++)
        json_text(w, NULL, f.lines[i]);
    json_array_end(w);
    json_array_begin(w, "series");
    for (size_t i = 0; i < found->series_count; i++)
        series_json(w, manifest, found, &found->series[i]);
    json_array_end(w);
    json_array_begin(w, "front");
    for (size_t i = 0; i < found->front_count; i++)
        point_json(w, NULL, manifest, &found->front[i]);
    json_array_end(w);
    json_object_end(w);
}

status sweep_results_print(arena *a, sweep *s, store *points, const store_manifest *manifest,
                           const sweep_outcome *outcome, error *err) {
    analysis_group *groups;
    size_t group_count;
    json_writer w = {0};
    status result = analysis_groups(a, points, &groups, &group_count, err);
    if (result != STATUS_OK)
        return result;
    double rate = outcome->elapsed_s > 0 ? (double)outcome->computed / outcome->elapsed_s : 0;
    sweep_table table;
    bool is_table = sweep_is_table(s);
    if (is_table)
        result = sweep_table_read(a, s, points, &table, err);
    if (result == STATUS_OK && s->speedup_count > 0)
        result = sweep_find_speedups(a, s, points, err);
    if (result != STATUS_OK)
        return result;
    if (outcome->json) {
        w = json_writer_to_file(stdout, JSON_PRETTY);
        json_object_begin(&w, NULL);
        json_text(&w, "name", s->name);
        json_text(&w, "store", outcome->store_path);
        json_integer(&w, "points", s->point_count);
        json_integer(&w, "computed", outcome->computed);
        json_number(&w, "elapsed_s", outcome->elapsed_s);
        json_number(&w, "points_per_s", rate);
        if (is_table)
            sweep_table_json(&w, &table);
        if (s->speedup_count > 0)
            sweep_speedups_json(&w, a, s);
        json_array_begin(&w, "groups");
    } else {
        printf("%s: %lld points: %zu machines, %lld variants, %zu cases; %lld computed in %.2f s (%.0f points/s)\n",
               s->name, (long long)s->point_count, s->machine_count, (long long)s->variant_count, s->case_count,
               (long long)outcome->computed, outcome->elapsed_s, rate);
        if (is_table && !outcome->all)
            sweep_table_print(a, &table);
        if (s->speedup_count > 0)
            sweep_speedups_print(a, s);
        if (outcome->all)
            result = store_each(points, false, print_visit, &(print_walk){a, manifest}, err);
    }
    for (size_t g = 0; g < group_count && result == STATUS_OK; g++) {
        analysis found;
        result = analysis_of(a, points, manifest, &groups[g], s->objectives, s->objective_count, &found, err);
        if (result == STATUS_OK && outcome->json)
            found_json(&w, a, s, &found, manifest);
        else if (result == STATUS_OK && (group_count == 1 || !outcome->all) && !is_table && s->speedup_count == 0)
            print_found(a, s, &found, manifest);
    }
    if (!outcome->json)
        return result;
    if (result != STATUS_OK) {
        json_writer_free(&w);
        return result;
    }
    json_array_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}
