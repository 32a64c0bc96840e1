/* Strict, streaming CSV reading by header name, and the quoting of fields that are written.
 *
 * The format is RFC 4180's: commas, optional double quotes ("" inside for one quote), lines ended by LF or CRLF, the
 * first line the header; a UTF-8 byte order mark is skipped. Every row has as many fields as the header. NUL bytes,
 * empty lines, stray quotes or carriage returns, repeated or empty column names and rows over the size limit are
 * errors, with file:line:column. Columns of positions count bytes from 1. Memory stays constant, whatever the size of
 * the file. */
#ifndef INGOT_CSV_H
#define INGOT_CSV_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CSV_ROW_MAX_BYTES = 64 * 1024, /* a row must be shorter; quoted line breaks count too */
    CSV_COLUMNS_MAX = 512,
};

typedef struct csv_reader csv_reader;

typedef struct csv_field {
    const char *text; /* NUL-terminated, quotes resolved */
    size_t length_bytes;
    int line, column; /* where it begins, from 1 */
} csv_field;

/* One row; valid until the next call of csv_next or csv_close. Has csv_column_count fields. */
typedef struct csv_row {
    const char *file;
    int line;
    const csv_field *fields;
} csv_row;

/* Opens a file and reads its header; STATUS_BAD_INPUT when that fails. */
status csv_open(const char *path, csv_reader **out, error *err);

/* The same from memory, which must outlive the reader; `name` stands for the file in messages. */
status csv_open_memory(const char *name, const char *text, size_t bytes, csv_reader **out, error *err);

void csv_close(csv_reader *reader); /* NULL is fine */

const char *csv_path(const csv_reader *reader);
size_t csv_column_count(const csv_reader *reader);
const char *csv_column_name(const csv_reader *reader, size_t column);

/* The index of a column, or -1. */
int csv_find_column(const csv_reader *reader, const char *name);

/* The same for a column that must be there: an error names it. */
status csv_require_column(const csv_reader *reader, const char *name, int *out, error *err);

/* The next row, or NULL at the end of the file. */
status csv_next(csv_reader *reader, const csv_row **out, error *err);

/* An error at a field of a row. */
#define CSV_ERROR(row, index, err, ...)                                                                                \
    error_at((err), (row)->file, (row)->fields[index].line, (row)->fields[index].column, __VA_ARGS__)

/* A plain decimal (1.98e9) in [min, max]; "nan", "0x10", "1.9GHz" and blanks are errors that name the column. */
status csv_number(const csv_reader *reader, const csv_row *row, int column, double min, double max, double *out,
                  error *err);

/* Writes a field, quoted when it must be so that the reader gives it back; the caller writes commas and line breaks,
 * and checks the stream. */
void csv_write_field(FILE *file, const char *text);

#ifdef __cplusplus
}
#endif
#endif
