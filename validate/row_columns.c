#include "validate/row_columns.h"

#include <assert.h>
#include <string.h>

/* Operator columns in the order of the file format's description. The row hash depends on this order: new names go to
 * the end. Parameters of ops.def that are not listed follow in its order. */
static const char *const operator_columns[] = {
    "op",       "dtype",    "weights_dtype", "m",          "n",      "k",          "batch",      "heads",   "kv_heads",
    "head_dim", "q_len",    "kv_len",        "lens",       "causal", "window",     "kv_dtype",   "backend", "rows",
    "cols",     "cin",      "cout",          "len",        "height", "width",      "kernel",     "stride",  "dilation",
    "groups",   "pad_left", "pad_right",     "group_size", "top",    "table_rows", "collective", "ranks",   "bytes",
};
enum { OPERATOR_COLUMN_COUNT = sizeof operator_columns / sizeof operator_columns[0] };

/* Parameters that may be left blank, whatever the kind; flags need no line. */
static const struct {
    const char *name;
    double constant;
    const char *other; /* NULL: the constant */
} blank_rules[] = {
    {"batch", 1, NULL},
    {"group_size", 0, NULL},
    {"window", 0, NULL},
    {"inputs", 1, NULL},
    {"relative", 0, NULL},
    {"page_tokens", 0, NULL},
    {"score", attention_score_softmax, NULL},
    {"epilogue", gemm_epilogue_none, NULL},
    {"stride", 1, NULL},
    {"dilation", 1, NULL},
    {"groups", 1, NULL},
    {"pad_left", 0, NULL},
    {"pad_right", 0, NULL},
    {"backend", attention_backend_best, NULL},
    {"direction", copy_direction_device, NULL},
    {"method", sample_method_argmax, NULL},
    {"kv_heads", 0, "heads"},
    {"kv_len", 0, "q_len"},
    {"weights_dtype", 0, "dtype"},
    {"kv_dtype", 0, "dtype"},
    {"out_dtype", 0, "dtype"},
    {"table_rows", 0, "rows"},
};

/* The column of a parameter: its name, except that `method` is how a row was measured. */
static const char *column_of(const op_param *param) {
    return strcmp(param->name, "method") == 0 ? "sample_method" : param->name;
}

static size_t param_index(const op_info *info, const char *name) {
    for (size_t i = 0; i < info->param_count; i++)
        if (strcmp(info->params[i].name, name) == 0)
            return i;
    return info->param_count;
}

static row_param bind_param(const csv_reader *reader, const op_info *info, const op_param *param) {
    row_param bound = {.param = param, .column = csv_find_column(reader, column_of(param))};
    if (param->type == PARAM_FLAG)
        bound.rule = BLANK_IS_CONSTANT;
    for (size_t i = 0; i < sizeof blank_rules / sizeof blank_rules[0]; i++) {
        if (strcmp(param->name, blank_rules[i].name) != 0)
            continue;
        bound.rule = blank_rules[i].other ? BLANK_IS_OTHER : BLANK_IS_CONSTANT;
        bound.constant = blank_rules[i].constant;
        bound.other = blank_rules[i].other ? param_index(info, blank_rules[i].other) : 0;
        /* A kind without the parameter to copy (kv_append has kv_heads but no heads) must be told. */
        if (blank_rules[i].other && bound.other == info->param_count)
            bound.rule = BLANK_IS_ERROR;
    }
    return bound;
}

static void add_hashed(const csv_reader *reader, const char *name, row_columns *out) {
    int column = csv_find_column(reader, name);
    if (column < 0)
        return;
    for (size_t i = 0; i < out->hashed_count; i++)
        if (out->hashed[i] == column)
            return;
    assert(out->hashed_count < ROW_HASHED_MAX);
    out->hashed[out->hashed_count++] = column;
}

static void bind_hashed(const csv_reader *reader, row_columns *out) {
    for (size_t i = 0; i < OPERATOR_COLUMN_COUNT; i++)
        add_hashed(reader, operator_columns[i], out);
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        for (size_t i = 0; i < info->param_count; i++)
            add_hashed(reader, column_of(&info->params[i]), out);
    }
    add_hashed(reader, "method", out);
    add_hashed(reader, "source", out);
}

status row_columns_bind(const csv_reader *reader, row_columns *out, error *err) {
    *out = (row_columns){0};
    status result = csv_require_column(reader, "op", &out->op, err);
    if (result != STATUS_OK)
        return result;
    out->lens = csv_find_column(reader, "lens");
    out->measured_us = csv_find_column(reader, "measured_us");
    out->method = csv_find_column(reader, "method");
    out->split = csv_find_column(reader, "split");
    out->sms = csv_find_column(reader, "sms");
    out->source = csv_find_column(reader, "source");
    out->streamed_bytes = csv_find_column(reader, "streamed_bytes");
    out->packed_bytes = csv_find_column(reader, "packed_bytes");
    for (int kind = 0; kind < OP_KIND_COUNT; kind++) {
        const op_info *info = op_info_get((op_kind)kind);
        assert(info->param_count <= ROW_PARAMS_MAX);
        for (size_t i = 0; i < info->param_count; i++)
            out->params[kind][i] = bind_param(reader, info, &info->params[i]);
    }
    bind_hashed(reader, out);
    return STATUS_OK;
}

const row_param *row_columns_find(const row_columns *columns, op_kind kind, const char *name) {
    const op_info *info = op_info_get(kind);
    size_t index = param_index(info, name);
    return index < info->param_count ? &columns->params[kind][index] : NULL;
}
