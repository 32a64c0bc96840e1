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
static const char *const foreign[] = {"gpt2",  "gpt_neox", "bloom",    "falcon", "opt",    "t5",          "bert",
                                      "mamba", "mamba2",   "rwkv",     "phi",    "gptj",   "deepseek_v2", "deepseek_v3",
                                      "mpt",   "whisper",  "stablelm", "bart",   "cohere", "dbrx"};

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
    const char *count_key = is_present(o, "num_local_experts") ? "num_local_experts" : "num_experts";
    if (!is_present(o, count_key))
        return STATUS_OK;
    status result = read_whole(o, count_key, HEADS_MAX, 0, &out->experts, err);
    if (result == STATUS_OK)
        result = read_whole(o, "num_experts_per_tok", out->experts, 0, &out->experts_per_token, err);
    if (result == STATUS_OK && is_present(o, "moe_intermediate_size"))
        result = read_whole(o, "moe_intermediate_size", WIDTH_MAX, 0, &out->ffn, err);
    if (result == STATUS_OK && is_present(o, "shared_expert_intermediate_size"))
        return json_member_error(o, "shared_expert_intermediate_size", err, "shared experts are not modelled");
    return result;
}

static status read_shape(const json_object *o, const char *type, model *out, error *err) {
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
    if (result == STATUS_OK)
        result = read_flag(o, "tie_word_embeddings", false, &out->tied_embeddings, err);
    if (result == STATUS_OK) /* Qwen2's projections have biases, and no key that says so */
        result = read_flag(o, "attention_bias", strncmp(type, "qwen2", 5) == 0, &out->qkv_bias, err);
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
        result = read_shape(&o, type, out, err);
    if (result == STATUS_OK)
        result = read_experts(&o, out, err);
    if (result == STATUS_OK) {
        out->name = name_of(a, path);
        out->parameters = model_parameter_count(out);
    }
    json_object_free(&o);
    return result;
}
