/* Time by category: one horizontal stacked bar a design, its name above it and its latency behind it. */
#include "reports/plot_canvas.h"

#include <math.h>

enum { ROW_PX = 46, BAR_PX = 18, NAME_ABOVE_PX = 6, TOTAL_ROOM_PX = 72 };

static double total_of(const report_bar *bar) {
    double total_s = 0;
    for (int i = 0; i < CATEGORY_COUNT; i++)
        total_s += isfinite(bar->category_s[i]) ? bar->category_s[i] : 0;
    return total_s;
}

/* Rows count from the top; the y axis from the bottom, one unit a row. */
static double row_middle(const report_input *input, size_t row) {
    return (double)(input->bar_count - 1 - row) + 0.3;
}

static void write_categories(const report_input *input, const plot_canvas *c) {
    double half = 0.5 * BAR_PX / ROW_PX;
    for (int category = 0; category < CATEGORY_COUNT; category++) {
        fprintf(c->script, "$category%d << EOD\n", category);
        for (size_t i = 0; i < input->bar_count; i++) {
            double start_s = 0, time_s = input->bars[i].category_s[category];
            for (int before = 0; before < category; before++)
                start_s += isfinite(input->bars[i].category_s[before]) ? input->bars[i].category_s[before] : 0;
            double y = row_middle(input, i);
            if (time_s > 0 && isfinite(time_s))
                fprintf(c->script, "%.9g %.9g %.9g %.9g %.9g %.9g\n", start_s, y, start_s, start_s + time_s, y - half,
                        y + half);
        }
        fprintf(c->script, "NaN NaN NaN NaN NaN NaN\nEOD\n");
    }
    const char *separator = "plot ";
    for (int category = 0; category < CATEGORY_COUNT; category++) {
        fprintf(c->script, "%s$category%d using 1:2:3:4:5:6 with boxxyerror lc rgb '%s'", separator, category,
                svg_colour_code(plot_category_colour((op_category)category)));
        separator = ", ";
    }
    fprintf(c->script, "\n");
}

void plot_categories(const report_input *input, plot_canvas *c) {
    c->left_px = 4, c->right_px = input->bars_are_shares ? 12 : TOTAL_ROOM_PX, c->top_px = 4, c->bottom_px = 50;
    c->height_px = c->top_px + c->bottom_px + ROW_PX * (int)input->bar_count;
    canvas_begin(c);
    double longest_s = 0;
    for (size_t i = 0; i < input->bar_count; i++)
        longest_s = fmax(longest_s, total_of(&input->bars[i]));
    c->x = axis_over(UNIT_SECONDS, 0, longest_s > 0 ? longest_s : 1, false);
    c->x.high = longest_s > 0 ? longest_s : 1; /* the longest bar fills the width; its latency has room behind it */
    c->y = (plot_axis){.low = 0, .high = (double)input->bar_count, .scale = {.factor = 1}};
    if (input->bars_are_shares)
        c->x = axis_over(UNIT_FRACTION, 0, 1, false), c->x.high = 1;
    canvas_axes(c, input->bars_are_shares ? "Share of the time" : "Time", "");
    for (size_t i = 0; i < input->bar_count; i++) {
        double x, y, total_s = total_of(&input->bars[i]);
        char name[256];
        canvas_text_fit(input->bars[i].label, TEXT_PX, c->width_px - 12, name, sizeof name);
        canvas_place(c, 0, row_middle(input, i), &x, &y);
        canvas_text(c, x, y - BAR_PX / 2 - NAME_ABOVE_PX, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, name);
        canvas_place(c, total_s, row_middle(input, i), &x, &y);
        if (!input->bars_are_shares)
            canvas_text(c, x + 8, y + TEXT_PX * 0.33, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0,
                        unit_format(UNIT_SECONDS, total_s).text);
    }
    write_categories(input, c);
}
