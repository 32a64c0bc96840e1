/* Whole files of operator rows. */
#include "validate/rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

size_t row_part_count(const operator_row *row) {
    return row->len_count > 0 ? row->len_count : 1;
}

op row_part(const operator_row *row, size_t index) {
    assert(index < row_part_count(row));
    op part = row->op;
    if (row->len_count > 0) {
        part.as.attention.batch = 1;
        part.as.attention.kv_len = row->lens[index];
        if (row->lens_are_queries)
            part.as.attention.q_len = row->lens[index];
    }
    return part;
}

/* One block holds the copies of a row's pointers, lengths and texts; blanks share one text. */
static const char *const *copy_fields(arena *memory, const char *const *fields, size_t count) {
    size_t text_bytes = 0;
    for (size_t i = 0; i < count; i++)
        text_bytes += *fields[i] ? strlen(fields[i]) + 1 : 0;
    const char **copies = arena_alloc(memory, count * sizeof *copies + text_bytes);
    char *text = (char *)(copies + count);
    for (size_t i = 0; i < count; i++) {
        copies[i] = "";
        if (!*fields[i])
            continue;
        copies[i] = text;
        text = stpcpy(text, fields[i]) + 1;
    }
    return copies;
}

/* The index of the field that a text of the reader's row is, or `count`. */
static size_t field_index(const operator_row *row, const char *text, size_t count) {
    size_t i = 0;
    while (i < count && row->fields[i] != text)
        i++;
    return i;
}

static operator_row copy_row(row_table *table, const operator_row *row) {
    operator_row copy = *row;
    copy.fields = copy_fields(&table->memory, row->fields, table->column_count);
    size_t source = field_index(row, row->source, table->column_count);
    copy.source = source < table->column_count ? copy.fields[source] : "";
    if (row->len_count > 0) {
        int64_t *lens = ARENA_ARRAY(&table->memory, int64_t, row->len_count);
        memcpy(lens, row->lens, row->len_count * sizeof *lens);
        copy.lens = lens;
    }
    return copy;
}

static void append_row(row_table *table, size_t *capacity, const operator_row *row) {
    if (table->count == *capacity) {
        *capacity = *capacity ? *capacity * 2 : 256;
        operator_row *grown = realloc(table->rows, *capacity * sizeof *grown);
        if (!grown)
            abort(); /* as arena_alloc */
        table->rows = grown;
    }
    table->rows[table->count++] = copy_row(table, row);
    table->unsupported_count += row->unsupported != NULL;
}

static status read_rows(row_reader *reader, row_table *out, error *first_empty, error *err) {
    size_t capacity = 0;
    const operator_row *row;
    for (;;) {
        status result = row_reader_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            return result;
        if (!row->empty)
            append_row(out, &capacity, row);
        else if (out->skipped_count++ == 0)
            row_reader_empty_error(reader, first_empty);
    }
}

status rows_load(const char *path, const source_map *sources, empty_rows policy, row_table *out, error *err) {
    *out = (row_table){0};
    row_reader *reader;
    status result = row_reader_open(path, sources, &reader, err);
    if (result != STATUS_OK)
        return result;
    out->path = arena_strdup(&out->memory, path);
    out->column_count = row_reader_column_count(reader);
    const char **columns = ARENA_ARRAY(&out->memory, const char *, out->column_count);
    for (size_t i = 0; i < out->column_count; i++)
        columns[i] = arena_strdup(&out->memory, row_reader_column_name(reader, i));
    out->columns = columns;
    error first_empty = {0};
    result = read_rows(reader, out, &first_empty, err);
    /* The first thing wrong is reported, and for empty rows how many there are up to the end or the next error. */
    if (policy == EMPTY_ROWS_ARE_ERRORS && out->skipped_count > 0)
        result = error_set(err, STATUS_BAD_INPUT, "%s (rows like this: %zu)", first_empty.text, out->skipped_count);
    row_reader_close(reader);
    return result;
}

void rows_free(row_table *table) {
    free(table->rows);
    arena_free(&table->memory);
    *table = (row_table){0};
}
