/* What the figures share: a gnuplot script with fixed margins, axes with round ticks, and labels that keep off each
 * other. Private to reports/plot*.c. */
#ifndef INGOT_PLOT_CANVAS_H
#define INGOT_PLOT_CANVAS_H

#include "core/base/units.h"
#include "reports/plot.h"

#include <stdbool.h>
#include <stdio.h>

enum { AXIS_TICKS_MAX = 24, TEXT_PX = 13, SMALL_TEXT_PX = 12, CANVAS_OBSTACLES_MAX = 256 };

typedef struct plot_axis {
    bool logarithmic;
    double low, high;             /* in SI */
    unit_scale scale;             /* of what is drawn */
    double ticks[AXIS_TICKS_MAX]; /* in SI */
    size_t tick_count;
} plot_axis;

/* An axis over [low, high], widened a little; logarithmic when `logarithmic` or when the values span much. */
plot_axis axis_over(unit u, double low, double high, bool logarithmic);
/* From 0 at the axis' low end to 1 at its high end. */
double axis_position(const plot_axis *axis, double value);

typedef struct box {
    double left, top, right, bottom; /* px from the top left corner */
} box;

typedef struct plot_canvas {
    FILE *script;
    plot_format format;
    int width_px, height_px;
    int left_px, right_px, top_px, bottom_px; /* margins */
    plot_axis x, y;
    box obstacles[CANVAS_OBSTACLES_MAX];
    size_t obstacle_count;
} plot_canvas;

int canvas_width_px(plot_format format);
/* Terminal, margins, no frame, no key. Height may be set before. */
void canvas_begin(plot_canvas *canvas);
/* Ranges, ticks, grid and names of both axes, from canvas->x and canvas->y. The y axis' name stands above it. */
void canvas_axes(plot_canvas *canvas, const char *x_name, const char *y_name);

/* A data point's place in px. */
void canvas_place(const plot_canvas *canvas, double x, double y, double *left_px, double *top_px);

typedef enum text_anchor { ANCHOR_LEFT, ANCHOR_CENTRE, ANCHOR_RIGHT } text_anchor;

/* Text with its baseline at a place in px; `degrees` turns it. */
void canvas_text(const plot_canvas *canvas, double left_px, double top_px, text_anchor anchor, svg_colour colour,
                 int size_px, double degrees, const char *text);

/* Width that a text takes, about: fonts differ. */
double canvas_text_width(const char *text, int size_px);
/* The text cut to fit a width, with "…" where it was cut. `bytes` of room in `out`. */
void canvas_text_fit(const char *text, int size_px, double width_px, char *out, size_t bytes);

/* Keeps labels off an area. */
void canvas_occupy(plot_canvas *canvas, box area);
/* Whether an area lies in the plot and off everything that was placed. */
bool canvas_is_free(const plot_canvas *canvas, box area);
/* Labels a mark of the given radius beside, above or below it, where there is room; false when there is none. */
bool canvas_label_mark(plot_canvas *canvas, double left_px, double top_px, double radius_px, svg_colour colour,
                       const char *text);

/* A text as a gnuplot string constant. */
void canvas_quote(FILE *script, const char *text);

/* gnuplot's number of a mark's shape. */
int canvas_point_type(legend_mark mark);

/* The figures' scripts. */
void plot_pareto(const report_input *input, plot_canvas *canvas);
void plot_categories(const report_input *input, plot_canvas *canvas);
void plot_roofline(const report_input *input, plot_canvas *canvas);
void plot_tornado(const report_input *input, plot_canvas *canvas);
void plot_timeline(const report_input *input, plot_canvas *canvas);
void plot_memory(const report_input *input, plot_canvas *canvas);
void plot_heatmap(const report_input *input, plot_canvas *canvas);
void plot_ladder(const report_input *input, plot_canvas *canvas);

#endif
