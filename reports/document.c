#include "reports/document.h"

#include "core/base/text.h"
#include "core/base/whole_file.h"
#include "reports/sections.h"

#include <assert.h>
#include <stdlib.h>

report_document *document_new(arena *memory, const char *title) {
    report_document *document = ARENA_NEW(memory, report_document);
    *document = (report_document){.title = title};
    return document;
}

void document_answer(report_document *document, const char *line) {
    assert(document->answer_count < DOCUMENT_ANSWERS_MAX);
    document->answer[document->answer_count++] = line;
}

report_section *document_section(report_document *document, const char *id, const char *heading) {
    assert(document->section_count < DOCUMENT_SECTIONS_MAX);
    report_section *section = &document->sections[document->section_count++];
    *section = (report_section){.id = id, .heading = heading};
    return section;
}

void section_paragraph(report_section *section, const char *text) {
    assert(section->paragraph_count < SECTION_PARAGRAPHS_MAX);
    section->paragraphs[section->paragraph_count++] = text;
}

report_table *section_table(arena *memory, report_section *section, const char *caption, size_t rows_max) {
    assert(section->table_count < SECTION_TABLES_MAX);
    report_table *table = &section->tables[section->table_count++];
    *table = table_begin(memory, caption, rows_max);
    return table;
}

static void append_heading(arena *memory, report_document *document, const report_input *input, const char *part) {
    if (!part) {
        document->title = input->title;
        document->notice = input->notice;
        document->question = input->question;
        document->date = input->date;
        document->version = input->version;
    }
    for (size_t i = 0; i < input->answer_count; i++)
        if (document->answer_count < DOCUMENT_ANSWERS_MAX)
            document_answer(document, part ? arena_printf(memory, "%s: %s", part, input->answer[i]) : input->answer[i]);
}

void document_append(arena *memory, report_document *document, const report_input *input, const char *part) {
    append_heading(memory, document, input, part);
    size_t first = document->section_count;
    sections_append(memory, document, input);
    for (size_t i = first; i < document->section_count; i++) {
        report_section *section = &document->sections[i];
        section->drawn = input;
        section->part = part;
        if (part) /* the same section of several inputs: the number keeps ids apart */
            section->id = arena_printf(memory, "%s-%zu", section->id, i + 1);
        for (size_t j = 0; j < section->table_count; j++)
            table_share_units(memory, &section->tables[j]);
    }
}

void document_share_units(arena *memory, report_document *document) {
    for (size_t i = 0; i < document->section_count; i++)
        for (size_t j = 0; j < document->sections[i].table_count; j++)
            table_share_units(memory, &document->sections[i].tables[j]);
}

const char *const document_endings[] = {".html", ".md", ".csv", ".json", NULL};

static status write_format(FILE *out, const report_document *document, const char *path, error *err) {
    if (text_ends_with(path, ".html"))
        return document_html(out, document, err);
    if (text_ends_with(path, ".json"))
        return document_json(out, document, err);
    if (text_ends_with(path, ".md"))
        document_markdown(out, document);
    else if (text_ends_with(path, ".csv"))
        document_csv(out, document);
    else
        return error_set(err, STATUS_BAD_INPUT, "%.900s: a report ends in .html, .md, .csv or .json", path);
    return STATUS_OK;
}

status document_write(const report_document *document, const char *path, error *err) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        abort();
    status result = write_format(out, document, path, err);
    if (fclose(out) != 0)
        abort();
    if (result == STATUS_OK && bytes > REPORT_HTML_MAX_BYTES)
        result =
            error_set(err, STATUS_BAD_INPUT, "%s: the report would have %zu bytes; give it fewer rows", path, bytes);
    if (result == STATUS_OK)
        result = whole_file_write(path, text, bytes, err);
    free(text);
    return result;
}

status report_write(const report_input *input, const char *path, error *err) {
    arena memory = {0};
    report_document *document = document_new(&memory, NULL);
    document_append(&memory, document, input, NULL);
    status result = document_write(document, path, err);
    arena_free(&memory);
    return result;
}
