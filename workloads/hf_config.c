#include "workloads/hf_config.h"

#include "core/base/json_reader.h"
#include "workloads/family.h"

#include <math.h>
#include <string.h>

/* Bounds that only keep products of dimensions sane. */
static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, VOCABULARY_MAX = 1e7, TOKENS_MAX = 1e8;
/* What transformers' LlamaConfig assumes of a key that is left out. */
static const double DEFAULT_CONTEXT_TOKENS = 2048, DEFAULT_ROPE_THETA = 1e4;

/* Architectures whose layer is another: an error is better than a wrong graph. */
static const char *const foreign[] = {"gpt2", "gpt_neox", "bloom",    "falcon", "opt",    "t5",
                                      "bert", "mamba",    "mamba2",   "rwkv",   "phi",    "gptj",
                                      "mpt",  "whisper",  "stablelm", "bart",   "cohere", "dbrx"};
/* Keys of layers that are not modelled, where they are neither null, nor false, 0 or an empty list. */
static const struct {
    const char *key, *what;
} unmodelled[] = {
    {"kv_lora_rank", "latent attention (MLA) is not modelled"},
    {"shared_expert_intermediate_size", "shared experts are not modelled"},
    {"n_shared_experts", "shared experts are not modelled"},
    {"num_shared_experts", "shared experts are not modelled"},
    {"first_k_dense_replace", "a mixture of experts with dense layers is not modelled"},
    {"mlp_only_layers", "a mixture of experts with dense layers is not modelled"},
    {"linear_num_value_heads", "linear attention is not modelled"},
    {"mamba_d_state", "state-space layers are not modelled"},
};
/* Gemma's layers, by model_type; embeddings are tied unless the file says otherwise. */
static const char GEMMA[] = "gemma";
/* Where a file has windows but no list of its layers: every second one of Gemma 2, all but every sixth of Gemma 3. */
static const double GEMMA2_WINDOW_PATTERN = 2, GEMMA3_WINDOW_PATTERN = 6;

static bool is_present(const json_object *o, const char *key) {
    yajl_val value = json_member(o, key);
    return value && !YAJL_IS_NULL(value);
}

/* A whole number from 1 to `max` under `key`; `fallback` where it is absent and the fallback is positive. */
static status read_whole(const json_object *o, const char *key, double max, double fallback, double *out, error *err) {
    if (!is_present(o, key) && fallback > 0) {
        *out = fallback;
        return STATUS_OK;
    }
    status result = json_member_number(o, key, 1, max, out, err);
    if (result == STATUS_OK && *out != floor(*out))
        return json_member_error(o, key, err, "%s is %g: it must be whole", key, *out);
    return result;
}

static status read_flag(const json_object *o, const char *key, bool fallback, bool *out, error *err) {
    yajl_val value = json_member(o, key);
    *out = fallback;
    if (!is_present(o, key))
        return STATUS_OK;
    if (!YAJL_IS_TRUE(value) && !YAJL_IS_FALSE(value))
        return json_member_error(o, key, err, "'%s' is neither true nor false", key);
    *out = YAJL_IS_TRUE(value);
    return STATUS_OK;
}

static status read_type(const json_object *o, model *out, const char **type, error *err) {
    status result = json_member_text(o, "model_type", type, err);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0] && result == STATUS_OK; i++)
        if (strcmp(*type, foreign[i]) == 0)
            return json_member_error(o, "model_type", err, "'%s' is no decoder of Llama's kind", *type);
    if (result == STATUS_OK && is_present(o, "text_config") && !is_present(o, "hidden_size"))
        return json_member_error(o, "text_config", err,
                                 "'%s' is a model of several parts: its text_config alone, as a file, may be one that "
                                 "is modelled",
                                 *type);
    const char *dtype = "bfloat16";
    const char *key = is_present(o, "torch_dtype") ? "torch_dtype" : "dtype";
    if (result == STATUS_OK && is_present(o, key))
        result = json_member_text(o, key, &dtype, err);
    if (result != STATUS_OK)
        return result;
    bool known = strcmp(dtype, "bfloat16") == 0 || strcmp(dtype, "float16") == 0;
    out->dtype = strcmp(dtype, "float16") == 0 ? DTYPE_fp16 : DTYPE_bf16;
    /* Checkpoints kept in 32 bits are run in 16: every framework casts them on loading. */
    if (!known && strcmp(dtype, "float32") != 0)
        return json_member_error(o, key, err, "%s '%.40s' is not bfloat16, float16 or float32", key, dtype);
    return STATUS_OK;
}

static status read_experts(const json_object *o, model *out, error *err) {
    const char *count_key = is_present(o, "num_local_experts")  ? "num_local_experts"
                            : is_present(o, "n_routed_experts") ? "n_routed_experts"
                                                                : "num_experts";
    if (!is_present(o, count_key))
        return STATUS_OK;
    status result = read_whole(o, count_key, HEADS_MAX, 0, &out->experts, err);
    if (result == STATUS_OK)
        result = read_whole(o, "num_experts_per_tok", out->experts, 0, &out->experts_per_token, err);
    if (result == STATUS_OK && is_present(o, "moe_intermediate_size"))
        result = read_whole(o, "moe_intermediate_size", WIDTH_MAX, 0, &out->ffn, err);
    double every = 1;
    if (result == STATUS_OK)
        result = read_whole(o, "decoder_sparse_step", LAYERS_MAX, 1, &every, err);
    if (result == STATUS_OK && every > 1)
        return json_member_error(o, "decoder_sparse_step", err,
                                 "a mixture of experts with dense layers is not modelled");
    return result;
}

static bool says_nothing(yajl_val value) {
    return !value || YAJL_IS_NULL(value) || YAJL_IS_FALSE(value) ||
           (YAJL_IS_NUMBER(value) && YAJL_GET_DOUBLE(value) == 0) ||
           (YAJL_IS_ARRAY(value) && YAJL_GET_ARRAY(value)->len == 0);
}

static status refuse_unmodelled(const json_object *o, error *err) {
    for (size_t i = 0; i < sizeof unmodelled / sizeof unmodelled[0]; i++)
        if (!says_nothing(json_member(o, unmodelled[i].key)))
            return json_member_error(o, unmodelled[i].key, err, "%s", unmodelled[i].what);
    return STATUS_OK;
}

/* Layers that a list names "sliding_attention"; -1 where there is no list. */
static double listed_windows(const json_object *o) {
    yajl_val list = json_member(o, "layer_types");
    if (!list || !YAJL_IS_ARRAY(list))
        return -1;
    double count = 0;
    for (size_t i = 0; i < YAJL_GET_ARRAY(list)->len; i++) {
        const char *kind = YAJL_GET_STRING(YAJL_GET_ARRAY(list)->values[i]);
        count += kind && strcmp(kind, "sliding_attention") == 0;
    }
    return count;
}

/* Which layers attend to a window: as listed, by a pattern that ends in a full one, or all. */
static status read_windows(const json_object *o, const char *type, model *out, error *err) {
    bool used;
    double pattern = strncmp(type, "gemma2", 6) == 0   ? GEMMA2_WINDOW_PATTERN
                     : strncmp(type, "gemma3", 6) == 0 ? GEMMA3_WINDOW_PATTERN
                                                       : 0;
    /* Qwen's files state a window and switch it off with a key of its own, which it is by default. */
    status result = read_flag(o, "use_sliding_window", strncmp(type, "qwen", 4) != 0, &used, err);
    if (result != STATUS_OK || !used || says_nothing(json_member(o, "sliding_window")))
        return result;
    result = read_whole(o, "sliding_window", TOKENS_MAX, 0, &out->window_tokens, err);
    if (result == STATUS_OK && is_present(o, "sliding_window_pattern"))
        result = read_whole(o, "sliding_window_pattern", LAYERS_MAX, 0, &pattern, err);
    if (result != STATUS_OK)
        return result;
    double listed = listed_windows(o), full = pattern > 0 ? floor(out->layers / pattern) : 0, first = 0;
    if (listed < 0 && strncmp(type, "qwen", 4) == 0) /* its first layers attend to everything */
        result = read_whole(o, "max_window_layers", LAYERS_MAX, out->layers, &first, err);
    out->windowed_layers = listed >= 0 ? fmin(listed, out->layers) : fmax(out->layers - full - first, 0);
    return result;
}

/* What tells other families' layers from Llama's, besides sizes. */
static status read_kind(const json_object *o, const char *type, model *out, error *err) {
    bool gemma = strncmp(type, GEMMA, sizeof GEMMA - 1) == 0;
    out->sandwich_norm = strncmp(type, "gemma2", 6) == 0 || strncmp(type, "gemma3", 6) == 0;
    out->head_rms_norm = strncmp(type, "qwen3", 5) == 0 || strncmp(type, "gemma3", 6) == 0;
    status result = read_flag(o, "tie_word_embeddings", gemma, &out->tied_embeddings, err);
    if (result == STATUS_OK) /* Qwen2's projections have biases, and no key that says so */
        result = read_flag(o, "attention_bias", strncmp(type, "qwen2", 5) == 0, &out->qkv_bias, err);
    return result == STATUS_OK ? read_windows(o, type, out, err) : result;
}

static status read_shape(const json_object *o, model *out, error *err) {
    status result = read_whole(o, "num_hidden_layers", LAYERS_MAX, 0, &out->layers, err);
    if (result == STATUS_OK)
        result = read_whole(o, "hidden_size", WIDTH_MAX, 0, &out->hidden, err);
    if (result == STATUS_OK)
        result = read_whole(o, "num_attention_heads", HEADS_MAX, 0, &out->heads, err);
    if (result == STATUS_OK)
        result = read_whole(o, "num_key_value_heads", HEADS_MAX, out->heads, &out->kv_heads, err);
    if (result == STATUS_OK && fmod(out->heads, out->kv_heads) != 0)
        result = json_member_error(o, "num_key_value_heads", err, "%g heads do not divide into %g key-value heads",
                                   out->heads, out->kv_heads);
    if (result == STATUS_OK && !is_present(o, "head_dim") && fmod(out->hidden, out->heads) != 0)
        result = json_member_error(o, "hidden_size", err, "%g does not divide by %g heads, and there is no head_dim",
                                   out->hidden, out->heads);
    if (result == STATUS_OK)
        result = read_whole(o, "head_dim", HEADS_MAX, out->hidden / out->heads, &out->head_dim, err);
    if (result == STATUS_OK)
        result = read_whole(o, "intermediate_size", WIDTH_MAX, 0, &out->ffn, err);
    if (result == STATUS_OK)
        result = read_whole(o, "vocab_size", VOCABULARY_MAX, 0, &out->vocabulary, err);
    if (result == STATUS_OK)
        result = read_whole(o, "max_position_embeddings", TOKENS_MAX, DEFAULT_CONTEXT_TOKENS, &out->context, err);
    if (result == STATUS_OK && is_present(o, "rope_theta"))
        result = json_member_number(o, "rope_theta", 1, 1e12, &out->rope_theta, err);
    else if (result == STATUS_OK)
        out->rope_theta = DEFAULT_ROPE_THETA;
    return result;
}

/* The folder that holds the file, or the file's own name where the path names no folder. */
static const char *name_of(arena *a, const char *path) {
    const char *end = strrchr(path, '/');
    if (!end)
        return arena_strdup(a, path);
    const char *begin = end;
    while (begin > path && begin[-1] != '/')
        begin--;
    return end > begin ? arena_strndup(a, begin, (size_t)(end - begin)) : arena_strdup(a, path);
}

status hf_config_load(arena *a, const char *path, model *out, error *err) {
    *out = (model){.family = family_find("llama"),
                   .speculates = true,
                   .decoder_only = true,
                   .source = arena_printf(a, "%s", path)};
    json_object o = {0};
    const char *type = NULL;
    status result = json_object_load(path, &o, err);
    if (result == STATUS_OK)
        result = read_type(&o, out, &type, err);
    if (result == STATUS_OK)
        result = refuse_unmodelled(&o, err);
    if (result == STATUS_OK)
        result = read_shape(&o, out, err);
    if (result == STATUS_OK)
        result = read_kind(&o, type, out, err);
    if (result == STATUS_OK)
        result = read_experts(&o, out, err);
    if (result == STATUS_OK) {
        out->name = name_of(a, path);
        out->parameters = model_parameter_count(out);
    }
    json_object_free(&o);
    return result;
}
