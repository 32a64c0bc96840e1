#include "core/base/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

typedef struct parse_state {
    arena *memory;
    const char *file;
    const char *text; /* the whole input */
    size_t bytes;
    yaml_parser_t parser;
    error *err;
} parse_state;

/* libyaml's marks count from 0. */
static status error_at_mark(const parse_state *state, yaml_mark_t mark, const char *what) {
    return error_at(state->err, state->file, (int)mark.line + 1, (int)mark.column + 1, "%s", what);
}

/* The reader, which runs ahead of the scanner, gives the place of a bad byte as an offset. */
static yaml_mark_t mark_of_offset(const parse_state *state, size_t offset) {
    yaml_mark_t mark = {.index = offset};
    for (size_t i = 0; i < offset && i < state->bytes; i++) {
        bool continues_character = ((unsigned char)state->text[i] & 0xc0) == 0x80;
        mark.column += !continues_character;
        bool ends_line =
            state->text[i] == '\n' || (state->text[i] == '\r' && (i + 1 == state->bytes || state->text[i + 1] != '\n'));
        if (ends_line) {
            mark.line++;
            mark.column = 0;
        }
    }
    return mark;
}

static status next_event(parse_state *state, yaml_event_t *event) {
    if (yaml_parser_parse(&state->parser, event))
        return STATUS_OK;
    const yaml_parser_t *parser = &state->parser;
    yaml_mark_t mark = parser->problem_mark;
    if (parser->error == YAML_READER_ERROR)
        mark = mark_of_offset(state, parser->problem_offset);
    return error_at_mark(state, mark, parser->problem ? parser->problem : "not valid YAML");
}

static status parse_node(parse_state *state, yaml_event_t *first, int depth, config_node **out);

static config_node *new_node(parse_state *state, config_kind kind, yaml_mark_t mark) {
    config_node *node = ARENA_NEW(state->memory, config_node);
    *node =
        (config_node){.kind = kind, .file = state->file, .line = (int)mark.line + 1, .column = (int)mark.column + 1};
    return node;
}

/* Grows two parallel pointer arrays inside the arena; the old ones are left behind, at most as much again. */
static void append(parse_state *state, config_node *parent, config_node *key, config_node *value) {
    if ((parent->count & (parent->count - 1)) == 0) { /* full at each power of two, and at 0 */
        size_t capacity = parent->count ? 2 * parent->count : 1;
        config_node **keys = ARENA_ARRAY(state->memory, config_node *, capacity);
        config_node **values = ARENA_ARRAY(state->memory, config_node *, capacity);
        if (parent->count) {
            memcpy(keys, parent->keys, parent->count * sizeof(config_node *));
            memcpy(values, parent->values, parent->count * sizeof(config_node *));
        }
        parent->keys = keys;
        parent->values = values;
    }
    parent->keys[parent->count] = key;
    parent->values[parent->count++] = value;
}

static status parse_key(parse_state *state, yaml_event_t *event, const config_node *mapping, config_node **key) {
    if (event->type != YAML_SCALAR_EVENT)
        return error_at_mark(state, event->start_mark, "a key must be a plain word");
    if (mapping->count >= CONFIG_KEYS_MAX)
        return error_at_mark(state, event->start_mark, "too many keys");
    status result = parse_node(state, event, CONFIG_DEPTH_MAX, key);
    if (result != STATUS_OK)
        return result;
    if (config_get(mapping, (*key)->text))
        return CONFIG_ERROR(*key, state->err, "duplicate key '%.80s'", (*key)->text);
    return STATUS_OK;
}

static status parse_collection(parse_state *state, config_node *parent, yaml_event_type_t end, int depth) {
    for (;;) {
        yaml_event_t event;
        status result = next_event(state, &event);
        if (result != STATUS_OK)
            return result;
        if (event.type == end) {
            yaml_event_delete(&event);
            return STATUS_OK;
        }
        config_node *key = NULL, *value = NULL;
        if (parent->kind == CONFIG_MAPPING) {
            result = parse_key(state, &event, parent, &key);
            yaml_event_delete(&event);
            if (result == STATUS_OK)
                result = next_event(state, &event);
            if (result != STATUS_OK)
                return result;
        }
        result = parse_node(state, &event, depth + 1, &value);
        yaml_event_delete(&event);
        if (result != STATUS_OK)
            return result;
        append(state, parent, key, value);
    }
}

static status parse_node(parse_state *state, yaml_event_t *first, int depth, config_node **out) {
    if (depth > CONFIG_DEPTH_MAX)
        return error_at_mark(state, first->start_mark, "nested too deeply");
    config_node *node;
    switch (first->type) {
    case YAML_SCALAR_EVENT:
        if (first->data.scalar.anchor || first->data.scalar.tag)
            return error_at_mark(state, first->start_mark, "anchors and tags are not supported");
        if (memchr(first->data.scalar.value, '\0', first->data.scalar.length))
            return error_at_mark(state, first->start_mark, "text contains a NUL byte");
        node = new_node(state, CONFIG_SCALAR, first->start_mark);
        node->plain = first->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = arena_strndup(state->memory, (const char *)first->data.scalar.value, first->data.scalar.length);
        *out = node;
        return STATUS_OK;
    case YAML_SEQUENCE_START_EVENT:
        if (first->data.sequence_start.anchor || first->data.sequence_start.tag)
            return error_at_mark(state, first->start_mark, "anchors and tags are not supported");
        *out = new_node(state, CONFIG_SEQUENCE, first->start_mark);
        return parse_collection(state, *out, YAML_SEQUENCE_END_EVENT, depth);
    case YAML_MAPPING_START_EVENT:
        if (first->data.mapping_start.anchor || first->data.mapping_start.tag)
            return error_at_mark(state, first->start_mark, "anchors and tags are not supported");
        *out = new_node(state, CONFIG_MAPPING, first->start_mark);
        return parse_collection(state, *out, YAML_MAPPING_END_EVENT, depth);
    case YAML_ALIAS_EVENT:
        return error_at_mark(state, first->start_mark, "aliases are not supported");
    default:
        return error_at_mark(state, first->start_mark, "expected a value");
    }
}

/* Consumes one event, which must be of the given type. */
static status expect(parse_state *state, yaml_event_type_t type, const char *otherwise) {
    yaml_event_t event;
    status result = next_event(state, &event);
    if (result != STATUS_OK)
        return result;
    if (event.type != type)
        result = error_at_mark(state, event.start_mark, otherwise);
    yaml_event_delete(&event);
    return result;
}

static status parse_stream(parse_state *state, const config_node **root) {
    status result = expect(state, YAML_STREAM_START_EVENT, "not a YAML stream");
    if (result == STATUS_OK)
        result = expect(state, YAML_DOCUMENT_START_EVENT, "the file is empty");
    if (result != STATUS_OK)
        return result;
    yaml_event_t event;
    result = next_event(state, &event);
    if (result != STATUS_OK)
        return result;
    config_node *node = NULL;
    if (event.type != YAML_MAPPING_START_EVENT)
        result = error_at_mark(state, event.start_mark, "expected `key: value` lines at the top level");
    else
        result = parse_node(state, &event, 0, &node);
    yaml_event_delete(&event);
    if (result == STATUS_OK)
        result = expect(state, YAML_DOCUMENT_END_EVENT, "expected the end of the document");
    if (result == STATUS_OK)
        result = expect(state, YAML_STREAM_END_EVENT, "only one document a file");
    if (result == STATUS_OK)
        *root = node;
    return result;
}

status config_parse(arena *a, const char *name, const char *text, size_t bytes, const config_node **root, error *err) {
    parse_state state = {.memory = a, .file = arena_strdup(a, name), .text = text, .bytes = bytes, .err = err};
    *root = NULL;
    if (!yaml_parser_initialize(&state.parser))
        return error_set(err, STATUS_ENVIRONMENT, "%s: out of memory", name);
    yaml_parser_set_input_string(&state.parser, (const unsigned char *)text, bytes);
    status result = parse_stream(&state, root);
    yaml_parser_delete(&state.parser);
    return result;
}

static status read_file(arena *a, const char *path, char **text, size_t *bytes, error *err) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return error_at(err, path, 1, 1, "cannot open: %s", strerror(errno));
    status result = STATUS_OK;
    struct stat info;
    if (fstat(fileno(file), &info) == 0 && S_ISDIR(info.st_mode)) {
        result = error_at(err, path, 1, 1, "is a directory, not a file");
    } else {
        /* Read rather than trust the size: the path may be a pipe. */
        *text = arena_alloc(a, CONFIG_FILE_MAX_BYTES + 1);
        *bytes = fread(*text, 1, CONFIG_FILE_MAX_BYTES + 1, file);
        if (ferror(file))
            result = error_at(err, path, 1, 1, "cannot read: %s", strerror(errno));
        else if (*bytes > CONFIG_FILE_MAX_BYTES)
            result = error_at(err, path, 1, 1, "larger than %d MiB: not a configuration",
                              CONFIG_FILE_MAX_BYTES / (1024 * 1024));
    }
    fclose(file);
    return result;
}

status config_load(arena *a, const char *path, const config_node **root, error *err) {
    arena scratch = {0};
    char *text = NULL;
    size_t bytes = 0;
    *root = NULL;
    status result = read_file(&scratch, path, &text, &bytes, err);
    if (result == STATUS_OK)
        result = config_parse(a, path, text, bytes, root, err);
    arena_free(&scratch);
    return result;
}

const config_node *config_get(const config_node *mapping, const char *key) {
    for (size_t i = 0; i < mapping->count; i++)
        if (strcmp(mapping->keys[i]->text, key) == 0)
            return mapping->values[i];
    return NULL;
}
