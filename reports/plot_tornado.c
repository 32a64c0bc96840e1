/* Elasticities of latency: a group of bars a knob, a bar a lever set, the most important knob on top. */
#include "reports/plot_canvas.h"

#include <math.h>
#include <string.h>

enum { GROUP_NAME_PX = 24, BAR_PX = 10, BAR_PITCH_PX = 13, GROUP_GAP_PX = 8, KNOBS_DRAWN_MAX = REPORT_KNOBS_MAX };

typedef struct knob_rank {
    const char *knob;
    double largest; /* |ln(1 + effect)| over the lever sets */
    size_t bars;
} knob_rank;

/* Whether the row is drawn: of latency, or of whatever objective the first row names when none is of latency. */
static bool drawn(const report_input *input, const report_elasticity *row) {
    const char *objective = input->elasticities[0].objective;
    for (size_t i = 0; i < input->elasticity_count; i++)
        if (strcmp(input->elasticities[i].objective, "latency") == 0)
            objective = "latency";
    return strcmp(row->objective, objective) == 0 && isfinite(row->elasticity);
}

static double importance(const report_elasticity *row) {
    return isfinite(row->effect) && row->effect > -1 ? fabs(log1p(row->effect)) : 0;
}

static size_t rank_knobs(const report_input *input, knob_rank *ranks) {
    size_t count = 0;
    for (size_t i = 0; i < input->elasticity_count; i++) {
        const report_elasticity *row = &input->elasticities[i];
        size_t at = 0;
        while (at < count && strcmp(ranks[at].knob, row->knob) != 0)
            at++;
        if (!drawn(input, row) || at == KNOBS_DRAWN_MAX)
            continue;
        if (at == count)
            ranks[count++] = (knob_rank){.knob = row->knob};
        ranks[at].largest = fmax(ranks[at].largest, importance(row));
        ranks[at].bars++;
    }
    for (size_t i = 1; i < count; i++) /* insertion sort: few, and stable */
        for (size_t j = i; j > 0 && ranks[j].largest > ranks[j - 1].largest; j--) {
            knob_rank other = ranks[j];
            ranks[j] = ranks[j - 1];
            ranks[j - 1] = other;
        }
    return count;
}

static void set_axes(const report_input *input, plot_canvas *c) {
    double low = 0, high = 0;
    for (size_t i = 0; i < input->elasticity_count; i++)
        if (drawn(input, &input->elasticities[i])) {
            low = fmin(low, input->elasticities[i].elasticity);
            high = fmax(high, input->elasticities[i].elasticity);
        }
    c->x = axis_over(UNIT_PLAIN, low, high, false);
    if (low == 0)
        c->x.low = -0.04 * c->x.high;
    if (high == 0)
        c->x.high = -0.04 * c->x.low;
    double rows_px = c->height_px - c->top_px - c->bottom_px;
    c->y = (plot_axis){.low = 0, .high = rows_px, .scale = {.factor = 1}}; /* one unit a pixel, from below */
    canvas_axes(c, "d ln latency / d ln knob", "");
}

/* Returns the elasticity's bar as a box in data coordinates. */
static void write_bar(const plot_canvas *c, const report_elasticity *row, double top_px) {
    double middle = c->y.high - top_px - BAR_PX / 2.0, value = row->elasticity;
    fprintf(c->script, "0 %.3f %.9g %.9g %.3f %.3f\n", middle, fmin(0, value), fmax(0, value), middle - BAR_PX / 2.0,
            middle + BAR_PX / 2.0);
}

static void write_series(const report_input *input, const plot_canvas *c, const knob_rank *ranks, size_t knobs) {
    for (size_t series = 0; series < SVG_SERIES_COUNT; series++) {
        fprintf(c->script, "$bars%zu << EOD\n", series);
        double top_px = 0;
        for (size_t k = 0; k < knobs; k++) {
            top_px += GROUP_NAME_PX;
            for (size_t i = 0; i < input->elasticity_count; i++) {
                const report_elasticity *row = &input->elasticities[i];
                if (!drawn(input, row) || strcmp(row->knob, ranks[k].knob) != 0)
                    continue;
                if (plot_lever_colour(row->lever_set) - SVG_SERIES_1 == series)
                    write_bar(c, row, top_px);
                top_px += BAR_PITCH_PX;
            }
            top_px += GROUP_GAP_PX;
        }
        fprintf(c->script, "NaN NaN NaN NaN NaN NaN\nEOD\n");
    }
    const char *separator = "plot ";
    for (size_t series = 0; series < SVG_SERIES_COUNT; series++) {
        fprintf(c->script, "%s$bars%zu using 1:2:3:4:5:6 with boxxyerror lc rgb '%s'", separator, series,
                svg_colour_code(SVG_SERIES_1 + (svg_colour)series));
        separator = ", ";
    }
    fprintf(c->script, "\n");
}

void plot_tornado(const report_input *input, plot_canvas *c) {
    knob_rank ranks[KNOBS_DRAWN_MAX];
    size_t knobs = rank_knobs(input, ranks);
    c->left_px = 4, c->right_px = 8, c->top_px = 4, c->bottom_px = 50;
    c->height_px = c->top_px + c->bottom_px + (knobs == 0 ? GROUP_NAME_PX : 0);
    for (size_t k = 0; k < knobs; k++)
        c->height_px += GROUP_NAME_PX + BAR_PITCH_PX * (int)ranks[k].bars + GROUP_GAP_PX;
    canvas_begin(c);
    set_axes(input, c);
    fprintf(c->script, "set arrow from 0,graph 0 to 0,graph 1 nohead lw 1 lc rgb '%s' front\n",
            svg_colour_code(SVG_INK));
    double top_px = c->top_px;
    for (size_t k = 0; k < knobs; k++) {
        canvas_text(c, 0, top_px + GROUP_NAME_PX - 8, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, ranks[k].knob);
        top_px += GROUP_NAME_PX + BAR_PITCH_PX * (int)ranks[k].bars + GROUP_GAP_PX;
    }
    write_series(input, c, ranks, knobs);
}
