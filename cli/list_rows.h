/* The tables that `ingot list` prints: columns with a JSON key each, rows of text, numbers and lists. */
#ifndef INGOT_LIST_ROWS_H
#define INGOT_LIST_ROWS_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/base/units.h"

#include <stdbool.h>
#include <stddef.h>

enum { LIST_COLUMNS_MAX = 40 };

typedef enum list_kind { LIST_TEXT, LIST_NUMBER, LIST_FLAG, LIST_WORDS } list_kind;

typedef struct list_column {
    const char *key;    /* in JSON: "hbm_bandwidth_bytes_per_s" */
    const char *header; /* in text; NULL: JSON only */
    list_kind kind;
    unit u; /* of a number */
} list_column;

typedef struct list_words {
    const char *const *items;
    size_t count;
} list_words;

/* The member of the column's kind; text NULL and NaN are not known. */
typedef struct list_cell {
    const char *text;
    double number;
    bool flag;
    list_words words;
} list_cell;

/* Rows, growing; all in the arena. */
typedef struct list_table {
    arena *memory;
    const list_column *columns;
    size_t column_count;
    list_cell **rows;
    size_t row_count, row_capacity;
} list_table;

/* A fresh row of empty cells, to be filled by the caller. */
list_cell *list_add_row(list_table *table);

status list_print_text(const list_table *table);
status list_print_json(const list_table *table, error *err);

/* What is listed: fills columns and rows. */
typedef status list_function(list_table *table, error *err);

list_function list_machines, list_workloads, list_hosts;                                    /* read from configs/ */
list_function list_levers, list_presets, list_engines, list_memories, list_ops, list_kinds; /* built in */

#endif
