#include "cli/findings.h"

#include "core/base/units.h"

#include <math.h>
#include <string.h>

const char *knob_text(arena *a, const char *key) {
    return arena_strndup(a, key, unit_stem_of_key(key));
}

const analysis_series *findings_base(const analysis *found) {
    const analysis_series *fastest = NULL;
    for (size_t i = 0; i < found->series_count; i++) {
        const analysis_series *series = &found->series[i];
        if (series->has_base && (!fastest || series->base.latency_s < fastest->base.latency_s))
            fastest = series;
    }
    return fastest;
}

void findings_say(findings *f, const char *line) {
    if (f->count < FINDINGS_MAX)
        f->lines[f->count++] = line;
}

/* "hbm.bandwidth matters most ...": of the series whose designs are fastest, and of the slowest, which often differ. */
static void say_knob(arena *a, findings *f, const store_manifest *manifest, const analysis_series *series) {
    const sensitivity_fit *fit = &series->latency_fit;
    if (series->feasible == 0 || fit->most_important >= manifest->knob_count)
        return;
    const knob_effect *effect = &series->latency_effects[fit->most_important];
    double change = pow(1.1, effect->elasticity) - 1;
    findings_say(f, arena_printf(a, "%s matters most under %s: 10 %% more of it changes latency by %+.1f %%.",
                                 knob_text(a, manifest->knob_keys[fit->most_important]), series->label, 100 * change));
}

static void say_knobs(arena *a, findings *f, const analysis *found, const store_manifest *manifest) {
    const analysis_series *fastest = NULL, *slowest = NULL;
    for (size_t i = 0; i < found->series_count; i++) {
        const analysis_series *series = &found->series[i];
        if (series->feasible == 0)
            continue;
        if (!fastest || series->best.latency_s < fastest->best.latency_s)
            fastest = series;
        if (!slowest || series->best.latency_s > slowest->best.latency_s)
            slowest = series;
    }
    if (fastest)
        say_knob(a, f, manifest, fastest);
    if (slowest && slowest != fastest)
        say_knob(a, f, manifest, slowest);
}

/* What software gives on the base machine against what hardware gives under one lever set. */
static void say_levers(arena *a, findings *f, const analysis *found) {
    const analysis_series *best = findings_base(found), *worst = NULL;
    double hardware = 1;
    const char *hardware_label = NULL;
    for (size_t i = 0; i < found->series_count; i++) {
        const analysis_series *series = &found->series[i];
        if (!series->has_base)
            continue;
        if (!worst || series->base.latency_s > worst->base.latency_s)
            worst = series;
        double gain = series->base.latency_s / series->best.latency_s;
        if (gain > hardware) {
            hardware = gain;
            hardware_label = series->label;
        }
    }
    if (!best || best == worst)
        return;
    const char *hardware_says =
        hardware_label ? arena_printf(a, "the best hardware %.2f times (under %s)", hardware, hardware_label)
                       : "no hardware variant is faster";
    findings_say(f, arena_printf(a, "On the base machine %s is %.2f times as fast as %s; %s.", best->label,
                                 worst->base.latency_s / best->base.latency_s, worst->label, hardware_says));
}

static void say_front(arena *a, findings *f, const analysis *found) {
    const analysis_series *base = findings_base(found);
    if (found->front_count == 0) {
        findings_say(f, found->most_frequent_reason
                            ? arena_printf(a, "No design is feasible: %s.", found->most_frequent_reason)
                            : "No design is feasible.");
        return;
    }
    const store_point *fastest = &found->front[0];
    const char *label = found->series[found->front_series[0]].label;
    if (base)
        findings_say(f,
                     arena_printf(a, "The fastest design takes %s under %s, %.2f times as fast as the base under %s.",
                                  unit_format(UNIT_SECONDS, fastest->latency_s).text, label,
                                  base->base.latency_s / fastest->latency_s, base->label));
    else
        findings_say(f, arena_printf(a, "The fastest design takes %s under %s.",
                                     unit_format(UNIT_SECONDS, fastest->latency_s).text, label));
    const char *objectives = "";
    for (size_t o = 0; o < found->objective_count; o++)
        objectives =
            arena_printf(a, "%s%s%s", objectives, o == 0 ? "" : (o + 1 < found->objective_count ? ", " : " and "),
                         sweep_objective_text(found->objectives[o]));
    findings_say(f, arena_printf(a, "%zu of %lld feasible designs are on the front of %s.", found->front_count,
                                 (long long)found->feasible, objectives));
}

findings findings_of(arena *a, const analysis *found, const store_manifest *manifest) {
    findings f = {0};
    say_knobs(a, &f, found, manifest);
    say_front(a, &f, found);
    say_levers(a, &f, found);
    if (found->infeasible > 0 && found->most_frequent_reason && found->front_count > 0)
        findings_say(&f, arena_printf(a, "%lld designs are not feasible, most often: %s.", (long long)found->infeasible,
                                      found->most_frequent_reason));
    return f;
}
