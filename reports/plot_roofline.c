/* The roofline: operators by arithmetic intensity and achieved rate, under the machine's ceilings
 * (S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model", CACM 52(4), 2009). */
#include "reports/plot_canvas.h"

#include <math.h>
#include <stdlib.h>

enum { LABELLED_OPERATORS_MAX = 10, SLOPE_TRIES = 60 };

static const double SMALLEST_MARK = 0.5, LARGEST_MARK = 2.6; /* of gnuplot's points */
static const double POINT_RADIUS_PX = 4.5;                   /* of a mark of size 1 at 13 px */

static bool drawable(const report_operator *o) {
    return o->flops > 0 && o->bytes > 0 && o->time_s > 0;
}

static double highest(const report_input *input, bool flat) {
    double top = 0;
    for (size_t i = 0; i < input->ceiling_count; i++) {
        const report_ceiling *roof = &input->ceilings[i];
        top = fmax(top, flat ? roof->flops_per_s : roof->bytes_per_s);
    }
    return top;
}

/* Decades that hold every operator and the ridge. */
static void set_axes(const report_input *input, plot_canvas *c) {
    double peak = highest(input, true), bandwidth = highest(input, false);
    double low_x = INFINITY, high_x = 0, low_y = INFINITY, high_y = 0;
    if (peak > 0 && bandwidth > 0) {
        low_x = peak / bandwidth / 100;
        high_x = peak / bandwidth * 4;
        high_y = peak;
        low_y = peak / 1000;
    }
    for (size_t i = 0; i < input->operator_count; i++) {
        const report_operator *o = &input->operators[i];
        if (!drawable(o))
            continue;
        low_x = fmin(low_x, o->flops / o->bytes);
        high_x = fmax(high_x, o->flops / o->bytes);
        low_y = fmin(low_y, o->flops / o->time_s);
        high_y = fmax(high_y, o->flops / o->time_s);
    }
    if (!(low_x < high_x && low_y < high_y))
        low_x = 1, high_x = 1000, low_y = 1e12, high_y = 1e15;
    c->x = axis_over(UNIT_PLAIN, low_x / 1.5, high_x * 1.5, true);
    c->y = axis_over(UNIT_FLOPS_PER_SECOND, low_y / 1.5, high_y * 1.6, true);
    canvas_axes(c, "Arithmetic intensity (FLOP/B)", "Achieved rate");
}

/* A flat roof begins at the fastest memory's slope, a slope ends at the highest roof. */
static void write_ceilings(const report_input *input, plot_canvas *c) {
    double peak = highest(input, true), bandwidth = highest(input, false);
    for (size_t i = 0; i < input->ceiling_count; i++) {
        const report_ceiling *roof = &input->ceilings[i];
        bool flat = roof->flops_per_s > 0;
        double from = flat && bandwidth > 0 ? roof->flops_per_s / bandwidth : c->x.low;
        double to = !flat && peak > 0 ? peak / roof->bytes_per_s : c->x.high;
        if (!flat) /* it enters at the bottom or at the left */
            from = fmax(c->x.low, c->y.low / roof->bytes_per_s);
        from = fmax(from, c->x.low), to = fmin(to, c->x.high);
        double from_y = flat ? roof->flops_per_s : from * roof->bytes_per_s;
        double to_y = flat ? roof->flops_per_s : to * roof->bytes_per_s;
        fprintf(c->script, "$roof%zu << EOD\n%.9g %.9g\n%.9g %.9g\nEOD\n", i, from, from_y, to, to_y);
    }
}

static void label_flat(plot_canvas *c, const report_ceiling *roof, bool above) {
    char text[160];
    double x, y;
    snprintf(text, sizeof text, "%s %s", roof->name, unit_format(UNIT_FLOPS_PER_SECOND, roof->flops_per_s).text);
    canvas_place(c, c->x.high, roof->flops_per_s, &x, &y);
    canvas_text(c, x, above ? y - 5 : y + SMALL_TEXT_PX + 3, ANCHOR_RIGHT, SVG_MUTED, SMALL_TEXT_PX, 0, text);
    double width = canvas_text_width(text, SMALL_TEXT_PX);
    canvas_occupy(c, (box){x - width, above ? y - 18 : y - 2, x, above ? y + 2 : y + 18});
}

/* A turned text as a row of squares along its middle. Returns whether all are free; with `occupy` it takes them. */
static bool along(plot_canvas *c, double x, double y, double angle, double width, bool occupy) {
    bool is_free = true;
    for (double at = 0; at <= width; at += 10) {
        double middle_x = x + at * cos(angle), middle_y = y - at * sin(angle);
        box square = {middle_x - 8, middle_y - 8, middle_x + 8, middle_y + 8};
        is_free = is_free && canvas_is_free(c, square);
        if (occupy)
            canvas_occupy(c, square);
    }
    return is_free;
}

/* Along the line, as near to its lower end as there is room. */
static void label_slope(plot_canvas *c, const report_ceiling *roof, bool above) {
    static const double STEP = 1.15;
    char text[160];
    double x, y, x_next, y_next;
    snprintf(text, sizeof text, "%s %s", roof->name, unit_format(UNIT_BYTES_PER_SECOND, roof->bytes_per_s).text);
    double from = fmax(c->x.low, c->y.low / roof->bytes_per_s) * STEP;
    canvas_place(c, from, from * roof->bytes_per_s, &x, &y);
    canvas_place(c, from * 2, from * 2 * roof->bytes_per_s, &x_next, &y_next);
    double angle = atan2(y - y_next, x_next - x), width = canvas_text_width(text, SMALL_TEXT_PX);
    double off = above ? 9 : -9; /* from the line to the middle of the text */
    bool placed = false;
    for (int i = 0; i < SLOPE_TRIES && !placed; i++) {
        double at = from * pow(STEP, i);
        canvas_place(c, at, at * roof->bytes_per_s, &x, &y);
        x -= off * sin(angle), y -= off * cos(angle);
        placed = along(c, x, y, angle, width, false);
    }
    if (!placed)
        return; /* no room: the figure's description has it */
    along(c, x, y, angle, width, true);
    canvas_text(c, x, y + SMALL_TEXT_PX * 0.33, ANCHOR_LEFT, SVG_MUTED, SMALL_TEXT_PX, angle * 180 / M_PI, text);
}

/* The highest of each kind is labelled above its line, the others below. */
static void label_ceilings(const report_input *input, plot_canvas *c) {
    for (size_t i = 0; i < input->ceiling_count; i++) {
        const report_ceiling *roof = &input->ceilings[i];
        if (roof->flops_per_s > 0)
            label_flat(c, roof, roof->flops_per_s >= highest(input, true));
        else
            label_slope(c, roof, roof->bytes_per_s >= highest(input, false));
    }
}

/* Area of a mark by share of time. */
static double mark_size(const report_operator *o, double longest_s) {
    return fmax(SMALLEST_MARK, LARGEST_MARK * sqrt(o->time_s / longest_s));
}

static int by_falling_time(const void *left, const void *right) {
    const report_operator *a = *(const report_operator *const *)left, *b = *(const report_operator *const *)right;
    return a->time_s > b->time_s ? -1 : a->time_s < b->time_s;
}

/* Those that can be drawn, the long ones first: small marks lie over large ones, and labels go to those that matter. */
static const report_operator **sort_operators(const report_input *input, size_t *count) {
    const report_operator **sorted = calloc(input->operator_count + 1, sizeof *sorted);
    if (!sorted)
        abort();
    *count = 0;
    for (size_t i = 0; i < input->operator_count; i++)
        if (drawable(&input->operators[i]))
            sorted[(*count)++] = &input->operators[i];
    qsort(sorted, *count, sizeof *sorted, by_falling_time);
    return sorted;
}

static void write_operators(plot_canvas *c, const report_operator *const *sorted, size_t count) {
    double x, y;
    for (size_t i = 0; i < count; i++) {
        const report_operator *o = sorted[i];
        double radius = POINT_RADIUS_PX * mark_size(o, sorted[0]->time_s);
        fprintf(c->script, "$op%zu << EOD\n%.9g %.9g\nEOD\n", i, o->flops / o->bytes, o->flops / o->time_s);
        canvas_place(c, o->flops / o->bytes, o->flops / o->time_s, &x, &y);
        canvas_occupy(c, (box){x - radius, y - radius, x + radius, y + radius});
    }
}

static void label_operators(plot_canvas *c, const report_operator *const *sorted, size_t count) {
    double x, y;
    for (size_t i = 0; i < count && i < LABELLED_OPERATORS_MAX; i++) {
        const report_operator *o = sorted[i];
        char name[128];
        canvas_text_fit(o->name, SMALL_TEXT_PX, c->width_px * 0.45, name, sizeof name);
        canvas_place(c, o->flops / o->bytes, o->flops / o->time_s, &x, &y);
        canvas_label_mark(c, x, y, POINT_RADIUS_PX * mark_size(o, sorted[0]->time_s), SVG_INK, name);
    }
}

void plot_roofline(const report_input *input, plot_canvas *c) {
    c->height_px = c->format == PLOT_WIDE ? 520 : 400;
    c->left_px = 46, c->right_px = 8, c->top_px = 30, c->bottom_px = 50;
    canvas_begin(c);
    set_axes(input, c);
    write_ceilings(input, c);
    size_t count;
    const report_operator **sorted = sort_operators(input, &count);
    write_operators(c, sorted, count);
    label_ceilings(input, c);
    label_operators(c, sorted, count);
    fprintf(c->script, "plot NaN with lines lc rgb '%s'", svg_colour_code(SVG_GRID)); /* a plot needs one item */
    for (size_t i = 0; i < input->ceiling_count; i++)
        fprintf(c->script, ", $roof%zu using 1:2 with lines lw 1.6 lc rgb '%s'", i, svg_colour_code(SVG_MUTED));
    for (size_t i = 0; i < count; i++) {
        double size = mark_size(sorted[i], sorted[0]->time_s);
        fprintf(c->script, ", $op%zu using 1:2 with points pt 7 ps %.3f lc rgb '%s'", i, size + 0.25,
                svg_colour_code(SVG_PAPER));
        fprintf(c->script, ", $op%zu using 1:2 with points pt 7 ps %.3f lc rgb '%s'", i, size,
                svg_colour_code(plot_category_colour(sorted[i]->category)));
    }
    fprintf(c->script, "\n");
    free(sorted);
}
