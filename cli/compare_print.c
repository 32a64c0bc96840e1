#include "cli/compare_print.h"

#include "cli/design_limits.h"
#include "core/base/json_writer.h"
#include "core/base/units.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_COLUMNS = 22, COLUMNS_MIN = 12, COLUMNS_MAX = 30, OPS_SHOWN = 5, CAUSES_SHOWN = 5 };
/* What is left out of the lists: less than this part of the latency or of the difference. */
static const double SHOWN_FRAC = 0.005;
/* Sure enough to say "over 99 %". */
static const double SURE_FRAC = 0.99;

/* For readers who do not know the words of the engines. */
static const char *const waits_for[BOUND_COUNT] = {
    [BOUND_COMPUTE] = "arithmetic",       [BOUND_HBM] = "device memory",      [BOUND_L2] = "L2 cache",
    [BOUND_LATENCY] = "starts and waits", [BOUND_LAUNCH] = "kernel launches", [BOUND_LINK] = "links between GPUs",
};

/* A table of two designs; `columns` fits the longer label. */
typedef struct table {
    int columns;
} table;

static table table_for(const compared_design *a, const compared_design *b) {
    size_t longer = strlen(a->label) > strlen(b->label) ? strlen(a->label) : strlen(b->label);
    return (table){longer < COLUMNS_MIN ? COLUMNS_MIN : longer > COLUMNS_MAX ? COLUMNS_MAX : (int)longer};
}

/* Padded by characters, of which UTF-8 may take several bytes each. */
static void cell(table t, const char *text) {
    int characters = 0;
    for (const char *c = text; *c; c++)
        characters += (*c & 0xC0) != 0x80;
    printf(" %*s%s", characters < t.columns ? t.columns - characters : 0, "", text);
}

static void row(table t, const char *name, unit u, double a, double b) {
    if (!isfinite(a) && !isfinite(b))
        return;
    printf("  %-*s", LABEL_COLUMNS, name);
    cell(t, unit_format(u, a).text);
    cell(t, unit_format(u, b).text);
    double change = b / a - 1;
    if (fabs(change) < SHOWN_FRAC)
        printf("      same");
    else if (isfinite(change))
        printf("  %+6.0f %%", 100 * change);
    printf("\n");
}

static void share_row(table t, const char *name, double a_frac, double b_frac) {
    printf("  %-*s %*.1f %% %*.1f %%\n", LABEL_COLUMNS, name, t.columns - 2, 100 * a_frac, t.columns - 2, 100 * b_frac);
}

static const char *change_of_key(arena *a, const machine_key *key, const compared_design *from,
                                 const compared_design *to) {
    unit u = unit_of_key(key->path);
    return arena_printf(a, "%.*s %s to %s", (int)unit_stem_of_key(key->path), key->path,
                        unit_format(u, machine_get(&from->setup->machine, key)).text,
                        unit_format(u, machine_get(&to->setup->machine, key)).text);
}

static const char *explanation(arena *a, const comparison_cause *cause, const compared_design *from,
                               const compared_design *to) {
    if (strcmp(cause->name, "software") == 0)
        return arena_printf(a, "%s to %s", levers_text(a, &from->setup->levers), levers_text(a, &to->setup->levers));
    if (cause->key_count == 0)
        return "what the libraries have for each, and how well it runs";
    const machine_key *named = cause->keys[0];
    for (size_t i = 0; i < cause->key_count; i++) /* of tensor rates, that of the type that models are published in */
        if (strcmp(cause->keys[i]->path, "sm.tensor_bf16_flops_per_clk") == 0)
            named = cause->keys[i];
    const char *first = change_of_key(a, named, from, to);
    return cause->key_count == 1 ? first : arena_printf(a, "%s, and %zu more", first, cause->key_count - 1);
}

static unit_text node_label(const comparison_op *o) {
    unit_text label;
    snprintf(label.text, sizeof label.text, "%s %s", o->phase, o->id);
    return label;
}

static void headline(const compared_design *a, const compared_design *b, const comparison *c) {
    const setup *s = a->setup;
    double ratio = c->a.result.latency_s[0] / c->b.result.latency_s[0];
    bool faster = ratio >= 1;
    printf("%s, batch %.0f: ", s->workload.name, s->scenario.values[SCENARIO_BATCH]);
    if (fabs(ratio - 1) < SHOWN_FRAC)
        printf("%s and %s are equally fast", a->label, b->label);
    else
        printf("%s is %.2f times as fast as %s", faster ? b->label : a->label, faster ? ratio : 1 / ratio,
               faster ? a->label : b->label);
    if (isfinite(c->b_faster_frac)) {
        double lower = faster ? c->ratio_lower : 1 / c->ratio_upper,
               upper = faster ? c->ratio_upper : 1 / c->ratio_lower;
        double chance = faster ? c->b_faster_frac : 1 - c->b_faster_frac;
        printf("\n  (%.2f to %.2f with 90 %% confidence; that it is faster at all: ", lower, upper);
        printf(chance > SURE_FRAC ? "over %.0f %%)" : "%.0f %%)", 100 * fmin(chance, SURE_FRAC));
    }
    printf("\n\n");
}

static void totals(table t, const compared_design *a, const compared_design *b, const comparison *c) {
    const engine_result *ra = &c->a.result, *rb = &c->b.result;
    printf("  %-*s", LABEL_COLUMNS, "");
    cell(t, a->label);
    cell(t, b->label);
    printf("    change\n");
    row(t, "latency", UNIT_SECONDS, ra->latency_s[0], rb->latency_s[0]);
    row(t, "up to the first token", UNIT_SECONDS, ra->ttft_s[0], rb->ttft_s[0]);
    row(t, "each further token", UNIT_SECONDS, ra->tpot_s[0], rb->tpot_s[0]);
    row(t, "energy", UNIT_JOULES, ra->energy_j[0], rb->energy_j[0]);
    row(t, "memory in use", UNIT_BYTES, ra->memory.total_bytes, rb->memory.total_bytes);
    if (strcmp(a->setup->machine.name, b->setup->machine.name) != 0) {
        row(t, "die area", UNIT_SQUARE_METRES, c->a.area_m2, c->b.area_m2);
        row(t, "cost to make", UNIT_DOLLARS, c->a.cost_usd, c->b.cost_usd);
    }
}

static void causes(arena *a, const compared_design *da, const compared_design *db, const comparison *c) {
    double saved_s = c->a.result.latency_s[0] - c->b.result.latency_s[0];
    if (c->cause_count == 0 || fabs(saved_s) < SHOWN_FRAC * c->a.result.latency_s[0])
        return;
    printf("\nwhy %s takes %s %s:\n", db->label, unit_format(UNIT_SECONDS, fabs(saved_s)).text,
           saved_s > 0 ? "less" : "longer");
    for (size_t i = 0; i < c->cause_count && i < CAUSES_SHOWN; i++) {
        const comparison_cause *cause = &c->causes[i];
        if (fabs(cause->saved_s) < SHOWN_FRAC * fabs(saved_s))
            continue;
        printf("  %-*s %11.1f %%   %s\n", LABEL_COLUMNS, cause->name, 100 * cause->saved_s / saved_s,
               explanation(a, cause, da, db));
    }
}

static void waits(table t, const comparison *c) {
    printf("\nwhat the time goes to waiting for:\n");
    double a_s = c->a.result.latency_s[0], b_s = c->b.result.latency_s[0];
    for (int b = 0; b < BOUND_COUNT; b++)
        if (fmax(c->a.bound_s[b] / a_s, c->b.bound_s[b] / b_s) >= SHOWN_FRAC)
            share_row(t, waits_for[b], c->a.bound_s[b] / a_s, c->b.bound_s[b] / b_s);
    share_row(t, "host (GPU idle)", c->a.result.idle_s[0] / a_s, c->b.result.idle_s[0] / b_s);
}

/* By operator where both run the same ones, else by category. */
static void places(table t, const comparison *c) {
    bool same = true;
    for (size_t i = 0; i < c->op_count; i++)
        same = same && c->ops[i].a && c->ops[i].b;
    printf(same ? "\nwhere (operators with the largest differences, all layers and steps together):\n"
                : "\nwhere (kinds of operators; the two run different ones):\n");
    for (size_t i = 0; same && i < c->op_count && i < OPS_SHOWN; i++)
        row(t, node_label(&c->ops[i]).text, UNIT_SECONDS, c->ops[i].a_s, c->ops[i].b_s);
    for (int k = 0; !same && k < CATEGORY_COUNT; k++)
        if (fmax(c->a.category_s[k] / c->a.result.latency_s[0], c->b.category_s[k] / c->b.result.latency_s[0]) >=
            SHOWN_FRAC)
            row(t, op_category_name((op_category)k), UNIT_SECONDS, c->a.category_s[k], c->b.category_s[k]);
}

void compare_text(arena *a, const compared_design *design_a, const compared_design *design_b, const comparison *c) {
    table t = table_for(design_a, design_b);
    headline(design_a, design_b, c);
    totals(t, design_a, design_b, c);
    causes(a, design_a, design_b, c);
    waits(t, c);
    places(t, c);
    const char *unmeasured = c->a_extrapolated ? design_a->setup->machine.name : design_b->setup->machine.name;
    if (c->a_extrapolated && c->b_extrapolated && strcmp(unmeasured, design_b->setup->machine.name) != 0)
        unmeasured = arena_printf(a, "%s and %s", unmeasured, design_b->setup->machine.name);
    if (c->a_extrapolated || c->b_extrapolated)
        printf("\n%s: not measured, predicted from another machine's kernels\n", unmeasured);
    const compared_design *designs[] = {design_a, design_b};
    for (size_t i = 0; i < 2; i++) {
        const machine *m = &designs[i]->setup->machine;
        const engine_result *r = i == 0 ? &c->a.result : &c->b.result;
        if (reticle_text(a, m))
            puts(reticle_text(a, m));
        if (at_power_limit(m, r->energy_j[0], r->latency_s[0]))
            printf("%s: held at its power limit of %s\n", designs[i]->label,
                   unit_format(UNIT_WATTS, m->power.limit_w).text);
    }
}

/* ---- JSON ---- */

static void side_json(arena *a, json_writer *w, const char *key, const compared_design *d, const comparison_side *s) {
    const engine_result *r = &s->result;
    json_object_begin(w, key);
    json_text(w, "machine", d->setup->machine.name);
    json_text(w, "levers", levers_text(a, &d->setup->levers));
    json_text(w, "host", d->setup->host.name);
    json_number(w, "latency_s", r->latency_s[0]);
    json_number(w, "ttft_s", r->ttft_s[0]);
    json_number(w, "tpot_s", r->tpot_s[0]);
    json_number(w, "gpu_idle_s", r->idle_s[0]);
    json_number(w, "energy_j", r->energy_j[0]);
    json_number(w, "peak_memory_bytes", r->memory.total_bytes);
    json_number(w, "area_m2", s->area_m2);
    json_number(w, "cost_usd", s->cost_usd);
    json_object_begin(w, "bound_s");
    for (int b = 0; b < BOUND_COUNT; b++)
        json_number(w, bound_name((bound_kind)b), s->bound_s[b]);
    json_object_end(w);
    json_object_begin(w, "category_s");
    for (int k = 0; k < CATEGORY_COUNT; k++)
        json_number(w, op_category_name((op_category)k), s->category_s[k]);
    json_object_end(w);
    json_object_end(w);
}

static void causes_json(json_writer *w, const compared_design *da, const compared_design *db, const comparison *c) {
    json_array_begin(w, "causes");
    for (size_t i = 0; i < c->cause_count; i++) {
        const comparison_cause *cause = &c->causes[i];
        json_object_begin(w, NULL);
        json_text(w, "name", cause->name);
        json_number(w, "saved_s", cause->saved_s);
        json_number(w, "alone_s", cause->alone_s);
        json_array_begin(w, "keys");
        for (size_t k = 0; k < cause->key_count; k++) {
            json_object_begin(w, NULL);
            json_text(w, "key", cause->keys[k]->path);
            json_number(w, "a", machine_get(&da->setup->machine, cause->keys[k]));
            json_number(w, "b", machine_get(&db->setup->machine, cause->keys[k]));
            json_object_end(w);
        }
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void op_side_json(json_writer *w, const char *time_key, const char *bound_key, const node_totals *t,
                         double time_s) {
    json_number(w, time_key, t ? time_s : NAN);
    json_text(w, bound_key, t ? bound_name(t->bound) : NULL);
}

static void ops_json(json_writer *w, const comparison *c) {
    json_array_begin(w, "ops");
    for (size_t i = 0; i < c->op_count; i++) {
        const comparison_op *o = &c->ops[i];
        json_object_begin(w, NULL);
        json_text(w, "phase", o->phase);
        json_text(w, "id", o->id);
        op_side_json(w, "a_s", "a_bound", o->a, o->a_s);
        op_side_json(w, "b_s", "b_bound", o->b, o->b_s);
        json_object_end(w);
    }
    json_array_end(w);
}

status compare_json(arena *a, const compared_design *design_a, const compared_design *design_b, const comparison *c,
                    error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_text(&w, "workload", design_a->setup->workload.name);
    json_number(&w, "batch", design_a->setup->scenario.values[SCENARIO_BATCH]);
    json_number(&w, "speedup", c->a.result.latency_s[0] / c->b.result.latency_s[0]);
    json_number(&w, "speedup_lower", c->ratio_lower);
    json_number(&w, "speedup_upper", c->ratio_upper);
    json_number(&w, "b_faster_frac", c->b_faster_frac);
    json_bool(&w, "extrapolated", c->a_extrapolated || c->b_extrapolated);
    side_json(a, &w, "a", design_a, &c->a);
    side_json(a, &w, "b", design_b, &c->b);
    causes_json(&w, design_a, design_b, c);
    ops_json(&w, c);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}
