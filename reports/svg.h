/* Turns gnuplot's SVG into one that belongs to a page: its colours and font come from the page's style, identifiers are
 * its own, and it says what it shows. */
#ifndef INGOT_SVG_H
#define INGOT_SVG_H

#include <stddef.h>
#include <stdio.h>

/* Colours by their part. A plot names them with svg_colour_code; the page defines the custom property of the same
 * place for light, dark and print. */
typedef enum svg_colour {
    SVG_INK, /* text and axes */
    SVG_SERIES_1,
    SVG_SERIES_LAST = SVG_SERIES_1 + 7,
    SVG_IDLE,
    SVG_GRID,
    SVG_MUTED, /* secondary text */
    SVG_PAPER, /* the background, for halos */
    SVG_COLOUR_COUNT
} svg_colour;

enum { SVG_SERIES_COUNT = SVG_SERIES_LAST - SVG_SERIES_1 + 1 };

/* "#0a0003": what a gnuplot script writes for a colour. */
const char *svg_colour_code(svg_colour colour);
/* "--series-3": the custom property that takes its place. */
const char *svg_colour_property(svg_colour colour);

/* Text with &, <, > and both quotes escaped, for HTML, SVG and attributes; control characters other than the
 * newline become spaces. */
void svg_escape(FILE *out, const char *text);

/* Writes `drawing` (one SVG document of gnuplot's) as an element that fits any width: role, title and description, ids
 * that begin with `id`, no size, font, namespace or background of its own. */
void svg_adapt(FILE *out, const char *drawing, const char *id, const char *title, const char *description);

#endif
