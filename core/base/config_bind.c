/* Field tables over the node tree, and the strict scalar readers. */
#include "core/base/config.h"
#include "core/base/number.h"

#include <string.h>

status config_number(const config_node *node, double min, double max, double *out, error *err) {
    if (node->kind != CONFIG_SCALAR)
        return CONFIG_ERROR(node, err, "expected a number");
    double value;
    if (!node->plain || !number_parse(node->text, &value))
        return CONFIG_ERROR(node, err, "not a number: '%.80s' (write SI units without a suffix, as 1.98e9)",
                            node->text);
    if (value < min || value > max)
        return CONFIG_ERROR(node, err, "%.80s is out of range: must be from %.7g to %.7g", node->text, min, max);
    *out = value;
    return STATUS_OK;
}

status config_text(const config_node *node, const char **out, error *err) {
    if (node->kind != CONFIG_SCALAR || !*node->text)
        return CONFIG_ERROR(node, err, "expected text");
    *out = node->text;
    return STATUS_OK;
}

status config_schema(const config_node *root, int version, error *err) {
    const config_node *node = config_get(root, "schema");
    if (!node)
        return CONFIG_ERROR(root, err, "missing key 'schema' (write `schema: %d`)", version);
    double stated = 0;
    if (config_number(node, -1e9, 1e9, &stated, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (stated != version)
        return CONFIG_ERROR(node, err, "schema %g is not known: this program reads schema %d", stated, version);
    return STATUS_OK;
}

status config_bool(const config_node *node, bool *out, error *err) {
    if (node->kind == CONFIG_SCALAR && node->plain) {
        if (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0) {
            *out = node->text[0] == 't';
            return STATUS_OK;
        }
    }
    return CONFIG_ERROR(node, err, "expected true or false");
}

static size_t smallest(size_t a, size_t b, size_t c) {
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

enum { WORD_MAX = 64 };

/* Edits between two words, where swapping two neighbours counts as one (optimal string alignment). A candidate longer
 * than WORD_MAX is compared by its beginning. */
static size_t edit_distance(const char *a, const char *b) {
    size_t a_length = strnlen(a, WORD_MAX), b_length = strnlen(b, WORD_MAX);
    unsigned char edits[WORD_MAX + 1][WORD_MAX + 1]; /* between the first i letters of a and the first j of b */
    for (size_t i = 0; i <= a_length; i++) {
        for (size_t j = 0; j <= b_length; j++) {
            if (i == 0 || j == 0) {
                edits[i][j] = (unsigned char)(i + j);
                continue;
            }
            size_t replaced = edits[i - 1][j - 1] + (size_t)(a[i - 1] != b[j - 1]);
            size_t least = smallest(edits[i - 1][j] + 1u, edits[i][j - 1] + 1u, replaced);
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && edits[i - 2][j - 2] + 1u < least)
                least = edits[i - 2][j - 2] + 1u;
            edits[i][j] = (unsigned char)least;
        }
    }
    return edits[a_length][b_length];
}

const char *config_nearest(const char *word, const char *const *candidates, size_t count) {
    const char *nearest = NULL;
    if (strlen(word) > WORD_MAX) /* not a misspelling of anything */
        return NULL;
    size_t best = strlen(word) / 2 + 1; /* further than half the word is no help */
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, candidates[i]);
        if (distance < best) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

typedef struct binder {
    const config_field *fields;
    size_t field_count;
    unsigned char *out;
    config_notes notes;
    error *err;
} binder;

static status bind_number(const binder *b, size_t index, const config_node *node, const char *group_source) {
    const config_field *field = &b->fields[index];
    const char *source = group_source;
    if (node->kind == CONFIG_MAPPING) {
        for (size_t i = 0; i < node->count; i++)
            if (strcmp(node->keys[i]->text, "value") != 0 && strcmp(node->keys[i]->text, "source") != 0)
                return CONFIG_ERROR(node->keys[i], b->err, "unknown key '%.80s' of '%s' (known: value, source)",
                                    node->keys[i]->text, field->key);
        const config_node *note = config_get(node, "source");
        if (note && config_text(note, &source, b->err) != STATUS_OK)
            return STATUS_BAD_INPUT;
        const config_node *value = config_get(node, "value");
        if (!value)
            return CONFIG_ERROR(node, b->err, "'%s' has no 'value'", field->key);
        node = value;
    }
    if (b->notes.sources)
        b->notes.sources[index] = source;
    double value = 0;
    status result = config_number(node, field->min, field->max, &value, b->err);
    if (result == STATUS_OK)
        memcpy(b->out + field->offset, &value, sizeof value);
    return result;
}

static status bind_field(const binder *b, size_t index, const config_node *node, const char *group_source) {
    const config_field *field = &b->fields[index];
    status result = STATUS_OK;
    b->notes.present[index] = true;
    switch (field->type) {
    case CONFIG_NUMBER:
        return bind_number(b, index, node, group_source);
    case CONFIG_TEXT: {
        const char *text = NULL;
        result = config_text(node, &text, b->err);
        if (result == STATUS_OK)
            memcpy(b->out + field->offset, &text, sizeof text);
        return result;
    }
    case CONFIG_BOOL: {
        bool value = false;
        result = config_bool(node, &value, b->err);
        if (result == STATUS_OK)
            memcpy(b->out + field->offset, &value, sizeof value);
        return result;
    }
    case CONFIG_NODE:
        memcpy(b->out + field->offset, &node, sizeof node);
        return STATUS_OK;
    }
    return result;
}

/* The field called `prefix.key`, or -1; *is_group tells whether fields lie under it. */
static long find_field(const binder *b, const char *prefix, const char *key, bool *is_group) {
    size_t prefix_length = strlen(prefix), key_length = strlen(key);
    *is_group = false;
    for (size_t i = 0; i < b->field_count; i++) {
        const char *path = b->fields[i].key;
        if (strncmp(path, prefix, prefix_length) != 0 || strncmp(path + prefix_length, key, key_length) != 0)
            continue;
        char next = path[prefix_length + key_length];
        if (next == '\0')
            return (long)i;
        if (next == '.')
            *is_group = true;
    }
    return -1;
}

static status unknown_key(const binder *b, const char *prefix, const config_node *key) {
    arena scratch = {0};
    const char **known = ARENA_ARRAY(&scratch, const char *, b->field_count + 1);
    size_t prefix_length = strlen(prefix), count = 0;
    for (size_t i = 0; i < b->field_count; i++) {
        const char *path = b->fields[i].key;
        if (strncmp(path, prefix, prefix_length) != 0)
            continue;
        const char *rest = path + prefix_length;
        known[count++] = arena_strndup(&scratch, rest, strcspn(rest, "."));
    }
    const char *nearest = config_nearest(key->text, known, count);
    status result = nearest ? CONFIG_ERROR(key, b->err, "unknown key '%s%.80s'; did you mean '%s%s'?", prefix,
                                           key->text, prefix, nearest)
                            : CONFIG_ERROR(key, b->err, "unknown key '%s%.80s'", prefix, key->text);
    arena_free(&scratch);
    return result;
}

static status bind_mapping(const binder *b, const config_node *mapping, const char *prefix, const char *group_source) {
    const config_node *note = config_get(mapping, "source");
    bool ignored;
    if (note && find_field(b, prefix, "source", &ignored) < 0 && config_text(note, &group_source, b->err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    for (size_t i = 0; i < mapping->count; i++) {
        const config_node *key = mapping->keys[i], *value = mapping->values[i];
        bool is_group;
        long index = find_field(b, prefix, key->text, &is_group);
        status result = STATUS_OK;
        if (index >= 0 && b->notes.present[index]) { /* once in a group and once as a dotted key */
            result = CONFIG_ERROR(key, b->err, "duplicate key '%s'", b->fields[index].key);
        } else if (index >= 0) {
            result = bind_field(b, (size_t)index, value, group_source);
        } else if (is_group) {
            if (value->kind != CONFIG_MAPPING)
                return CONFIG_ERROR(value, b->err, "'%s%s' is a group: expected `key: value` lines under it", prefix,
                                    key->text);
            arena scratch = {0};
            result = bind_mapping(b, value, arena_printf(&scratch, "%s%s.", prefix, key->text), group_source);
            arena_free(&scratch);
        } else if (value != note) {
            result = unknown_key(b, prefix, key);
        }
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

status config_bind(const config_node *mapping, const config_field *fields, size_t field_count, bool check_required,
                   void *out, config_notes notes, error *err) {
    arena scratch = {0};
    if (!notes.present)
        notes.present = ARENA_ARRAY(&scratch, bool, field_count);
    binder b = {fields, field_count, out, notes, err};
    status result = mapping->kind == CONFIG_MAPPING ? bind_mapping(&b, mapping, "", NULL)
                                                    : CONFIG_ERROR(mapping, err, "expected `key: value` lines");
    for (size_t i = 0; i < field_count && result == STATUS_OK; i++)
        if (check_required && fields[i].required && !notes.present[i])
            result = CONFIG_ERROR(mapping, err, "missing key '%s'", fields[i].key);
    arena_free(&scratch);
    return result;
}
