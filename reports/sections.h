/* A report's sections, built once from the input and written by each format, so that all say the same. */
#ifndef INGOT_SECTIONS_H
#define INGOT_SECTIONS_H

#include "reports/plot.h"
#include "reports/table.h"

enum { SECTION_PARAGRAPHS_MAX = 4, SECTION_TABLES_MAX = 3, SECTIONS_MAX = 8 };

typedef struct report_section {
    const char *id, *heading;
    const char *paragraphs[SECTION_PARAGRAPHS_MAX];
    size_t paragraph_count;
    report_figure figure;
    report_table tables[SECTION_TABLES_MAX];
    size_t table_count;
    const char *code; /* a command to copy, or NULL */
} report_section;

typedef struct report_sections {
    report_section items[SECTIONS_MAX];
    size_t count;
} report_sections;

/* Everything is owned by the arena or borrowed from the input. */
report_sections *sections_build(arena *memory, const report_input *input);

#endif
