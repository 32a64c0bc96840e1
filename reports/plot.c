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
            add_item(legend, i == CATEGORY_KV_REORDER ? "KV reorder" : op_category_name((op_category)i),
                     plot_category_colour((op_category)i), MARK_SWATCH);
}

plot_legend plot_legend_of(const report_input *input, report_figure figure) {
    plot_legend legend = {.count = 0};
    bool used[CATEGORY_COUNT] = {false};
    switch (figure) {
    case FIGURE_PARETO:
        add_lever_sets(&legend, input, figure);
        if (input->base)
            add_item(&legend, input->base->name ? input->base->name : "base", SVG_INK, MARK_RING);
        break;
    case FIGURE_TORNADO:
        add_lever_sets(&legend, input, figure);
        break;
    case FIGURE_CATEGORIES:
        for (size_t i = 0; i < input->bar_count; i++)
            for (int j = 0; j < CATEGORY_COUNT; j++)
                used[j] = used[j] || input->bars[i].category_s[j] > 0;
        add_categories(&legend, used);
        break;
    case FIGURE_ROOFLINE:
        for (size_t i = 0; i < input->operator_count; i++)
            if (input->operators[i].flops > 0)
                used[input->operators[i].category] = true;
        add_categories(&legend, used);
        break;
    case FIGURE_NONE:
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
    fprintf(out, "Stacked bars of %zu designs.", input->bar_count);
    for (size_t i = 0; i < input->bar_count; i++) {
        double total_s = 0;
        for (int j = 0; j < CATEGORY_COUNT; j++)
            total_s += isfinite(input->bars[i].category_s[j]) ? input->bars[i].category_s[j] : 0;
        fprintf(out, " %s: %s, idle %s.", input->bars[i].label, unit_format(UNIT_SECONDS, total_s).text,
                unit_format(UNIT_FRACTION, input->bars[i].category_s[CATEGORY_IDLE] / total_s).text);
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

void plot_describe(const report_input *input, report_figure figure, char **title, char **description) {
    static const char *const TITLES[] = {"", "Latency against energy", "Time by category", "Roofline",
                                         "Elasticity of latency by knob"};
    size_t bytes;
    *title = strdup(TITLES[figure]);
    FILE *out = open_memstream(description, &bytes);
    if (!*title || !out)
        abort();
    if (figure == FIGURE_PARETO)
        describe_pareto(out, input);
    else if (figure == FIGURE_CATEGORIES)
        describe_categories(out, input);
    else if (figure == FIGURE_ROOFLINE)
        describe_roofline(out, input);
    else
        fprintf(out, "Bars of %zu elasticities; the numbers are in the table below.", input->elasticity_count);
    if (fclose(out) != 0)
        abort();
}

/* ---- drawing ---- */

status plot_write(FILE *out, const report_input *input, report_figure figure, plot_format format, const char *id,
                  error *err) {
    static void (*const DRAW[])(const report_input *, plot_canvas *) = {NULL, plot_pareto, plot_categories,
                                                                        plot_roofline, plot_tornado};
    assert(figure != FIGURE_NONE);
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
