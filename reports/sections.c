#include "reports/sections.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* "hbm.bandwidth" for "hbm.bandwidth_bytes_per_s": the unit stands with every number. */
static const char *short_key(arena *memory, const char *key) {
    return arena_strndup(memory, key, unit_stem_of_key(key));
}

static const char *plain(arena *memory, double value) {
    return arena_strdup(memory, unit_format(UNIT_PLAIN, value).text);
}

static const char *lever_set_name(const report_input *input, size_t lever_set) {
    return lever_set < input->lever_set_count ? input->lever_sets[lever_set] : "";
}

/* Whether any design's latency has an interval. */
static bool has_intervals(const report_input *input) {
    for (size_t i = 0; i < input->front_count; i++)
        if (input->front[i].latency_low_s > 0)
            return true;
    return input->base && input->base->latency_low_s > 0;
}

static void put_design(arena *memory, report_table *table, const report_input *input, const report_design *design,
                       const char *name) {
    table_writer row = table_row(memory, table);
    row_text(&row, name);
    row_text(&row, design->levers);
    for (size_t i = 0; i < input->knob_count; i++)
        row_number(&row, unit_of_key(input->knob_keys[i]), design->knobs[i]);
    row_number(&row, UNIT_SECONDS, design->latency_s);
    if (has_intervals(input)) {
        row_number(&row, UNIT_SECONDS, design->latency_low_s > 0 ? design->latency_low_s : NAN);
        row_number(&row, UNIT_SECONDS, design->latency_low_s > 0 ? design->latency_high_s : NAN);
    }
    row_number(&row, UNIT_SECONDS, design->tpot_s);
    row_number(&row, UNIT_JOULES, design->energy_j);
    row_number(&row, UNIT_SQUARE_METRES, design->area_m2);
    row_number(&row, UNIT_DOLLARS, design->cost_usd);
    row_number(&row, UNIT_BYTES, design->peak_memory_bytes);
    row_number(&row, UNIT_FRACTION, design->idle_frac);
}

static void designs_table(arena *memory, report_section *section, const report_input *input, size_t shown) {
    report_table *table =
        section_table(memory, section,
                      shown < input->front_count ? "Designs spread over the front, and the base machine"
                                                 : "The designs on the front, and the base machine",
                      shown + 1);
    if (!input->base)
        table->caption = "Designs on the front, by latency";
    table_column(table, "Design", false);
    table_column(table, "Levers", false);
    for (size_t i = 0; i < input->knob_count; i++) {
        table_column(table, short_key(memory, input->knob_keys[i]), true);
        table->columns[table->column_count - 1].title = input->knob_keys[i];
    }
    static const char *const NUMBERS[] = {"Latency",  "from", "to",     "TPOT",    "Energy",
                                          "Die area", "Cost", "Memory", "GPU idle"};
    for (size_t i = 0; i < sizeof NUMBERS / sizeof NUMBERS[0]; i++) {
        bool is_end = i == 1 || i == 2; /* of the interval */
        if (is_end && !has_intervals(input))
            continue;
        table_column(table, NUMBERS[i], true);
        if (is_end)
            table->columns[table->column_count - 1].title = i == 1 ? "Latency, from (90 % interval)" : "Latency, to";
    }
    table->first_row_is_base = input->base != NULL;
    if (input->base)
        put_design(memory, table, input, input->base, input->base->name ? input->base->name : "base");
    for (size_t i = 0; i < shown; i++) { /* evenly over the front, both ends included */
        size_t at = shown > 1 ? i * (input->front_count - 1) / (shown - 1) : 0;
        const report_design *design = &input->front[at];
        put_design(memory, table, input, design, design->name ? design->name : arena_printf(memory, "%zu", at + 1));
    }
}

static void add_designs(arena *memory, report_document *all, const report_input *input) {
    if (input->front_count == 0 && input->point_count == 0)
        return;
    report_section *section = document_section(all, "designs", "Designs worth building");
    size_t shown = input->front_count < REPORT_FRONT_ROWS_MAX ? input->front_count : REPORT_FRONT_ROWS_MAX;
    section->figure = FIGURE_PARETO;
    section_paragraph(
        section, arena_printf(memory,
                              "Of %s feasible designs %s are on the Pareto front of %s: no other design is at least "
                              "as good in all of these and better in one.",
                              plain(memory, input->feasible_count), plain(memory, (double)input->front_count),
                              input->objectives ? input->objectives : "its objectives"));
    if (input->infeasible_count > 0)
        section_paragraph(section, arena_printf(memory, "%s more designs are not feasible%s%s.",
                                                plain(memory, input->infeasible_count),
                                                input->infeasible_reason ? "; most often: " : "",
                                                input->infeasible_reason ? input->infeasible_reason : ""));
    if (shown < input->front_count)
        section_paragraph(
            section,
            arena_printf(memory, "The table shows %zu of them, from the fastest to the slowest; the plot shows all.",
                         shown));
    if (has_intervals(input))
        section_paragraph(
            section, "Whiskers, and the columns from and to: nine of ten measurements are expected within. They are "
                     "as wide, in proportion, as the base machine's under the same levers.");
    if (shown > 0 || input->base)
        designs_table(memory, section, input, shown);
}

/* Whether any bar has time in the category. */
static bool has_category(const report_input *input, int category) {
    for (size_t i = 0; i < input->bar_count; i++)
        if (!(input->bars[i].category_s[category] == 0))
            return true;
    return false;
}

static void add_categories(arena *memory, report_document *all, const report_input *input) {
    if (input->bar_count == 0)
        return;
    report_section *section = document_section(all, "time", "Where the time goes");
    section->figure = FIGURE_CATEGORIES;
    section_paragraph(section, "Categories add up to the latency. Idle is time in which the GPU has nothing to run: it "
                               "waits for launches or for the host.");
    report_table *table = section_table(memory, section, "Time by category", input->bar_count);
    table_column(table, "Design", false);
    table_column(table, "Latency", true);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        if (has_category(input, i))
            table_column(table, plot_category_label((op_category)i), true);
    for (size_t i = 0; i < input->bar_count; i++) {
        const report_bar *bar = &input->bars[i];
        double total_s = 0;
        for (int j = 0; j < CATEGORY_COUNT; j++)
            total_s += isfinite(bar->category_s[j]) ? bar->category_s[j] : 0;
        table_writer row = table_row(memory, table);
        row_text(&row, bar->label);
        row_number(&row, UNIT_SECONDS, total_s);
        for (int j = 0; j < CATEGORY_COUNT; j++)
            if (has_category(input, j))
                row_number(&row, UNIT_SECONDS, bar->category_s[j]);
    }
}

static void add_roofline(arena *memory, report_document *all, const report_input *input) {
    if (input->operator_count == 0)
        return;
    report_section *section = document_section(all, "roofline", "Operators under the roof");
    section->figure = FIGURE_ROOFLINE;
    section_paragraph(section,
                      arena_printf(memory,
                                   "%s%sOperators far under the roof leave time on the table. The size of a mark is "
                                   "its share of the time; operators without arithmetic are in the table only.",
                                   input->roofline_machine ? input->roofline_machine : "",
                                   input->roofline_machine ? ". " : ""));
    report_table *table =
        section_table(memory, section, "Operators, all launches of a request together", input->operator_count);
    static const char *const HEADERS[] = {"Operator", "Category",  "Launches", "FLOPs",     "Bytes",
                                          "Time",     "Intensity", "Rate",     "Bandwidth", "Bound"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 2 && i <= 8);
    for (size_t i = 0; i < input->operator_count; i++) {
        const report_operator *o = &input->operators[i];
        table_writer row = table_row(memory, table);
        row_text(&row, o->name);
        row_text(&row, op_category_name(o->category));
        row_number(&row, UNIT_PLAIN, o->count);
        row_number(&row, UNIT_FLOPS, o->flops);
        row_number(&row, UNIT_BYTES, o->bytes);
        row_number(&row, UNIT_SECONDS, o->time_s);
        row_number(&row, UNIT_FLOPS_PER_BYTE, o->bytes > 0 ? o->flops / o->bytes : NAN);
        row_number(&row, UNIT_FLOPS_PER_SECOND, o->time_s > 0 ? o->flops / o->time_s : NAN);
        row_number(&row, UNIT_BYTES_PER_SECOND, o->time_s > 0 ? o->bytes / o->time_s : NAN);
        row_text(&row, o->bound);
    }
}

/* A least-squares fit tells no more than these: smaller ones are noise. */
static const double EFFECT_STEP = 1e-3;

static const char *elasticity_text(arena *memory, double elasticity) {
    if (isnan(elasticity))
        return "–";
    if (fabs(elasticity) < EFFECT_STEP / 2)
        return "0";
    return arena_printf(memory, "%s%.3f", elasticity < 0 ? "−" : "", fabs(elasticity));
}

const char *sections_effect_text(arena *memory, double effect) {
    if (isnan(effect))
        return "–";
    if (fabs(effect) < EFFECT_STEP / 2)
        return "0 %";
    return arena_printf(memory, "%s%s", effect > 0 ? "+" : "", unit_format(UNIT_FRACTION, effect).text);
}

static void add_sensitivity(arena *memory, report_document *all, const report_input *input) {
    if (input->elasticity_count == 0)
        return;
    report_section *section = document_section(all, "knobs", "Which knob matters most");
    section->figure = FIGURE_TORNADO;
    section_paragraph(section,
                      "An elasticity of −0.5 means: ten percent more of the knob, about five percent less of the "
                      "objective. Least squares on logarithms over the swept designs of a lever set; knobs are "
                      "in the order of their effect over the swept range.");
    report_table *table =
        section_table(memory, section, "Elasticities and the effect over the swept range", input->elasticity_count);
    static const char *const HEADERS[] = {"Levers", "Objective", "Knob", "From", "To", "Elasticity", "Effect"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 3);
    for (size_t i = 0; i < input->elasticity_count; i++) {
        const report_elasticity *e = &input->elasticities[i];
        table_writer row = table_row(memory, table);
        row_text(&row, lever_set_name(input, e->lever_set));
        row_text(&row, e->objective);
        row_text(&row, e->knob);
        row_number(&row, unit_of_key(e->knob), e->low);
        row_number(&row, unit_of_key(e->knob), e->high);
        row_rounded(&row, e->elasticity, elasticity_text(memory, e->elasticity));
        row_rounded(&row, e->effect, sections_effect_text(memory, e->effect));
    }
}

static void scores_table(arena *memory, report_section *section, const report_input *input) {
    report_table *table = section_table(memory, section, "Prediction errors", input->score_count);
    static const char *const HEADERS[] = {
        "Kind", "Rows", "Mean error", "Median error", "Bias", "90th percentile", "Kendall's tau"};
    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        table_column(table, HEADERS[i], i >= 1);
    for (size_t i = 0; i < input->score_count; i++) {
        const score *e = &input->scores[i].errors;
        table_writer row = table_row(memory, table);
        row_text(&row, input->scores[i].kind);
        row_number(&row, UNIT_PLAIN, (double)e->n);
        row_number(&row, UNIT_FRACTION, e->mean_abs_err);
        row_number(&row, UNIT_FRACTION, e->median_abs_err);
        row_change(&row, e->bias);
        row_number(&row, UNIT_FRACTION, e->p90);
        row_number(&row, UNIT_PLAIN, e->kendall_tau);
    }
}

static void put_pair(table_writer *row, unit u, double measured, double predicted, bool scored) {
    row_number(row, u, measured);
    row_number(row, u, predicted);
    row_change(row, scored && measured > 0 ? predicted / measured - 1 : NAN);
}

static void steps_table(arena *memory, report_section *section, const report_input *input) {
    report_table *table = section_table(memory, section, "Whole steps, measured against predicted", input->step_count);
    static const char *const WHAT[] = {"Busy", "Wall", "Kernels"}, *const WHICH[] = {"measured", "predicted", "error"};
    table_column(table, "Step", false);
    for (size_t i = 0; i < 9; i++) {
        const char *full = arena_printf(memory, "%s, %s", WHAT[i / 3], WHICH[i % 3]);
        table_column(table, i % 3 == 0 ? full : WHICH[i % 3], true);
        table->columns[table->column_count - 1].title = full;
    }
    for (size_t i = 0; i < input->step_count; i++) {
        const report_step *step = &input->steps[i];
        table_writer row = table_row(memory, table);
        row_text(&row, step->name);
        put_pair(&row, UNIT_SECONDS, step->measured_busy_s, step->predicted_busy_s, true);
        put_pair(&row, UNIT_SECONDS, step->measured_wall_s, step->predicted_wall_s, !step->host_bound);
        put_pair(&row, UNIT_PLAIN, step->measured_kernels, step->predicted_kernels, true);
    }
}

static void add_validation(arena *memory, report_document *all, const report_input *input) {
    if (input->score_count == 0 && input->step_count == 0)
        return;
    report_section *section = document_section(all, "validation", "How good the predictions are");
    section_paragraph(
        section, arena_printf(memory,
                              "Scored against%s%s%s%s. Errors are predicted / measured − 1; the mean, median and "
                              "90th percentile are of their magnitude, the bias is their signed median.",
                              input->validation_date ? " measurements of " : " measurements",
                              input->validation_date ? input->validation_date : "", input->validation_data ? ": " : "",
                              input->validation_data ? input->validation_data : ""));
    if (input->score_count > 0)
        scores_table(memory, section, input);
    if (input->step_count > 0)
        steps_table(memory, section, input);
}

static void add_assumptions(arena *memory, report_document *all, const report_input *input) {
    if (input->assumption_count == 0)
        return;
    report_section *section = document_section(all, "assumptions", "Assumptions and their sources");
    report_table *table = section_table(memory, section, "", input->assumption_count);
    table_column(table, "Assumption", false);
    table_column(table, "Source", false);
    for (size_t i = 0; i < input->assumption_count; i++) {
        table_writer row = table_row(memory, table);
        row_text(&row, input->assumptions[i].text);
        row_text(&row, input->assumptions[i].source);
    }
}

static void add_command(arena *memory, report_document *all, const report_input *input) {
    if (!input->command)
        return;
    report_section *section = document_section(all, "command", "Make this report again");
    section_paragraph(section, arena_printf(memory, "ingot%s%s%s%s.", input->version ? " " : "",
                                            input->version ? input->version : "", input->date ? ", " : "",
                                            input->date ? input->date : ""));
    section->code = input->command;
}

void sections_append(arena *memory, report_document *document, const report_input *input) {
    assert(input->knob_count <= REPORT_KNOBS_MAX);
    add_designs(memory, document, input);
    add_categories(memory, document, input);
    sections_add_timeline(memory, document, input);
    add_roofline(memory, document, input);
    sections_add_memory(memory, document, input);
    add_sensitivity(memory, document, input);
    sections_add_interactions(memory, document, input);
    add_validation(memory, document, input);
    add_assumptions(memory, document, input);
    add_command(memory, document, input);
}
