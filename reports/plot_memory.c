/* Device memory: one horizontal stacked bar a design, and a line where its capacity ends. */
#include "reports/plot_canvas.h"

#include <math.h>

enum { ROW_PX = 46, BAR_PX = 18, NAME_ABOVE_PX = 6, PARTS = 4 };

static void parts_of(const report_memory *m, double *parts) {
    parts[0] = m->weight_bytes, parts[1] = m->kv_bytes, parts[2] = m->activation_bytes, parts[3] = m->workspace_bytes;
}

static double total_of(const report_memory *m) {
    return m->weight_bytes + m->kv_bytes + m->activation_bytes + m->workspace_bytes;
}

static double row_middle(const report_input *input, size_t row) {
    return (double)(input->memory_count - 1 - row) + 0.3;
}

static void write_parts(const report_input *input, const plot_canvas *c) {
    double half = 0.5 * BAR_PX / ROW_PX;
    for (int part = 0; part < PARTS; part++) {
        fprintf(c->script, "$part%d << EOD\n", part);
        for (size_t i = 0; i < input->memory_count; i++) {
            double parts[PARTS], start = 0, y = row_middle(input, i);
            parts_of(&input->memories[i], parts);
            for (int before = 0; before < part; before++)
                start += parts[before];
            if (parts[part] > 0)
                fprintf(c->script, "%.9g %.9g %.9g %.9g %.9g %.9g\n", start, y, start, start + parts[part], y - half,
                        y + half);
        }
        fprintf(c->script, "NaN NaN NaN NaN NaN NaN\nEOD\n");
    }
    fprintf(c->script, "$capacity << EOD\n");
    for (size_t i = 0; i < input->memory_count; i++) {
        double y = row_middle(input, i), x = input->memories[i].capacity_bytes;
        fprintf(c->script, "%.9g %.9g\n%.9g %.9g\n\n", x, y - 1.6 * half, x, y + 1.6 * half);
    }
    fprintf(c->script, "NaN NaN\nEOD\n");
    const char *separator = "plot ";
    for (int part = 0; part < PARTS; part++) {
        fprintf(c->script, "%s$part%d using 1:2:3:4:5:6 with boxxyerror lc rgb '%s'", separator, part,
                svg_colour_code(plot_memory_colour((size_t)part)));
        separator = ", ";
    }
    fprintf(c->script, ", $capacity using 1:2 with lines lw 2 lc rgb '%s'\n", svg_colour_code(SVG_INK));
}

void plot_memory(const report_input *input, plot_canvas *c) {
    c->left_px = 4, c->right_px = 12, c->top_px = 4, c->bottom_px = 50;
    c->height_px = c->top_px + c->bottom_px + ROW_PX * (int)input->memory_count;
    canvas_begin(c);
    double most = 0;
    for (size_t i = 0; i < input->memory_count; i++)
        most = fmax(most, fmax(total_of(&input->memories[i]), input->memories[i].capacity_bytes));
    c->x = axis_over(UNIT_BYTES, 0, most > 0 ? most : 1, false);
    c->x.high = most > 0 ? most : 1;
    c->y = (plot_axis){.low = 0, .high = (double)input->memory_count, .scale = {.factor = 1}};
    canvas_axes(c, "Memory", "");
    for (size_t i = 0; i < input->memory_count; i++) {
        const report_memory *m = &input->memories[i];
        char label[400], name[400];
        double x, y;
        snprintf(label, sizeof label, "%s of %s: %.200s", unit_format(UNIT_BYTES, total_of(m)).text,
                 unit_format(UNIT_BYTES, m->capacity_bytes).text, m->label);
        canvas_text_fit(label, TEXT_PX, c->width_px - 12, name, sizeof name);
        canvas_place(c, 0, row_middle(input, i), &x, &y);
        canvas_text(c, x, y - BAR_PX / 2 - NAME_ABOVE_PX - 3, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, name);
    }
    write_parts(input, c);
}
