/* Model files of decoder-only transformers. */
#include "workloads/decoder.h"

#include <string.h>

/* Bounds that only keep products of dimensions sane. */
static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, VOCABULARY_MAX = 1e7, TOKENS_MAX = 1e7;

typedef struct decoder_file {
    model_file common; /* first: model_bind */
    model shape;
} decoder_file;

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

static status check_shape(const config_node *root, const decoder_file *file, error *err) {
    const model *m = &file->shape;
    const struct {
        const char *key;
        double value;
    } whole[] = {
        {"layers", m->layers},         {"hidden", m->hidden},
        {"heads", m->heads},           {"kv_heads", m->kv_heads},
        {"head_dim", m->head_dim},     {"ffn", m->ffn},
        {"vocabulary", m->vocabulary}, {"layerskip_exit_layer", m->layerskip_exit_layer},
    };
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (whole[i].value != (double)(int64_t)whole[i].value)
            return CONFIG_ERROR(shape_node(root, whole[i].key), err, "%s is %g: it must be whole", whole[i].key,
                                whole[i].value);
    if ((int64_t)m->heads % (int64_t)m->kv_heads != 0)
        return CONFIG_ERROR(shape_node(root, "kv_heads"), err, "%g heads do not divide into %g kv_heads", m->heads,
                            m->kv_heads);
    if (m->layerskip_exit_layer >= m->layers)
        return CONFIG_ERROR(shape_node(root, "layerskip_exit_layer"), err,
                            "layerskip_exit_layer %g must be below the %g layers", m->layerskip_exit_layer, m->layers);
    return STATUS_OK;
}

status decoder_load(const config_node *root, model *out, error *err) {
#define SHAPE(key, member, max)                                                                                        \
    { "model." key, CONFIG_NUMBER, offsetof(decoder_file, shape.member), 1, max, true }
#define FLAG(key, member)                                                                                              \
    { "model." key, CONFIG_BOOL, offsetof(decoder_file, shape.member), 0, 0, false }
    const config_field own[] = {
        SHAPE("layers", layers, LAYERS_MAX),
        SHAPE("hidden", hidden, WIDTH_MAX),
        SHAPE("heads", heads, HEADS_MAX),
        SHAPE("kv_heads", kv_heads, HEADS_MAX),
        SHAPE("head_dim", head_dim, HEADS_MAX),
        SHAPE("ffn", ffn, WIDTH_MAX),
        SHAPE("vocabulary", vocabulary, VOCABULARY_MAX),
        SHAPE("context", context, TOKENS_MAX),
        SHAPE("rope_theta", rope_theta, 1e12),
        {"model.layerskip_exit_layer", CONFIG_NUMBER, offsetof(decoder_file, shape.layerskip_exit_layer), 1, LAYERS_MAX,
         false},
        FLAG("qk_norm", qk_norm),
        FLAG("post_norm", post_norm),
    };
#undef SHAPE
#undef FLAG
    decoder_file file = {.shape = *out};
    status result = model_bind(root, own, sizeof own / sizeof own[0], &file, err);
    if (result == STATUS_OK)
        result = check_shape(root, &file, err);
    *out = file.shape;
    if (result == STATUS_OK)
        result = model_take_common(root, &file.common, out, err);
    out->parameters = model_parameter_count(out);
    out->decoder_only = true;
    static const char *const lengths[] = {"prompt_tokens", "decode_steps", NULL}, *const none[] = {NULL};
    if (result == STATUS_OK && file.common.tasks)
        result = tasks_read(file.common.tasks, lengths, none, out->tasks, &out->task_count, err);
    return result;
}
