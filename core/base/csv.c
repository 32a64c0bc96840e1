#include "core/base/csv.h"

#include "core/base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Rows are found in one buffer, which is refilled when no whole row is left in it. */
enum { BUFFER_BYTES = 4 * CSV_ROW_MAX_BYTES };

static const char BYTE_ORDER_MARK[] = "\xef\xbb\xbf";

struct csv_reader {
    char *path;
    FILE *file;
    size_t begin, end; /* what is left in the buffer */
    bool at_end_of_file;
    int line;      /* of the row at `begin` */
    int last_line; /* on which the row in `fields` ends */
    size_t unquoted_bytes;
    size_t field_count; /* of the row in `fields` */
    size_t column_count;
    csv_row row;
    char *names[CSV_COLUMNS_MAX];
    csv_field fields[CSV_COLUMNS_MAX];
    char unquoted[CSV_ROW_MAX_BYTES]; /* texts of the row's quoted fields */
    char buffer[BUFFER_BYTES + 1];    /* and one byte for the NUL behind the last row */
};

/* ---- finding rows ---- */

static status refill(csv_reader *reader, error *err) {
    memmove(reader->buffer, reader->buffer + reader->begin, reader->end - reader->begin);
    reader->end -= reader->begin;
    reader->begin = 0;
    size_t wanted = BUFFER_BYTES - reader->end;
    size_t got = fread(reader->buffer + reader->end, 1, wanted, reader->file);
    reader->end += got;
    if (got < wanted && ferror(reader->file))
        return error_at(err, reader->path, reader->line, 1, "cannot read: %s", strerror(errno));
    reader->at_end_of_file = got < wanted;
    return STATUS_OK;
}

/* The length without its line break of the row at `begin`, if the buffer holds all of it. A row ends at the first line
 * break outside quotes. Where quotes are malformed their parity means nothing, but then parse_row stops at the first
 * bad one, which is never behind the row's true end. */
static bool find_row(const csv_reader *reader, size_t available, size_t *length) {
    const char *row = reader->buffer + reader->begin;
    bool quoted = false;
    for (size_t start = 0; start < available; start = *length + 1) {
        const char *line_break = memchr(row + start, '\n', available - start);
        const char *stop = line_break ? line_break : row + available;
        const char *quote = memchr(row + start, '"', (size_t)(stop - row) - start);
        while (quote) {
            quoted = !quoted;
            quote = memchr(quote + 1, '"', (size_t)(stop - quote) - 1);
        }
        *length = (size_t)(stop - row);
        if (line_break && !quoted)
            return true;
    }
    return false;
}

/* Brings the next row into the buffer whole, or its first CSV_ROW_MAX_BYTES bytes, which are too many. *row is NULL at
 * the end of the file. */
static status fetch_row(csv_reader *reader, char **row, size_t *length, error *err) {
    *row = NULL;
    for (;;) {
        size_t left = reader->end - reader->begin;
        size_t available = left > CSV_ROW_MAX_BYTES ? CSV_ROW_MAX_BYTES : left;
        if (find_row(reader, available, length))
            break;
        if (left >= CSV_ROW_MAX_BYTES || reader->at_end_of_file) {
            if (left == 0)
                return STATUS_OK;
            *length = available;
            break;
        }
        status result = refill(reader, err);
        if (result != STATUS_OK)
            return result;
    }
    *row = reader->buffer + reader->begin;
    return STATUS_OK;
}

/* ---- parsing a row ---- */

/* The line of an offset in the row, and the offset at which that line starts. */
static int line_at(const csv_reader *reader, const char *row, size_t offset, size_t *line_start) {
    int line = reader->line;
    *line_start = 0;
    for (size_t i = 0; i < offset; i++) {
        if (row[i] == '\n') {
            line++;
            *line_start = i + 1;
        }
    }
    return line;
}

static status row_error(const csv_reader *reader, const char *row, size_t offset, error *err, const char *what) {
    size_t line_start;
    int line = line_at(reader, row, offset, &line_start);
    return error_at(err, reader->path, line, (int)(offset - line_start) + 1, "%s", what);
}

/* *next is the opening quote, and afterwards the byte behind the closing one. The text goes elsewhere, so that line
 * breaks in the row stay countable. */
static status parse_quoted(csv_reader *reader, const char *row, size_t length, size_t *next, csv_field *field,
                           error *err) {
    char *to = reader->unquoted + reader->unquoted_bytes;
    field->text = to;
    for (size_t from = *next + 1; from < length; from++) {
        if (row[from] == '"') {
            if (from + 1 == length || row[from + 1] != '"') {
                field->length_bytes = (size_t)(to - field->text);
                *to = '\0'; /* the two quotes made room for it */
                reader->unquoted_bytes += field->length_bytes + 1;
                *next = from + 1;
                return STATUS_OK;
            }
            from++;
        }
        *to++ = row[from];
    }
    return row_error(reader, row, *next, err, "quoted field is not closed");
}

static status parse_plain(csv_reader *reader, const char *row, size_t length, size_t *next, csv_field *field,
                          error *err) {
    size_t i = *next;
    for (; i < length && row[i] != ','; i++) {
        if (row[i] == '"')
            return row_error(reader, row, i, err, "stray quote: a field with quotes must be quoted as a whole");
        if (row[i] == '\r')
            return row_error(reader, row, i, err, "stray carriage return");
    }
    field->text = row + *next;
    field->length_bytes = i - *next;
    *next = i;
    return STATUS_OK;
}

static status parse_fields(csv_reader *reader, char *row, size_t length, error *err) {
    int line = reader->line;
    size_t line_start = 0, next = 0;
    for (reader->field_count = 0;; next++) {
        if (reader->field_count == CSV_COLUMNS_MAX)
            return row_error(reader, row, next, err, "too many columns");
        csv_field *field = &reader->fields[reader->field_count++];
        *field = (csv_field){.line = line, .column = (int)(next - line_start) + 1};
        bool quoted = next < length && row[next] == '"';
        status result = quoted ? parse_quoted(reader, row, length, &next, field, err)
                               : parse_plain(reader, row, length, &next, field, err);
        if (result != STATUS_OK)
            return result;
        if (next < length && row[next] != ',')
            return row_error(reader, row, next, err, "expected a comma behind the closing quote");
        if (quoted)
            line = line_at(reader, row, next, &line_start);
        bool last = next == length;
        row[next] = '\0';
        if (last) {
            reader->last_line = line;
            return STATUS_OK;
        }
    }
}

/* Parses one row into `fields`; *found is false at the end of the file. */
static status read_row(csv_reader *reader, bool *found, error *err) {
    char *row;
    size_t length;
    status result = fetch_row(reader, &row, &length, err);
    *found = result == STATUS_OK && row;
    if (!*found)
        return result;
    const char *nul = memchr(row, '\0', length);
    if (nul)
        return row_error(reader, row, (size_t)(nul - row), err, "NUL byte: not a text file");
    size_t text_length = length > 0 && row[length - 1] == '\r' ? length - 1 : length;
    if (text_length == 0)
        return row_error(reader, row, 0, err, "empty line");
    reader->unquoted_bytes = 0;
    result = parse_fields(reader, row, text_length, err);
    if (result != STATUS_OK)
        return result;
    if (length == CSV_ROW_MAX_BYTES)
        return error_at(err, reader->path, reader->line, 1, "row is longer than %d bytes", CSV_ROW_MAX_BYTES - 1);
    reader->row = (csv_row){.file = reader->path, .line = reader->line, .fields = reader->fields};
    reader->line = reader->last_line + 1;
    reader->begin += length;
    if (reader->begin < reader->end)
        reader->begin++; /* the line break */
    return STATUS_OK;
}

/* ---- header ---- */

static status read_header(csv_reader *reader, error *err) {
    status result = refill(reader, err);
    if (result != STATUS_OK)
        return result;
    size_t mark_bytes = sizeof BYTE_ORDER_MARK - 1;
    if (reader->end >= mark_bytes && memcmp(reader->buffer, BYTE_ORDER_MARK, mark_bytes) == 0)
        reader->begin = mark_bytes;
    bool found;
    result = read_row(reader, &found, err);
    if (result != STATUS_OK)
        return result;
    if (!found)
        return error_at(err, reader->path, 1, 1, "the file is empty: expected a line of column names");
    for (size_t i = 0; i < reader->field_count; i++) {
        const char *name = reader->fields[i].text;
        if (!*name)
            return CSV_ERROR(&reader->row, i, err, "column %zu has no name", i + 1);
        if (csv_find_column(reader, name) >= 0)
            return CSV_ERROR(&reader->row, i, err, "column '%.80s' stands twice", name);
        reader->names[i] = strdup(name);
        if (!reader->names[i])
            abort();
        reader->column_count = i + 1;
    }
    return STATUS_OK;
}

static status open_stream(const char *name, FILE *file, csv_reader **out, error *err) {
    csv_reader *reader = malloc(sizeof *reader);
    if (!reader)
        abort();
    /* Not the buffers: clearing them would cost more than reading a short file. */
    memset(reader, 0, offsetof(csv_reader, fields));
    reader->file = file;
    reader->line = 1;
    reader->path = strdup(name);
    if (!reader->path)
        abort();
    status result = read_header(reader, err);
    if (result == STATUS_OK)
        *out = reader;
    else
        csv_close(reader);
    return result;
}

status csv_open(const char *path, csv_reader **out, error *err) {
    *out = NULL;
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_at(err, path, 1, 1, "cannot open: %s", strerror(errno));
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        fclose(file);
        return error_at(err, path, 1, 1, "is a directory, not a file");
    }
    return open_stream(path, file, out, err);
}

status csv_open_memory(const char *name, const char *text, size_t bytes, csv_reader **out, error *err) {
    *out = NULL;
    FILE *file = fmemopen((void *)(uintptr_t)text, bytes, "rb");
    if (!file)
        return error_at(err, name, 1, 1, "cannot read: %s", strerror(errno));
    return open_stream(name, file, out, err);
}

void csv_close(csv_reader *reader) {
    if (!reader)
        return;
    for (size_t i = 0; i < reader->column_count; i++)
        free(reader->names[i]);
    if (reader->file)
        fclose(reader->file);
    free(reader->path);
    free(reader);
}

/* ---- access ---- */

const char *csv_path(const csv_reader *reader) {
    return reader->path;
}

size_t csv_column_count(const csv_reader *reader) {
    return reader->column_count;
}

const char *csv_column_name(const csv_reader *reader, size_t column) {
    return reader->names[column];
}

int csv_find_column(const csv_reader *reader, const char *name) {
    for (size_t i = 0; i < reader->column_count; i++)
        if (strcmp(reader->names[i], name) == 0)
            return (int)i;
    return -1;
}

status csv_require_column(const csv_reader *reader, const char *name, int *out, error *err) {
    *out = csv_find_column(reader, name);
    if (*out < 0)
        return error_at(err, reader->path, 1, 1, "the header has no column '%s'", name);
    return STATUS_OK;
}

status csv_next(csv_reader *reader, const csv_row **out, error *err) {
    *out = NULL;
    bool found;
    status result = read_row(reader, &found, err);
    if (result != STATUS_OK || !found)
        return result;
    if (reader->field_count != reader->column_count) {
        size_t last = reader->field_count > reader->column_count ? reader->column_count : reader->field_count - 1;
        return CSV_ERROR(&reader->row, last, err, "row has %zu fields, the header has %zu", reader->field_count,
                         reader->column_count);
    }
    *out = &reader->row;
    return STATUS_OK;
}

status csv_number(const csv_reader *reader, const csv_row *row, int column, double min, double max, double *out,
                  error *err) {
    const char *text = row->fields[column].text, *name = reader->names[column];
    double value;
    if (!*text)
        return CSV_ERROR(row, column, err, "%s is blank: expected a number", name);
    if (!number_parse(text, &value))
        return CSV_ERROR(row, column, err, "%s is not a number: '%.80s'", name, text);
    if (value < min || value > max)
        return CSV_ERROR(row, column, err, "%s is %.80s: must be from %.7g to %.7g", name, text, min, max);
    *out = value;
    return STATUS_OK;
}
