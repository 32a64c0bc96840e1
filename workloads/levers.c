#include "workloads/levers.h"

#include <stddef.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const lever_choice attention_choices[] = {{"naive", ATTENTION_NAIVE, true}, {"flash", ATTENTION_FLASH, true}};
static const lever_choice launch_choices[] = {{"eager", LAUNCH_EAGER, true}, {"graph", LAUNCH_GRAPH, true}};
static const lever_choice fuse_choices[] = {
    {"none", FUSE_NONE, true}, {"standard", FUSE_STANDARD, true}, {"maximal", FUSE_MAXIMAL, true}};
static const lever_choice kv_cache_choices[] = {
    {"dynamic", KV_DYNAMIC, true}, {"static", KV_STATIC, true}, {"paged", 0, false}};
static const lever_choice weights_choices[] = {
    {"bf16", DTYPE_bf16, true}, {"fp16", DTYPE_fp16, true}, {"fp8", DTYPE_fp8, true},
    {"int8", DTYPE_int8, true}, {"int4", DTYPE_int4, true}, {"autoquant", 0, false},
};
static const lever_choice flavour_choices[] = {{"hf", FLAVOUR_HF, true},
                                               {"gptfast", FLAVOUR_GPTFAST, true},
                                               {"ingot", FLAVOUR_INGOT, true},
                                               {"fairseq2", FLAVOUR_FAIRSEQ2, true}};
static const lever_choice cfg_mode_choices[] = {
    {"none", CFG_NONE, true}, {"batched_3x", CFG_BATCHED_3X, true}, {"sequential_2x", CFG_SEQUENTIAL_2X, true}};
static const lever_choice beam_reorder_choices[] = {{"copy", BEAM_COPY, true}, {"indirect", BEAM_INDIRECT, true}};
static const lever_choice speculate_choices[] = {{"layerskip", 0, false}, {"draft", 0, false}};

/* clang-format off */
static const lever_info table[] = {
    {"attention", "system", "naive materialises the scores in three steps; flash streams them through on-chip memory",
     offsetof(levers, attention), attention_choices, COUNT_OF(attention_choices)},
    {"launch", "system", "eager issues every kernel from the host; graph replays a captured CUDA graph a step",
     offsetof(levers, launch), launch_choices, COUNT_OF(launch_choices)},
    {"fuse", "system", "pointwise kernels joined to their neighbours: norm with residual, RoPE with cache write, gate",
     offsetof(levers, fuse), fuse_choices, COUNT_OF(fuse_choices)},
    {"kv_cache", "system", "dynamic concatenates a new cache each step; static writes into a reserved one",
     offsetof(levers, kv_cache), kv_cache_choices, COUNT_OF(kv_cache_choices)},
    {"weights", "hardware-near", "element type of the weights of every matrix multiply; int4 in groups of 128",
     offsetof(levers, weights), weights_choices, COUNT_OF(weights_choices)},
    {"beam_reorder", "system", "copy moves every beam's cache each step; indirect reads it through an index of beams",
     offsetof(levers, beam_reorder), beam_reorder_choices, COUNT_OF(beam_reorder_choices)},
    {"flavour", "run setting", "whose operators: Hugging Face eager, gpt-fast, fairseq2, or ingot's own executor",
     offsetof(levers, flavour), flavour_choices, COUNT_OF(flavour_choices)},
    {"cfg_mode", "application", "image tokens guided by three sequences in one forward, by two forwards, or not at all",
     offsetof(levers, cfg_mode), cfg_mode_choices, COUNT_OF(cfg_mode_choices)},
    {"speculate", "application", "tokens drafted cheaply and verified together",
     0, speculate_choices, COUNT_OF(speculate_choices)},
};
/* clang-format on */

static const levers presets[] = {
    {"baseline", ATTENTION_NAIVE, LAUNCH_EAGER, FUSE_NONE, KV_DYNAMIC, DTYPE_bf16, FLAVOUR_HF, CFG_SEQUENTIAL_2X,
     BEAM_COPY},
    {"sdpa", ATTENTION_FLASH, LAUNCH_EAGER, FUSE_NONE, KV_DYNAMIC, DTYPE_bf16, FLAVOUR_HF, CFG_SEQUENTIAL_2X,
     BEAM_COPY},
    {"compile", ATTENTION_FLASH, LAUNCH_GRAPH, FUSE_STANDARD, KV_STATIC, DTYPE_bf16, FLAVOUR_GPTFAST, CFG_SEQUENTIAL_2X,
     BEAM_COPY},
};
/* Names in the order of design: what is modelled has its levers in `presets`. */
static const preset_info preset_list[] = {
    {"baseline", "PyTorch eager: Hugging Face operators, attention written out, a cache that grows", true},
    {"sdpa", "baseline with fused attention", true},
    {"compile", "torch.compile and CUDA graphs: fused attention and pointwise kernels, reserved cache", true},
    {"autoquant", "compile with the fastest weight type an operator", false},
    {"layerskip", "compile with early-exit drafts verified by the whole model", false},
    {"all", "ingot's own executor with every lever that applies", false},
};

const lever_info *lever_table(size_t *count) {
    *count = COUNT_OF(table);
    return table;
}

const preset_info *preset_table(size_t *count) {
    *count = COUNT_OF(preset_list);
    return preset_list;
}

status levers_preset(const char *name, levers *out, error *err) {
    const char *known[COUNT_OF(presets)];
    for (size_t i = 0; i < COUNT_OF(presets); i++) {
        known[i] = presets[i].preset;
        if (strcmp(presets[i].preset, name) == 0) {
            *out = presets[i];
            return STATUS_OK;
        }
    }
    for (size_t i = 0; i < COUNT_OF(preset_list); i++)
        if (strcmp(preset_list[i].name, name) == 0)
            return error_set(err, STATUS_NEGATIVE, "preset '%s' is not modelled yet", name);
    const char *nearest = config_nearest(name, known, COUNT_OF(known));
    return error_set(err, STATUS_BAD_INPUT, "unknown preset '%.40s'%s%s (known: baseline, sdpa, compile)", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static status unknown(const char *what, const char *word, const char *const *known, size_t count, error *err) {
    const char *nearest = config_nearest(word, known, count);
    return error_set(err, STATUS_BAD_INPUT, "unknown %s '%.40s'%s%s", what, word, nearest ? "; did you mean " : "",
                     nearest ? nearest : "");
}

static status set_choice(levers *l, const lever_info *info, const char *value, error *err) {
    enum { CHOICES_MAX = 16 };
    const char *known[CHOICES_MAX];
    for (size_t i = 0; i < info->choice_count; i++) {
        const lever_choice *choice = &info->choices[i];
        known[i] = choice->name;
        if (strcmp(choice->name, value) != 0)
            continue;
        if (!choice->modelled)
            return error_set(err, STATUS_NEGATIVE, "%s=%s is not modelled yet", info->key, value);
        memcpy((char *)l + info->offset, &choice->value, sizeof choice->value);
        return STATUS_OK;
    }
    return unknown(info->key, value, known, info->choice_count, err);
}

status levers_set(levers *l, const char *assignment, error *err) {
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return error_set(err, STATUS_BAD_INPUT, "'%.80s' is not of the form key=value", assignment);
    arena scratch = {0};
    const char *key = arena_strndup(&scratch, assignment, (size_t)(equals - assignment));
    const char *known[COUNT_OF(table)];
    status result = STATUS_OK;
    bool found = false;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        known[i] = table[i].key;
        if (strcmp(table[i].key, key) == 0) {
            found = true;
            result = set_choice(l, &table[i], equals + 1, err);
        }
    }
    if (!found)
        result = unknown("lever", key, known, COUNT_OF(table), err);
    arena_free(&scratch);
    return result;
}

status levers_parse(const char *text, levers *out, error *err) {
    arena scratch = {0};
    char *rest = NULL, *copy = arena_strdup(&scratch, text);
    const char *word = strtok_r(copy, " ", &rest);
    status result = word ? levers_preset(word, out, err) : error_set(err, STATUS_BAD_INPUT, "no preset is named");
    while (result == STATUS_OK && (word = strtok_r(NULL, " ", &rest)))
        result = levers_set(out, word, err);
    arena_free(&scratch);
    return result;
}

status levers_check(const levers *l, error *err) {
    if (l->launch == LAUNCH_GRAPH && l->kv_cache == KV_DYNAMIC)
        return error_set(err, STATUS_NEGATIVE,
                         "launch=graph needs kv_cache=static: a captured graph cannot allocate a longer cache");
    if (l->flavour == FLAVOUR_GPTFAST && l->kv_cache == KV_DYNAMIC)
        return error_set(err, STATUS_NEGATIVE, "flavour=gptfast needs kv_cache=static: it has no other cache");
    if (l->flavour == FLAVOUR_INGOT && l->kv_cache == KV_DYNAMIC)
        return error_set(err, STATUS_NEGATIVE, "flavour=ingot needs kv_cache=static: it has no other cache");
    return STATUS_OK;
}

static unsigned value_of(const levers *l, const lever_info *info) {
    unsigned value;
    memcpy(&value, (const char *)l + info->offset, sizeof value);
    return value;
}

static const char *name_of(const lever_info *info, unsigned value) {
    for (size_t i = 0; i < info->choice_count; i++)
        if (info->choices[i].modelled && info->choices[i].value == value)
            return info->choices[i].name;
    return "?";
}

const char *lever_choice_of(const levers *l, const lever_info *info) {
    return info->choices[0].modelled ? name_of(info, value_of(l, info)) : NULL;
}

const char *levers_text(arena *a, const levers *l) {
    levers preset = {0};
    const char *text = arena_strdup(a, l->preset);
    if (levers_preset(l->preset, &preset, NULL) != STATUS_OK)
        return text;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        const lever_info *info = &table[i];
        if (!info->choices[0].modelled || value_of(l, info) == value_of(&preset, info))
            continue;
        text = arena_printf(a, "%s %s=%s", text, info->key, name_of(info, value_of(l, info)));
    }
    return text;
}

const char *levers_host(const levers *l) {
    if (l->flavour == FLAVOUR_INGOT)
        return "c-runner";
    return l->launch == LAUNCH_GRAPH ? "pytorch-compiled" : "pytorch-eager";
}
