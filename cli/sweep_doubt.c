#include "cli/sweep_doubt.h"

#include "cli/command.h"
#include "cli/findings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* With one goal, whether the best is surely better; else whether any design surely beats this one. */
static bool is_beaten(const sweep_doubt *d, size_t i) {
    bool beaten = false;
    size_t others = d->s->goal_count == 1 ? 1 : d->count;
    for (size_t j = 0; j < others && !beaten; j++)
        beaten = j != i && design_doubt_beats(d->doubts, j, i);
    return beaten;
}

status sweep_doubt_of(arena *a, const sweep *s, const design_answer *answer, size_t shown, sweep_doubt *out,
                      error *err) {
    *out = (sweep_doubt){.s = s, .shown = shown};
    design *designs = ARENA_ARRAY(a, design, DOUBT_DESIGNS_MAX);
    for (size_t i = 0; i < shown; i++)
        designs[out->count++] = answer->front[shown > 1 ? i * (answer->front_count - 1) / (shown - 1) : 0];
    for (size_t i = 0; i < answer->near_count && out->count < DOUBT_DESIGNS_MAX; i++)
        designs[out->count++] = answer->near[i];
    for (size_t i = 0; i < out->count; i++)
        out->designs[i] = &designs[i];
    design_doubts *doubts;
    status result = design_doubts_of(a, command_config_dir(), s, designs, out->count, &doubts, err);
    out->doubts = doubts;
    if (result != STATUS_OK || !doubts)
        return result;
    for (size_t i = 0; i < out->count; i++) {
        out->tied[i] = !is_beaten(out, i);
        out->tied_count += out->tied[i];
    }
    return STATUS_OK;
}

const char *sweep_doubt_interval(arena *a, const sweep_doubt *d, size_t i, metric m) {
    double lower, upper;
    if (!d->doubts || isnan(d->designs[i]->values.of[m]))
        return "";
    design_doubt_interval(d->doubts, i, m, &lower, &upper);
    if (lower == upper)
        return "";
    unit u = metric_get(m)->unit;
    unit_scale scale = unit_scale_for(u, upper);
    return arena_printf(a, "[%s, %s]", unit_format_in(u, scale, lower).text, unit_format_in(u, scale, upper).text);
}

static void print_ranges(arena *a, const sweep_doubt *d) {
    for (size_t k = 0; k < d->s->knob_count; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < d->count; i++) {
            if (!d->tied[i])
                continue;
            low = fmin(low, d->designs[i]->knobs[k]);
            high = fmax(high, d->designs[i]->knobs[k]);
        }
        const char *key = d->s->knobs[k].key->path;
        unit u = unit_of_key(key);
        printf("  %s %s", knob_text(a, key), unit_format(u, low).text);
        if (high > low)
            printf(" to %s", unit_format(u, high).text);
        putchar('\n');
    }
}

void sweep_doubt_print(arena *a, const sweep_doubt *d) {
    if (!d->doubts) {
        printf("how sure this is: the calibration knows no residuals for this engine\n");
        return;
    }
    size_t near = 0;
    for (size_t i = d->shown; i < d->count; i++)
        near += d->tied[i];
    printf("ties: %zu of the %zu nearest designs %s (95 %%)\n", near, d->count - d->shown,
           d->s->goal_count == 1 ? "are not told apart from the best" : "off the front are not surely beaten");
    if (near == 0 || d->s->goal_count > 1) /* a front spans the space by itself */
        return;
    printf("the best and those that tie with it have\n");
    print_ranges(a, d);
}

void sweep_doubt_json(json_writer *w, const sweep_doubt *d) {
    json_array_begin(w, "intervals");
    for (size_t i = 0; i < d->count && d->doubts; i++) {
        json_object_begin(w, NULL);
        json_integer(w, "index", d->designs[i]->index);
        json_bool(w, "on_front", i < d->shown);
        json_bool(w, "tied", d->tied[i]);
        for (size_t g = 0; g < d->s->goal_count; g++) {
            metric m = d->s->goals[g];
            double lower, upper;
            design_doubt_interval(d->doubts, i, m, &lower, &upper);
            json_object_begin(w, metric_get(m)->name);
            json_number(w, "value", d->designs[i]->values.of[m]);
            json_number(w, "lower", lower);
            json_number(w, "upper", upper);
            if (d->s->goal_count == 1)
                json_number(w, "chance_best", design_doubt_chance(d->doubts, i, 0, m));
            json_object_end(w);
        }
        json_object_end(w);
    }
    json_array_end(w);
}
