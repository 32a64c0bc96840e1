#include "cli/report_answer.h"

#include "cli/findings.h"

#include <math.h>

enum { FRONT_ROWS_MAX = 25 };

static void pair(arena *a, report_table *table, const char *name, unit u, double value, double base) {
    table_writer row = table_row(a, table);
    row_text(&row, name);
    row_number(&row, u, value);
    row_number(&row, u, base);
    row_change(&row, base != 0 ? value / base - 1 : NAN);
}

/* A design beside the base machine under the same batch and levers. */
static void design_table(arena *a, const sweep *s, const explorer *e, const design *d, const char *caption,
                         report_section *section) {
    const design *base = explorer_base(e, d->machine_index, d->batch_index, d->lever_index);
    report_table *table = section_table(a, section, caption, s->knob_count + METRIC_COUNT);
    static const char *const HEADERS[] = {"What", "Design", "Base", "Change"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i > 0);
    for (size_t k = 0; k < s->knob_count; k++) {
        const char *key = s->knobs[k].key->path;
        pair(a, table, key, unit_of_key(key), d->knobs[k], base->knobs[k]);
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        if (!isnan(d->values.of[m]))
            pair(a, table, metric_get((metric)m)->name, metric_get((metric)m)->unit, d->values.of[m],
                 base->known ? base->values.of[m] : NAN);
}

static void front_table(arena *a, const sweep *s, const design_answer *answer, report_section *section) {
    size_t shown = answer->front_count < FRONT_ROWS_MAX ? answer->front_count : FRONT_ROWS_MAX;
    report_table *table = section_table(a, section,
                                        shown < answer->front_count ? "Designs spread over the front of what was asked"
                                                                    : "The front of what was asked",
                                        shown);
    table_column(table, "Levers", false);
    table_column(table, "Batch", true);
    for (size_t g = 0; g < s->goal_count; g++)
        table_column(table, metric_get(s->goals[g])->name, true);
    for (size_t k = 0; k < s->knob_count; k++)
        table_column(table, knob_text(a, s->knobs[k].key->path), true);
    for (size_t i = 0; i < shown; i++) {
        const design *d = &answer->front[shown > 1 ? i * (answer->front_count - 1) / (shown - 1) : 0];
        table_writer row = table_row(a, table);
        row_text(&row, design_levers(s, d));
        row_number(&row, UNIT_PLAIN, (double)design_batch(s, d));
        for (size_t g = 0; g < s->goal_count; g++)
            row_number(&row, metric_get(s->goals[g])->unit, d->values.of[s->goals[g]]);
        for (size_t k = 0; k < s->knob_count; k++)
            row_number(&row, unit_of_key(s->knobs[k].key->path), d->knobs[k]);
    }
}

static const char *knobs_of(arena *a, const sweep *s, const design *d) {
    const char *text = "";
    for (size_t k = 0; k < s->knob_count; k++)
        text = arena_printf(a, "%s, %s %s", text, knob_text(a, s->knobs[k].key->path),
                            unit_format(unit_of_key(s->knobs[k].key->path), d->knobs[k]).text);
    return text;
}

void report_answer_append(arena *a, const sweep *s, const explorer *e, const design_answer *answer,
                          const char *question, report_document *document) {
    report_section *section = document_section(document, "answer", "The design that was asked for");
    section_paragraph(section, arena_printf(a, "Asked: %s. Of %s designs %s were evaluated, %s are feasible.", question,
                                            unit_format(UNIT_PLAIN, answer->size).text,
                                            unit_format(UNIT_PLAIN, (double)answer->evaluated).text,
                                            unit_format(UNIT_PLAIN, (double)answer->feasible).text));
    if (answer->found) {
        const metric_info *goal = metric_get(s->goals[0]);
        const design *d = &answer->best;
        document_answer(document,
                        arena_printf(a, "Best by %s: %s%s, at %s.", goal->name, design_levers(s, d), knobs_of(a, s, d),
                                     unit_format(goal->unit, d->values.of[s->goals[0]]).text));
        design_table(a, s, e, d, "The best design beside the base machine under the same levers", section);
        if (s->goal_count > 1)
            front_table(a, s, answer, section);
    } else {
        document_answer(document, "No design keeps what was asked.");
        if (answer->missed)
            design_table(a, s, e, &answer->nearest, arena_printf(a, "The nearest miss: %s", answer->nearest.reason),
                         section);
    }
    for (size_t i = 0; i < section->table_count; i++)
        table_share_units(a, &section->tables[i]);
}
