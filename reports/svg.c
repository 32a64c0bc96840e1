#include "reports/svg.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Colours that no palette holds: red 10, green 0, blue is the enumerator. gnuplot writes them as `rgb( 10,   0,   3)`,
 * within patterns as `rgb(10,0,3)`. */
enum { CODE_RED = 10 };

static const struct {
    const char *code, *property;
} COLOURS[SVG_COLOUR_COUNT] = {
    {"#0a0000", "--ink"},      {"#0a0001", "--series-1"}, {"#0a0002", "--series-2"}, {"#0a0003", "--series-3"},
    {"#0a0004", "--series-4"}, {"#0a0005", "--series-5"}, {"#0a0006", "--series-6"}, {"#0a0007", "--series-7"},
    {"#0a0008", "--series-8"}, {"#0a0009", "--idle"},     {"#0a000a", "--grid"},     {"#0a000b", "--muted"},
    {"#0a000c", "--paper"},
};

const char *svg_colour_code(svg_colour colour) {
    assert(colour < SVG_COLOUR_COUNT);
    return COLOURS[colour].code;
}

const char *svg_colour_property(svg_colour colour) {
    assert(colour < SVG_COLOUR_COUNT);
    return COLOURS[colour].property;
}

void svg_escape(FILE *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '&')
            fputs("&amp;", out);
        else if (c == '<')
            fputs("&lt;", out);
        else if (c == '>')
            fputs("&gt;", out);
        else if (c == '"')
            fputs("&quot;", out);
        else if (c == '\'')
            fputs("&#39;", out);
        else
            fputc((c < ' ' && c != '\n') || c == 0x7f ? ' ' : c, out);
    }
}

static bool starts(const char *at, const char *end, const char *word) {
    size_t length = strlen(word);
    return (size_t)(end - at) >= length && memcmp(at, word, length) == 0;
}

/* Just after the next `word`, or `end`. */
static const char *after(const char *at, const char *end, const char *word) {
    const char *found = memmem(at, (size_t)(end - at), word, strlen(word));
    return found ? found + strlen(word) : end;
}

/* A colour function at `at`: writes its replacement and returns where it ends; NULL when it is not one of ours. */
static const char *adapt_colour(FILE *out, const char *at, const char *end) {
    int red, green, blue, used = 0;
    char text[32] = "";
    size_t length = (size_t)(end - at) < sizeof text - 1 ? (size_t)(end - at) : sizeof text - 1;
    memcpy(text, at, length);
    if (sscanf(text, "rgb(%d ,%d ,%d )%n", &red, &green, &blue, &used) != 3 || used == 0)
        return NULL;
    if (red == CODE_RED && green == 0 && blue >= 0 && blue < SVG_COLOUR_COUNT)
        fprintf(out, "var(%s)", COLOURS[blue].property);
    else
        fprintf(out, "rgb(%d,%d,%d)", red, green, blue);
    return at + used;
}

/* What is replaced within a tag; `own` puts the figure's id after it. */
static const struct {
    const char *from, *to;
    bool own;
} REPLACEMENTS[] = {
    {"'black'", "'currentColor'", false},
    {"\"black\"", "\"currentColor\"", false},
    {"\"white\"", "\"var(--paper)\"", false},
    {" id='", " id='", true},
    {" id=\"", " id=\"", true},
    {"xlink:href='#", "href='#", true},
    {"url(#", "url(#", true},
};

/* Attributes that go, up to the closing quote. */
static const char *const DROPPED[] = {"font-family=\"", "xmlns=\"", "xmlns:xlink=\""};

/* Rewrites what stands between the angle brackets of one tag. */
static void adapt_tag(FILE *out, const char *at, const char *end, const char *id) {
    while (at < end) {
        const char *next = starts(at, end, "rgb(") ? adapt_colour(out, at, end) : NULL;
        for (size_t i = 0; i < sizeof DROPPED / sizeof DROPPED[0] && !next; i++)
            if (starts(at, end, DROPPED[i]))
                next = after(at + strlen(DROPPED[i]), end, "\"");
        for (size_t i = 0; i < sizeof REPLACEMENTS / sizeof REPLACEMENTS[0] && !next; i++)
            if (starts(at, end, REPLACEMENTS[i].from)) {
                fputs(REPLACEMENTS[i].to, out);
                if (REPLACEMENTS[i].own)
                    fprintf(out, "%s-", id);
                next = at + strlen(REPLACEMENTS[i].from);
            }
        if (!next) {
            fputc(*at, out);
            next = at + 1;
        }
        at = next;
    }
}

/* A copy in which every run of white space is one blank, and none before the end of a tag. */
static char *collapse_white_space(const char *text) {
    char *copy = malloc(strlen(text) + 1), *to = copy;
    bool in_tag = false;
    if (!copy)
        abort();
    for (; *text; text++) {
        bool white = strchr(" \n\t\r", *text) != NULL;
        bool follows_white = to > copy && to[-1] == ' ';
        if (white && follows_white)
            continue;
        if (in_tag && follows_white && (*text == '>' || (*text == '/' && text[1] == '>')))
            to--;
        in_tag = *text == '<' || (in_tag && *text != '>');
        *to++ = white ? ' ' : *text;
    }
    *to = '\0';
    return copy;
}

/* Elements that go with all they hold: gnuplot's own titles, and filters that carry a white box. */
static const char *skip_element(const char *at, const char *end) {
    static const char *const ELEMENTS[][2] = {
        {"<title>", "</title>"}, {"<desc>", "</desc>"}, {"<filter ", "</filter>"}};
    for (size_t i = 0; i < sizeof ELEMENTS / sizeof ELEMENTS[0]; i++)
        if (starts(at, end, ELEMENTS[i][0]))
            return after(at, end, ELEMENTS[i][1]);
    return NULL;
}

static void adapt_elements(FILE *out, const char *at, const char *end, const char *id) {
    bool closed = false;
    while (at < end && !closed) {
        const char *next = skip_element(at, end);
        if (!next && *at == '<') {
            next = after(at, end, ">");
            closed = starts(at, end, "</svg>");
            adapt_tag(out, at, next, id);
        } else if (!next) {
            next = at + strcspn(at, "<");
            if (next - at > 1 || *at != ' ')
                fwrite(at, 1, (size_t)(next - at), out);
        }
        at = next;
    }
}

void svg_adapt(FILE *out, const char *drawing, const char *id, const char *title, const char *description) {
    char *text = collapse_white_space(drawing);
    const char *end = text + strlen(text);
    const char *view = after(text, end, "viewBox=\"");
    fprintf(out, "<svg class=\"plot\" role=\"img\" aria-labelledby=\"%s-title %s-desc\" viewBox=\"%.*s\">", id, id,
            (int)strcspn(view, "\""), view);
    fprintf(out, "<title id=\"%s-title\">", id);
    svg_escape(out, title);
    fprintf(out, "</title><desc id=\"%s-desc\">", id);
    svg_escape(out, description);
    fputs("</desc>\n", out);
    adapt_elements(out, after(after(text, end, "<svg"), end, ">"), end, id);
    fputc('\n', out);
    free(text);
}
