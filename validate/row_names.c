#include "validate/row_names.h"

#include <string.h>

/* The framework's names of operators that are a kind with a parameter set. */
static const row_name aliases[] = {
    {.name = "silu", .kind = OP_activation, .fixed = {{"function", activation_function_silu}}},
    {.name = "gelu", .kind = OP_activation, .fixed = {{"function", activation_function_gelu}}},
    {.name = "relu", .kind = OP_activation, .fixed = {{"function", activation_function_relu}}},
    {.name = "mul", .kind = OP_elementwise, .fixed = {{"function", pointwise_function_mul}}, .inputs = 2},
    {.name = "cast_fp8",
     .kind = OP_elementwise,
     .fixed = {{"function", pointwise_function_cast}, {"out_dtype", DTYPE_fp8}},
     .inputs = 1},
    {.name = "transpose", .kind = OP_copy, .fixed = {{"strided", true}}},
    {.name = "conv_transpose1d", .kind = OP_conv1d, .fixed = {{"transposed", true}}},
    {.name = "log_softmax", .kind = OP_softmax, .fixed = {{"log", true}}},
    {.name = "sum", .kind = OP_reduce},
    {.name = "gather", .kind = OP_embedding},
    {.name = "argmax", .kind = OP_sample, .fixed = {{"method", sample_method_argmax}}},
};

/* Names that public tables hold and no kind stands for. */
static const row_name pending[] = {
    {.name = "moe", .unsupported = "fused expert layers are not modelled"},
    {.name = "mla", .unsupported = "latent attention is not modelled"},
};

enum { ALIAS_COUNT = sizeof aliases / sizeof aliases[0], PENDING_COUNT = sizeof pending / sizeof pending[0] };

static status unknown_name(const char *name, error *err) {
    const char *known[OP_KIND_COUNT + ALIAS_COUNT + PENDING_COUNT];
    size_t count = 0;
    for (int kind = 0; kind < OP_KIND_COUNT; kind++)
        known[count++] = op_info_get((op_kind)kind)->name;
    for (size_t i = 0; i < ALIAS_COUNT; i++)
        known[count++] = aliases[i].name;
    for (size_t i = 0; i < PENDING_COUNT; i++)
        known[count++] = pending[i].name;
    const char *nearest = config_nearest(name, known, count);
    if (nearest)
        return error_set(err, STATUS_BAD_INPUT, "unknown op '%.80s'; did you mean '%s'?", name, nearest);
    return error_set(err, STATUS_BAD_INPUT, "unknown op '%.80s'", name);
}

status row_name_parse(const char *name, row_name *out, error *err) {
    *out = (row_name){0};
    if (op_kind_parse(name, &out->kind) == STATUS_OK) {
        out->name = op_info_get(out->kind)->name;
        return STATUS_OK;
    }
    for (size_t i = 0; i < ALIAS_COUNT; i++) {
        if (strcmp(name, aliases[i].name) == 0) {
            *out = aliases[i];
            return STATUS_OK;
        }
    }
    for (size_t i = 0; i < PENDING_COUNT; i++) {
        if (strcmp(name, pending[i].name) == 0) {
            *out = pending[i];
            return STATUS_OK;
        }
    }
    return unknown_name(name, err);
}
