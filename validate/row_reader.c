/* One operator row at a time: its operator, its measurement and its hash. */
#include "core/base/hash.h"
#include "core/base/si.h"
#include "validate/row_private.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A picosecond, since zero is not a time; and eleven days for one kernel. */
static const double MEASURED_US_MIN = 1e-6, MEASURED_US_MAX = 1e12;

const char *row_method_name(row_method method) {
    static const char *const names[ROW_METHOD_COUNT] = {"", "cupti_cold_l2", "graph_steady", "in_model"};
    assert(method < ROW_METHOD_COUNT);
    return names[method];
}

const char *row_text_at(const row_reader *reader, int column) {
    return column >= 0 ? reader->line->fields[column].text : "";
}

/* ---- the measurement ---- */

static status read_method(row_reader *reader, error *err) {
    const char *text = row_text_at(reader, reader->columns.method);
    for (int method = 0; method < ROW_METHOD_COUNT; method++) {
        if (strcmp(text, row_method_name((row_method)method)) == 0) {
            reader->row.method = (row_method)method;
            return STATUS_OK;
        }
    }
    return CSV_ERROR(reader->line, reader->columns.method, err,
                     "unknown method '%.80s' (known: cupti_cold_l2, graph_steady, in_model, or blank)", text);
}

static status read_split(row_reader *reader, error *err) {
    const char *text = row_text_at(reader, reader->columns.split);
    operator_row *row = &reader->row;
    if (!*text)
        row->split = "";
    else if (strcmp(text, "fit") == 0 || strcmp(text, "train") == 0)
        row->split = "fit";
    else if (strcmp(text, "held") == 0 || strcmp(text, "test") == 0)
        row->split = "held";
    else
        return CSV_ERROR(reader->line, reader->columns.split, err, "split is '%.80s': expected fit, held or blank",
                         text);
    return STATUS_OK;
}

static status read_measured(row_reader *reader, error *err) {
    reader->row.measured_s = NAN;
    if (!*row_text_at(reader, reader->columns.measured_us))
        return STATUS_OK;
    double measured_us;
    status result = csv_number(reader->csv, reader->line, reader->columns.measured_us, MEASURED_US_MIN, MEASURED_US_MAX,
                               &measured_us, err);
    if (result == STATUS_OK)
        reader->row.measured_s = measured_us * S_PER_US;
    return result;
}

/* A part of the GPU's SMs. The hash leaves it out: an operator is held, or not, wherever it runs. */
static status read_sms(row_reader *reader, error *err) {
    static const double SMS_MAX = 1e6;
    if (!*row_text_at(reader, reader->columns.sms))
        return STATUS_OK;
    return csv_number(reader->csv, reader->line, reader->columns.sms, 1, SMS_MAX, &reader->row.sm_count, err);
}

/* What stands around the operator in its model. */
static status read_context(row_reader *reader, error *err) {
    static const double BYTES_MAX = 1e15;
    struct {
        int column;
        double *to;
    } fields[] = {{reader->columns.streamed_bytes, &reader->row.op.streamed_bytes},
                  {reader->columns.packed_bytes, &reader->row.op.packed_bytes}};
    status result = STATUS_OK;
    for (size_t i = 0; i < sizeof fields / sizeof *fields && result == STATUS_OK; i++)
        if (*row_text_at(reader, fields[i].column))
            result = csv_number(reader->csv, reader->line, fields[i].column, 0, BYTES_MAX, fields[i].to, err);
    return result;
}

static uint64_t row_hash(const row_reader *reader) {
    uint64_t state = HASH_FNV1A64_BASIS;
    bool first = true;
    for (size_t i = 0; i < reader->columns.hashed_count; i++) {
        const csv_field *field = &reader->line->fields[reader->columns.hashed[i]];
        if (field->length_bytes == 0)
            continue;
        if (!first)
            state = hash_fnv1a64(state, ",", 1);
        state = hash_fnv1a64(state, field->text, field->length_bytes);
        first = false;
    }
    return hash_mix64(state);
}

bool row_is_held(const operator_row *row) {
    return *row->split ? strcmp(row->split, "held") == 0 : (row->hash & 1) == 1;
}

const char *row_phase(const operator_row *row) {
    if (row->op.kind != OP_attention)
        return NULL;
    return row->op.as.attention.q_len == 1 ? "decode" : "prefill";
}

/* What the source's entry says, unless the row itself does. */
static void apply_source(row_reader *reader) {
    operator_row *row = &reader->row;
    row->source = row_text_at(reader, reader->columns.source);
    const measurement_source *known = sources_find(reader->sources, row->source);
    bool quantises = row->op.kind == OP_gemm && row->op.as.gemm.dtype == DTYPE_nvfp4 && *row->source;
    if (quantises && !row_param_is_set(reader, "dynamic_quantise"))
        row->op.as.gemm.dynamic_quantise = true; /* harnesses hand over 16-bit activations */
    if (!known)
        return;
    row->op.own = known->backend == attention_backend_ingot;
    if (row->op.kind == OP_attention && !row_param_is_set(reader, "backend"))
        row->op.as.attention.backend = known->backend;
    bool eight_bit = row->op.kind == OP_gemm && dtype_bytes(row->op.as.gemm.dtype) == 1;
    if (eight_bit && !row_param_is_set(reader, "dynamic_quantise"))
        row->op.as.gemm.dynamic_quantise = known->dynamic_quantise;
}

/* ---- rows ---- */

static status read_name(row_reader *reader, error *err) {
    const char *text = row_text_at(reader, reader->columns.op);
    if (reader->name_text && strcmp(reader->name_text, text) == 0)
        return STATUS_OK;
    error reason;
    if (!*text)
        return CSV_ERROR(reader->line, reader->columns.op, err, "op is blank");
    if (row_name_parse(text, &reader->name, &reason) != STATUS_OK)
        return CSV_ERROR(reader->line, reader->columns.op, err, "%s", reason.text);
    free(reader->name_text);
    reader->name_text = strdup(text);
    if (!reader->name_text)
        abort();
    return STATUS_OK;
}

static status read_row(row_reader *reader, error *err) {
    operator_row *row = &reader->row;
    *row = (operator_row){.line = reader->line->line, .fields = reader->fields};
    for (size_t i = 0; i < csv_column_count(reader->csv); i++)
        reader->fields[i] = reader->line->fields[i].text;
    status result = read_name(reader, err);
    if (result == STATUS_OK && reader->name.unsupported)
        row->unsupported = reader->name.unsupported;
    else if (result == STATUS_OK)
        result = row_read_operator(reader, err);
    if (result == STATUS_OK && !row->unsupported)
        result = read_context(reader, err);
    if (result == STATUS_OK)
        result = read_method(reader, err);
    if (result == STATUS_OK)
        result = read_split(reader, err);
    if (result == STATUS_OK)
        result = read_measured(reader, err);
    if (result == STATUS_OK)
        result = read_sms(reader, err);
    if (result != STATUS_OK)
        return result;
    row->source = row_text_at(reader, reader->columns.source);
    if (!row->unsupported)
        apply_source(reader);
    row->hash = row_hash(reader);
    return STATUS_OK;
}

status row_reader_open(const char *path, const source_map *sources, row_reader **out, error *err) {
    *out = NULL;
    csv_reader *csv;
    status result = csv_open(path, &csv, err);
    if (result != STATUS_OK)
        return result;
    row_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        abort();
    reader->csv = csv;
    reader->sources = sources;
    result = row_columns_bind(csv, &reader->columns, err);
    if (result == STATUS_OK)
        *out = reader;
    else
        row_reader_close(reader);
    return result;
}

status row_reader_next(row_reader *reader, const operator_row **out, error *err) {
    *out = NULL;
    status result = csv_next(reader->csv, &reader->line, err);
    if (result != STATUS_OK || !reader->line)
        return result;
    result = read_row(reader, err);
    if (result == STATUS_OK)
        *out = &reader->row;
    return result;
}

size_t row_reader_column_count(const row_reader *reader) {
    return csv_column_count(reader->csv);
}

const char *row_reader_column_name(const row_reader *reader, size_t column) {
    return csv_column_name(reader->csv, column);
}

status row_reader_empty_error(const row_reader *reader, error *err) {
    assert(reader->row.empty);
    return CSV_ERROR(reader->line, reader->empty_column, err, "%s is 0: must be at least 1",
                     csv_column_name(reader->csv, (size_t)reader->empty_column));
}

void row_reader_close(row_reader *reader) {
    if (!reader)
        return;
    csv_close(reader->csv);
    free(reader->name_text);
    free(reader);
}
