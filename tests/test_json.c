#include "core/base/json_reader.h"
#include "core/base/json_writer.h"
#include "core/base/number.h"
#include "core/base/random.h"

#include <criterion/criterion.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yajl/yajl_parse.h>

/* ---- numbers ---- */

Test(number, formats_shortest) {
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {66.96e9, "66960000000"},
        {1e21, "1e+21"},
        {-2.5e-7, "-2.5e-07"},
        {5e-324, "5e-324"},
        {123456789012345680.0, "1.2345678901234568e+17"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[NUMBER_TEXT_BYTES];
        number_format(cases[i].value, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

/* Random bit patterns: the text reads back as the same double, and one digit less would not. */
Test(number, round_trips_with_no_digit_to_spare) {
    for (uint64_t i = 0; i < 50000; i++) {
        uint64_t bits = random_bits(1, 2, i);
        double value, back;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        char text[NUMBER_TEXT_BYTES], shorter[400];
        number_format(value, text);
        cr_assert(number_parse(text, &back), "%s", text);
        cr_assert_eq(back, value, "%s", text);
        int digits = 0, significant = 0; /* up to the last digit that is not 0 */
        for (const char *c = text; *c && *c != 'e'; c++) {
            digits += digits ? *c >= '0' && *c <= '9' : *c >= '1' && *c <= '9';
            significant = *c >= '1' && *c <= '9' ? digits : significant;
        }
        if (significant > 1) {
            snprintf(shorter, sizeof shorter, "%.*g", significant - 1, value);
            cr_assert_neq(strtod(shorter, NULL), value, "%s could be %s", text, shorter);
        }
    }
}

Test(number, parses_plain_decimals_only) {
    static const char *const good[] = {"0", "007", "1.98e9", "-3", "+4.5E-3", ".5", "123456789012345678"};
    static const char *const bad[] = {"",        " 1",  "1 ",  "0x10", "nan",   "inf",
                                      "1.98GHz", "1,5", "--1", "e5",   "1e999", "1e"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_expect(number_parse(good[i], &value), "%s", good[i]);
        cr_expect_eq(value, strtod(good[i], NULL));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(number_parse(bad[i], &value), "'%s'", bad[i]);
}

/* ---- writer ---- */

static char *written(json_style style) {
    json_writer w = json_writer_to_buffer(style);
    json_object_begin(&w, NULL);
    json_number(&w, "latency_s", 0.25);
    json_number(&w, "energy_j", NAN);
    json_object_begin(&w, "categories");
    json_integer(&w, "linear", -3);
    json_object_end(&w);
    json_array_begin(&w, "ops");
    for (int i = 0; i < 2; i++) {
        json_object_begin(&w, NULL);
        json_text(&w, "id", "qkv");
        json_bool(&w, "first", i == 0);
        json_array_end((json_array_begin(&w, "empty"), &w));
        json_object_end(&w);
    }
    json_array_end(&w);
    json_null(&w, "nothing");
    json_object_begin(&w, "none");
    json_object_end(&w);
    json_object_end(&w);
    error err;
    cr_assert_eq(json_writer_finish(&w, &err), STATUS_OK);
    return json_writer_take_text(&w);
}

Test(json_writer, has_one_style) {
    char *text = written(JSON_PRETTY);
    cr_expect_str_eq(text, "{\n"
                           "  \"latency_s\": 0.25,\n"
                           "  \"energy_j\": null,\n"
                           "  \"categories\": {\n"
                           "    \"linear\": -3\n"
                           "  },\n"
                           "  \"ops\": [\n"
                           "    {\"id\": \"qkv\", \"first\": true, \"empty\": []},\n"
                           "    {\"id\": \"qkv\", \"first\": false, \"empty\": []}\n"
                           "  ],\n"
                           "  \"nothing\": null,\n"
                           "  \"none\": {}\n"
                           "}");
    free(text);
    text = written(JSON_LINES);
    cr_expect_null(strchr(text, '\n'));
    json_object object;
    error err;
    cr_expect_eq(json_object_parse("t", text, &object, &err), STATUS_OK, "%s", err.text);
    json_object_free(&object);
    free(text);
}

/* The text of one string value, written and read back by yajl. */
static void expect_text(const char *in, const char *out) {
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_object_begin(&w, NULL);
    json_text(&w, in, in);
    json_object_end(&w);
    char *text = json_writer_take_text(&w);
    json_object object;
    error err;
    const char *back = NULL;
    cr_assert_eq(json_object_parse("t", text, &object, &err), STATUS_OK, "%s: %s", text, err.text);
    cr_assert_eq(json_member_text(&object, out, &back, &err), STATUS_OK, "%s: %s", text, err.text);
    cr_expect_str_eq(back, out);
    json_object_free(&object);
    free(text);
}

#define REPLACED "\xef\xbf\xbd"

Test(json_writer, escapes_and_replaces) {
    char controls[33];
    for (int i = 0; i < 32; i++)
        controls[i] = (char)(i + 1);
    controls[32] = '\0';
    expect_text(controls, controls);
    expect_text("quote \" backslash \\ slash / \x7f", "quote \" backslash \\ slash / \x7f");
    expect_text("2: \xc2\xb5, 3: \xe2\x82\xac, 4: \xf0\x9f\x98\x80",
                "2: \xc2\xb5, 3: \xe2\x82\xac, 4: \xf0\x9f\x98\x80");
    expect_text("\xff", REPLACED);
    expect_text("a\xc3", "a" REPLACED);                                        /* cut off by the end */
    expect_text("\xc0\xaf", REPLACED REPLACED);                                /* overlong '/' */
    expect_text("\xe0\x9f\xbf", REPLACED REPLACED REPLACED);                   /* overlong, three bytes */
    expect_text("\xed\xa0\x80", REPLACED REPLACED REPLACED);                   /* a surrogate */
    expect_text("\xf4\x90\x80\x80z", REPLACED REPLACED REPLACED REPLACED "z"); /* above U+10FFFF */
    expect_text("\xe2\x82 x", REPLACED REPLACED " x");
}

Test(json_writer, null_text_and_several_lines) {
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_text(&w, NULL, NULL);
    json_integer(&w, NULL, 9007199254740993);
    char *text = json_writer_take_text(&w);
    cr_expect_str_eq(text, "null\n9007199254740993");
    free(text);
    w = json_writer_to_buffer(JSON_PRETTY);
    text = json_writer_take_text(&w);
    cr_expect_str_eq(text, "");
    free(text);
    json_writer_free(&w);
}

Test(json_writer, files_end_in_a_line_break_and_hold_more_than_a_buffer) {
    enum { ITEMS = 100000 };
    FILE *file = tmpfile();
    cr_assert_not_null(file);
    json_writer w = json_writer_to_file(file, JSON_PRETTY);
    json_array_begin(&w, NULL);
    for (int i = 0; i < ITEMS; i++)
        json_integer(&w, NULL, i);
    json_array_end(&w);
    error err;
    cr_assert_eq(json_writer_finish(&w, &err), STATUS_OK);
    rewind(file);
    int first = fgetc(file), value, count = 0, separator = 0;
    cr_expect_eq(first, '[');
    while (fscanf(file, "%d", &value) == 1 && value == count) {
        count++;
        separator = fgetc(file);
    }
    cr_expect_eq(count, ITEMS);
    cr_expect_eq(separator, '\n');
    cr_expect_eq(fgetc(file), ']');
    cr_expect_eq(fgetc(file), '\n');
    cr_expect_eq(fgetc(file), EOF);
    fclose(file);
}

Test(json_writer, full_disk_is_reported) {
    static const int item_counts[] = {1, 100000}; /* fails in the flush, and in the middle */
    for (size_t trial = 0; trial < 2; trial++) {
        FILE *file = fopen("/dev/full", "w");
        cr_assert_not_null(file);
        json_writer w = json_writer_to_file(file, JSON_LINES);
        json_array_begin(&w, NULL);
        for (int i = 0; i < item_counts[trial]; i++)
            json_integer(&w, NULL, i);
        json_array_end(&w);
        error err = {0};
        cr_expect_eq(json_writer_finish(&w, &err), STATUS_ENVIRONMENT);
        cr_expect(strstr(err.text, "No space left"), "%s", err.text);
        fclose(file);
    }
}

/* ---- reader ---- */

static const char *parse_error(const char *text, error *err) {
    json_object object;
    err->text[0] = '\0';
    status result = json_object_parse("t.json", text, &object, err);
    cr_assert_eq(result, *err->text ? STATUS_BAD_INPUT : STATUS_OK);
    json_object_free(&object);
    return err->text;
}

Test(json_reader, malformed_texts_name_line_and_column) {
    static const struct {
        const char *text, *position, *what;
    } cases[] = {
        {"", "t.json:1:1: ", "not valid JSON"},
        {"[1]", "t.json:1:1: ", "expected an object"},
        {"{\"a\" 1}", "t.json:1:6: ", "colon"},
        {"{\n  \"a\": 1,\n  \"b\": nope\n}", "t.json:3:8: ", "not valid JSON"},
        {"{\"a\": 1", "t.json:1:7: ", "premature"},
        {"{\"a\": 1} {", "t.json:1:", "trailing"},
        {"{\"a\": 1,\n \"b\": 2, \"a\": 3}", "t.json:2:10: ", "'a' stands twice"},
        {"{\"a\": {\"b\": 1, \"b\": 2}}", "t.json:1:1: ", "'b' stands twice"},
        {"{\"a\": \"\xff\"}", "t.json:1:8: ", "UTF8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error err;
        const char *text = parse_error(cases[i].text, &err);
        cr_expect(strncmp(text, cases[i].position, strlen(cases[i].position)) == 0, "case %zu: %s", i, text);
        cr_expect(strstr(text, cases[i].what), "case %zu: %s", i, text);
    }
}

Test(json_reader, depth_is_bounded) {
    char text[2 * 100000 + 16] = "{\"a\": ";
    size_t start = strlen(text);
    for (int excess = 0; excess < 2; excess++) {
        size_t inner = JSON_DEPTH_MAX - 1 + (size_t)excess;
        memset(text + start, '[', inner);
        memset(text + start + inner, ']', inner);
        strcpy(text + start + 2 * inner, "}");
        error err;
        cr_expect_eq(strstr(parse_error(text, &err), "nested too deeply") != NULL, excess == 1, "%s", err.text);
    }
    memset(text + start, '[', 200000);
    text[start + 200000] = '\0';
    error err;
    cr_expect(strstr(parse_error(text, &err), "nested too deeply"), "%s", err.text);
}

Test(json_reader, members_are_checked_where_they_stand) {
    json_object object;
    error err;
    const char *text = "{\"n\": 2.5,\n \"t\": \"x\", \"s\": {\"n\": 9, \"big\": 1e999},\n \"k\": 1e999}";
    cr_assert_eq(json_object_parse("t.json", text, &object, &err), STATUS_OK, "%s", err.text);
    double number;
    cr_expect_eq(json_member_number(&object, "n", 0, 10, &number, &err), STATUS_OK);
    cr_expect_eq(number, 2.5);
    cr_expect_eq(json_member_number(&object, "n", 3, 10, &number, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.json:1:2: 'n' is 2.5: must be from 3 to 10");
    cr_expect_eq(json_member_number(&object, "t", 0, 1, &number, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.json:2:2: 't' is not a number");
    cr_expect_eq(json_member_number(&object, "k", 0, 1, &number, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.json:3:2: 'k' is out of range: 1e999");
    cr_expect_eq(json_member_number(&object, "absent", 0, 1, &number, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.json:1:1: missing key 'absent'");
    const char *back;
    cr_expect_eq(json_member_text(&object, "n", &back, &err), STATUS_BAD_INPUT);
    cr_expect_str_eq(err.text, "t.json:1:2: 'n' is not text");
    yajl_val table;
    cr_expect_eq(json_member_numbers(&object, "s", 0, 10, &table, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "t.json:2:12: 'big'"), "%s", err.text);
    json_object_free(&object);
    json_object_free(&object);
}

static void write_file(char *path, const char *text, size_t bytes) {
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    cr_assert_eq(write(descriptor, text, bytes), (ssize_t)bytes);
    close(descriptor);
}

Test(json_reader, lines_are_objects) {
    char path[] = "/tmp/ingot_json_XXXXXX";
    static const char text[] = "{\"i\": 1}\r\n{\"i\": 2}\n{\"i\": }\n";
    write_file(path, text, sizeof text - 1);
    json_lines *lines;
    const json_object *line;
    error err = {0};
    cr_assert_eq(json_lines_open(path, &lines, &err), STATUS_OK, "%s", err.text);
    for (int i = 1; i <= 2; i++) {
        double value;
        cr_assert_eq(json_lines_next(lines, &line, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(json_member_number(line, "i", 0, 9, &value, &err), STATUS_OK, "%s", err.text);
        cr_expect_eq(value, i);
        cr_expect_eq(line->line, i);
    }
    cr_expect_eq(json_lines_next(lines, &line, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, ":3:7: "), "%s", err.text);
    json_lines_close(lines);
    unlink(path);
}

Test(json_reader, lines_that_are_none) {
    static const struct {
        const char *text;
        size_t bytes;
        const char *what;
    } cases[] = {
        {"\n", 1, ":1:1: empty line"},
        {"{}\n \n", 5, ":2:1: empty line"},
        {"{}\n{\0}\n", 7, ":2:2: NUL byte"},
        {"", 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[] = "/tmp/ingot_json_XXXXXX";
        write_file(path, cases[i].text, cases[i].bytes);
        json_lines *lines;
        const json_object *line;
        error err = {0};
        cr_assert_eq(json_lines_open(path, &lines, &err), STATUS_OK);
        status result;
        do
            result = json_lines_next(lines, &line, &err);
        while (result == STATUS_OK && line);
        cr_expect_eq(result, cases[i].what ? STATUS_BAD_INPUT : STATUS_OK);
        if (cases[i].what)
            cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        json_lines_close(lines);
        unlink(path);
    }
    json_lines *lines;
    error err;
    cr_expect_eq(json_lines_open("/", &lines, &err), STATUS_BAD_INPUT);
    cr_expect_eq(json_lines_open("/nonexistent", &lines, &err), STATUS_BAD_INPUT);
    json_lines_close(NULL);
}

Test(json_reader, long_lines_are_errors) {
    char *text = malloc(JSON_LINE_MAX_BYTES + 2);
    cr_assert_not_null(text);
    memset(text, ' ', JSON_LINE_MAX_BYTES + 1);
    memcpy(text, "{}", 2);
    char path[] = "/tmp/ingot_json_XXXXXX";
    write_file(path, text, JSON_LINE_MAX_BYTES + 1);
    free(text);
    json_lines *lines;
    const json_object *line;
    error err;
    cr_assert_eq(json_lines_open(path, &lines, &err), STATUS_OK);
    cr_expect_eq(json_lines_next(lines, &line, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "longer than"), "%s", err.text);
    json_lines_close(lines);
    unlink(path);
}

Test(json_reader, loads_the_shipped_ceilings) {
    json_object object;
    error err = {0};
    const char *path = INGOT_SOURCE_DIR "/validate/measured/h200-sxm/ceilings.json";
    cr_assert_eq(json_object_load(path, &object, &err), STATUS_OK, "%s", err.text);
    double rate;
    cr_expect_eq(json_member_number(&object, "bf16_8192_TF", 0, 1e6, &rate, &err), STATUS_OK, "%s", err.text);
    /* H200's dense bf16 rate by its datasheet, 989.4 TFLOP/s, is a bound; half of it a sane floor. */
    cr_expect(rate < 989.4 && rate > 989.4 / 2);
    cr_expect_eq(json_member_number(&object, "copy_GBps", 0, 1, &rate, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "ceilings.json:2:2: 'copy_GBps'"), "%s", err.text);
    json_object_free(&object);
}
