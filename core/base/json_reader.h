/* Reading of JSON objects through yajl: JSON lines (one object a line) and small whole files. Errors carry
 * file:line:column. Repeated keys, deep nesting, NUL bytes and anything over the size limits are errors. */
#ifndef INGOT_JSON_READER_H
#define INGOT_JSON_READER_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <yajl/yajl_tree.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JSON_LINE_MAX_BYTES = 1024 * 1024,
    JSON_FILE_MAX_BYTES = 4 * 1024 * 1024,
    JSON_DEPTH_MAX = 32,
    JSON_KEYS_MAX = 4096, /* in one object; repeated ones are looked for pair by pair */
};

/* An object and where it was read. */
typedef struct json_object {
    const char *file;
    int line;         /* on which `text` begins, from 1 */
    const char *text; /* NUL-terminated */
    yajl_val root;    /* of type yajl_t_object */
    char *owned;      /* private: copies of a loaded file's name and text */
} json_object;

/* ---- JSON lines ---- */

typedef struct json_lines json_lines;

status json_lines_open(const char *path, json_lines **out, error *err);

/* The next line's object, valid until the next call or json_lines_close; NULL at the end of the file. An empty line is
 * an error. */
status json_lines_next(json_lines *lines, const json_object **out, error *err);

void json_lines_close(json_lines *lines); /* NULL is fine */

/* ---- whole files and texts ---- */

/* Reads a file that holds one object; json_object_free releases it. */
status json_object_load(const char *path, json_object *out, error *err);

/* The same from a NUL-terminated text; `name` stands for the file in messages. Both are borrowed. */
status json_object_parse(const char *name, const char *text, json_object *out, error *err);

/* For objects of json_object_load and json_object_parse; zeroed and freed ones are fine. */
void json_object_free(json_object *object);

/* ---- members of the outermost object ---- */

/* NULL when there is none. */
yajl_val json_member(const json_object *object, const char *key);

/* A missing key, another type or a number out of [min, max] is an error at the member. Text lives as long as the
 * object. */
status json_member_number(const json_object *object, const char *key, double min, double max, double *out, error *err);
status json_member_text(const json_object *object, const char *key, const char **out, error *err);

/* An object all of whose values are numbers in [min, max]: a table. Walk it by value->u.object. */
status json_member_numbers(const json_object *object, const char *key, double min, double max, yajl_val *out,
                           error *err);

/* An error at a member of the outermost object, or at the object's beginning when it has none of that key. */
status json_member_error(const json_object *object, const char *key, error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif
#endif
