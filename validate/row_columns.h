/* Which column of a file holds which parameter of which kind: worked out once a file. */
#ifndef INGOT_ROW_COLUMNS_H
#define INGOT_ROW_COLUMNS_H

#include "core/base/csv.h"
#include "core/op.h"

#include <stdbool.h>

enum { ROW_PARAMS_MAX = 16, ROW_HASHED_MAX = 128 };

/* What a blank parameter means. */
typedef enum blank_rule { BLANK_IS_ERROR, BLANK_IS_CONSTANT, BLANK_IS_OTHER } blank_rule;

typedef struct row_param {
    const op_param *param;
    int column; /* -1: the file has none */
    blank_rule rule;
    double constant;
    size_t other; /* index of the parameter it then equals */
} row_param;

typedef struct row_columns {
    int op, lens, measured_us, method, split, source, sms, streamed_bytes, packed_bytes; /* -1: the file has none */
    row_param params[OP_KIND_COUNT][ROW_PARAMS_MAX];
    int hashed[ROW_HASHED_MAX]; /* columns in the order in which the row's hash takes them */
    size_t hashed_count;
} row_columns;

/* An error when there is no column `op`. */
status row_columns_bind(const csv_reader *reader, row_columns *out, error *err);

/* The parameter of a kind by name, or NULL. */
const row_param *row_columns_find(const row_columns *columns, op_kind kind, const char *name);

#endif
