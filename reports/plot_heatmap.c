/* How changes act together: a cell a pair, blue where they help each other, orange where one takes from the other. */
#include "reports/plot_canvas.h"

#include <math.h>
#include <stdlib.h>

enum { ROW_PX = 50, CELL_PX = 28, NAME_ABOVE_PX = 6, HEADER_PX = 22, GAP_PX = 3, TURNED_DEGREES = 40 };

/* Colours: 0xAARRGGBB, AA the transparency, RRGGBB as svg_colour_code says. */
static const double SMALLEST = 5e-4; /* as the table: shown as 0 */
static const unsigned FAINT = 0xf0, STRONG = 0x40;

static double largest(const report_interactions *found) {
    double most = 0;
    for (size_t i = 0; i < found->row_count * found->column_count; i++)
        if (isfinite(found->effect[i]))
            most = fmax(most, fabs(found->effect[i]));
    return most;
}

static unsigned long colour_of(double effect, double most) {
    double weight = most > 0 ? fabs(effect) / most : 0;
    unsigned transparency = (unsigned)lround(FAINT + weight * ((double)STRONG - FAINT));
    unsigned long code = strtoul(svg_colour_code(effect <= 0 ? SVG_SERIES_1 : SVG_SERIES_1 + 1) + 1, NULL, 16);
    return (unsigned long)transparency << 24 | code;
}

static void cell_place(const report_interactions *found, const plot_canvas *c, size_t row, size_t column, box *out) {
    double width = (c->width_px - c->left_px - c->right_px) / (double)found->column_count;
    out->left = (double)column * width + GAP_PX / 2.0;
    out->right = out->left + width - GAP_PX;
    out->top = c->y.high - (double)row * ROW_PX - (ROW_PX - CELL_PX);
    out->bottom = out->top - CELL_PX;
}

static void write_cells(const report_interactions *found, const plot_canvas *c) {
    double most = largest(found);
    fprintf(c->script, "$cells << EOD\n");
    for (size_t i = 0; i < found->row_count; i++)
        for (size_t j = 0; j < found->column_count; j++) {
            double effect = found->effect[i * found->column_count + j];
            box b;
            cell_place(found, c, i, j, &b);
            if (isfinite(effect))
                fprintf(c->script, "%.4f %.4f %.4f %.4f %.4f %.4f %lu\n", b.left, b.bottom, b.left, b.right, b.bottom,
                        b.top, colour_of(effect, most));
        }
    fprintf(c->script, "NaN NaN NaN NaN NaN NaN 0\nEOD\n");
    fprintf(c->script, "plot $cells using 1:2:3:4:5:6:7 with boxxyerror lc rgb variable\n");
}

static void write_value(const plot_canvas *c, const box *b, double effect) {
    char text[UNIT_TEXT_BYTES + 2] = "–";
    if (isfinite(effect))
        snprintf(text, sizeof text, "%s%s", effect >= SMALLEST ? "+" : "",
                 unit_format(UNIT_FRACTION, fabs(effect) < SMALLEST ? 0 : effect).text);
    double x, y;
    canvas_place(c, 0.5 * (b->left + b->right), 0.5 * (b->top + b->bottom), &x, &y);
    canvas_text(c, x, y + SMALL_TEXT_PX * 0.33, ANCHOR_CENTRE, SVG_INK, SMALL_TEXT_PX, 0, text);
}

static void write_names(const report_interactions *found, const plot_canvas *c, bool turned) {
    double x, y;
    char name[256];
    for (size_t i = 0; i < found->row_count; i++) {
        box b;
        cell_place(found, c, i, 0, &b);
        canvas_text_fit(found->rows[i], TEXT_PX, c->width_px - 12, name, sizeof name);
        canvas_place(c, 0, b.top, &x, &y);
        canvas_text(c, x, y - NAME_ABOVE_PX, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, name);
    }
    for (size_t j = 0; j < found->column_count; j++) {
        box b;
        cell_place(found, c, 0, j, &b);
        canvas_place(c, turned ? b.left : 0.5 * (b.left + b.right), 0, &x, &y);
        canvas_text(c, x, c->top_px - 6, turned ? ANCHOR_LEFT : ANCHOR_CENTRE, SVG_MUTED, SMALL_TEXT_PX,
                    turned ? TURNED_DEGREES : 0, found->columns[j]);
    }
}

void plot_heatmap(const report_input *input, plot_canvas *c) {
    const report_interactions *found = &input->interactions;
    c->left_px = 4, c->right_px = 4, c->top_px = HEADER_PX, c->bottom_px = 4;
    c->width_px = canvas_width_px(c->format);
    double longest = 0;
    for (size_t j = 0; j < found->column_count; j++)
        longest = fmax(longest, canvas_text_width(found->columns[j], SMALL_TEXT_PX));
    double width = (c->width_px - c->left_px - c->right_px) / (double)found->column_count;
    bool turned = longest > width - GAP_PX;
    if (turned) { /* names lean to the right: the last needs room there too */
        c->top_px += (int)ceil(longest * sin(TURNED_DEGREES * M_PI / 180));
        c->right_px = (int)fmax(4, ceil(longest * cos(TURNED_DEGREES * M_PI / 180) - width * 0.7));
    }
    c->height_px = c->top_px + c->bottom_px + ROW_PX * (int)found->row_count;
    canvas_begin(c);
    c->x = (plot_axis){.low = 0, .high = c->width_px - c->left_px - c->right_px, .scale = {.factor = 1}};
    c->y = (plot_axis){.low = 0, .high = (double)ROW_PX * (double)found->row_count, .scale = {.factor = 1}};
    canvas_axes(c, "", "");
    for (size_t i = 0; i < found->row_count; i++)
        for (size_t j = 0; j < found->column_count; j++) {
            box b;
            cell_place(found, c, i, j, &b);
            write_value(c, &b, found->effect[i * found->column_count + j]);
        }
    write_names(found, c, turned);
    write_cells(found, c);
}
