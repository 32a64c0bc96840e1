/* The figures of a report, drawn by gnuplot as SVG elements that belong to the page (reports/svg.h). */
#ifndef INGOT_PLOT_H
#define INGOT_PLOT_H

#include "reports/report.h"
#include "reports/svg.h"

#include <stdio.h>

typedef enum report_figure {
    FIGURE_NONE,
    FIGURE_PARETO,     /* latency against energy, by lever set, front marked */
    FIGURE_CATEGORIES, /* time by category, a stacked bar a design */
    FIGURE_ROOFLINE,   /* operators under the machine's ceilings */
    FIGURE_TORNADO,    /* elasticities of latency, by knob and lever set */
    FIGURE_TIMELINE,   /* steps by category in the order of time */
    FIGURE_MEMORY,     /* what fills the device memory, a stacked bar a design */
    FIGURE_HEATMAP,    /* how changes act together */
    FIGURE_LADDER,     /* gains by lever, a row a task */
    FIGURE_COUNT
} report_figure;

/* A page carries each figure twice, and shows the one that fits: text keeps its size on a phone. */
typedef enum plot_format { PLOT_WIDE, PLOT_NARROW } plot_format;

/* Writes the figure with ids that begin with `id`. STATUS_ENVIRONMENT: no gnuplot. The input must have the figure's
 * rows (asserted). */
status plot_write(FILE *out, const report_input *input, report_figure figure, plot_format format, const char *id,
                  error *err);

/* One sentence for those who do not see the figure, and its title; the caller frees both. */
void plot_describe(const report_input *input, report_figure figure, char **title, char **description);

enum { LEGEND_ITEMS_MAX = 16, LEGEND_LABEL_BYTES = 96 };

typedef enum legend_mark {
    MARK_CIRCLE,
    MARK_SQUARE,
    MARK_TRIANGLE,
    MARK_DIAMOND,
    MARK_TRIANGLE_DOWN,
    MARK_PENTAGON,
    MARK_CROSS,
    MARK_PLUS,
    MARK_SWATCH, /* a filled area */
    MARK_RING,
    MARK_COUNT
} legend_mark;

typedef struct legend_item {
    char label[LEGEND_LABEL_BYTES];
    svg_colour colour;
    legend_mark mark;
} legend_item;

typedef struct plot_legend {
    legend_item items[LEGEND_ITEMS_MAX];
    size_t count;
} plot_legend;

/* Legends are the page's text, not the drawing's, so that they wrap. */
plot_legend plot_legend_of(const report_input *input, report_figure figure);

/* Lever sets beyond the palette share the last colour and the name "other". */
svg_colour plot_lever_colour(size_t lever_set);
legend_mark plot_lever_mark(size_t lever_set);
svg_colour plot_category_colour(op_category category);
const char *plot_category_label(op_category category); /* "KV reorder" */
svg_colour plot_memory_colour(size_t part);            /* weights, caches, activations, libraries */

#endif
