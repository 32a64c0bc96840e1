#include "reports/plot_canvas.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- axes ---- */

static const double WIDENING = 0.06;      /* of the span, at each end */
static const double LOGARITHMIC_FROM = 8; /* high / low */
enum { LINEAR_TICKS_WANTED = 6, DECADES_WITH_ALL_TICKS = 2, PAGE_WIDTH_PX = 1040, PHONE_WIDTH_PX = 360 };

static double round_step(double span, int wanted) {
    double rough = span / wanted, magnitude = pow(10, floor(log10(rough)));
    double ratio = rough / magnitude;
    return magnitude * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
}

static void linear_ticks(plot_axis *axis) {
    /* Steps are round in the unit that is shown. */
    double factor = axis->scale.factor, low = axis->low * factor, high = axis->high * factor;
    double step = round_step(high - low, LINEAR_TICKS_WANTED);
    for (double i = ceil(low / step - 1e-9); i * step <= high * (1 + 1e-12) && axis->tick_count < AXIS_TICKS_MAX; i++)
        axis->ticks[axis->tick_count++] = i * step / factor + 0.0; /* no -0 */
}

static void logarithmic_ticks(plot_axis *axis) {
    double factor = axis->scale.factor, low = axis->low * factor, high = axis->high * factor;
    double decades = log10(high / low);
    int stride = (int)ceil(decades / 8); /* of powers of ten */
    for (int power = (int)floor(log10(low)); power <= (int)ceil(log10(high)); power++) {
        const double multiples[] = {1, 2, 5};
        int count = decades <= DECADES_WITH_ALL_TICKS ? 3 : 1;
        if (count == 1 && power % stride != 0)
            continue;
        for (int i = 0; i < count; i++) {
            double tick = multiples[i] * pow(10, power);
            if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9) && axis->tick_count < AXIS_TICKS_MAX)
                axis->ticks[axis->tick_count++] = tick / factor;
        }
    }
}

plot_axis axis_over(unit u, double low, double high, bool logarithmic) {
    plot_axis axis = {.logarithmic = logarithmic || (low > 0 && high / low >= LOGARITHMIC_FROM)};
    if (!(high > low)) { /* one value */
        low = low > 0 ? low * 0.9 : low - 1;
        high = high > 0 ? high * 1.1 : high + 1;
    }
    if (axis.logarithmic) {
        double widening = pow(high / low, WIDENING);
        axis.low = low / widening;
        axis.high = high * widening;
    } else {
        double widening = (high - low) * WIDENING;
        axis.low = low >= 0 && low < widening ? 0 : low - widening;
        axis.high = high + widening;
    }
    axis.scale = unit_scale_for(u, axis.logarithmic ? sqrt(axis.low * axis.high) : fmax(high, -low));
    if (axis.logarithmic)
        logarithmic_ticks(&axis);
    else
        linear_ticks(&axis);
    return axis;
}

double axis_position(const plot_axis *axis, double value) {
    if (axis->logarithmic)
        return log(value / axis->low) / log(axis->high / axis->low);
    return (value - axis->low) / (axis->high - axis->low);
}

/* ---- script ---- */

void canvas_quote(FILE *script, const char *text) {
    /* Within single quotes gnuplot expands nothing; a quote is doubled. */
    fputc('\'', script);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\'')
            fputc('\'', script);
        fputc(c < ' ' || c == 0x7f ? ' ' : c, script);
    }
    fputc('\'', script);
}

int canvas_point_type(legend_mark mark) {
    static const int TYPES[MARK_COUNT] = {
        [MARK_CIRCLE] = 7,    [MARK_SQUARE] = 5, [MARK_TRIANGLE] = 9, [MARK_DIAMOND] = 13, [MARK_TRIANGLE_DOWN] = 11,
        [MARK_PENTAGON] = 15, [MARK_CROSS] = 2,  [MARK_PLUS] = 1,     [MARK_SWATCH] = 5,   [MARK_RING] = 6,
    };
    assert(mark < MARK_COUNT);
    return TYPES[mark];
}

int canvas_width_px(plot_format format) {
    return format == PLOT_WIDE ? PAGE_WIDTH_PX : PHONE_WIDTH_PX;
}

void canvas_begin(plot_canvas *c) {
    FILE *script = c->script;
    c->width_px = canvas_width_px(c->format);
    double width = c->width_px, height = c->height_px;
    fprintf(script, "set encoding utf8\n");
    fprintf(script, "set terminal svg size %d,%d dynamic noenhanced font ',%d'\n", c->width_px, c->height_px, TEXT_PX);
    fprintf(script, "unset key\nset border 0\nset tics scale 0\nset style fill solid 1 noborder\n");
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", c->left_px / width,
            1 - c->right_px / width);
    fprintf(script, "set bmargin at screen %.6f\nset tmargin at screen %.6f\n", c->bottom_px / height,
            1 - c->top_px / height);
}

static void write_axis(const plot_canvas *c, const plot_axis *axis, char name) {
    FILE *script = c->script;
    fprintf(script, "set %crange [%.9g:%.9g]\n", name, axis->low, axis->high);
    if (axis->tick_count == 0) {
        fprintf(script, "unset %ctics\n", name);
        return;
    }
    fprintf(script, "set grid %ctics lt 1 lw 1 lc rgb '%s'\n", name, svg_colour_code(SVG_GRID));
    if (axis->logarithmic)
        fprintf(script, "set logscale %c\n", name);
    /* Neighbours on a narrow axis would touch. */
    double room = name == 'x' ? c->width_px - c->left_px - c->right_px : c->height_px - c->top_px - c->bottom_px;
    double needed = name == 'x' ? 44 : 22, last = -INFINITY;
    fprintf(script, "set %ctics offset 0,%s textcolor rgb '%s' font ',%d' (", name, name == 'x' ? "-0.1" : "0",
            svg_colour_code(SVG_MUTED), SMALL_TEXT_PX);
    for (size_t i = 0, written = 0; i < axis->tick_count; i++) {
        double position = axis_position(axis, axis->ticks[i]) * room;
        char label[32];
        snprintf(label, sizeof label, "%.6g", axis->ticks[i] * axis->scale.factor);
        double half = canvas_text_width(label, SMALL_TEXT_PX) / 2;
        bool leaves = name == 'x' && (position + half > room + c->right_px || position - half < -c->left_px);
        if (position - last < needed || leaves)
            continue;
        last = position;
        fprintf(script, "%s'%s' %.9g", written++ ? ", " : "", label, axis->ticks[i]);
    }
    fprintf(script, ")\n");
}

void canvas_axes(plot_canvas *c, const char *x_name, const char *y_name) {
    write_axis(c, &c->x, 'x');
    write_axis(c, &c->y, 'y');
    char text[128];
    snprintf(text, sizeof text, "%s%s%s%s", x_name, *c->x.scale.label ? " (" : "", c->x.scale.label,
             *c->x.scale.label ? ")" : "");
    canvas_text(c, c->width_px - c->right_px, c->height_px - 5, ANCHOR_RIGHT, SVG_INK, TEXT_PX, 0, text);
    snprintf(text, sizeof text, "%s%s%s%s", y_name, *c->y.scale.label ? " (" : "", c->y.scale.label,
             *c->y.scale.label ? ")" : "");
    canvas_text(c, 0, 14, ANCHOR_LEFT, SVG_INK, TEXT_PX, 0, text);
}

void canvas_place(const plot_canvas *c, double x, double y, double *left_px, double *top_px) {
    *left_px = c->left_px + axis_position(&c->x, x) * (c->width_px - c->left_px - c->right_px);
    *top_px = c->height_px - c->bottom_px - axis_position(&c->y, y) * (c->height_px - c->top_px - c->bottom_px);
}

/* ---- text ---- */

void canvas_text(const plot_canvas *c, double left_px, double top_px, text_anchor anchor, svg_colour colour,
                 int size_px, double degrees, const char *text) {
    static const char *const ANCHORS[] = {"left", "center", "right"};
    /* gnuplot centres a label on its line; the baseline is about a third of the size lower. */
    double middle_px = top_px - size_px * 0.33;
    fprintf(c->script, "set label ");
    canvas_quote(c->script, text);
    fprintf(c->script, " at screen %.6f, screen %.6f %s font ',%d' textcolor rgb '%s'", left_px / c->width_px,
            1 - middle_px / c->height_px, ANCHORS[anchor], size_px, svg_colour_code(colour));
    if (degrees != 0)
        fprintf(c->script, " rotate by %.3f", degrees);
    fprintf(c->script, " front\n");
}

static bool continues_character(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Average advance of a sans-serif letter over its size, on the wide side. */
static const double LETTER_WIDTH = 0.56;

double canvas_text_width(const char *text, int size_px) {
    size_t letters = 0;
    for (; *text; text++)
        letters += !continues_character(*text);
    return (double)letters * size_px * LETTER_WIDTH;
}

void canvas_text_fit(const char *text, int size_px, double width_px, char *out, size_t bytes) {
    static const char ELLIPSIS[] = "…";
    bool cut = canvas_text_width(text, size_px) > width_px || strlen(text) >= bytes;
    double letters = width_px / (size_px * LETTER_WIDTH) - (cut ? 1 : 0);
    size_t used = 0, limit = bytes - (cut ? sizeof ELLIPSIS : 1);
    while (text[used]) {
        size_t next = used + 1;
        while (continues_character(text[next]))
            next++;
        if (next > limit || letters < 1)
            break;
        letters--;
        used = next;
    }
    memcpy(out, text, used);
    strcpy(out + used, cut ? ELLIPSIS : "");
}

/* ---- labels that keep off each other ---- */

void canvas_occupy(plot_canvas *c, box area) {
    if (c->obstacle_count < CANVAS_OBSTACLES_MAX)
        c->obstacles[c->obstacle_count++] = area;
}

bool canvas_is_free(const plot_canvas *c, box a) {
    if (a.left < c->left_px || a.right > c->width_px - 2 || a.top < c->top_px || a.bottom > c->height_px - c->bottom_px)
        return false;
    for (size_t i = 0; i < c->obstacle_count; i++) {
        const box *b = &c->obstacles[i];
        if (a.left < b->right && b->left < a.right && a.top < b->bottom && b->top < a.bottom)
            return false;
    }
    return true;
}

bool canvas_label_mark(plot_canvas *c, double left_px, double top_px, double radius_px, svg_colour colour,
                       const char *text) {
    double width = canvas_text_width(text, SMALL_TEXT_PX), half = SMALL_TEXT_PX * 0.6, gap = radius_px + 4;
    /* Middles of the text to try, in order of preference: right, left, above, below, then the corners. */
    const double tries[][2] = {
        {gap + width / 2, 0},
        {-gap - width / 2, 0},
        {0, -gap - half},
        {0, gap + half},
        {gap + width / 2, -gap - half},
        {gap + width / 2, gap + half},
        {-gap - width / 2, gap + half},
        {-gap - width / 2, -gap - half},
    };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        double x = left_px + tries[i][0], y = top_px + tries[i][1];
        box area = {x - width / 2, y - half, x + width / 2, y + half};
        if (!canvas_is_free(c, area))
            continue;
        canvas_occupy(c, area);
        /* Anchored at the side of the mark, so that a wrong guess of the width does not show. */
        text_anchor anchor = tries[i][0] > 0 ? ANCHOR_LEFT : tries[i][0] < 0 ? ANCHOR_RIGHT : ANCHOR_CENTRE;
        double at = anchor == ANCHOR_LEFT ? area.left : anchor == ANCHOR_RIGHT ? area.right : x;
        canvas_text(c, at, y + SMALL_TEXT_PX * 0.33, anchor, colour, SMALL_TEXT_PX, 0, text);
        return true;
    }
    return false;
}
