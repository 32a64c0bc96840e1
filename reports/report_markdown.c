/* The Markdown twin: the same sections and tables, without plots. */
#include "reports/document.h"

#include <string.h>

/* Text in which nothing is markup: HTML and Markdown's own characters are escaped. */
static void write_escaped(FILE *out, const char *text) {
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '<')
            fputs("&lt;", out);
        else if (c == '&')
            fputs("&amp;", out);
        else if (strchr("\\`*_[]|~#", c))
            fprintf(out, "\\%c", c);
        else
            fputc(c < ' ' || c == 0x7f ? ' ' : c, out);
    }
}

static void write_table(FILE *out, const report_table *table) {
    if (*table->caption) {
        fputs("**", out);
        write_escaped(out, table->caption);
        fputs("**\n\n", out);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const report_column *column = &table->columns[i];
        fputs("| ", out);
        write_escaped(out, column->title ? column->title : column->header);
        fputc(' ', out);
    }
    fputs("|\n", out);
    for (size_t i = 0; i < table->column_count; i++)
        fputs(table->columns[i].is_number ? "|---:" : "|---", out);
    fputs("|\n", out);
    for (size_t row = 0; row < table->row_count; row++) {
        for (size_t i = 0; i < table->column_count; i++) {
            fputs("| ", out);
            write_escaped(out, table->cells[row * table->column_count + i].text);
            fputc(' ', out);
        }
        fputs("|\n", out);
    }
    fputc('\n', out);
}

/* A fence longer than any run of backquotes in the text. */
static void write_code(FILE *out, const char *code) {
    size_t longest = 0, run = 0;
    for (const char *c = code; *c; c++) {
        run = *c == '`' ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    for (int end = 0; end < 2; end++) {
        for (size_t i = 0; i < (longest < 3 ? 3 : longest + 1); i++)
            fputc('`', out);
        fprintf(out, "%s\n", end ? "" : "sh");
        if (!end)
            fprintf(out, "%s\n", code);
    }
    fputc('\n', out);
}

static void write_section(FILE *out, const report_section *section) {
    fputs("## ", out);
    if (section->part) {
        write_escaped(out, section->part);
        fputs(": ", out);
    }
    write_escaped(out, section->heading);
    fputs("\n\n", out);
    for (size_t i = 0; i < section->paragraph_count; i++) {
        write_escaped(out, section->paragraphs[i]);
        fputs("\n\n", out);
    }
    for (size_t i = 0; i < section->table_count; i++)
        write_table(out, &section->tables[i]);
    if (section->code)
        write_code(out, section->code);
}

static void write_head(FILE *out, const report_document *document) {
    fputs("# ", out);
    write_escaped(out, document->title ? document->title : "ingot report");
    fputs("\n\n", out);
    if (document->notice) {
        fputs("> ", out);
        write_escaped(out, document->notice);
        fputs("\n\n", out);
    }
    if (document->question) {
        fputs("**", out);
        write_escaped(out, document->question);
        fputs("**\n\n", out);
    }
    for (size_t i = 0; i < document->answer_count; i++) {
        fputs("- ", out);
        write_escaped(out, document->answer[i]);
        fputc('\n', out);
    }
    if (document->answer_count > 0)
        fputc('\n', out);
}

void document_markdown(FILE *out, const report_document *document) {
    write_head(out, document);
    for (size_t i = 0; i < document->section_count; i++)
        write_section(out, &document->sections[i]);
}
