/* The report for programs: CSV with a row a cell, and JSON. Numbers are exact and SI; text is what people read. */
#include "core/base/csv.h"
#include "core/base/json_writer.h"
#include "core/base/number.h"
#include "reports/document.h"

#include <stdlib.h>
#include <string.h>

static const char *column_name(const report_column *column) {
    return column->title ? column->title : column->header;
}

static void write_field(FILE *out, const char *text, char end) {
    csv_write_field(out, text);
    fputc(end, out);
}

static void write_cells(FILE *out, const report_section *section, const report_table *table) {
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < table->column_count; i++) {
            const report_cell *cell = &table->cells[row * table->column_count + i];
            char exact[NUMBER_TEXT_BYTES] = "";
            if (cell->is_number)
                number_format(cell->value, exact);
            write_field(out, section->id, ',');
            write_field(out, table->caption, ',');
            fprintf(out, "%zu,", row + 1);
            write_field(out, table->cells[row * table->column_count].text, ',');
            write_field(out, column_name(&table->columns[i]), ',');
            write_field(out, exact, ',');
            write_field(out, cell->text, '\n');
        }
}

void document_csv(FILE *out, const report_document *document) {
    fputs("section,table,row,name,column,value,text\n", out);
    for (size_t i = 0; i < document->section_count; i++)
        for (size_t j = 0; j < document->sections[i].table_count; j++)
            write_cells(out, &document->sections[i], &document->sections[i].tables[j]);
}

/* ---- JSON ---- */

static void write_texts(json_writer *w, const char *key, const char *const *texts, size_t count) {
    json_array_begin(w, key);
    for (size_t i = 0; i < count; i++)
        json_text(w, NULL, texts[i]);
    json_array_end(w);
}

/* Rows are arrays in the columns' order: headers may repeat. */
static void write_table(json_writer *w, const report_table *table) {
    json_object_begin(w, NULL);
    json_text(w, "caption", table->caption);
    json_array_begin(w, "columns");
    for (size_t i = 0; i < table->column_count; i++)
        json_text(w, NULL, column_name(&table->columns[i]));
    json_array_end(w);
    json_array_begin(w, "rows");
    for (size_t row = 0; row < table->row_count; row++) {
        json_array_begin(w, NULL);
        for (size_t i = 0; i < table->column_count; i++) {
            const report_cell *cell = &table->cells[row * table->column_count + i];
            if (table->columns[i].is_number && (cell->is_number || strcmp(cell->text, "–") == 0))
                json_number(w, NULL, cell->value);
            else
                json_text(w, NULL, cell->text);
        }
        json_array_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void write_section(json_writer *w, const report_section *section) {
    json_object_begin(w, NULL);
    json_text(w, "id", section->id);
    json_text(w, "heading", section->heading);
    json_text(w, "part", section->part);
    write_texts(w, "text", section->paragraphs, section->paragraph_count);
    json_array_begin(w, "tables");
    for (size_t i = 0; i < section->table_count; i++)
        write_table(w, &section->tables[i]);
    json_array_end(w);
    json_text(w, "command", section->code);
    json_object_end(w);
}

status document_json(FILE *out, const report_document *document, error *err) {
    json_writer w = json_writer_to_file(out, JSON_PRETTY);
    json_object_begin(&w, NULL);
    json_integer(&w, "schema", 1);
    json_text(&w, "title", document->title);
    json_text(&w, "notice", document->notice);
    json_text(&w, "question", document->question);
    write_texts(&w, "answer", document->answer, document->answer_count);
    json_text(&w, "date", document->date);
    json_text(&w, "version", document->version);
    json_array_begin(&w, "sections");
    for (size_t i = 0; i < document->section_count; i++)
        write_section(&w, &document->sections[i]);
    json_array_end(&w);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}
