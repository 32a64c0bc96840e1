#include "core/base/units.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SIGNIFICANT_DIGITS = 3 };

static const double WHOLE_NUMBER_LIMIT = 1e7;

typedef struct prefix {
    double scale;
    const char *text;
} prefix;

/* Descending; the last one takes everything smaller. */
static const prefix SI_PREFIXES[] = {{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"},  {1e6, "M"},  {1e3, "k"},
                                     {1, ""},     {1e-3, "m"}, {1e-6, "µ"}, {1e-9, "n"}, {1e-12, "p"}};
/* Units that no one reads in thousandths. */
static const prefix LARGE_PREFIXES[] = {{1e18, "E"}, {1e15, "P"}, {1e12, "T"}, {1e9, "G"},
                                        {1e6, "M"},  {1e3, "k"},  {1, ""}};
static const prefix DOLLAR_PREFIXES[] = {{1e9, " G"}, {1e6, " M"}, {1e3, " k"}, {1, ""}};
static const prefix SECOND_PREFIXES[] = {{1, ""}, {1e-3, "m"}, {1e-6, "µ"}, {1e-9, "n"}, {1e-12, "p"}};
static const prefix SQUARE_MILLIMETRES[] = {{1e-6, "m"}};
static const prefix PERCENT[] = {{1e-2, ""}};

typedef struct unit_info {
    const char *symbol;
    const prefix *prefixes;
    size_t prefix_count;
} unit_info;

#define PREFIXES(list) list, sizeof(list) / sizeof((list)[0])

static const unit_info UNITS[UNIT_COUNT] = {
    [UNIT_PLAIN] = {"", PREFIXES(LARGE_PREFIXES)},
    [UNIT_SECONDS] = {"s", PREFIXES(SECOND_PREFIXES)},
    [UNIT_HERTZ] = {"Hz", PREFIXES(LARGE_PREFIXES)},
    [UNIT_BYTES] = {"B", PREFIXES(LARGE_PREFIXES)},
    [UNIT_BYTES_PER_SECOND] = {"B/s", PREFIXES(LARGE_PREFIXES)},
    [UNIT_BYTES_PER_CLOCK] = {"B/clk", PREFIXES(LARGE_PREFIXES)},
    [UNIT_FLOPS] = {"FLOP", PREFIXES(LARGE_PREFIXES)},
    [UNIT_FLOPS_PER_SECOND] = {"FLOP/s", PREFIXES(LARGE_PREFIXES)},
    [UNIT_FLOPS_PER_BYTE] = {"FLOP/B", PREFIXES(LARGE_PREFIXES)},
    [UNIT_FLOPS_PER_CLOCK] = {"FLOP/clk", PREFIXES(LARGE_PREFIXES)},
    [UNIT_JOULES] = {"J", PREFIXES(SI_PREFIXES)},
    [UNIT_WATTS] = {"W", PREFIXES(SI_PREFIXES)},
    [UNIT_SQUARE_METRES] = {"m²", PREFIXES(SQUARE_MILLIMETRES)},
    [UNIT_DOLLARS] = {"", PREFIXES(DOLLAR_PREFIXES)},
    [UNIT_FRACTION] = {"%", PREFIXES(PERCENT)},
};

static unit_info info_of(unit u) {
    assert(u < UNIT_COUNT);
    return UNITS[u];
}

/* The value as it will be read after rounding, so that 999.6 becomes 1000 and takes the next prefix. */
static double rounded(double magnitude) {
    if (magnitude == 0)
        return 0;
    double step = pow(10, floor(log10(magnitude)) - (SIGNIFICANT_DIGITS - 1));
    return round(magnitude / step) * step;
}

static const prefix *prefix_for(unit_info info, double magnitude) {
    /* A part in 1e9 of slack for the binary rounding of the step. */
    double shown = rounded(magnitude) * (1 + 1e-9);
    const prefix *whole = info.prefixes + info.prefix_count - 1;
    for (size_t i = 0; i < info.prefix_count; i++) {
        if (info.prefixes[i].scale == 1)
            whole = &info.prefixes[i];
        if (shown >= info.prefixes[i].scale)
            return &info.prefixes[i];
    }
    return magnitude == 0 ? whole : info.prefixes + info.prefix_count - 1;
}

static void print_grouped(char *text, size_t bytes, double whole) {
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%.0f", fabs(whole));
    size_t used = 0;
    if (whole < 0)
        used += (size_t)snprintf(text, bytes, "−");
    for (int i = 0; i < length && used + 2 < bytes; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

/* Three significant digits without an exponent where that stays short. */
static void print_digits(char *text, size_t bytes, double magnitude) {
    double shown = rounded(magnitude);
    if (shown == 0) {
        snprintf(text, bytes, "0");
        return;
    }
    int exponent = (int)floor(log10(shown * (1 + 1e-9)));
    int decimals = SIGNIFICANT_DIGITS - 1 - exponent;
    if (exponent < -4 || exponent > 9)
        snprintf(text, bytes, "%.*e", SIGNIFICANT_DIGITS - 1, shown);
    else if (decimals <= 0)
        print_grouped(text, bytes, shown);
    else
        snprintf(text, bytes, "%.*f", decimals, shown);
}

/* "–" and "infinite"; false for a number. */
static bool print_not_finite(unit_text *out, double value) {
    if (isfinite(value))
        return false;
    snprintf(out->text, sizeof out->text, "%s", isnan(value) ? "–" : value > 0 ? "infinite" : "−infinite");
    return true;
}

unit_text unit_format(unit u, double value) {
    unit_text out = {""};
    if (print_not_finite(&out, value))
        return out;
    if (u == UNIT_PLAIN && value == round(value) && fabs(value) < WHOLE_NUMBER_LIMIT) {
        print_grouped(out.text, sizeof out.text, value == 0 ? 0 : value);
        return out;
    }
    unit_info info = info_of(u);
    const prefix *p = prefix_for(info, fabs(value));
    char digits[32];
    print_digits(digits, sizeof digits, fabs(value) / p->scale);
    const char *separator = *p->text == ' ' || !(*p->text || *info.symbol) ? "" : " ";
    snprintf(out.text, sizeof out.text, "%s%s%s%s%s%s", value < 0 ? "−" : "", u == UNIT_DOLLARS ? "$" : "", digits,
             separator, p->text, info.symbol);
    return out;
}

unit_text unit_format_in(unit u, unit_scale scale, double value) {
    unit_text out = {""};
    if (u == UNIT_PLAIN)
        return unit_format(u, value);
    if (print_not_finite(&out, value))
        return out;
    char digits[32];
    print_digits(digits, sizeof digits, fabs(value * scale.factor));
    const char *sign = value < 0 ? "−" : "";
    if (u == UNIT_DOLLARS) /* the label is "$" and the prefix */
        snprintf(out.text, sizeof out.text, "%s$%s%s", sign, digits, scale.label + 1);
    else
        snprintf(out.text, sizeof out.text, "%s%s %s", sign, digits, scale.label);
    return out;
}

unit_scale unit_scale_for(unit u, double largest) {
    unit_scale scale = {.factor = 1};
    unit_info info = info_of(u);
    const prefix *p = prefix_for(info, isfinite(largest) ? fabs(largest) : 0);
    if (u == UNIT_PLAIN)
        return scale;
    scale.factor = 1 / p->scale;
    if (u == UNIT_DOLLARS)
        snprintf(scale.label, sizeof scale.label, "$%s", p->text);
    else
        snprintf(scale.label, sizeof scale.label, "%s%s", p->text, info.symbol);
    return scale;
}

/* Longer endings first: "_bytes_per_s" ends in "_s" too. */
static const struct {
    const char *ending;
    unit u;
} KEY_ENDINGS[] = {
    {"_bytes_per_s", UNIT_BYTES_PER_SECOND},
    {"_bytes_per_clk", UNIT_BYTES_PER_CLOCK},
    {"_flops_per_s", UNIT_FLOPS_PER_SECOND},
    {"_flops_per_clk", UNIT_FLOPS_PER_CLOCK},
    {"_bytes", UNIT_BYTES},
    {"_flops", UNIT_FLOPS},
    {"_frac", UNIT_FRACTION},
    {"_usd", UNIT_DOLLARS},
    {"_hz", UNIT_HERTZ},
    {"_m2", UNIT_SQUARE_METRES},
    {"_w", UNIT_WATTS},
    {"_j", UNIT_JOULES},
    {"_s", UNIT_SECONDS},
};
enum { KEY_ENDING_COUNT = sizeof KEY_ENDINGS / sizeof KEY_ENDINGS[0] };

unit unit_of_key(const char *key) {
    const char *dot = strrchr(key, '.');
    const char *name = dot ? dot + 1 : key; /* the whole name may be a unit: "l2.bytes" */
    size_t length = strlen(key);
    for (size_t i = 0; i < KEY_ENDING_COUNT; i++) {
        size_t ending = strlen(KEY_ENDINGS[i].ending);
        bool ends_so = length > ending && strcmp(key + length - ending, KEY_ENDINGS[i].ending) == 0;
        if (ends_so || strcmp(name, KEY_ENDINGS[i].ending + 1) == 0)
            return KEY_ENDINGS[i].u;
    }
    return UNIT_PLAIN;
}

size_t unit_stem_of_key(const char *key) {
    size_t length = strlen(key);
    for (size_t i = 0; i < KEY_ENDING_COUNT; i++) {
        size_t ending = strlen(KEY_ENDINGS[i].ending);
        if (length > ending && strcmp(key + length - ending, KEY_ENDINGS[i].ending) == 0)
            return length - ending;
    }
    return length;
}
