/* Gains by lever: a row a task on a logarithmic axis, a mark a lever set, a ring where the gain was published. */
#include "reports/plot_canvas.h"

#include <math.h>

enum { ROW_PX = 40, NAME_ABOVE_PX = 11 };

static const double MARK_SIZE = 0.85, RING_SIZE = 1.25; /* of gnuplot's points */

static double row_middle(const report_input *input, size_t row) {
    return (double)(input->ladder_count - 1 - row) + 0.28;
}

static bool is_gain(double gain) {
    return gain > 0 && isfinite(gain);
}

static void write_marks(const report_input *input, const plot_canvas *c, size_t set, bool published) {
    fprintf(c->script, "$%s%zu << EOD\n", published ? "published" : "gain", set);
    for (size_t i = 0; i < input->ladder_count; i++) {
        double gain = published ? input->ladders[i].published[set] : input->ladders[i].gain[set];
        if (is_gain(gain))
            fprintf(c->script, "%.6g %.6g\n", gain, row_middle(input, i));
    }
    fprintf(c->script, "NaN NaN\nEOD\n");
}

static void set_axes(const report_input *input, plot_canvas *c) {
    double low = 1, high = 1.2;
    for (size_t i = 0; i < input->ladder_count; i++)
        for (size_t set = 0; set < input->lever_set_count; set++) {
            const double gains[] = {input->ladders[i].gain[set], input->ladders[i].published[set]};
            for (int k = 0; k < 2; k++)
                if (is_gain(gains[k]))
                    low = fmin(low, gains[k]), high = fmax(high, gains[k]);
        }
    c->x = axis_over(UNIT_PLAIN, low, high, true);
    c->y = (plot_axis){.low = 0, .high = (double)input->ladder_count, .scale = {.factor = 1}};
    canvas_axes(c, "Times as fast as without levers", "");
}

void plot_ladder(const report_input *input, plot_canvas *c) {
    c->left_px = 10, c->right_px = 14, c->top_px = 4, c->bottom_px = 50;
    c->height_px = c->top_px + c->bottom_px + ROW_PX * (int)input->ladder_count;
    canvas_begin(c);
    set_axes(input, c);
    for (size_t i = 0; i < input->ladder_count; i++) {
        double x, y;
        char name[256];
        canvas_place(c, c->x.low, row_middle(input, i), &x, &y);
        canvas_text_fit(input->ladders[i].label, TEXT_PX, c->width_px - 12, name, sizeof name);
        canvas_text(c, 4, y - NAME_ABOVE_PX, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, name);
    }
    fprintf(c->script, "$rows << EOD\n");
    for (size_t i = 0; i < input->ladder_count; i++)
        fprintf(c->script, "%.6g %.6g\n%.6g %.6g\n\n", c->x.low, row_middle(input, i), c->x.high, row_middle(input, i));
    fprintf(c->script, "EOD\n");
    size_t sets = input->lever_set_count < SVG_SERIES_COUNT ? input->lever_set_count : SVG_SERIES_COUNT;
    for (size_t set = 0; set < sets; set++) {
        write_marks(input, c, set, false);
        write_marks(input, c, set, true);
    }
    fprintf(c->script, "plot $rows using 1:2 with lines lw 1 lc rgb '%s'", svg_colour_code(SVG_GRID));
    for (size_t set = 0; set < sets; set++) {
        svg_colour colour = plot_lever_colour(set);
        fprintf(c->script, ", $gain%zu using 1:2 with points pt %d lw 2 ps %g lc rgb '%s'", set,
                canvas_point_type(plot_lever_mark(set)), MARK_SIZE, svg_colour_code(colour));
        fprintf(c->script, ", $published%zu using 1:2 with points pt 6 lw 2 ps %g lc rgb '%s'", set, RING_SIZE,
                svg_colour_code(colour));
    }
    fprintf(c->script, "\n");
}
