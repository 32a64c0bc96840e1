/* Operator rows: one measured, or to be predicted, operator a line of a CSV file.
 *
 * Columns are found by header name. `op` and the parameters of ops.def describe the operator; `measured_us`, `method`,
 * `split`, `source` and `lens` its measurement; any other column is passed through. Rows of method in_model may say
 * what stands around them, `streamed_bytes` and `packed_bytes` of struct op (blank: 0). A field that does not apply is
 * blank. Defaults of blank parameters: batch 1; kv_heads as heads; kv_len as q_len; weights_dtype, kv_dtype and
 * out_dtype as dtype; table_rows as rows; group_size and window 0; inputs 1; flags false; backend by the source, else
 * best; direction device. Everything else is required. The sampling method's column is `sample_method` (blank: argmax),
 * because `method` is how a row was measured. A dtype of w8a16 or w4a16 is bf16 with int8 or int4 weights. */
#ifndef INGOT_ROWS_H
#define INGOT_ROWS_H

#include "core/op.h"
#include "validate/sources.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum row_method {
    ROW_METHOD_UNSPECIFIED,
    ROW_METHOD_CUPTI_COLD_L2, /* kernel time with L2 flushed before */
    ROW_METHOD_GRAPH_STEADY,  /* mean over back-to-back replays of a CUDA graph */
    ROW_METHOD_IN_MODEL,      /* mean over a model's layers, between its neighbours there */
    ROW_METHOD_COUNT
} row_method;

const char *row_method_name(row_method method); /* "graph_steady"; "" when unspecified */

typedef struct operator_row {
    op op;                   /* valid (op_check) unless `unsupported` or `empty` */
    const char *unsupported; /* why it cannot be predicted, or NULL */
    bool empty;              /* a dimension is 0: nothing to do, nothing to predict */
    row_method method;
    double measured_s;  /* NaN when blank */
    double sm_count;    /* that it ran on; 0: all of the machine's */
    const char *split;  /* "fit", "held" or "" */
    const char *source; /* "" when blank */
    uint64_t hash;      /* row_is_held explains */
    int line;
    const char *const *fields; /* every field as read, one a column of the file */
    const int64_t *lens;       /* attention over sequences of different lengths: one key-value length a sequence */
    size_t len_count;          /* 0 when all are alike */
    bool lens_are_queries;     /* q_len was blank: each sequence attends to itself, so lens are query lengths too */
} operator_row;

/* Whether a row belongs to the half that no parameter is fitted on. A `split` column decides ("fit", "held"; also
 * "train", "test"), else the parity of the hash: odd is held. The hash is splitmix64's finaliser of FNV-1a 64 over the
 * row's fields that are not blank, joined by commas: op, the operator's columns in design order (rows.c), method,
 * source; never measured_us. So equal questions fall into the same half, and adding or moving columns changes
 * nothing. */
bool row_is_held(const operator_row *row);

/* "decode" or "prefill" for attention, else NULL. */
const char *row_phase(const operator_row *row);

/* The operators that a row stands for: itself, or with `lens` one attention a sequence, whose work adds up. `index` is
 * below row_part_count, which is at least 1. */
size_t row_part_count(const operator_row *row);
op row_part(const operator_row *row, size_t index);

/* ---- one row at a time, in constant memory ---- */

typedef struct row_reader row_reader;

/* `sources` (may be NULL) must outlive the reader. */
status row_reader_open(const char *path, const source_map *sources, row_reader **out, error *err);

/* The next row, valid until the next call, or NULL at the end. STATUS_BAD_INPUT with file:line:column for a row that
 * does not say what it should; empty and unsupported rows are none of these. */
status row_reader_next(row_reader *reader, const operator_row **out, error *err);

size_t row_reader_column_count(const row_reader *reader);
const char *row_reader_column_name(const row_reader *reader, size_t column);

/* The error of an empty row: which dimension is 0, and where. */
status row_reader_empty_error(const row_reader *reader, error *err);

void row_reader_close(row_reader *reader); /* NULL is fine */

/* ---- whole files ---- */

typedef enum empty_rows {
    EMPTY_ROWS_ARE_ERRORS, /* a question must make sense; the message says how many rows do not */
    EMPTY_ROWS_SKIPPED,    /* public tables hold some: left out of `rows` and counted */
} empty_rows;

typedef struct row_table {
    const char *path;
    const char *const *columns;
    size_t column_count;
    operator_row *rows; /* in file order, the unsupported among them */
    size_t count;
    size_t unsupported_count, skipped_count;
    arena memory; /* of everything but the rows */
} row_table;

/* Free with rows_free, also after an error. */
status rows_load(const char *path, const source_map *sources, empty_rows policy, row_table *out, error *err);
void rows_free(row_table *table);

#endif
