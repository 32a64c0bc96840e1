/* The HTML page: no scripts, no network, figures inline. It is also well-formed XML. */
#include "core/base/number.h"
#include "reports/document.h"
#include "reports/style.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Text cells of so many bytes are not broken. */
enum { ONE_LINE_BYTES = 20 };
/* Tables of so many columns are set smaller, so that a desktop shows them whole. */
enum { DENSE_TABLE_COLUMNS = 13 };

static void write_element(FILE *out, const char *open, const char *text, const char *close) {
    fputs(open, out);
    svg_escape(out, text);
    fputs(close, out);
}

/* A legend's mark as a drawing of 13 by 13. */
static void write_mark(FILE *out, const legend_item *item) {
    static const char *const SHAPES[MARK_COUNT] = {
        [MARK_CIRCLE] = "<circle cx=\"6.5\" cy=\"6.5\" r=\"4.5\"/>",
        [MARK_SQUARE] = "<path d=\"M2.5 2.5h8v8h-8z\"/>",
        [MARK_TRIANGLE] = "<path d=\"M6.5 1 12 10.5H1z\"/>",
        [MARK_DIAMOND] = "<path d=\"M6.5 1 12 6.5 6.5 12 1 6.5z\"/>",
        [MARK_TRIANGLE_DOWN] = "<path d=\"M6.5 12 12 2.5H1z\"/>",
        [MARK_PENTAGON] = "<path d=\"M6.5 1 12 5.3 10 12H3L1 5.3z\"/>",
        [MARK_CROSS] = "<path d=\"M2.5 2.5l8 8m0-8l-8 8\" stroke-width=\"1.6\"/>",
        [MARK_PLUS] = "<path d=\"M6.5 1v11M1 6.5h11\" stroke-width=\"1.6\"/>",
        [MARK_SWATCH] = "<path d=\"M0 1h13v11H0z\"/>",
        [MARK_RING] = "<circle cx=\"6.5\" cy=\"6.5\" r=\"4.7\" fill=\"none\" stroke-width=\"2\"/>",
    };
    bool stroked = item->mark == MARK_CROSS || item->mark == MARK_PLUS || item->mark == MARK_RING;
    fprintf(out, "<svg viewBox=\"0 0 13 13\" aria-hidden=\"true\" %s=\"var(%s)\">%s</svg>", stroked ? "stroke" : "fill",
            svg_colour_property(item->colour), SHAPES[item->mark]);
}

static void write_legend(FILE *out, const report_input *input, report_figure figure) {
    plot_legend legend = plot_legend_of(input, figure);
    if (legend.count == 0)
        return;
    fputs("<ul class=\"legend\">", out);
    for (size_t i = 0; i < legend.count; i++) {
        fputs("<li>", out);
        write_mark(out, &legend.items[i]);
        fputs("<span>", out);
        svg_escape(out, legend.items[i].label);
        fputs("</span></li>", out);
    }
    fputs("</ul>\n", out);
}

static status write_figure(FILE *out, const report_section *section, error *err) {
    static const char *const CLASSES[] = {"wide", "narrow"};
    char id[64];
    fputs("<figure>\n", out);
    write_legend(out, section->drawn, section->figure);
    status result = STATUS_OK;
    for (int format = PLOT_WIDE; format <= PLOT_NARROW && result == STATUS_OK; format++) {
        snprintf(id, sizeof id, "%s-%s", section->id, CLASSES[format]);
        fprintf(out, "<div class=\"%s\">\n", CLASSES[format]);
        result = plot_write(out, section->drawn, section->figure, (plot_format)format, id, err);
        fputs("</div>\n", out);
    }
    fputs("</figure>\n", out);
    return result;
}

/* The exact number stands in the element's value, for machines and for copying. */
static void write_cell_text(FILE *out, const report_cell *cell) {
    if (!cell->is_number) {
        svg_escape(out, cell->text);
        return;
    }
    char exact[NUMBER_TEXT_BYTES];
    number_format(cell->value, exact);
    fprintf(out, "<data value=\"%s\">", exact);
    svg_escape(out, cell->text);
    fputs("</data>", out);
}

static void write_header(FILE *out, const report_table *table) {
    fputs("<thead><tr>", out);
    for (size_t i = 0; i < table->column_count; i++) {
        const report_column *column = &table->columns[i];
        fprintf(out, "<th scope=\"col\"%s", column->is_number ? " class=\"n\"" : "");
        if (column->title) {
            fputs(" title=\"", out);
            svg_escape(out, column->title);
            fputc('"', out);
        }
        fputc('>', out);
        svg_escape(out, column->header);
        fputs("</th>", out);
    }
    fputs("</tr></thead>\n", out);
}

static void write_row(FILE *out, const report_table *table, size_t row) {
    fprintf(out, "<tr%s>", row == 0 && table->first_row_is_base ? " class=\"base\"" : "");
    for (size_t i = 0; i < table->column_count; i++) {
        const report_cell *cell = &table->cells[row * table->column_count + i];
        const char *element = i == 0 ? "th" : "td", *name = table->columns[i].is_number ? "n" : "t";
        if (!table->columns[i].is_number && strlen(cell->text) <= ONE_LINE_BYTES)
            name = "s";
        fprintf(out, "<%s%s class=\"%s\">", element, i == 0 ? " scope=\"row\"" : "", name);
        write_cell_text(out, cell);
        fprintf(out, "</%s>", element);
    }
    fputs("</tr>\n", out);
}

static void write_table(FILE *out, const report_section *section, const report_table *table) {
    bool prose = true;
    for (size_t i = 0; i < table->column_count; i++)
        prose = prose && !table->columns[i].is_number;
    fputs("<figure class=\"table\">\n", out);
    if (*table->caption)
        write_element(out, "<figcaption>", table->caption, "</figcaption>\n");
    /* A region that scrolls sideways can be reached and scrolled by keyboard. */
    write_element(out, "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"",
                  *table->caption ? table->caption : section->heading, "\">");
    fprintf(out, "<table%s>\n",
            prose                                        ? " class=\"prose\""
            : table->column_count >= DENSE_TABLE_COLUMNS ? " class=\"dense\""
                                                         : "");
    write_header(out, table);
    fputs("<tbody>\n", out);
    for (size_t row = 0; row < table->row_count; row++)
        write_row(out, table, row);
    fputs("</tbody></table></div>\n</figure>\n", out);
}

/* Running text: a number stays on one line with what follows it, mostly its unit. */
static void write_prose(FILE *out, const char *open, const char *text, const char *close) {
    char *bound = malloc(2 * strlen(text) + 1), *to = bound;
    if (!bound)
        abort();
    for (const char *from = text; *from; from++) {
        bool after_number = from > text && from[-1] >= '0' && from[-1] <= '9';
        if (*from == ' ' && after_number)
            to = stpcpy(to, "\xc2\xa0"); /* no-break space */
        else
            *to++ = *from;
    }
    *to = '\0';
    write_element(out, open, bound, close);
    free(bound);
}

static status write_section(FILE *out, const report_section *section, error *err) {
    fprintf(out, "<section id=\"%s\" aria-labelledby=\"%s-heading\">\n<h2 id=\"%s-heading\">", section->id, section->id,
            section->id);
    if (section->part)
        write_element(out, "<span class=\"part\">", section->part, "</span> ");
    write_element(out, "", section->heading, "</h2>\n");
    for (size_t i = 0; i < section->paragraph_count; i++)
        write_prose(out, "<p>", section->paragraphs[i], "</p>\n");
    status result = STATUS_OK;
    if (section->figure != FIGURE_NONE)
        result = write_figure(out, section, err);
    for (size_t i = 0; i < section->table_count; i++)
        write_table(out, section, &section->tables[i]);
    if (section->code)
        write_element(out, "<pre class=\"code\"><code>", section->code, "</code></pre>\n");
    fputs("</section>\n", out);
    return result;
}

static void write_head(FILE *out, const report_document *document) {
    const char *title = document->title ? document->title : "ingot report";
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n",
          out);
    fputs("<meta name=\"generator\" content=\"ingot ", out);
    write_element(out, "", document->version ? document->version : "", "\"/>\n");
    write_element(out, "<title>", title, "</title>\n");
    /* An empty icon, so that no browser asks for one. */
    fprintf(out, "<link rel=\"icon\" href=\"data:,\"/>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", REPORT_STYLE);
}

static void write_opening(FILE *out, const report_document *document) {
    fputs("<header>\n<p class=\"kicker\">ingot report", out);
    if (document->date)
        write_element(out, ", ", document->date, "");
    fputs("</p>\n", out);
    write_element(out, "<h1>", document->title ? document->title : "ingot report", "</h1>\n");
    if (document->notice)
        write_element(out, "<p class=\"notice\">", document->notice, "</p>\n");
    if (document->question)
        write_prose(out, "<p class=\"question\">", document->question, "</p>\n");
    if (document->answer_count > 0) {
        fputs("<ul class=\"answer\">\n", out);
        for (size_t i = 0; i < document->answer_count; i++)
            write_prose(out, "<li>", document->answer[i], "</li>\n");
        fputs("</ul>\n", out);
    }
    if (document->section_count > 1) {
        fputs("<nav aria-label=\"Sections\"><ul>", out);
        for (size_t i = 0; i < document->section_count; i++) {
            fprintf(out, "<li><a href=\"#%s\">", document->sections[i].id);
            write_element(out, "", document->sections[i].heading, "</a></li>");
        }
        fputs("</ul></nav>\n", out);
    }
    fputs("</header>\n", out);
}

status document_html(FILE *out, const report_document *document, error *err) {
    status result = STATUS_OK;
    write_head(out, document);
    write_opening(out, document);
    for (size_t i = 0; i < document->section_count && result == STATUS_OK; i++)
        result = write_section(out, &document->sections[i], err);
    fputs("</main>\n</body>\n</html>\n", out);
    return result;
}
