/* A report as a document: a heading, a question with its answer, and sections of text, one figure and tables. It is
 * built once, by hand or from a report_input, and each format writes the same: HTML, Markdown, CSV, JSON.
 *
 * Text is borrowed; tables and what the functions below make are owned by the arena that they are given. */
#ifndef INGOT_DOCUMENT_H
#define INGOT_DOCUMENT_H

#include "reports/plot.h"
#include "reports/table.h"

enum { SECTION_PARAGRAPHS_MAX = 8, SECTION_TABLES_MAX = 4, DOCUMENT_SECTIONS_MAX = 96, DOCUMENT_ANSWERS_MAX = 64 };

typedef struct report_section {
    const char *id, *heading;
    const char *part; /* which of several inputs it is about; NULL where there is one */
    const char *paragraphs[SECTION_PARAGRAPHS_MAX];
    size_t paragraph_count;
    report_figure figure;
    const report_input *drawn; /* what the figure shows */
    report_table tables[SECTION_TABLES_MAX];
    size_t table_count;
    const char *code; /* a command to copy, or NULL */
} report_section;

typedef struct report_document {
    const char *title, *notice, *question; /* NULL: none */
    const char *date, *version;
    const char *answer[DOCUMENT_ANSWERS_MAX];
    size_t answer_count;
    report_section sections[DOCUMENT_SECTIONS_MAX];
    size_t section_count;
} report_document;

report_document *document_new(arena *memory, const char *title);
void document_answer(report_document *document, const char *line);
/* The id is unique in a document. */
report_section *document_section(report_document *document, const char *id, const char *heading);
void section_paragraph(report_section *section, const char *text);
/* Rows at most, as table_begin. */
report_table *section_table(arena *memory, report_section *section, const char *caption, size_t rows_max);

/* The sections of an input, behind those that are there; `part` names the input where a document has several, and its
 * question and answers are added with that name, else NULL and the input's heading becomes the document's. The input is
 * borrowed until the document is written. */
void document_append(arena *memory, report_document *document, const report_input *input, const char *part);

/* Columns of tables that were made by hand: numbers that lie near each other get one unit. */
void document_share_units(arena *memory, report_document *document);

/* What a report's file may end in, up to a NULL. */
extern const char *const document_endings[];

/* Writes PATH whole or not at all, in the format that its ending names: .html, .md, .csv or .json; STATUS_BAD_INPUT for
 * any other. The page draws its plots with gnuplot: without it STATUS_ENVIRONMENT, which says how to install it. The
 * others need nothing and have no plots: their numbers are in the tables. */
status document_write(const report_document *document, const char *path, error *err);

/* The Markdown alone, to a stream. */
void document_markdown(FILE *out, const report_document *document);
/* A row a cell: section,table,row,name,column,value,text (name: the row's first cell). Numbers are exact and SI. */
void document_csv(FILE *out, const report_document *document);
status document_json(FILE *out, const report_document *document, error *err);
status document_html(FILE *out, const report_document *document, error *err);

#endif
