/* Timeline strips: one a step, stretched to the full width. In each cell the categories are stacked by their share of
 * the cell's time, idle on top. */
#include "reports/plot_canvas.h"

#include <math.h>

enum { ROW_PX = 68, STRIP_PX = 38, NAME_ABOVE_PX = 6 };

static const double INVISIBLE = 2e-3; /* share of a strip's height: a tenth of a pixel */

static double bottom_of(const report_input *input, size_t row) {
    return (double)(input->strip_count - 1 - row) + 4.0 / ROW_PX;
}

/* Share of the cell up to and with a category; idle is the last and fills it. */
static double share_up_to(const report_strip *strip, size_t cell, int category) {
    double sum = 0;
    for (int i = 0; i <= category; i++)
        sum += strip->share[cell][i];
    return category == CATEGORY_IDLE ? 1 : fmin(1, sum);
}

static bool has_category(const report_strip *strip, int category) {
    for (size_t i = 0; i < strip->cell_count; i++)
        if (strip->share[i][category] > 0)
            return true;
    return false;
}

static void write_block(const plot_canvas *c, const report_strip *strip, size_t row, int category, double bottom) {
    double height = (double)STRIP_PX / ROW_PX;
    fprintf(c->script, "$strip%zu_%d << EOD\n", row, category);
    for (size_t i = 0; i < strip->cell_count; i++) {
        /* Never on the bottom itself, where gnuplot would take the curves to cross and draw a line down. */
        double top = bottom + height * fmax(share_up_to(strip, i, category), INVISIBLE);
        fprintf(c->script, "%.5g %.5g\n%.5g %.5g\n", (double)i / (double)strip->cell_count, top,
                (double)(i + 1) / (double)strip->cell_count, top);
    }
    fprintf(c->script, "EOD\n");
}

void plot_timeline(const report_input *input, plot_canvas *c) {
    c->left_px = 4, c->right_px = 4, c->top_px = 4, c->bottom_px = 6;
    c->height_px = c->top_px + c->bottom_px + ROW_PX * (int)input->strip_count;
    canvas_begin(c);
    c->x = (plot_axis){.low = 0, .high = 1, .scale = {.factor = 1}};
    c->y = (plot_axis){.low = 0, .high = (double)input->strip_count, .scale = {.factor = 1}};
    canvas_axes(c, "", "");
    for (size_t row = 0; row < input->strip_count; row++) {
        const report_strip *strip = &input->strips[row];
        char label[320], name[320];
        double x, y;
        snprintf(label, sizeof label, "%s: %.200s", unit_format(UNIT_SECONDS, strip->duration_s).text, strip->label);
        canvas_text_fit(label, TEXT_PX, c->width_px - 12, name, sizeof name);
        canvas_place(c, 0, bottom_of(input, row) + (double)STRIP_PX / ROW_PX, &x, &y);
        canvas_text(c, x, y - NAME_ABOVE_PX, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, name);
        for (int category = CATEGORY_COUNT - 1; category >= 0; category--)
            if (has_category(strip, category))
                write_block(c, strip, row, category, bottom_of(input, row));
    }
    const char *separator = "plot ";
    for (size_t row = 0; row < input->strip_count; row++) /* the highest stack first: lower ones are drawn over it */
        for (int category = CATEGORY_COUNT - 1; category >= 0; category--)
            if (has_category(&input->strips[row], category)) {
                fprintf(c->script, "%s$strip%zu_%d using 1:2 with filledcurves y1=%.6g lc rgb '%s'", separator, row,
                        category, bottom_of(input, row), svg_colour_code(plot_category_colour((op_category)category)));
                separator = ", ";
            }
    fprintf(c->script, "\n");
}
