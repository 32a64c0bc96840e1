#include "core/base/json_reader.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yajl/yajl_parse.h>

static status error_at_offset(const json_object *object, size_t offset, error *err, const char *what) {
    int line = object->line;
    size_t line_start = 0;
    for (size_t i = 0; i < offset && object->text[i]; i++) {
        if (object->text[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return error_at(err, object->file, line, (int)(offset - line_start) + 1, "%s", what);
}

/* ---- checking the text before yajl builds a tree ---- */

/* Offset behind the string that opens at `start`. */
static size_t skip_string(const char *text, size_t start) {
    size_t i = start + 1;
    while (text[i] && text[i] != '"')
        i += text[i] == '\\' && text[i + 1] ? 2 : 1;
    return text[i] ? i + 1 : i;
}

/* yajl frees trees by recursion, so the depth must be bounded before one is built. */
static status check_depth(const json_object *object, error *err) {
    int depth = 0;
    for (size_t i = 0; object->text[i];) {
        char c = object->text[i];
        if (c == '"') {
            i = skip_string(object->text, i);
            continue;
        }
        if ((c == '{' || c == '[') && ++depth > JSON_DEPTH_MAX)
            return error_at_offset(object, i, err, "nested too deeply");
        if (c == '}' || c == ']')
            depth--;
        i++;
    }
    return STATUS_OK;
}

/* Syntax only: yajl_tree_parse tells no position, and some of its versions leak when they fail. */
static status check_syntax(const json_object *object, error *err) {
    const unsigned char *bytes = (const unsigned char *)object->text;
    size_t length = strlen(object->text);
    yajl_handle parser = yajl_alloc(NULL, NULL, NULL);
    if (!parser)
        abort();
    yajl_status parsed = yajl_parse(parser, bytes, length);
    size_t offset = yajl_get_bytes_consumed(parser);
    if (parsed == yajl_status_ok) {
        parsed = yajl_complete_parse(parser);
        offset = length;
    }
    status result = STATUS_OK;
    if (parsed != yajl_status_ok) {
        char message[256] = "not valid JSON";
        unsigned char *text = yajl_get_error(parser, 0, bytes, length);
        if (text) {
            /* Its first line; further ones quote the input. */
            int first_line_bytes = (int)strcspn((const char *)text, "\n");
            snprintf(message, sizeof message, "not valid JSON: %.*s", first_line_bytes, (const char *)text);
            yajl_free_error(parser, text);
        }
        result = error_at_offset(object, offset > 0 ? offset - 1 : 0, err, message);
    }
    yajl_free(parser);
    return result;
}

/* Offset of occurrence `nth` (from 0) of a key of the outermost object; 0, the object's beginning, when there is none
 * or it is written with escapes. */
static size_t key_offset(const json_object *object, const char *key, int nth) {
    const char *text = object->text;
    size_t key_length = strlen(key);
    int depth = 0;
    for (size_t i = 0; text[i];) {
        char c = text[i];
        if (c == '"') {
            size_t end = skip_string(text, i);
            bool is_key = depth == 1 && text[end + strspn(text + end, " \t\r\n")] == ':';
            bool same = end - i == key_length + 2 && memcmp(text + i + 1, key, key_length) == 0;
            if (is_key && same && nth-- == 0)
                return i;
            i = end;
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        i++;
    }
    return 0;
}

static status check_key(const json_object *object, yajl_val value, size_t index, error *err) {
    char message[128];
    const char *key = value->u.object.keys[index];
    for (size_t i = 0; i < index; i++) {
        if (strcmp(key, value->u.object.keys[i]) == 0) {
            snprintf(message, sizeof message, "key '%.80s' stands twice", key);
            return error_at_offset(object, value == object->root ? key_offset(object, key, 1) : 0, err, message);
        }
    }
    return STATUS_OK;
}

static status check_keys(const json_object *object, yajl_val value, error *err) {
    status result = STATUS_OK;
    if (YAJL_IS_ARRAY(value)) {
        for (size_t i = 0; i < value->u.array.len && result == STATUS_OK; i++)
            result = check_keys(object, value->u.array.values[i], err);
    } else if (YAJL_IS_OBJECT(value)) {
        if (value->u.object.len > JSON_KEYS_MAX)
            return error_at_offset(object, 0, err, "an object has too many keys");
        for (size_t i = 0; i < value->u.object.len && result == STATUS_OK; i++) {
            result = check_key(object, value, i, err);
            if (result == STATUS_OK)
                result = check_keys(object, value->u.object.values[i], err);
        }
    }
    return result;
}

static status parse_at(const char *file, int line, const char *text, json_object *out, error *err) {
    *out = (json_object){.file = file, .line = line, .text = text};
    status result = check_depth(out, err);
    if (result == STATUS_OK)
        result = check_syntax(out, err);
    if (result != STATUS_OK)
        return result;
    char message[256];
    out->root = yajl_tree_parse(text, message, sizeof message);
    if (!out->root)
        return error_at_offset(out, 0, err, "not valid JSON");
    result = YAJL_IS_OBJECT(out->root) ? check_keys(out, out->root, err)
                                       : error_at_offset(out, 0, err, "expected an object: {...}");
    if (result != STATUS_OK) {
        yajl_tree_free(out->root);
        out->root = NULL;
    }
    return result;
}

/* ---- files ---- */

static status open_file(const char *path, FILE **out, error *err) {
    *out = fopen(path, "rb");
    if (!*out)
        return error_at(err, path, 1, 1, "cannot open: %s", strerror(errno));
    struct stat info;
    if (fstat(fileno(*out), &info) == 0 && S_ISDIR(info.st_mode)) {
        fclose(*out);
        *out = NULL;
        return error_at(err, path, 1, 1, "is a directory, not a file");
    }
    return STATUS_OK;
}

static void *must_allocate(size_t bytes) {
    void *memory = calloc(1, bytes);
    if (!memory)
        abort();
    return memory;
}

struct json_lines {
    char *path;
    FILE *file;
    int line; /* of `object` */
    json_object object;
    char text[JSON_LINE_MAX_BYTES + 1];
};

status json_lines_open(const char *path, json_lines **out, error *err) {
    *out = NULL;
    FILE *file;
    status result = open_file(path, &file, err);
    if (result != STATUS_OK)
        return result;
    json_lines *lines = must_allocate(sizeof *lines);
    lines->file = file;
    lines->path = strdup(path);
    if (!lines->path)
        abort();
    *out = lines;
    return STATUS_OK;
}

void json_lines_close(json_lines *lines) {
    if (!lines)
        return;
    yajl_tree_free(lines->object.root);
    fclose(lines->file);
    free(lines->path);
    free(lines);
}

/* Reads a line without its break into `text`; *found is false at the end of the file. */
static status read_line(json_lines *lines, bool *found, error *err) {
    size_t length = 0;
    int c;
    lines->line++;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
        if (c == '\0')
            return error_at(err, lines->path, lines->line, (int)length + 1, "NUL byte: not a text file");
        if (length == JSON_LINE_MAX_BYTES)
            return error_at(err, lines->path, lines->line, 1, "line is longer than %d bytes", JSON_LINE_MAX_BYTES);
        lines->text[length++] = (char)c;
    }
    if (c == EOF && ferror(lines->file))
        return error_at(err, lines->path, lines->line, 1, "cannot read: %s", strerror(errno));
    lines->text[length] = '\0';
    *found = c != EOF || length > 0;
    if (*found && lines->text[strspn(lines->text, " \t\r")] == '\0')
        return error_at(err, lines->path, lines->line, 1, "empty line: expected an object");
    return STATUS_OK;
}

status json_lines_next(json_lines *lines, const json_object **out, error *err) {
    *out = NULL;
    yajl_tree_free(lines->object.root);
    lines->object = (json_object){0};
    bool found = false;
    status result = read_line(lines, &found, err);
    if (result != STATUS_OK || !found)
        return result;
    result = parse_at(lines->path, lines->line, lines->text, &lines->object, err);
    if (result == STATUS_OK)
        *out = &lines->object;
    return result;
}

static status read_whole_file(const char *path, FILE *file, char *text, error *err) {
    size_t bytes = fread(text, 1, JSON_FILE_MAX_BYTES + 1, file);
    if (ferror(file))
        return error_at(err, path, 1, 1, "cannot read: %s", strerror(errno));
    if (bytes > JSON_FILE_MAX_BYTES)
        return error_at(err, path, 1, 1, "larger than %d MiB", JSON_FILE_MAX_BYTES / (1024 * 1024));
    text[bytes] = '\0';
    if (strlen(text) != bytes)
        return error_at(err, path, 1, 1, "has NUL bytes: not a text file");
    return STATUS_OK;
}

status json_object_load(const char *path, json_object *out, error *err) {
    *out = (json_object){0};
    FILE *file;
    status result = open_file(path, &file, err);
    if (result != STATUS_OK)
        return result;
    char *text = must_allocate(JSON_FILE_MAX_BYTES + 2);
    result = read_whole_file(path, file, text, err);
    fclose(file);
    if (result == STATUS_OK)
        result = json_object_parse(path, text, out, err);
    if (result != STATUS_OK) {
        free(text);
        return result;
    }
    /* The object keeps its own copies: name and text in one block, freed through `owned`. */
    size_t path_bytes = strlen(path) + 1, text_bytes = strlen(text) + 1;
    out->owned = must_allocate(path_bytes + text_bytes);
    memcpy(out->owned, path, path_bytes);
    memcpy(out->owned + path_bytes, text, text_bytes);
    out->file = out->owned;
    out->text = out->owned + path_bytes;
    free(text);
    return STATUS_OK;
}

status json_object_parse(const char *name, const char *text, json_object *out, error *err) {
    return parse_at(name, 1, text, out, err);
}

void json_object_free(json_object *object) {
    yajl_tree_free(object->root);
    free(object->owned);
    *object = (json_object){0};
}

status json_member_error(const json_object *object, const char *key, error *err, const char *format, ...) {
    char message[ERROR_TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return error_at_offset(object, key_offset(object, key, 0), err, message);
}
