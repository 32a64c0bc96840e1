#include "reports/plot.h"

#include "reports/gnuplot.h"
#include "reports/plot_canvas.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

svg_colour plot_lever_colour(size_t lever_set) {
    return SVG_SERIES_1 + (svg_colour)(lever_set < SVG_SERIES_COUNT ? lever_set : SVG_SERIES_COUNT - 1);
}

legend_mark plot_lever_mark(size_t lever_set) {
    static const legend_mark MARKS[SVG_SERIES_COUNT] = {MARK_CIRCLE,        MARK_SQUARE,   MARK_TRIANGLE, MARK_DIAMOND,
                                                        MARK_TRIANGLE_DOWN, MARK_PENTAGON, MARK_CROSS,    MARK_PLUS};
    return MARKS[lever_set < SVG_SERIES_COUNT ? lever_set : SVG_SERIES_COUNT - 1];
}

svg_colour plot_category_colour(op_category category) {
    _Static_assert((int)CATEGORY_IDLE == (int)SVG_SERIES_COUNT, "a colour for each category, and a grey for idle");
    return category == CATEGORY_IDLE ? SVG_IDLE : SVG_SERIES_1 + (svg_colour)category;
}

const char *plot_category_label(op_category category) {
    return category == CATEGORY_KV_REORDER ? "KV reorder" : op_category_name(category);
}

enum { MEMORY_PARTS = 4 };

svg_colour plot_memory_colour(size_t part) {
    assert(part < MEMORY_PARTS);
    return SVG_SERIES_1 + (svg_colour)part;
}

/* ---- legends ---- */

static void add_item(plot_legend *legend, const char *label, svg_colour colour, legend_mark mark) {
    assert(legend->count < LEGEND_ITEMS_MAX);
    legend_item *item = &legend->items[legend->count++];
    snprintf(item->label, sizeof item->label, "%s", label);
    item->colour = colour;
    item->mark = mark;
}

/* Whether a figure shows a lever set. */
static bool lever_set_used(const report_input *input, report_figure figure, size_t lever_set) {
    for (size_t i = 0; i < input->elasticity_count && figure == FIGURE_TORNADO; i++)
        if (plot_lever_colour(input->elasticities[i].lever_set) == plot_lever_colour(lever_set))
            return true;
    return figure != FIGURE_TORNADO;
}

static void add_lever_sets(plot_legend *legend, const report_input *input, report_figure figure) {
    for (size_t i = 0; i < input->lever_set_count && i < SVG_SERIES_COUNT; i++) {
        if (!lever_set_used(input, figure, i))
            continue;
        bool other = i == SVG_SERIES_COUNT - 1 && input->lever_set_count > SVG_SERIES_COUNT;
        add_item(legend, other ? "other" : input->lever_sets[i], plot_lever_colour(i),
                 figure == FIGURE_TORNADO ? MARK_SWATCH : plot_lever_mark(i));
    }
}

static void add_categories(plot_legend *legend, const bool *used) {
    for (int i = 0; i < CATEGORY_COUNT; i++)
        if (used[i])
            add_item(legend, plot_category_label((op_category)i), plot_category_colour((op_category)i), MARK_SWATCH);
}

static void add_bar_categories(plot_legend *legend, const report_input *input) {
    bool used[CATEGORY_COUNT] = {false};
    for (size_t i = 0; i < input->bar_count; i++)
        for (int j = 0; j < CATEGORY_COUNT; j++)
            used[j] = used[j] || input->bars[i].category_s[j] > 0;
    add_categories(legend, used);
}

static void add_operator_categories(plot_legend *legend, const report_input *input) {
    bool used[CATEGORY_COUNT] = {false};
    for (size_t i = 0; i < input->operator_count; i++)
        if (input->operators[i].flops > 0)
            used[input->operators[i].category] = true;
    add_categories(legend, used);
}

static void add_strip_categories(plot_legend *legend, const report_input *input) {
    bool used[CATEGORY_COUNT] = {false};
    for (size_t i = 0; i < input->strip_count; i++)
        for (size_t cell = 0; cell < input->strips[i].cell_count; cell++)
            for (int j = 0; j < CATEGORY_COUNT; j++)
                used[j] = used[j] || input->strips[i].share[cell][j] > 0;
    add_categories(legend, used);
}

plot_legend plot_legend_of(const report_input *input, report_figure figure) {
    static const char *const PARTS[MEMORY_PARTS] = {"weights", "caches", "activations", "libraries"};
    plot_legend legend = {.count = 0};
    switch (figure) {
    case FIGURE_PARETO:
        add_lever_sets(&legend, input, figure);
        if (input->base)
            add_item(&legend, input->base->name ? input->base->name : "base", SVG_INK, MARK_RING);
        break;
    case FIGURE_TORNADO:
        add_lever_sets(&legend, input, figure);
        break;
    case FIGURE_LADDER:
        add_lever_sets(&legend, input, figure);
        add_item(&legend, "published", SVG_INK, MARK_RING);
        break;
    case FIGURE_CATEGORIES:
        add_bar_categories(&legend, input);
        break;
    case FIGURE_ROOFLINE:
        add_operator_categories(&legend, input);
        break;
    case FIGURE_TIMELINE:
        add_strip_categories(&legend, input);
        break;
    case FIGURE_MEMORY:
        for (size_t i = 0; i < MEMORY_PARTS; i++)
            add_item(&legend, PARTS[i], plot_memory_colour(i), MARK_SWATCH);
        break;
    case FIGURE_HEATMAP:
        add_item(&legend, "help each other", SVG_SERIES_1, MARK_SWATCH);
        add_item(&legend, "take from each other", SVG_SERIES_1 + 1, MARK_SWATCH);
        break;
    case FIGURE_NONE:
    case FIGURE_COUNT:
        break;
    }
    return legend;
}

/* ---- words ---- */

static void describe_pareto(FILE *out, const report_input *input) {
    fprintf(out, "Scatter plot of %zu designs by lever set", input->point_count);
    if (input->front_count > 0) {
        const report_design *first = &input->front[0];
        fprintf(out, "; %zu on the front are outlined, the fastest at %s and %s", input->front_count,
                unit_format(UNIT_SECONDS, first->latency_s).text, unit_format(UNIT_JOULES, first->energy_j).text);
    }
    fprintf(out, ".");
}

static void describe_categories(FILE *out, const report_input *input) {
    fprintf(out, "Stacked bars of %zu %s.", input->bar_count, input->bars_are_shares ? "shares of time" : "designs");
    for (size_t i = 0; i < input->bar_count; i++) {
        double total_s = 0;
        for (int j = 0; j < CATEGORY_COUNT; j++)
            total_s += isfinite(input->bars[i].category_s[j]) ? input->bars[i].category_s[j] : 0;
        fprintf(out, " %s:", input->bars[i].label);
        if (!input->bars_are_shares)
            fprintf(out, " %s,", unit_format(UNIT_SECONDS, total_s).text);
        fprintf(out, " idle %s.", unit_format(UNIT_FRACTION, input->bars[i].category_s[CATEGORY_IDLE] / total_s).text);
    }
}

static void describe_roofline(FILE *out, const report_input *input) {
    fprintf(out, "%zu operators under", input->operator_count);
    for (size_t i = 0; i < input->ceiling_count; i++) {
        const report_ceiling *roof = &input->ceilings[i];
        bool flat = roof->flops_per_s > 0;
        fprintf(out, "%s %s %s", i ? "," : "", roof->name,
                unit_format(flat ? UNIT_FLOPS_PER_SECOND : UNIT_BYTES_PER_SECOND,
                            flat ? roof->flops_per_s : roof->bytes_per_s)
                    .text);
    }
    fprintf(out, "; the size of a mark is its share of the time.");
}

static void describe_nothing(FILE *out, const report_input *input) {
    (void)out, (void)input;
}

static void describe_elasticities(FILE *out, const report_input *input) {
    fprintf(out, "Bars of %zu elasticities; the numbers are in the table below.", input->elasticity_count);
}

static void describe_timeline(FILE *out, const report_input *input) {
    fprintf(out, "Strips of %zu steps.", input->strip_count);
    for (size_t i = 0; i < input->strip_count; i++) {
        const report_strip *strip = &input->strips[i];
        double idle = 0;
        for (size_t cell = 0; cell < strip->cell_count; cell++)
            idle += strip->share[cell][CATEGORY_IDLE] / (double)strip->cell_count;
        fprintf(out, " %s: %s, idle %s.", strip->label, unit_format(UNIT_SECONDS, strip->duration_s).text,
                unit_format(UNIT_FRACTION, idle).text);
    }
}

static void describe_memory(FILE *out, const report_input *input) {
    fprintf(out, "Stacked bars of %zu designs' memory, each beside its capacity; the numbers are in the table below.",
            input->memory_count);
}

static void describe_heatmap(FILE *out, const report_input *input) {
    fprintf(out,
            "Table of %zu by %zu pairs of changes, coloured by how they act together; the numbers are in the table "
            "below.",
            input->interactions.row_count, input->interactions.column_count);
}

static void describe_ladder(FILE *out, const report_input *input) {
    fprintf(out, "Gains by lever on %zu tasks.", input->ladder_count);
    for (size_t i = 0; i < input->ladder_count; i++) {
        double best = 1;
        for (size_t j = 0; j < input->lever_set_count && j < REPORT_KNOBS_MAX; j++)
            best = fmax(best, input->ladders[i].gain[j]);
        fprintf(out, " %s: at most %.3g times.", input->ladders[i].label, best);
    }
}

void plot_describe(const report_input *input, report_figure figure, char **title, char **description) {
    static const struct {
        const char *title;
        void (*describe)(FILE *, const report_input *);
    } FIGURES[FIGURE_COUNT] = {
        [FIGURE_NONE] = {"", describe_nothing},
        [FIGURE_PARETO] = {"Latency against energy", describe_pareto},
        [FIGURE_CATEGORIES] = {"Time by category", describe_categories},
        [FIGURE_ROOFLINE] = {"Roofline", describe_roofline},
        [FIGURE_TORNADO] = {"Elasticity of latency by knob", describe_elasticities},
        [FIGURE_TIMELINE] = {"Timeline of a step", describe_timeline},
        [FIGURE_MEMORY] = {"Device memory", describe_memory},
        [FIGURE_HEATMAP] = {"How changes act together", describe_heatmap},
        [FIGURE_LADDER] = {"Gains by lever", describe_ladder},
    };
    size_t bytes;
    *title = strdup(FIGURES[figure].title);
    FILE *out = open_memstream(description, &bytes);
    if (!*title || !out)
        abort();
    FIGURES[figure].describe(out, input);
    if (fclose(out) != 0)
        abort();
}

/* ---- drawing ---- */

status plot_write(FILE *out, const report_input *input, report_figure figure, plot_format format, const char *id,
                  error *err) {
    static void (*const DRAW[FIGURE_COUNT])(const report_input *, plot_canvas *) = {
        NULL,          plot_pareto, plot_categories, plot_roofline, plot_tornado,
        plot_timeline, plot_memory, plot_heatmap,    plot_ladder};
    assert(figure > FIGURE_NONE && figure < FIGURE_COUNT);
    char *script = NULL, *drawing = NULL, *title = NULL, *description = NULL;
    size_t script_bytes = 0;
    plot_canvas canvas = {.format = format, .script = open_memstream(&script, &script_bytes)};
    if (!canvas.script)
        abort();
    DRAW[figure](input, &canvas);
    if (fclose(canvas.script) != 0)
        abort();
    status result = gnuplot_run(script, script_bytes, &drawing, err);
    if (result == STATUS_OK) {
        plot_describe(input, figure, &title, &description);
        svg_adapt(out, drawing, id, title, description);
    }
    free(script);
    free(drawing);
    free(title);
    free(description);
    return result;
}
