/* The operator of a row: fields to parameters, blanks to defaults. */
#include "core/base/number.h"
#include "validate/row_private.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* As op_check: far above any real operator. */
static const double DIMENSION_MAX = 1e12;

/* ---- parameters ---- */

static status read_dimension(row_reader *reader, const row_param *bound, error *err) {
    const char *text = row_text_at(reader, bound->column), *name = bound->param->name;
    double value;
    if (!number_parse(text, &value) || value != floor(value))
        return CSV_ERROR(reader->line, bound->column, err, "%s is not a whole number: '%.80s'", name, text);
    if (value < 0)
        return CSV_ERROR(reader->line, bound->column, err, "%s is %.80s: must be at least 1", name, text);
    if (value > DIMENSION_MAX)
        return CSV_ERROR(reader->line, bound->column, err, "%s is %.80s: must be at most %g", name, text,
                         DIMENSION_MAX);
    bool may_be_zero = bound->rule == BLANK_IS_CONSTANT && bound->constant == 0;
    if (value == 0 && !may_be_zero && !reader->row.empty) {
        reader->row.empty = true;
        reader->empty_column = bound->column;
    }
    op_param_set(&reader->row.op, bound->param, value);
    return STATUS_OK;
}

/* w8a16 and w4a16 are the table's names for bf16 activations with quantised weights. */
static bool split_weight_only(const char *text, data_type *activations, data_type *weights) {
    if (strcmp(text, "w8a16") != 0 && strcmp(text, "w4a16") != 0)
        return false;
    *activations = DTYPE_bf16;
    *weights = text[1] == '8' ? DTYPE_int8 : DTYPE_int4;
    return true;
}

/* Formats that take the same time here: scales in blocks and exponents of another width. */
static const char *plain_type(const char *text) {
    static const char *const aliases[][2] = {
        {"fp8_block", "fp8"}, {"fp8_e4m3", "fp8"}, {"fp8_e5m2", "fp8"}, {"mxfp4", "nvfp4"}};
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcmp(text, aliases[i][0]) == 0)
            return aliases[i][1];
    return text;
}

static status read_type(row_reader *reader, const row_param *bound, error *err) {
    const char *text = row_text_at(reader, bound->column);
    data_type type, weights;
    error reason;
    bool weight_only = reader->row.op.kind == OP_gemm && strcmp(bound->param->name, "dtype") == 0 &&
                       split_weight_only(text, &type, &weights);
    if (weight_only) {
        const row_param *other = row_columns_find(&reader->columns, OP_gemm, "weights_dtype");
        const char *stated = row_text_at(reader, other->column);
        if (*stated && strcmp(stated, dtype_name(weights)) != 0)
            return CSV_ERROR(reader->line, other->column, err, "weights_dtype '%.80s' contradicts dtype '%s'", stated,
                             text);
        op_param_set(&reader->row.op, other->param, weights);
        reader->set[other - reader->columns.params[OP_gemm]] = true;
    } else if (dtype_parse(plain_type(text), &type, &reason) != STATUS_OK) {
        return CSV_ERROR(reader->line, bound->column, err, "%s: %s", bound->param->name, reason.text);
    }
    op_param_set(&reader->row.op, bound->param, type);
    return STATUS_OK;
}

static status read_flag(row_reader *reader, const row_param *bound, error *err) {
    const char *text = row_text_at(reader, bound->column);
    bool yes = strcmp(text, "1") == 0 || strcmp(text, "true") == 0;
    bool no = strcmp(text, "0") == 0 || strcmp(text, "false") == 0;
    if (!yes && !no)
        return CSV_ERROR(reader->line, bound->column, err, "%s is '%.80s': expected 0 or 1", bound->param->name, text);
    op_param_set(&reader->row.op, bound->param, yes);
    return STATUS_OK;
}

static status read_choice(row_reader *reader, const row_param *bound, error *err) {
    const char *text = row_text_at(reader, bound->column);
    for (size_t i = 0; i < bound->param->choice_count; i++) {
        if (strcmp(text, bound->param->choices[i]) == 0) {
            op_param_set(&reader->row.op, bound->param, (double)i);
            return STATUS_OK;
        }
    }
    const char *nearest = config_nearest(text, bound->param->choices, bound->param->choice_count);
    return CSV_ERROR(reader->line, bound->column, err, "unknown %s '%.80s'%s%s%s", bound->param->name, text,
                     nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static status read_param(row_reader *reader, const row_param *bound, error *err) {
    switch (bound->param->type) {
    case PARAM_DIM:
        return read_dimension(reader, bound, err);
    case PARAM_TYPE:
        return read_type(reader, bound, err);
    case PARAM_FLAG:
        return read_flag(reader, bound, err);
    case PARAM_CHOICE:
        return read_choice(reader, bound, err);
    }
    return STATUS_OK;
}

static void set_param(row_reader *reader, const char *name, double value) {
    const row_param *bound = row_columns_find(&reader->columns, reader->row.op.kind, name);
    assert(bound);
    op_param_set(&reader->row.op, bound->param, value);
    reader->set[bound - reader->columns.params[reader->row.op.kind]] = true;
}

bool row_param_is_set(const row_reader *reader, const char *name) {
    const row_param *bound = row_columns_find(&reader->columns, reader->row.op.kind, name);
    return bound && reader->set[bound - reader->columns.params[reader->row.op.kind]];
}

/* What the op's name says besides its kind. */
static status apply_name(row_reader *reader, error *err) {
    const row_name *name = &reader->name;
    for (size_t i = 0; i < ROW_FIXED_MAX && name->fixed[i].param; i++) {
        const char *param = name->fixed[i].param;
        const row_param *bound = row_columns_find(&reader->columns, name->kind, param);
        if (row_param_is_set(reader, param) && op_param_get(&reader->row.op, bound->param) != name->fixed[i].value)
            return CSV_ERROR(reader->line, bound->column, err, "%s '%.80s' contradicts op '%s'", param,
                             row_text_at(reader, bound->column), name->name);
        set_param(reader, param, name->fixed[i].value);
    }
    if (name->inputs > 0 && !row_param_is_set(reader, "inputs"))
        set_param(reader, "inputs", (double)name->inputs);
    return STATUS_OK;
}

static status read_params(row_reader *reader, const op_info *info, const row_param *params, error *err) {
    memset(reader->set, 0, sizeof reader->set);
    for (size_t i = 0; i < info->param_count; i++) {
        if (!*row_text_at(reader, params[i].column))
            continue;
        status result = read_param(reader, &params[i], err);
        if (result != STATUS_OK)
            return result;
        reader->set[i] = true;
    }
    return STATUS_OK;
}

static status fill_blanks(row_reader *reader, const op_info *info, const row_param *params, error *err) {
    op *o = &reader->row.op;
    for (size_t i = 0; i < info->param_count; i++) {
        const row_param *bound = &params[i];
        if (reader->set[i])
            continue;
        if (bound->rule == BLANK_IS_ERROR && bound->column >= 0)
            return CSV_ERROR(reader->line, bound->column, err, "%s needs %s: it is blank", reader->name.name,
                             bound->param->name);
        if (bound->rule == BLANK_IS_ERROR)
            return CSV_ERROR(reader->line, reader->columns.op, err, "%s needs %s: there is no such column",
                             reader->name.name, bound->param->name);
        /* A parameter that others copy is listed before them or required, hence known by now. */
        op_param_set(o, bound->param,
                     bound->rule == BLANK_IS_OTHER ? op_param_get(o, params[bound->other].param) : bound->constant);
    }
    return STATUS_OK;
}

/* ---- attention over sequences of different lengths ---- */

static status parse_lens(row_reader *reader, const char *text, error *err) {
    int column = reader->columns.lens;
    size_t count = 0;
    while (*text) {
        size_t length = strcspn(text, ";");
        char item[32];
        double value;
        if (length >= sizeof item)
            return CSV_ERROR(reader->line, column, err, "lens: item %zu is too long", count + 1);
        memcpy(item, text, length);
        item[length] = '\0';
        if (!number_parse(item, &value) || value != floor(value) || value < 1 || value > DIMENSION_MAX)
            return CSV_ERROR(reader->line, column, err, "lens: item %zu is not a positive whole number: '%s'",
                             count + 1, item);
        if (count == ROW_LENS_MAX)
            return CSV_ERROR(reader->line, column, err, "lens: more than %d sequences", ROW_LENS_MAX);
        reader->lens[count++] = (int64_t)value;
        text += length;
        if (*text == ';' && !*++text)
            return CSV_ERROR(reader->line, column, err, "lens: nothing behind the last ';'");
    }
    reader->row.len_count = count;
    return STATUS_OK;
}

/* The batch is the number of lengths; the operator itself gets the longest, so that it is valid on its own. */
static status apply_lens(row_reader *reader, error *err) {
    operator_row *row = &reader->row;
    const char *text = row_text_at(reader, reader->columns.lens);
    if (!*text)
        return STATUS_OK;
    int column = reader->columns.lens;
    if (row->op.kind != OP_attention)
        return CSV_ERROR(reader->line, column, err, "lens applies to attention only");
    status result = parse_lens(reader, text, err);
    if (result != STATUS_OK)
        return result;
    attention_params *p = &row->op.as.attention;
    if (row_param_is_set(reader, "batch") && p->batch != (int64_t)row->len_count)
        return CSV_ERROR(reader->line, column, err, "lens has %zu sequences, batch is %lld", row->len_count,
                         (long long)p->batch);
    int64_t longest = 0;
    for (size_t i = 0; i < row->len_count; i++)
        longest = reader->lens[i] > longest ? reader->lens[i] : longest;
    if (row_param_is_set(reader, "kv_len") && p->kv_len != longest)
        return CSV_ERROR(reader->line, column, err, "lens go up to %lld, kv_len is %lld", (long long)longest,
                         (long long)p->kv_len);
    row->lens = reader->lens;
    row->lens_are_queries = !row_param_is_set(reader, "q_len");
    set_param(reader, "batch", (double)row->len_count);
    set_param(reader, "kv_len", (double)longest);
    if (row->lens_are_queries)
        set_param(reader, "q_len", (double)longest);
    return STATUS_OK;
}

/* ---- the whole ---- */

status row_read_operator(row_reader *reader, error *err) {
    operator_row *row = &reader->row;
    row->op.kind = reader->name.kind;
    const op_info *info = op_info_get(row->op.kind);
    const row_param *params = reader->columns.params[row->op.kind];
    status result = read_params(reader, info, params, err);
    if (result == STATUS_OK)
        result = apply_name(reader, err);
    if (result == STATUS_OK)
        result = apply_lens(reader, err);
    if (result == STATUS_OK)
        result = fill_blanks(reader, info, params, err);
    if (result != STATUS_OK || row->empty)
        return result;
    error reason;
    if (op_check(&row->op, &reason) != STATUS_OK)
        return CSV_ERROR(reader->line, reader->columns.op, err, "%s", reason.text);
    return STATUS_OK;
}
