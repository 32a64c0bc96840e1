#include "core/base/csv.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static csv_reader *open_text(const char *text) {
    csv_reader *reader = NULL;
    error err = {0};
    status result = csv_open_memory("t.csv", text, strlen(text), &reader, &err);
    cr_assert_eq(result, STATUS_OK, "%s", err.text);
    return reader;
}

static const csv_row *next_row(csv_reader *reader) {
    const csv_row *row = NULL;
    error err = {0};
    status result = csv_next(reader, &row, &err);
    cr_assert_eq(result, STATUS_OK, "%s", err.text);
    return row;
}

Test(csv, finds_columns_by_name_and_ends) {
    csv_reader *reader = open_text("a,bee,c\n1,2,3\n,,\n");
    cr_assert_eq(csv_column_count(reader), 3);
    cr_assert_eq(csv_find_column(reader, "bee"), 1);
    cr_assert_eq(csv_find_column(reader, "be"), -1);
    const csv_row *row = next_row(reader);
    cr_assert_str_eq(row->fields[1].text, "2");
    cr_assert_eq(row->line, 2);
    cr_assert_eq(row->fields[2].column, 5);
    row = next_row(reader);
    cr_assert_str_eq(row->fields[2].text, "");
    cr_assert_null(next_row(reader));
    cr_assert_null(next_row(reader), "the end stays the end");
    csv_close(reader);
}

Test(csv, reads_quotes_line_breaks_and_byte_order_mark) {
    csv_reader *reader = open_text("\xef\xbb\xbfname,\"text, too\"\r\n\"a \"\"b\"\"\",\"1\n2\r\n3\"\r\nlast,\"\"");
    cr_assert_str_eq(csv_column_name(reader, 0), "name");
    cr_assert_str_eq(csv_column_name(reader, 1), "text, too");
    const csv_row *row = next_row(reader);
    cr_assert_str_eq(row->fields[0].text, "a \"b\"");
    cr_assert_eq(row->fields[0].length_bytes, 5);
    cr_assert_str_eq(row->fields[1].text, "1\n2\r\n3");
    cr_assert_eq(row->fields[1].column, 11);
    row = next_row(reader);
    cr_assert_eq(row->line, 5, "a quoted field held two line breaks");
    cr_assert_str_eq(row->fields[0].text, "last");
    cr_assert_str_eq(row->fields[1].text, "");
    cr_assert_null(next_row(reader));
    csv_close(reader);
}

Test(csv, positions_behind_a_quoted_line_break_are_of_the_later_line) {
    csv_reader *reader = open_text("a,b\n\"x\ny\",zz\n");
    const csv_row *row = next_row(reader);
    cr_assert_eq(row->fields[0].line, 2);
    cr_assert_eq(row->fields[1].line, 3);
    cr_assert_eq(row->fields[1].column, 4);
    csv_close(reader);
}

/* What is wrong with the file, from its header on. */
static const char *first_error(const char *text, size_t bytes, error *err) {
    csv_reader *reader = NULL;
    const csv_row *row = NULL;
    err->text[0] = '\0';
    status result = csv_open_memory("t.csv", text, bytes, &reader, err);
    if (result != STATUS_OK)
        cr_assert_null(reader);
    do
        if (result == STATUS_OK)
            result = csv_next(reader, &row, err);
    while (result == STATUS_OK && row);
    csv_close(reader);
    cr_assert_eq(result, result == STATUS_OK ? STATUS_OK : STATUS_BAD_INPUT);
    return err->text;
}

Test(csv, malformed_files_name_line_and_column) {
    static const struct {
        const char *text, *position, *what;
    } cases[] = {
        {"", "t.csv:1:1: ", "empty"},
        {"a,b\n1,2,3\n", "t.csv:2:5: ", "row has 3 fields, the header has 2"},
        {"a,b,c\n1,2\n", "t.csv:2:3: ", "row has 2 fields, the header has 3"},
        {"a,b\n\n1,2\n", "t.csv:2:1: ", "empty line"},
        {"a,b\n1,2\n\r\n", "t.csv:3:1: ", "empty line"},
        {"a,,c\n", "t.csv:1:3: ", "column 2 has no name"},
        {"a,b,a\n", "t.csv:1:5: ", "stands twice"},
        {"a,b\n1,x\"y\n1,2\n", "t.csv:2:4: ", "stray quote"},
        {"a,b\n1,x\"y\"\n", "t.csv:2:4: ", "stray quote"},
        {"a,b\n\"1\" ,2\n", "t.csv:2:4: ", "comma behind the closing quote"},
        {"a,b\n1,\"2\n3,4\n", "t.csv:2:3: ", "not closed"},
        {"a,b\n1,2\r3\n", "t.csv:2:4: ", "stray carriage return"},
        {"a,b\r1,2\r", "t.csv:1:4: ", "stray carriage return"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error err;
        const char *text = first_error(cases[i].text, strlen(cases[i].text), &err);
        cr_expect(strncmp(text, cases[i].position, strlen(cases[i].position)) == 0, "case %zu: %s", i, text);
        cr_expect(strstr(text, cases[i].what), "case %zu: %s", i, text);
    }
}

Test(csv, nul_bytes_are_errors) {
    static const char text[] = "a,b\n1,2\n3,\0\n";
    error err;
    cr_assert_str_eq(first_error(text, sizeof text - 1, &err), "t.csv:3:3: NUL byte: not a text file");
}

Test(csv, row_size_limit_is_exact) {
    size_t header_bytes = 2, row_bytes = CSV_ROW_MAX_BYTES - 1;
    char *text = malloc(header_bytes + row_bytes + 4);
    cr_assert_not_null(text);
    memcpy(text, "a\n", header_bytes);
    memset(text + header_bytes, 'x', row_bytes + 1);
    error err;
    text[header_bytes + row_bytes] = '\n';
    cr_expect_str_eq(first_error(text, header_bytes + row_bytes + 1, &err), "");
    cr_expect_str_eq(first_error(text, header_bytes + row_bytes, &err), "", "without the last line break too");
    text[header_bytes + row_bytes] = 'x';
    text[header_bytes + row_bytes + 1] = '\n';
    cr_expect(strstr(first_error(text, header_bytes + row_bytes + 2, &err), "t.csv:2:1: row is longer"), "%s",
              err.text);
    free(text);
}

Test(csv, a_stray_quote_far_from_its_pair_is_found_where_it_is) {
    enum { ROWS = 50000 };
    char *text = malloc(ROWS * 4 + 64), *end = text;
    cr_assert_not_null(text);
    end = stpcpy(end, "a,b\n5\",2\n");
    for (int i = 0; i < ROWS; i++)
        end = stpcpy(end, "1,2\n");
    error err;
    cr_expect(strncmp(first_error(text, (size_t)(end - text), &err), "t.csv:2:2: stray quote", 22) == 0, "%s",
              err.text);
    free(text);
}

Test(csv, too_many_columns) {
    char text[2 * CSV_COLUMNS_MAX + 2];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? ',' : 'x';
    error err;
    cr_assert(strstr(first_error(text, sizeof text, &err), "too many columns"), "%s", err.text);
}

/* Many buffers' worth, with quoted line breaks at every distance from the buffer's edge. */
Test(csv, large_files_keep_every_row) {
    enum { ROWS = 60000 };
    char path[] = "/tmp/ingot_csv_XXXXXX";
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    FILE *file = fdopen(descriptor, "wb");
    fprintf(file, "i,text,square\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(file, i % 3 ? "%d,plain %d,%ld\n" : "%d,\"q\n\"\"%d\"\"\",%ld\r\n", i, i, (long)i * i);
    fclose(file);
    csv_reader *reader = NULL;
    error err = {0};
    cr_assert_eq(csv_open(path, &reader, &err), STATUS_OK, "%s", err.text);
    int line = 2;
    for (int i = 0; i < ROWS; i++) {
        const csv_row *row = next_row(reader);
        char expected[64];
        snprintf(expected, sizeof expected, i % 3 ? "plain %d" : "q\n\"%d\"", i);
        cr_assert_not_null(row);
        cr_assert_eq(row->line, line, "row %d: line %d, not %d", i, row->line, line);
        cr_assert_str_eq(row->fields[1].text, expected);
        double square;
        cr_assert_eq(csv_number(reader, row, 2, 0, INFINITY, &square, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(square, (double)i * i);
        line += i % 3 ? 1 : 2;
    }
    cr_assert_null(next_row(reader));
    csv_close(reader);
    unlink(path);
}

Test(csv, numbers_are_plain_decimals_in_range) {
    csv_reader *reader = open_text("x\n1.5e3\n-2\n0x10\nnan\n1.9GHz\n\"\"\n 1\n1e999\n9007199254740993\n");
    static const char *const expected[] = {NULL,           "must be from 0 to", "not a number",
                                           "not a number", "not a number",      "blank",
                                           "not a number", "not a number",      NULL};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const csv_row *row = next_row(reader);
        double value = NAN;
        error err = {0};
        status result = csv_number(reader, row, 0, 0, 1e300, &value, &err);
        cr_expect_eq(result, expected[i] ? STATUS_BAD_INPUT : STATUS_OK, "row %zu: %s", i, err.text);
        if (expected[i])
            cr_expect(strstr(err.text, expected[i]), "row %zu: %s", i, err.text);
        else
            cr_expect_eq(value, strtod(row->fields[0].text, NULL));
    }
    csv_close(reader);
}

Test(csv, files_that_are_none) {
    csv_reader *reader = NULL;
    error err;
    cr_expect_eq(csv_open("/nonexistent/x.csv", &reader, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "/nonexistent/x.csv:1:1: cannot open"), "%s", err.text);
    cr_expect_eq(csv_open("/", &reader, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "directory"), "%s", err.text);
    cr_expect_null(reader);
    csv_close(NULL);
}

Test(csv, required_columns) {
    csv_reader *reader = open_text("a,b\n");
    int column;
    error err;
    cr_expect_eq(csv_require_column(reader, "b", &column, &err), STATUS_OK);
    cr_expect_eq(column, 1);
    cr_expect_eq(csv_require_column(reader, "op", &column, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.csv:1:1: the header has no column 'op'");
    csv_close(reader);
}

Test(csv, written_fields_come_back) {
    static const char *const texts[] = {"plain",        "",       "a,b", "\"", "say \"\"x\"", "two\nlines\r\n",
                                        "\xef\xbb\xbf", " blank "};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    cr_assert_not_null(file);
    for (size_t i = 0; i < COUNT; i++)
        fprintf(file, "%sc%zu", i ? "," : "", i);
    for (size_t i = 0; i < COUNT; i++) {
        putc(i ? ',' : '\n', file);
        csv_write_field(file, texts[i]);
    }
    fclose(file);
    csv_reader *reader = open_text(text);
    const csv_row *row = next_row(reader);
    for (size_t i = 0; i < COUNT; i++)
        cr_expect_str_eq(row->fields[i].text, texts[i]);
    cr_assert_null(next_row(reader));
    csv_close(reader);
    free(text);
}
