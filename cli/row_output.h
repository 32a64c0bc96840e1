/* Operator rows written back as they came, with columns of our own behind them: what `predict` and `bench` print. */
#ifndef INGOT_ROW_OUTPUT_H
#define INGOT_ROW_OUTPUT_H

#include "validate/rows.h"

#include <stdio.h>

/* Columns that the input has too are left out of what is copied: the caller writes fresh values. */
typedef struct row_output {
    FILE *out;
    const row_reader *reader;
    const char *const *added;
    size_t added_count;
} row_output;

/* The line of column names: those that are copied, then the added ones. */
void row_output_header(const row_output *o);

/* The row's own fields, each with the comma behind it; the caller goes on with the added ones. */
void row_output_fields(const row_output *o, const operator_row *row);

#endif
