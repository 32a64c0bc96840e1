#include "cli/list_rows.h"
#include "core/base/json_writer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

list_cell *list_add_row(list_table *table) {
    if (table->row_count == table->row_capacity) {
        size_t capacity = table->row_capacity ? 2 * table->row_capacity : 32;
        list_cell **rows = ARENA_ARRAY(table->memory, list_cell *, capacity);
        if (table->row_count > 0)
            memcpy(rows, table->rows, table->row_count * sizeof *rows);
        table->rows = rows;
        table->row_capacity = capacity;
    }
    list_cell *row = ARENA_ARRAY(table->memory, list_cell, table->column_count);
    for (size_t c = 0; c < table->column_count; c++)
        row[c] = (list_cell){.number = NAN};
    return table->rows[table->row_count++] = row;
}

/* A cell as people read it. */
static const char *cell_text(const list_table *table, const list_column *column, const list_cell *cell) {
    const char *text = "";
    switch (column->kind) {
    case LIST_TEXT:
        return cell->text ? cell->text : "–";
    case LIST_NUMBER:
        return arena_strdup(table->memory, unit_format(column->u, cell->number).text);
    case LIST_FLAG:
        return cell->flag ? "yes" : "no";
    case LIST_WORDS:
        for (size_t i = 0; i < cell->words.count; i++)
            text = arena_printf(table->memory, "%s%s%s", text, i ? ", " : "", cell->words.items[i]);
        return text;
    }
    return text;
}

/* Columns on a terminal: continuation bytes of UTF-8 take none. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_row(const list_table *table, const char *const *texts, const size_t *widths, size_t last) {
    for (size_t c = 0; c <= last; c++) {
        if (!table->columns[c].header)
            continue;
        int padding = (int)(widths[c] - text_width(texts[c]));
        if (table->columns[c].kind == LIST_NUMBER)
            printf("%*s%s", padding, "", texts[c]);
        else
            printf("%s%*s", texts[c], c < last ? padding : 0, "");
        fputs(c < last ? "  " : "\n", stdout);
    }
}

status list_print_text(const list_table *table) {
    size_t widths[LIST_COLUMNS_MAX] = {0}, last = 0;
    const char **texts = ARENA_ARRAY(table->memory, const char *, (table->row_count + 1) * table->column_count);
    for (size_t c = 0; c < table->column_count; c++) {
        if (!table->columns[c].header)
            continue;
        last = c;
        texts[c] = table->columns[c].header;
        for (size_t r = 0; r < table->row_count; r++)
            texts[(r + 1) * table->column_count + c] = cell_text(table, &table->columns[c], &table->rows[r][c]);
        for (size_t r = 0; r <= table->row_count; r++) {
            size_t width = text_width(texts[r * table->column_count + c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (size_t r = 0; r <= table->row_count; r++)
        print_row(table, texts + r * table->column_count, widths, last);
    return STATUS_OK;
}

static void cell_json(json_writer *w, const list_column *column, const list_cell *cell) {
    switch (column->kind) {
    case LIST_TEXT:
        json_text(w, column->key, cell->text);
        break;
    case LIST_NUMBER:
        json_number(w, column->key, cell->number);
        break;
    case LIST_FLAG:
        json_bool(w, column->key, cell->flag);
        break;
    case LIST_WORDS:
        json_array_begin(w, column->key);
        for (size_t i = 0; i < cell->words.count; i++)
            json_text(w, NULL, cell->words.items[i]);
        json_array_end(w);
        break;
    }
}

status list_print_json(const list_table *table, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_array_begin(&w, NULL);
    for (size_t r = 0; r < table->row_count; r++) {
        json_object_begin(&w, NULL);
        for (size_t c = 0; c < table->column_count; c++)
            cell_json(&w, &table->columns[c], &table->rows[r][c]);
        json_object_end(&w);
    }
    json_array_end(&w);
    return json_writer_finish(&w, err);
}
