#include "workloads/model.h"

#include <string.h>

enum { SCHEMA_VERSION = 1 };
/* Bounds that only keep products of dimensions sane. */
static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, VOCABULARY_MAX = 1e7, TOKENS_MAX = 1e7;

typedef struct model_file {
    const char *name, *family, *dtype;
    const config_node *schema, *tasks;
    model shape;
} model_file;

static status read_length(const config_node *node, length_distribution *out, error *err) {
    const config_field fields[] = {
        {"min", CONFIG_NUMBER, offsetof(length_distribution, min), 0, TOKENS_MAX, true},
        {"mean", CONFIG_NUMBER, offsetof(length_distribution, mean), 0, TOKENS_MAX, true},
        {"p50", CONFIG_NUMBER, offsetof(length_distribution, p50), 0, TOKENS_MAX, true},
        {"p90", CONFIG_NUMBER, offsetof(length_distribution, p90), 0, TOKENS_MAX, true},
        {"p99", CONFIG_NUMBER, offsetof(length_distribution, p99), 0, TOKENS_MAX, true},
        {"max", CONFIG_NUMBER, offsetof(length_distribution, max), 0, TOKENS_MAX, true},
    };
    status result = config_bind(node, fields, sizeof fields / sizeof fields[0], true, out, (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    bool rising = out->min <= out->p50 && out->p50 <= out->p90 && out->p90 <= out->p99 && out->p99 <= out->max;
    if (!rising || out->mean < out->min || out->mean > out->max)
        return CONFIG_ERROR(node, err, "lengths must rise from min over p50, p90 and p99 to max, the mean among them");
    return STATUS_OK;
}

typedef struct task_file {
    const char *source;
    const config_node *prompt_tokens, *decode_steps;
} task_file;

static status read_task(const config_node *key, const config_node *node, task *out, error *err) {
    const config_field fields[] = {
        {"source", CONFIG_TEXT, offsetof(task_file, source), 0, 0, true},
        {"prompt_tokens", CONFIG_NODE, offsetof(task_file, prompt_tokens), 0, 0, true},
        {"decode_steps", CONFIG_NODE, offsetof(task_file, decode_steps), 0, 0, true},
    };
    task_file file = {0};
    status result = config_bind(node, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        result = read_length(file.prompt_tokens, &out->prompt_tokens, err);
    if (result == STATUS_OK)
        result = read_length(file.decode_steps, &out->decode_steps, err);
    out->name = key->text;
    out->source = file.source;
    return result;
}

static status read_tasks(const config_node *tasks, model *out, error *err) {
    if (tasks->kind != CONFIG_MAPPING)
        return CONFIG_ERROR(tasks, err, "'tasks' is a group: expected `name:` entries under it");
    if (tasks->count > MODEL_TASKS_MAX)
        return CONFIG_ERROR(tasks, err, "more than %d tasks", MODEL_TASKS_MAX);
    for (size_t i = 0; i < tasks->count; i++) {
        status result = read_task(tasks->keys[i], tasks->values[i], &out->tasks[i], err);
        if (result != STATUS_OK)
            return result;
    }
    out->task_count = tasks->count;
    return STATUS_OK;
}

/* Where the file states a number of the shape: in the group or as a dotted key. */
static const config_node *shape_node(const config_node *root, const char *key) {
    const config_node *group = config_get(root, "model");
    if (group)
        return config_get(group, key);
    arena scratch = {0};
    const config_node *node = config_get(root, arena_printf(&scratch, "model.%s", key));
    arena_free(&scratch);
    return node;
}

static status check_shape(const config_node *root, const model_file *file, error *err) {
    if (strcmp(file->family, "llama") != 0)
        return CONFIG_ERROR(config_get(root, "family"), err, "unknown family '%.40s' (known: llama)", file->family);
    const model *m = &file->shape;
    const struct {
        const char *key;
        double value;
    } whole[] = {
        {"layers", m->layers},     {"hidden", m->hidden}, {"heads", m->heads},           {"kv_heads", m->kv_heads},
        {"head_dim", m->head_dim}, {"ffn", m->ffn},       {"vocabulary", m->vocabulary},
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (whole[i].value != (double)(int64_t)whole[i].value)
            return CONFIG_ERROR(shape_node(root, whole[i].key), err, "%s is %g: it must be whole", whole[i].key,
                                whole[i].value);
    if ((int64_t)m->heads % (int64_t)m->kv_heads != 0)
        return CONFIG_ERROR(shape_node(root, "kv_heads"), err, "%g heads do not divide into %g kv_heads", m->heads,
                            m->kv_heads);
    return STATUS_OK;
}

status model_load(arena *a, const char *path, model *out, error *err) {
#define SHAPE(key, member, max)                                                                                        \
    { "model." key, CONFIG_NUMBER, offsetof(model_file, shape.member), 1, max, true }
    const config_field fields[] = {
        {"schema", CONFIG_NODE, offsetof(model_file, schema), 0, 0, true},
        {"name", CONFIG_TEXT, offsetof(model_file, name), 0, 0, true},
        {"family", CONFIG_TEXT, offsetof(model_file, family), 0, 0, true},
        {"source", CONFIG_TEXT, offsetof(model_file, shape.source), 0, 0, true},
        {"dtype", CONFIG_TEXT, offsetof(model_file, dtype), 0, 0, true},
        {"tasks", CONFIG_NODE, offsetof(model_file, tasks), 0, 0, false},
        SHAPE("layers", layers, LAYERS_MAX),
        SHAPE("hidden", hidden, WIDTH_MAX),
        SHAPE("heads", heads, HEADS_MAX),
        SHAPE("kv_heads", kv_heads, HEADS_MAX),
        SHAPE("head_dim", head_dim, HEADS_MAX),
        SHAPE("ffn", ffn, WIDTH_MAX),
        SHAPE("vocabulary", vocabulary, VOCABULARY_MAX),
        SHAPE("context", context, TOKENS_MAX),
        SHAPE("rope_theta", rope_theta, 1e12),
    };
#undef SHAPE
    const config_node *root;
    model_file file = {0};
    status result = config_load(a, path, &root, err);
    if (result == STATUS_OK)
        result = config_schema(root, SCHEMA_VERSION, err);
    if (result == STATUS_OK)
        result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        result = check_shape(root, &file, err);
    if (result != STATUS_OK)
        return result;
    *out = file.shape;
    out->name = file.name;
    out->family = file.family;
    if (dtype_parse(file.dtype, &out->dtype, NULL) != STATUS_OK || dtype_bytes(out->dtype) != 2)
        return CONFIG_ERROR(config_get(root, "dtype"), err, "dtype must be fp16 or bf16, not '%.40s'", file.dtype);
    return file.tasks ? read_tasks(file.tasks, out, err) : STATUS_OK;
}

static double layer_gemm_weight_count(const model *m) {
    double qkv = m->hidden * (m->heads + 2 * m->kv_heads) * m->head_dim;
    double out = m->heads * m->head_dim * m->hidden;
    return qkv + out + 3 * m->hidden * m->ffn;
}

double model_gemm_weight_count(const model *m) {
    return m->layers * layer_gemm_weight_count(m) + m->hidden * m->vocabulary;
}

double model_parameter_count(const model *m) {
    double norms = (2 * m->layers + 1) * m->hidden;
    return model_gemm_weight_count(m) + m->vocabulary * m->hidden + norms;
}
