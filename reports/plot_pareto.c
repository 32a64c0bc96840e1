/* Latency against energy: the cloud of designs, the front and the base machine. */
#include "core/pareto.h"
#include "reports/plot_canvas.h"

#include <math.h>
#include <stdlib.h>

enum { DRAWN_POINTS_MAX = 1200, DRAWN_FRONT_MAX = 300 };

static const double CLOUD_SIZE = 0.42, FRONT_SIZE = 0.8, HALO_SIZE = 1.05, BASE_SIZE = 1.15; /* of gnuplot's points */
static const unsigned CLOUD_TRANSPARENCY = 0x8c;                                             /* of 0xff */

static bool drawable(double latency_s, double energy_j) {
    return latency_s > 0 && energy_j > 0 && isfinite(latency_s) && isfinite(energy_j);
}

typedef struct extent {
    double low_s, high_s, low_j, high_j;
} extent;

static void extend(extent *e, double latency_s, double energy_j) {
    if (!drawable(latency_s, energy_j))
        return;
    e->low_s = fmin(e->low_s, latency_s);
    e->high_s = fmax(e->high_s, latency_s);
    e->low_j = fmin(e->low_j, energy_j);
    e->high_j = fmax(e->high_j, energy_j);
}

static extent extent_of(const report_input *input) {
    extent e = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t i = 0; i < input->point_count; i++)
        extend(&e, input->points[i].latency_s, input->points[i].energy_j);
    for (size_t i = 0; i < input->front_count; i++)
        extend(&e, input->front[i].latency_s, input->front[i].energy_j);
    if (input->base)
        extend(&e, input->base->latency_s, input->base->energy_j);
    if (!(e.low_s <= e.high_s))
        e = (extent){1, 1, 1, 1};
    return e;
}

/* Points that would hide each other are drawn once: one a cell of a grid over the plot, for each colour; the cells grow
 * until few enough points are left. Returns a flag a point. */
static bool *thin(const plot_canvas *c, const report_point *points, size_t count, size_t limit) {
    bool *drawn = calloc(count + 1, sizeof *drawn);
    if (!drawn)
        abort();
    for (double cell_px = 1.5;; cell_px *= 1.25) {
        size_t columns = (size_t)(c->width_px / cell_px) + 2, rows = (size_t)(c->height_px / cell_px) + 2, kept = 0;
        bool *taken = calloc(columns * rows * SVG_SERIES_COUNT, sizeof *taken);
        if (!taken)
            abort();
        for (size_t i = 0; i < count; i++) {
            double x, y;
            drawn[i] = false;
            if (!drawable(points[i].latency_s, points[i].energy_j))
                continue;
            canvas_place(c, points[i].latency_s, points[i].energy_j, &x, &y);
            size_t series = plot_lever_colour(points[i].lever_set) - SVG_SERIES_1;
            size_t cell = ((size_t)(y / cell_px) * columns + (size_t)(x / cell_px)) * SVG_SERIES_COUNT + series;
            drawn[i] = !taken[cell];
            taken[cell] = true;
            kept += drawn[i];
        }
        free(taken);
        if (kept <= limit)
            return drawn;
    }
}

/* Data blocks $NAME1, $NAME2, ... one a colour. */
static void write_series(const plot_canvas *c, const char *name, const report_point *points, size_t count,
                         size_t limit) {
    bool *drawn = thin(c, points, count, limit);
    for (size_t series = 0; series < SVG_SERIES_COUNT; series++) {
        fprintf(c->script, "$%s%zu << EOD\n", name, series);
        for (size_t i = 0; i < count; i++)
            if (drawn[i] && plot_lever_colour(points[i].lever_set) - SVG_SERIES_1 == series)
                fprintf(c->script, "%.6g %.6g\n", points[i].latency_s, points[i].energy_j);
        fprintf(c->script, "NaN NaN\nEOD\n"); /* a block may not be empty */
    }
    free(drawn);
}

static report_point *points_of(const report_design *designs, size_t count) {
    report_point *points = calloc(count + 1, sizeof *points);
    if (!points)
        abort();
    for (size_t i = 0; i < count; i++)
        points[i] = (report_point){designs[i].latency_s, designs[i].energy_j, designs[i].lever_set};
    return points;
}

/* The lower left edge: the designs on the front that are best in these two objectives, joined by steps. */
static void write_edge(const plot_canvas *c, const report_input *input) {
    pareto_point *edge = calloc(input->front_count + 1, sizeof *edge);
    if (!edge)
        abort();
    size_t count = 0;
    for (size_t i = 0; i < input->front_count; i++)
        if (drawable(input->front[i].latency_s, input->front[i].energy_j))
            edge[count++] = (pareto_point){{input->front[i].latency_s, input->front[i].energy_j}, (int64_t)i};
    count = pareto_filter(edge, count, 2);
    fprintf(c->script, "$edge << EOD\n");
    for (size_t i = 0; i < count; i++)
        fprintf(c->script, "%.6g %.6g\n", edge[i].objectives[0], edge[i].objectives[1]);
    fprintf(c->script, "NaN NaN\nEOD\n");
    free(edge);
}

/* Whiskers: the interval of each design's latency, where it is known. */
static bool write_intervals(const plot_canvas *c, const report_input *input) {
    bool any = false;
    fprintf(c->script, "$intervals << EOD\n");
    for (size_t i = 0; i <= input->front_count; i++) {
        const report_design *d = i < input->front_count ? &input->front[i] : input->base;
        if (!d || !drawable(d->latency_s, d->energy_j) || !(d->latency_low_s > 0) || !isfinite(d->latency_high_s))
            continue;
        fprintf(c->script, "%.6g %.6g %.6g %.6g\n", d->latency_s, d->energy_j, fmax(d->latency_low_s, c->x.low),
                fmin(d->latency_high_s, c->x.high));
        any = true;
    }
    fprintf(c->script, "NaN NaN NaN NaN\nEOD\n");
    return any;
}

static void label_design(plot_canvas *c, const report_design *design, const char *text) {
    double x, y;
    if (!design || !drawable(design->latency_s, design->energy_j))
        return;
    canvas_place(c, design->latency_s, design->energy_j, &x, &y);
    canvas_label_mark(c, x, y, 7, SVG_INK, text);
}

static void label_designs(plot_canvas *c, const report_input *input) {
    double x, y;
    const report_design *leanest = NULL;
    for (size_t i = 0; i < input->front_count; i++) {
        const report_design *design = &input->front[i];
        if (!drawable(design->latency_s, design->energy_j))
            continue;
        canvas_place(c, design->latency_s, design->energy_j, &x, &y);
        canvas_occupy(c, (box){x - 5, y - 5, x + 5, y + 5});
        if (!leanest || design->energy_j < leanest->energy_j)
            leanest = design;
    }
    label_design(c, input->base, input->base && input->base->name ? input->base->name : "base");
    if (input->front_count > 0)
        label_design(c, &input->front[0], "fastest");
    if (leanest && leanest != &input->front[0])
        label_design(c, leanest, "least energy");
}

static void write_plot_command(const plot_canvas *c, const report_input *input, bool intervals) {
    FILE *script = c->script;
    const char *separator = "plot ";
    for (size_t series = 0; series < SVG_SERIES_COUNT; series++) {
        fprintf(script, "%s$cloud%zu using 1:2 with points pt %d ps %g lc rgb '#%02x%s'", separator, series,
                canvas_point_type(plot_lever_mark(series)), CLOUD_SIZE, CLOUD_TRANSPARENCY,
                svg_colour_code(SVG_SERIES_1 + (svg_colour)series) + 1);
        separator = ", ";
    }
    if (intervals)
        fprintf(script, ", $intervals using 1:2:3:4 with xerrorbars pt -1 lw 1 lc rgb '%s'",
                svg_colour_code(SVG_MUTED));
    fprintf(script, ", $edge using 1:2 with steps lw 1.2 lc rgb '%s'", svg_colour_code(SVG_INK));
    for (size_t series = 0; series < SVG_SERIES_COUNT; series++) {
        int type = canvas_point_type(plot_lever_mark(series));
        fprintf(script, ", $front%zu using 1:2 with points pt %d ps %g lc rgb '%s'", series, type, HALO_SIZE,
                svg_colour_code(SVG_INK));
        fprintf(script, ", $front%zu using 1:2 with points pt %d ps %g lc rgb '%s'", series, type, FRONT_SIZE,
                svg_colour_code(SVG_SERIES_1 + (svg_colour)series));
    }
    if (input->base && drawable(input->base->latency_s, input->base->energy_j))
        fprintf(script, ", $base using 1:2 with points pt 6 lw 2 ps %g lc rgb '%s'", BASE_SIZE,
                svg_colour_code(SVG_INK));
    fprintf(script, "\n");
}

void plot_pareto(const report_input *input, plot_canvas *c) {
    c->height_px = c->format == PLOT_WIDE ? 520 : 380;
    c->left_px = 46, c->right_px = 8, c->top_px = 30, c->bottom_px = 50;
    canvas_begin(c);
    extent e = extent_of(input);
    c->x = axis_over(UNIT_SECONDS, e.low_s, e.high_s, false);
    c->y = axis_over(UNIT_JOULES, e.low_j, e.high_j, false);
    canvas_axes(c, "Latency", "Energy a request");
    report_point *front = points_of(input->front, input->front_count);
    write_series(c, "cloud", input->points, input->point_count, DRAWN_POINTS_MAX);
    write_series(c, "front", front, input->front_count, DRAWN_FRONT_MAX);
    free(front);
    write_edge(c, input);
    if (input->base)
        fprintf(c->script, "$base << EOD\n%.6g %.6g\nEOD\n", input->base->latency_s, input->base->energy_j);
    label_designs(c, input);
    write_plot_command(c, input, write_intervals(c, input));
}
