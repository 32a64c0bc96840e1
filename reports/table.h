/* Tables of text and numbers, independent of the format that writes them. */
#ifndef INGOT_TABLE_H
#define INGOT_TABLE_H

#include "core/base/arena.h"
#include "core/base/units.h"

#include <stdbool.h>

enum { TABLE_COLUMNS_MAX = 32 };

typedef struct report_cell {
    const char *text; /* as shown */
    bool is_number;
    bool is_change; /* shown with its sign, or rounded: its text stays as it is */
    unit u;
    double value; /* of a number: exact, SI */
} report_cell;

typedef struct report_column {
    const char *header;
    const char *title; /* the full name where the header is shortened, else NULL */
    bool is_number;    /* aligned to the right */
} report_column;

typedef struct report_table {
    const char *caption;
    report_column columns[TABLE_COLUMNS_MAX];
    size_t column_count;
    report_cell *cells; /* [row_count][column_count] */
    size_t row_count, row_capacity;
    bool first_row_is_base;
} report_table;

/* At most rows_max rows (asserted); cells are owned by the arena, as is the text that the functions below make. */
report_table table_begin(arena *memory, const char *caption, size_t rows_max);
/* Columns come before rows. */
void table_column(report_table *table, const char *header, bool is_number);

/* Cells are filled from left to right, every column of a row. */
typedef struct table_writer {
    arena *memory;
    report_table *table;
    size_t column;
} table_writer;

table_writer table_row(arena *memory, report_table *table);
void row_text(table_writer *row, const char *text); /* borrowed; NULL is empty */
void row_number(table_writer *row, unit u, double value);
void row_change(table_writer *row, double fraction); /* "+12.3 %" */
/* A number shown as the text says, which the caller rounded. */
void row_rounded(table_writer *row, double value, const char *text);

/* Numbers of a column that lie near each other get one unit, so that they can be compared at a glance: 0.900 s beside
 * 3.41 s, not 900 ms. */
void table_share_units(arena *memory, report_table *table);

#endif
