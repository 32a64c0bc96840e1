#include "validate/steps.h"

#include "core/base/json_reader.h"
#include "core/base/si.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double TIME_US_MAX = 1e12; /* eleven days for one step */
static const double COUNT_MAX = 1e9;    /* sequences, tokens, kernels */

static status read_text(const json_object *line, const char *key, arena *memory, const char **out, error *err) {
    const char *text;
    status result = json_member_text(line, key, &text, err);
    if (result == STATUS_OK)
        *out = arena_strdup(memory, text);
    return result;
}

static status read_count(const json_object *line, const char *key, int64_t *out, error *err) {
    double value;
    status result = json_member_number(line, key, 1, COUNT_MAX, &value, err);
    if (result != STATUS_OK)
        return result;
    if (value != floor(value))
        return json_member_error(line, key, err, "'%s' is not a whole number", key);
    *out = (int64_t)value;
    return STATUS_OK;
}

static status read_time(const json_object *line, const char *key, double *out, error *err) {
    double value_us;
    status result = json_member_number(line, key, 0, TIME_US_MAX, &value_us, err);
    if (result == STATUS_OK && value_us == 0)
        return json_member_error(line, key, err, "'%s' is 0: no measurement", key);
    if (result == STATUS_OK)
        *out = value_us * S_PER_US;
    return result;
}

static status read_phase(const json_object *line, measured_step *out, arena *memory, error *err) {
    status result = read_text(line, "phase", memory, &out->phase, err);
    if (result != STATUS_OK)
        return result;
    bool prefill = strcmp(out->phase, "prefill") == 0;
    if (!prefill && strcmp(out->phase, "decode") != 0)
        return json_member_error(line, "phase", err, "phase is '%.80s': expected prefill or decode", out->phase);
    if (prefill && !json_member(line, "kv_len")) {
        out->kv_len = out->prompt_tokens;
        return STATUS_OK;
    }
    return read_count(line, "kv_len", &out->kv_len, err);
}

static status read_categories(const json_object *line, measured_step *out, arena *memory, error *err) {
    yajl_val table;
    status result = json_member_numbers(line, "cats", 0, TIME_US_MAX, &table, err);
    if (result != STATUS_OK)
        return result;
    out->category_count = table->u.object.len;
    out->categories = ARENA_ARRAY(memory, step_category, out->category_count);
    for (size_t i = 0; i < out->category_count; i++) {
        out->categories[i].name = arena_strdup(memory, table->u.object.keys[i]);
        out->categories[i].time_s = YAJL_GET_DOUBLE(table->u.object.values[i]) * S_PER_US;
    }
    return STATUS_OK;
}

static status read_step(const json_object *line, measured_step *out, arena *memory, error *err) {
    *out = (measured_step){.line = line->line};
    status result = read_text(line, "model", memory, &out->model, err);
    if (result == STATUS_OK)
        result = read_text(line, "lever", memory, &out->lever, err);
    if (result == STATUS_OK)
        result = read_count(line, "batch", &out->batch, err);
    if (result == STATUS_OK)
        result = read_count(line, "prompt", &out->prompt_tokens, err);
    if (result == STATUS_OK)
        result = read_phase(line, out, memory, err);
    if (result == STATUS_OK)
        result = read_time(line, "wall_us", &out->wall_s, err);
    if (result == STATUS_OK)
        result = read_time(line, "busy_us", &out->busy_s, err);
    if (result == STATUS_OK)
        result = json_member_number(line, "kernels", 1, COUNT_MAX, &out->kernels, err);
    if (result == STATUS_OK)
        result = read_categories(line, out, memory, err);
    return result;
}

static status read_steps(json_lines *lines, step_table *out, error *err) {
    size_t capacity = 0;
    const json_object *line;
    for (;;) {
        status result = json_lines_next(lines, &line, err);
        if (result != STATUS_OK || !line)
            return result;
        if (out->count == capacity) {
            capacity = capacity ? capacity * 2 : 32;
            measured_step *grown = realloc(out->steps, capacity * sizeof *grown);
            if (!grown)
                abort(); /* as arena_alloc */
            out->steps = grown;
        }
        result = read_step(line, &out->steps[out->count], &out->memory, err);
        if (result != STATUS_OK)
            return result;
        out->count++;
    }
}

status steps_load(const char *path, step_table *out, error *err) {
    *out = (step_table){0};
    json_lines *lines;
    status result = json_lines_open(path, &lines, err);
    if (result != STATUS_OK)
        return result;
    out->path = arena_strdup(&out->memory, path);
    result = read_steps(lines, out, err);
    json_lines_close(lines);
    if (result == STATUS_OK && out->count == 0)
        result = error_at(err, path, 1, 1, "no steps in the file");
    return result;
}

void steps_free(step_table *table) {
    free(table->steps);
    arena_free(&table->memory);
    *table = (step_table){0};
}
