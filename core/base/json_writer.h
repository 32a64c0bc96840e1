/* JSON writing in one style, to a stream or a growing buffer.
 *
 * Members of the outermost value and elements of its containers stand on lines of their own; anything nested deeper is
 * on one line. So a list of a thousand operators is a thousand lines, and the totals above it read like a table.
 *
 *     json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
 *     json_object_begin(&w, NULL);
 *     json_number(&w, "latency_s", 0.25);
 *     json_object_end(&w);
 *     return json_writer_finish(&w, err);
 *
 * Write errors are remembered and reported by json_writer_finish; the calls between need no check. Unbalanced begin
 * and end, a key in an array or none in an object are our bugs and are asserted. */
#ifndef INGOT_JSON_WRITER_H
#define INGOT_JSON_WRITER_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_WRITER_DEPTH_MAX = 32 };

typedef enum json_style {
    JSON_PRETTY,
    JSON_LINES, /* every outermost value on one line: JSON lines */
} json_style;

/* Members are private. Zeroed, or as made by the functions below. */
typedef struct json_writer {
    FILE *file;
    char *text; /* what is not yet written, or everything when there is no file */
    size_t length_bytes, capacity_bytes;
    json_style style;
    int depth;
    bool in_array[JSON_WRITER_DEPTH_MAX], has_members[JSON_WRITER_DEPTH_MAX];
    bool any_value; /* an outermost value has been written */
    int failure;    /* errno of the first write that failed, else 0 */
} json_writer;

/* The stream is borrowed: it is flushed by json_writer_finish, never closed. */
json_writer json_writer_to_file(FILE *file, json_style style);
json_writer json_writer_to_buffer(json_style style);

/* `key` is NULL in an array and for an outermost value. Texts are copied. */
void json_object_begin(json_writer *w, const char *key);
void json_object_end(json_writer *w);
void json_array_begin(json_writer *w, const char *key);
void json_array_end(json_writer *w);

/* UTF-8; what is not valid becomes U+FFFD. NULL becomes null. */
void json_text(json_writer *w, const char *key, const char *text);

/* The fewest digits that read back as the same double. Not finite means not known, and becomes null. */
void json_number(json_writer *w, const char *key, double value);
void json_integer(json_writer *w, const char *key, int64_t value);
void json_bool(json_writer *w, const char *key, bool value);
void json_null(json_writer *w, const char *key);

/* File: writes the last newline and flushes; STATUS_ENVIRONMENT when any write failed. Buffer: nothing can fail.
 * Frees the writer's memory in the case of a file. */
status json_writer_finish(json_writer *w, error *err);

/* The text of a finished buffer writer, NUL-terminated without a last newline; the caller frees it. */
char *json_writer_take_text(json_writer *w);

/* Frees a writer that is given up. Zeroed, finished and taken writers are fine. */
void json_writer_free(json_writer *w);

#ifdef __cplusplus
}
#endif
#endif
