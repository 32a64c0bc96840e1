/* The Llama family: Llama, Code Llama and whatever shares their layer. */
#include "workloads/decoder.h"
#include "workloads/family.h"

#include <string.h>

/* Bounds that only keep products of dimensions sane. */
static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, VOCABULARY_MAX = 1e7, TOKENS_MAX = 1e7;

typedef struct llama_file {
    model_file common; /* first: model_common_fields */
    model shape;
} llama_file;

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

static status check_shape(const config_node *root, const llama_file *file, error *err) {
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

static status load(arena *a, const config_node *root, model *out, error *err) {
    (void)a;
#define SHAPE(key, member, max)                                                                                        \
    { "model." key, CONFIG_NUMBER, offsetof(llama_file, shape.member), 1, max, true }
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
    };
#undef SHAPE
    enum { OWN_COUNT = sizeof own / sizeof own[0] };
    config_field fields[MODEL_COMMON_FIELD_COUNT + OWN_COUNT];
    memcpy(fields, model_common_fields, sizeof model_common_fields);
    memcpy(fields + MODEL_COMMON_FIELD_COUNT, own, sizeof own);
    llama_file file = {.shape = *out};
    status result =
        config_bind(root, fields, MODEL_COMMON_FIELD_COUNT + OWN_COUNT, true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        result = check_shape(root, &file, err);
    *out = file.shape;
    if (result == STATUS_OK)
        result = model_take_common(root, &file.common, out, err);
    out->parameters = model_parameter_count(out);
    static const char *const lengths[] = {"prompt_tokens", "decode_steps", NULL}, *const none[] = {NULL};
    if (result == STATUS_OK && file.common.tasks)
        result = tasks_read(file.common.tasks, lengths, none, out->tasks, &out->task_count, err);
    return result;
}

static status make_scenario(arena *a, const workload *w, const workload_request *request, const levers *l,
                            scenario *out, error *err) {
    (void)a, (void)l;
    double prompt = 0, steps = 0;
    status result = workload_length(w, request, "prompt_tokens", &prompt, err);
    if (result == STATUS_OK)
        result = workload_length(w, request, "decode_steps", &steps, err);
    if (result != STATUS_OK)
        return result;
    if (prompt + steps + 1 > w->shape.context)
        return error_set(err, STATUS_NEGATIVE, "%s: %.0f tokens are more than the model's context of %.0f", w->name,
                         prompt + steps + 1, w->shape.context);
    result = scenario_fixed(request->batch, (int64_t)prompt, (int64_t)steps + 1, 0, request->seed, out, err);
    if (result == STATUS_OK)
        scenario_experts(&w->shape, out);
    return result;
}

static status build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    (void)err;
    const model *m = &w->shape;
    enum { PHASE_COUNT = 2 };
    *out = (graph){
        .name = m->name,
        .phases = ARENA_ARRAY(a, graph_phase, PHASE_COUNT),
        .parameter_count = model_parameter_count(m),
        .memory = a,
    };
    build_kv_state(out, m, l, 1);
    graph_builder b = {.out = out};
    for (int prefill = 1; prefill >= 0; prefill--) {
        build_phase(&b, prefill ? "prefill" : "decode", prefill);
        b.phase->captured = l->launch == LAUNCH_GRAPH;
        build_embedding(&b, m, l);
        build_layers(&b, m, l, (int64_t)m->layers);
        build_logits(&b, m, l);
        build_greedy(&b, m, l);
    }
    out->weight_bytes = decoder_stored_bytes(out, m);
    return STATUS_OK;
}

const family family_llama = {"llama", load, make_scenario, build};
