#include "cli/report_comparison.h"

#include "core/base/clock.h"

#include <math.h>
#include <string.h>

/* Causes of less than this share of the difference are in the table only. */
static const double CAUSE_FRAC = 0.01;

static void pair(arena *a, report_table *table, const char *name, unit u, double left, double right) {
    if (!isfinite(left) && !isfinite(right))
        return;
    table_writer row = table_row(a, table);
    row_text(&row, name);
    row_number(&row, u, left);
    row_number(&row, u, right);
    row_change(&row, left != 0 ? right / left - 1 : NAN);
}

static report_table *pairs(arena *a, report_section *section, const char *caption, const char *what,
                           const compared_design *left, const compared_design *right, size_t rows) {
    report_table *table = section_table(a, section, caption, rows);
    table_column(table, what, false);
    table_column(table, left->label, true);
    table_column(table, right->label, true);
    table_column(table, "Change", true);
    return table;
}

static void totals(arena *a, const compared_design *left, const compared_design *right, const comparison *c,
                   report_document *document) {
    report_section *section = document_section(document, "designs", "The two designs");
    const engine_result *x = &c->a.result, *y = &c->b.result;
    report_table *table = pairs(a, section, "One request", "What", left, right, 8);
    pair(a, table, "latency", UNIT_SECONDS, x->latency_s[0], y->latency_s[0]);
    pair(a, table, "up to the first token", UNIT_SECONDS, x->ttft_s[0], y->ttft_s[0]);
    pair(a, table, "each further token", UNIT_SECONDS, x->tpot_s[0], y->tpot_s[0]);
    pair(a, table, "GPU idle", UNIT_SECONDS, x->idle_s[0], y->idle_s[0]);
    pair(a, table, "energy", UNIT_JOULES, x->energy_j[0], y->energy_j[0]);
    pair(a, table, "memory in use", UNIT_BYTES, x->memory.total_bytes, y->memory.total_bytes);
    pair(a, table, "die area", UNIT_SQUARE_METRES, c->a.area_m2, c->b.area_m2);
    pair(a, table, "cost to make", UNIT_DOLLARS, c->a.cost_usd, c->b.cost_usd);
    if (c->a_extrapolated || c->b_extrapolated)
        section_paragraph(section,
                          arena_printf(a, "Not measured, but predicted from another machine's kernels: %s%s%s.",
                                       c->a_extrapolated ? left->setup->machine.name : "",
                                       c->a_extrapolated && c->b_extrapolated ? ", " : "",
                                       c->b_extrapolated ? right->setup->machine.name : ""));
}

static const char *changed_keys(arena *a, const comparison_cause *cause, const compared_design *left,
                                const compared_design *right) {
    const char *text = "";
    if (strcmp(cause->name, "software") == 0)
        return arena_printf(a, "%s to %s", levers_text(a, &left->setup->levers), levers_text(a, &right->setup->levers));
    if (cause->key_count == 0)
        return "what the libraries have for each, and how well it runs";
    for (size_t i = 0; i < cause->key_count && i < sizeof cause->keys / sizeof cause->keys[0]; i++) {
        const machine_key *key = cause->keys[i];
        unit u = unit_of_key(key->path);
        text = arena_printf(a, "%s%s%s %s to %s", text, *text ? ", " : "", key->path,
                            unit_format(u, machine_get(&left->setup->machine, key)).text,
                            unit_format(u, machine_get(&right->setup->machine, key)).text);
    }
    return text;
}

static void causes(arena *a, const compared_design *left, const compared_design *right, const comparison *c,
                   report_document *document) {
    if (c->cause_count == 0)
        return;
    report_section *section = document_section(document, "causes", "Why they differ");
    section_paragraph(section,
                      "Each cause's share of the difference in latency: what exchanging it saves, in the mean over "
                      "all orders of exchanging them (Shapley values, which add up to the difference). Alone: when "
                      "nothing else is exchanged.");
    report_table *table = section_table(a, section, "", c->cause_count);
    static const char *const HEADERS[] = {"Cause", "Saved", "Share", "Alone", "What differs"};
    double saved_s = c->a.result.latency_s[0] - c->b.result.latency_s[0];
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 1 && i <= 3);
    for (size_t i = 0; i < c->cause_count; i++) {
        const comparison_cause *cause = &c->causes[i];
        table_writer row = table_row(a, table);
        row_text(&row, cause->name);
        row_number(&row, UNIT_SECONDS, cause->saved_s);
        row_number(&row, UNIT_FRACTION, saved_s != 0 ? cause->saved_s / saved_s : NAN);
        row_number(&row, UNIT_SECONDS, cause->alone_s);
        row_text(&row, changed_keys(a, cause, left, right));
    }
}

static void bounds(arena *a, const compared_design *left, const compared_design *right, const comparison *c,
                   report_document *document) {
    report_section *section = document_section(document, "bounds", "What the time waits for");
    report_table *table =
        pairs(a, section, "Time of operators by what limits them", "Limit", left, right, BOUND_COUNT + 1);
    for (int b = 0; b < BOUND_COUNT; b++)
        if (c->a.bound_s[b] > 0 || c->b.bound_s[b] > 0)
            pair(a, table, bound_name((bound_kind)b), UNIT_SECONDS, c->a.bound_s[b], c->b.bound_s[b]);
    pair(a, table, "host (GPU idle)", UNIT_SECONDS, c->a.result.idle_s[0], c->b.result.idle_s[0]);
}

static void operators(arena *a, const compared_design *left, const compared_design *right, const comparison *c,
                      report_document *document) {
    report_section *section = document_section(document, "operators", "Operator by operator");
    section_paragraph(section,
                      "All layers and steps together, the largest difference first. One that a design lacks takes "
                      "no time there: it is part of another operator.");
    report_table *table = pairs(a, section, "", "Operator", left, right, c->op_count);
    for (size_t i = 0; i < c->op_count; i++)
        pair(a, table, arena_printf(a, "%s %s", c->ops[i].phase, c->ops[i].id), UNIT_SECONDS, c->ops[i].a_s,
             c->ops[i].b_s);
}

static report_memory memory_of(const compared_design *d, const comparison_side *side) {
    const graph_memory *m = &side->result.memory;
    return (report_memory){d->label,           m->weight_bytes,
                           m->kv_bytes,        m->activation_bytes,
                           m->workspace_bytes, d->setup->machine.hbm.capacity_bytes};
}

static void answer(arena *a, const compared_design *left, const compared_design *right, const comparison *c,
                   report_document *document) {
    double ratio = c->a.result.latency_s[0] / c->b.result.latency_s[0];
    bool faster = ratio >= 1;
    const char *first = faster ? right->label : left->label, *second = faster ? left->label : right->label;
    const char *sure = "";
    if (isfinite(c->b_faster_frac))
        sure = arena_printf(a, ", %.2f to %.2f with 90 %% confidence", faster ? c->ratio_lower : 1 / c->ratio_upper,
                            faster ? c->ratio_upper : 1 / c->ratio_lower);
    document_answer(document, arena_printf(a, "%s is %.2f times as fast as %s%s.", first, faster ? ratio : 1 / ratio,
                                           second, sure));
    double saved_s = c->a.result.latency_s[0] - c->b.result.latency_s[0];
    for (size_t i = 0; i < c->cause_count && i < 2 && fabs(c->causes[i].saved_s) > CAUSE_FRAC * fabs(saved_s); i++)
        document_answer(document, arena_printf(a, "%s makes %.0f %% of the difference.", c->causes[i].name,
                                               100 * c->causes[i].saved_s / saved_s));
    document_answer(document, arena_printf(a, "The GPU is idle for %.1f %% of the request on %s and %.1f %% on %s.",
                                           100 * c->a.result.idle_s[0] / c->a.result.latency_s[0], left->label,
                                           100 * c->b.result.idle_s[0] / c->b.result.latency_s[0], right->label));
    document_answer(document, arena_printf(a, "A request takes %s on %s and %s on %s.",
                                           unit_format(UNIT_JOULES, c->a.result.energy_j[0]).text, left->label,
                                           unit_format(UNIT_JOULES, c->b.result.energy_j[0]).text, right->label));
}

report_document *report_comparison(arena *a, const compared_design *left, const compared_design *right,
                                   const comparison *c, const char *command) {
    report_document *document = document_new(a, arena_printf(a, "%s against %s", left->label, right->label));
    document->date = arena_strdup(a, clock_date().text);
    document->version = INGOT_VERSION;
    document->question = arena_printf(a, "How do %s and %s differ on %s, batch %.0f?", left->label, right->label,
                                      left->setup->workload.name, left->setup->scenario.values[SCENARIO_BATCH]);
    answer(a, left, right, c, document);
    totals(a, left, right, c, document);
    causes(a, left, right, c, document);
    bounds(a, left, right, c, document);
    report_input *input = ARENA_NEW(a, report_input);
    report_bar *bars = ARENA_ARRAY(a, report_bar, 2);
    report_memory *memories = ARENA_ARRAY(a, report_memory, 2);
    bars[0].label = left->label;
    bars[1].label = right->label;
    memcpy(bars[0].category_s, c->a.category_s, sizeof bars[0].category_s);
    memcpy(bars[1].category_s, c->b.category_s, sizeof bars[1].category_s);
    memories[0] = memory_of(left, &c->a);
    memories[1] = memory_of(right, &c->b);
    *input = (report_input){.title = document->title,
                            .question = document->question,
                            .date = document->date,
                            .version = document->version,
                            .bars = bars,
                            .bar_count = 2,
                            .memories = memories,
                            .memory_count = 2};
    document_append(a, document, input, NULL);
    operators(a, left, right, c, document);
    document_section(document, "command", "Make this report again")->code = command;
    document_share_units(a, document);
    return document;
}
