#include "core/base/json_writer.h"

#include "core/base/number.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLUSH_BYTES = 64 * 1024, /* a file writer hands on what it has gathered when there is this much */
    INDENT_SPACES = 2,
    OPEN_DEPTH = 2, /* containers at this depth and above put their members on lines of their own */
};

json_writer json_writer_to_file(FILE *file, json_style style) {
    assert(file);
    return (json_writer){.file = file, .style = style};
}

json_writer json_writer_to_buffer(json_style style) {
    return (json_writer){.style = style};
}

static void flush_text(json_writer *w) {
    if (w->length_bytes > 0 && !w->failure) {
        errno = 0;
        if (fwrite(w->text, 1, w->length_bytes, w->file) != w->length_bytes)
            w->failure = errno ? errno : EIO;
    }
    w->length_bytes = 0;
}

static void put(json_writer *w, const char *bytes, size_t count) {
    if (w->file && w->length_bytes + count > FLUSH_BYTES)
        flush_text(w);
    if (w->capacity_bytes - w->length_bytes < count + 1) {
        size_t capacity = (w->capacity_bytes + count + 1) * 2;
        char *grown = realloc(w->text, capacity);
        if (!grown)
            abort(); /* as arena_alloc: no caller could do better */
        w->text = grown;
        w->capacity_bytes = capacity;
    }
    memcpy(w->text + w->length_bytes, bytes, count);
    w->length_bytes += count;
    w->text[w->length_bytes] = '\0';
}

static void put_text(json_writer *w, const char *text) {
    put(w, text, strlen(text));
}

static void new_line(json_writer *w) {
    static const char spaces[] = "        ";
    put(w, "\n", 1);
    put(w, spaces, (size_t)w->depth * INDENT_SPACES);
}

/* Bytes of the valid UTF-8 sequence that starts at `text`, or 0. Follows the table of well-formed sequences in the
 * Unicode standard (3.9, table 3-7): no surrogates, no overlong forms, nothing above U+10FFFF. */
static size_t utf8_sequence_bytes(const unsigned char *text) {
    unsigned char first = text[0], low = 0x80, high = 0xbf;
    size_t count;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        count = 2;
    else if (first >= 0xe0 && first <= 0xef)
        count = 3;
    else if (first >= 0xf0 && first <= 0xf4)
        count = 4;
    else
        return 0;
    if (first == 0xe0)
        low = 0xa0;
    else if (first == 0xed)
        high = 0x9f;
    else if (first == 0xf0)
        low = 0x90;
    else if (first == 0xf4)
        high = 0x8f;
    for (size_t i = 1; i < count; i++, low = 0x80, high = 0xbf)
        if (text[i] < low || text[i] > high) /* the NUL at the end is below every low */
            return 0;
    return count;
}

static void put_escape(json_writer *w, unsigned char c) {
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char text[8];
    if (c == '"' || c == '\\')
        snprintf(text, sizeof text, "\\%c", c);
    else if (c < sizeof letters && letters[c])
        snprintf(text, sizeof text, "\\%c", letters[c]);
    else
        snprintf(text, sizeof text, "\\u%04x", c);
    put_text(w, text);
}

static void put_string(json_writer *w, const char *text) {
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const unsigned char *next = (const unsigned char *)text, *plain = next;
    put(w, "\"", 1);
    while (*next) {
        size_t count = utf8_sequence_bytes(next);
        bool escaped = *next < ' ' || *next == '"' || *next == '\\' || *next == 0x7f;
        if (count > 0 && !escaped) {
            next += count;
            continue;
        }
        put(w, (const char *)plain, (size_t)(next - plain));
        if (escaped)
            put_escape(w, *next);
        else
            put_text(w, replacement);
        plain = ++next;
    }
    put(w, (const char *)plain, (size_t)(next - plain));
    put(w, "\"", 1);
}

/* Everything that stands before a value: comma, line break, key. */
static void begin_value(json_writer *w, const char *key) {
    if (w->depth == 0) {
        assert(!key);
        if (w->any_value)
            put(w, "\n", 1);
        w->any_value = true;
        return;
    }
    int here = w->depth - 1;
    assert(w->in_array[here] == !key);
    bool own_line = w->style == JSON_PRETTY && w->depth <= OPEN_DEPTH;
    if (w->has_members[here])
        put_text(w, own_line ? "," : ", ");
    if (own_line)
        new_line(w);
    w->has_members[here] = true;
    if (key) {
        put_string(w, key);
        put_text(w, ": ");
    }
}

static void begin_container(json_writer *w, const char *key, bool is_array) {
    begin_value(w, key);
    assert(w->depth < JSON_WRITER_DEPTH_MAX);
    w->in_array[w->depth] = is_array;
    w->has_members[w->depth] = false;
    w->depth++;
    put(w, is_array ? "[" : "{", 1);
}

static void end_container(json_writer *w, bool is_array) {
    assert(w->depth > 0 && w->in_array[w->depth - 1] == is_array);
    w->depth--;
    if (w->style == JSON_PRETTY && w->depth < OPEN_DEPTH && w->has_members[w->depth])
        new_line(w);
    put(w, is_array ? "]" : "}", 1);
}

void json_object_begin(json_writer *w, const char *key) {
    begin_container(w, key, false);
}

void json_object_end(json_writer *w) {
    end_container(w, false);
}

void json_array_begin(json_writer *w, const char *key) {
    begin_container(w, key, true);
}

void json_array_end(json_writer *w) {
    end_container(w, true);
}

void json_text(json_writer *w, const char *key, const char *text) {
    begin_value(w, key);
    if (text)
        put_string(w, text);
    else
        put_text(w, "null");
}

void json_number(json_writer *w, const char *key, double value) {
    char text[NUMBER_TEXT_BYTES] = "null";
    if (isfinite(value))
        number_format(value, text);
    begin_value(w, key);
    put_text(w, text);
}

void json_integer(json_writer *w, const char *key, int64_t value) {
    char text[NUMBER_TEXT_BYTES];
    snprintf(text, sizeof text, "%lld", (long long)value);
    begin_value(w, key);
    put_text(w, text);
}

void json_bool(json_writer *w, const char *key, bool value) {
    begin_value(w, key);
    put_text(w, value ? "true" : "false");
}

void json_null(json_writer *w, const char *key) {
    begin_value(w, key);
    put_text(w, "null");
}

status json_writer_finish(json_writer *w, error *err) {
    assert(w->depth == 0);
    if (!w->file)
        return STATUS_OK;
    if (w->any_value)
        put(w, "\n", 1);
    flush_text(w);
    if (!w->failure) {
        errno = 0;
        if (fflush(w->file) != 0 || ferror(w->file))
            w->failure = errno ? errno : EIO;
    }
    int failure = w->failure;
    json_writer_free(w);
    if (failure)
        return error_set(err, STATUS_ENVIRONMENT, "cannot write JSON: %s", strerror(failure));
    return STATUS_OK;
}

char *json_writer_take_text(json_writer *w) {
    assert(!w->file && w->depth == 0);
    put(w, "", 0); /* makes an empty writer's text */
    char *text = w->text;
    *w = (json_writer){.style = w->style};
    return text;
}

void json_writer_free(json_writer *w) {
    free(w->text);
    *w = (json_writer){0};
}
