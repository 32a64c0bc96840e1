#include "core/op.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

const char *op_category_name(op_category category) {
    static const char *const names[CATEGORY_COUNT] = {
        [CATEGORY_LINEAR] = "linear",         [CATEGORY_ATTENTION] = "attention", [CATEGORY_NORM] = "norm",
        [CATEGORY_EMBEDDING] = "embedding",   [CATEGORY_CONV] = "conv",           [CATEGORY_COPY] = "copy",
        [CATEGORY_KV_REORDER] = "kv_reorder", [CATEGORY_MISC] = "misc",           [CATEGORY_IDLE] = "idle",
    };
    assert(category < CATEGORY_COUNT);
    return names[category];
}

/* clang-format off */
#define X(name) #name,
static const char *const attention_backend_names[] = {ATTENTION_BACKENDS(X)};
static const char *const attention_score_names[] = {ATTENTION_SCORES(X)};
static const char *const activation_function_names[] = {ACTIVATION_FUNCTIONS(X)};
static const char *const pointwise_function_names[] = {POINTWISE_FUNCTIONS(X)};
static const char *const sample_method_names[] = {SAMPLE_METHODS(X)};
static const char *const gemm_epilogue_names[] = {GEMM_EPILOGUES(X)};
static const char *const collective_pattern_names[] = {COLLECTIVE_PATTERNS(X)};
static const char *const copy_direction_names[] = {COPY_DIRECTIONS(X)};
#undef X

/* One parameter table a kind; the first entry keeps a table of a kind without parameters from being empty. */
#define OP(kind, category, text) static const op_param kind##_param_table[] = { {0},
#define DIM(kind, name, text) {#name, PARAM_DIM, offsetof(op, as.kind.name), NULL, 0, text},
#define TYPE(kind, name, text) {#name, PARAM_TYPE, offsetof(op, as.kind.name), NULL, 0, text},
#define FLAG(kind, name, text) {#name, PARAM_FLAG, offsetof(op, as.kind.name), NULL, 0, text},
#define CHOICE(kind, name, set, text) \
    {#name, PARAM_CHOICE, offsetof(op, as.kind.name), set##_names, set##_count, text},
#define END_OP(kind) };
#include "core/ops.def"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const op_info op_table[OP_KIND_COUNT] = {
#define OP(kind, category, text) \
    {#kind, CATEGORY_##category, text, kind##_param_table + 1, COUNT_OF(kind##_param_table) - 1},
#include "core/ops.def"
};
/* clang-format on */

const op_info *op_info_get(op_kind kind) {
    assert(kind < OP_KIND_COUNT);
    return &op_table[kind];
}

status op_kind_parse(const char *name, op_kind *out) {
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        if (strcmp(op_table[kind].name, name) == 0) {
            *out = (op_kind)kind;
            return STATUS_OK;
        }
    }
    return STATUS_BAD_INPUT;
}

double op_param_get(const op *o, const op_param *param) {
    const char *member = (const char *)o + param->offset;
    switch (param->type) {
    case PARAM_DIM:
        return (double)*(const int64_t *)(const void *)member;
    case PARAM_FLAG:
        return *(const bool *)(const void *)member;
    case PARAM_TYPE:
    case PARAM_CHOICE:
        return *(const unsigned *)(const void *)member; /* every enum here is an unsigned int to gcc and clang */
    }
    return 0;
}

void op_param_set(op *o, const op_param *param, double value) {
    char *member = (char *)o + param->offset;
    switch (param->type) {
    case PARAM_DIM:
        *(int64_t *)(void *)member = (int64_t)value;
        break;
    case PARAM_FLAG:
        *(bool *)(void *)member = value != 0;
        break;
    case PARAM_TYPE:
    case PARAM_CHOICE:
        *(unsigned *)(void *)member = (unsigned)value;
        break;
    }
}

bool op_same(const op *a, const op *b) {
    const op_info *info = op_info_get(a->kind);
    if (a->kind != b->kind || a->own != b->own || a->streamed_bytes != b->streamed_bytes ||
        a->packed_bytes != b->packed_bytes)
        return false;
    for (size_t i = 0; i < info->param_count; i++)
        if (op_param_get(a, &info->params[i]) != op_param_get(b, &info->params[i]))
            return false;
    return true;
}

void op_shape_text(const op *o, char *text, size_t bytes) {
    const op_info *info = op_info_get(o->kind);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < info->param_count && used < bytes; i++) {
        const op_param *param = &info->params[i];
        double value = op_param_get(o, param);
        const char *space = used ? " " : "";
        int written = 0;
        if (param->type == PARAM_DIM && value != 0)
            written = snprintf(text + used, bytes - used, "%s%s=%.0f", space, param->name, value);
        else if (param->type == PARAM_TYPE)
            written = snprintf(text + used, bytes - used, "%s%s=%s", space, param->name, dtype_name((data_type)value));
        else if (param->type == PARAM_CHOICE && strcmp(param->choices[(size_t)value], "none") != 0)
            written = snprintf(text + used, bytes - used, "%s%s=%s", space, param->name, param->choices[(size_t)value]);
        else if (param->type == PARAM_FLAG && value != 0)
            written = snprintf(text + used, bytes - used, "%s%s", space, param->name);
        used += written > 0 ? (size_t)written : 0;
    }
}

bool gemm_has_bias(const gemm_params *p) {
    return p->epilogue == gemm_epilogue_bias || p->epilogue == gemm_epilogue_bias_relu ||
           p->epilogue == gemm_epilogue_bias_gelu;
}

/* Dimensions that may be 0, which then stands for "none". */
static bool dimension_is_optional(const char *name) {
    static const char *const optional[] = {"group_size", "window",    "relative", "page_tokens",
                                           "pad_left",   "pad_right", "inputs"};
    for (size_t i = 0; i < COUNT_OF(optional); i++)
        if (strcmp(optional[i], name) == 0)
            return true;
    return false;
}

/* Far above any real operator. Elements of a tensor, two to a byte at most, stay countable in 64 bits. */
static const double DIMENSION_MAX = 1e12, BYTES_MAX = 4e18;

/* A kernel longer than its padded input has no output. */
static status check_convolution(const op *o, error *err) {
    bool fits = o->kind == OP_conv1d ? conv1d_out_len(&o->as.conv1d) >= 1
                                     : conv2d_out_height(&o->as.conv2d) >= 1 && conv2d_out_width(&o->as.conv2d) >= 1;
    if (!fits)
        return error_set(err, STATUS_BAD_INPUT, "%s: the kernel is larger than its padded input",
                         op_info_get(o->kind)->name);
    const conv1d_params *p = &o->as.conv1d;
    if (o->kind == OP_conv1d && (p->cin % p->groups != 0 || p->cout % p->groups != 0))
        return error_set(err, STATUS_BAD_INPUT, "conv1d: %lld groups do not divide %lld and %lld channels",
                         (long long)p->groups, (long long)p->cin, (long long)p->cout);
    return STATUS_OK;
}

status op_check(const op *o, error *err) {
    const op_info *info = op_info_get(o->kind);
    for (size_t i = 0; i < info->param_count; i++) {
        const op_param *param = &info->params[i];
        double value = op_param_get(o, param);
        if (param->type == PARAM_DIM && (value > DIMENSION_MAX || value < (dimension_is_optional(param->name) ? 0 : 1)))
            return error_set(err, STATUS_BAD_INPUT, "%s: %s is %.0f, must be at least 1", info->name, param->name,
                             value);
    }
    if (o->kind == OP_attention && o->as.attention.heads % o->as.attention.kv_heads != 0)
        return error_set(err, STATUS_BAD_INPUT, "attention: %lld heads do not divide into %lld key-value heads",
                         (long long)o->as.attention.heads, (long long)o->as.attention.kv_heads);
    if (o->kind == OP_attention && o->as.attention.causal && o->as.attention.q_len > o->as.attention.kv_len)
        return error_set(err, STATUS_BAD_INPUT, "attention: causal with q_len %lld above kv_len %lld",
                         (long long)o->as.attention.q_len, (long long)o->as.attention.kv_len);
    if ((o->kind == OP_conv1d || o->kind == OP_conv2d) && check_convolution(o, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    if (o->kind == OP_groupnorm && o->as.groupnorm.cin % o->as.groupnorm.groups != 0)
        return error_set(err, STATUS_BAD_INPUT, "groupnorm: %lld groups do not divide %lld channels",
                         (long long)o->as.groupnorm.groups, (long long)o->as.groupnorm.cin);
    if (o->kind == OP_topk && o->as.topk.top > o->as.topk.cols)
        return error_set(err, STATUS_BAD_INPUT, "topk: top %lld of %lld columns", (long long)o->as.topk.top,
                         (long long)o->as.topk.cols);
    if (o->kind == OP_collective && o->as.collective.ranks < 2)
        return error_set(err, STATUS_BAD_INPUT, "collective: ranks is %lld, must be at least 2",
                         (long long)o->as.collective.ranks);
    op_work work = op_work_of(o);
    if (!(work.weight_bytes + work.read_bytes + work.write_bytes <= BYTES_MAX))
        return error_set(err, STATUS_BAD_INPUT, "%s: moves more than %g bytes", info->name, BYTES_MAX);
    return STATUS_OK;
}
