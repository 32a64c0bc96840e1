#include "workloads/model.h"

#include "workloads/family.h"

#include <assert.h>
#include <string.h>

enum { SCHEMA_VERSION = 1 };

static const config_field common_fields[] = {
    {"schema", CONFIG_NODE, offsetof(model_file, schema), 0, 0, true},
    {"name", CONFIG_TEXT, offsetof(model_file, name), 0, 0, true},
    {"family", CONFIG_TEXT, offsetof(model_file, family), 0, 0, true},
    {"source", CONFIG_TEXT, offsetof(model_file, source), 0, 0, true},
    {"dtype", CONFIG_TEXT, offsetof(model_file, dtype), 0, 0, true},
    {"tasks", CONFIG_NODE, offsetof(model_file, tasks), 0, 0, false},
};
enum { COMMON_FIELDS = sizeof common_fields / sizeof common_fields[0] };

status model_bind(const config_node *root, const config_field *own, size_t own_count, void *file, error *err) {
    config_field fields[COMMON_FIELDS + MODEL_OWN_FIELDS_MAX];
    assert(own_count <= MODEL_OWN_FIELDS_MAX);
    memcpy(fields, common_fields, sizeof common_fields);
    memcpy(fields + COMMON_FIELDS, own, own_count * sizeof *own);
    return config_bind(root, fields, COMMON_FIELDS + own_count, true, file, (config_notes){0}, err);
}

status model_take_common(const config_node *root, const model_file *file, model *out, error *err) {
    out->name = file->name;
    out->source = file->source;
    if (dtype_parse(file->dtype, &out->dtype, NULL) != STATUS_OK || dtype_bytes(out->dtype) < 2)
        return CONFIG_ERROR(config_get(root, "dtype"), err, "dtype must be fp16, bf16 or fp32, not '%.40s'",
                            file->dtype);
    return STATUS_OK;
}

const char *model_family_name(const model *m) {
    return m->family->name;
}

static status unknown_family(const config_node *node, const char *name, error *err) {
    const char *const *known;
    size_t count = family_names(&known);
    const char *nearest = config_nearest(name, known, count);
    return CONFIG_ERROR(node, err, "unknown family '%.40s'%s%s", name, nearest ? "; did you mean " : "",
                        nearest ? nearest : "");
}

status model_load(arena *a, const char *path, model *out, error *err) {
    const config_node *root;
    const char *name = NULL;
    status result = config_load(a, path, &root, err);
    if (result == STATUS_OK)
        result = config_schema(root, SCHEMA_VERSION, err);
    if (result != STATUS_OK)
        return result;
    const config_node *node = config_get(root, "family");
    if (!node)
        return CONFIG_ERROR(root, err, "missing key 'family'");
    result = config_text(node, &name, err);
    if (result != STATUS_OK)
        return result;
    *out = (model){.family = family_find(name)};
    if (!out->family)
        return unknown_family(node, name, err);
    return out->family->load(a, root, out, err);
}
