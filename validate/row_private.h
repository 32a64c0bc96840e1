/* What the row reader's own files share. */
#ifndef INGOT_ROW_PRIVATE_H
#define INGOT_ROW_PRIVATE_H

#include "validate/row_columns.h"
#include "validate/row_names.h"
#include "validate/rows.h"

enum { ROW_LENS_MAX = 4096 };

struct row_reader {
    csv_reader *csv;
    const source_map *sources;
    row_columns columns;
    const csv_row *line;
    row_name name; /* of the row before: files come in runs of one op */
    char *name_text;
    bool set[ROW_PARAMS_MAX]; /* parameters that the row, its name or its dtype states */
    int empty_column;         /* of the first dimension that is 0 */
    operator_row row;
    const char *fields[CSV_COLUMNS_MAX];
    int64_t lens[ROW_LENS_MAX];
};

/* The text of the current line's field; "" for a column that the file lacks. */
const char *row_text_at(const row_reader *reader, int column);

/* Whether the row, its name or its dtype states a parameter of the row's kind. */
bool row_param_is_set(const row_reader *reader, const char *name);

/* Fills row.op and lens from the current line; reader->name is known. */
status row_read_operator(row_reader *reader, error *err);

#endif
