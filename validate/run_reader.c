#include "validate/run_reader.h"

#include "core/base/json_reader.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static const double TIME_MAX_S = 1e9, COUNT_MAX = 1e9;

typedef struct reader {
    const char *path;
    gzFile file;
    int line;
    char *text; /* JSON_LINE_MAX_BYTES */
    arena *memory;
    run *out;
    size_t capacity;
} reader;

/* The next line without its break; *more false at the end. */
static status next_line(reader *r, bool *more, error *err) {
    *more = gzgets(r->file, r->text, JSON_LINE_MAX_BYTES) != NULL;
    int code = Z_OK;
    gzerror(r->file, &code);
    if (code == Z_DATA_ERROR || code == Z_BUF_ERROR)
        return error_set(err, STATUS_BAD_INPUT, "%s: damaged or truncated gzip data", r->path);
    if (!*more)
        return STATUS_OK;
    r->line++;
    size_t length = strlen(r->text);
    if (length > 0 && r->text[length - 1] == '\n')
        r->text[length - 1] = '\0';
    else if (!gzeof(r->file))
        return error_at(err, r->path, r->line, 1, "a line of more than %d bytes, or with a NUL byte",
                        JSON_LINE_MAX_BYTES);
    return STATUS_OK;
}

static const char *text_or_empty(reader *r, const json_object *o, const char *key) {
    yajl_val value = json_member(o, key);
    return YAJL_IS_STRING(value) ? arena_strdup(r->memory, YAJL_GET_STRING(value)) : "";
}

/* A number of the scenario; NaN where the run does not state it. */
static double scenario_number(const json_object *o, const char *key) {
    const char *path[] = {"scenario", key, NULL};
    yajl_val value = yajl_tree_get(o->root, path, yajl_t_number);
    return YAJL_IS_NUMBER(value) ? YAJL_GET_DOUBLE(value) : NAN;
}

static double emulated_number(const json_object *o, const char *key) {
    yajl_val value = json_member(o, key);
    return YAJL_IS_NUMBER(value) ? YAJL_GET_DOUBLE(value) : 0;
}

static status whole(const json_object *o, const char *key, int64_t *out, error *err) {
    double value = 0;
    status result = json_member_number(o, key, -1, COUNT_MAX, &value, err);
    *out = (int64_t)value;
    return result == STATUS_OK && value != floor(value) ? json_member_error(o, key, err, "is no whole number") : result;
}

static status read_category(const json_object *o, op_category *out, error *err) {
    const char *text;
    *out = CATEGORY_MISC;
    if (!json_member(o, "category"))
        return STATUS_OK;
    status result = json_member_text(o, "category", &text, err);
    if (result != STATUS_OK)
        return result;
    for (int c = 0; c < CATEGORY_COUNT; c++)
        if (strcmp(op_category_name((op_category)c), text) == 0) {
            *out = (op_category)c;
            return STATUS_OK;
        }
    return json_member_error(o, "category", err, "unknown category '%.40s'", text);
}

/* Few different texts, one after the other: the last one's copy is shared. */
static const char *shared(arena *memory, const char *last, const char *text) {
    return last && strcmp(last, text) == 0 ? last : arena_strdup(memory, text);
}

static status read_interval(reader *r, const json_object *o, error *err) {
    interval item = {0};
    const interval *last = r->out->count > 0 ? &r->out->intervals[r->out->count - 1] : NULL;
    const char *phase, *id, *lane;
    int64_t stream = 0, rank = 0;
    status result = json_member_text(o, "phase", &phase, err);
    if (result == STATUS_OK)
        result = json_member_text(o, "op", &id, err);
    if (result == STATUS_OK)
        result = json_member_text(o, "lane", &lane, err);
    if (result == STATUS_OK)
        result = whole(o, "step", &item.step, err);
    if (result == STATUS_OK)
        result = whole(o, "layer", &item.layer, err);
    if (result == STATUS_OK && json_member(o, "stream"))
        result = whole(o, "stream", &stream, err);
    if (result == STATUS_OK && json_member(o, "rank"))
        result = whole(o, "rank", &rank, err);
    if (result == STATUS_OK)
        result = json_member_number(o, "start_s", -TIME_MAX_S, TIME_MAX_S, &item.start_s, err);
    if (result == STATUS_OK)
        result = json_member_number(o, "duration_s", 0, TIME_MAX_S, &item.duration_s, err);
    if (result == STATUS_OK)
        result = read_category(o, &item.category, err);
    if (result == STATUS_OK && strcmp(lane, "gpu") != 0 && strcmp(lane, "host") != 0)
        result = json_member_error(o, "lane", err, "'%.40s' is neither gpu nor host", lane);
    if (result != STATUS_OK)
        return result;
    item.lane = strcmp(lane, "gpu") == 0 ? LANE_GPU : LANE_HOST;
    item.stream = (int32_t)stream;
    item.rank = (int32_t)rank;
    item.phase = shared(r->memory, last ? last->phase : NULL, phase);
    item.op_id = shared(r->memory, last ? last->op_id : NULL, id);
    if (r->out->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 1024;
        interval *larger = ARENA_ARRAY(r->memory, interval, r->capacity);
        if (r->out->count > 0)
            memcpy(larger, r->out->intervals, r->out->count * sizeof *larger);
        r->out->intervals = larger;
    }
    r->out->intervals[r->out->count++] = item;
    return STATUS_OK;
}

/* Sequences asked for: guidance runs several rows for each. */
static double requested_batch(const json_object *o) {
    double requests = scenario_number(o, "requests");
    return requests > 0 ? requests : scenario_number(o, "batch");
}

static bool pick_text(yajl_val value, const char *key, const char **out) {
    const char *path[] = {key, NULL};
    yajl_val found = yajl_tree_get(value, path, yajl_t_string);
    *out = found ? YAJL_GET_STRING(found) : NULL;
    return found != NULL;
}

static bool read_pick(reader *r, yajl_val value, weight_pick *out) {
    static const char *const group[] = {"group_size", NULL}, *const dynamic[] = {"dynamic_quantise", NULL};
    const char *weight, *dtype, *weights_dtype;
    error unknown;
    if (!pick_text(value, "weight", &weight) || !pick_text(value, "dtype", &dtype) ||
        !pick_text(value, "weights_dtype", &weights_dtype))
        return false;
    yajl_val size = yajl_tree_get(value, (const char **)group, yajl_t_number);
    *out = (weight_pick){.weight = arena_strdup(r->memory, weight),
                         .group_size = YAJL_IS_INTEGER(size) ? YAJL_GET_INTEGER(size) : 0,
                         .dynamic_quantise = yajl_tree_get(value, (const char **)dynamic, yajl_t_true) != NULL};
    return dtype_parse(dtype, &out->dtype, &unknown) == STATUS_OK &&
           dtype_parse(weights_dtype, &out->weights_dtype, &unknown) == STATUS_OK;
}

static status read_picks(reader *r, const json_object *o, error *err) {
    yajl_val list = json_member(o, "picks");
    if (!list)
        return STATUS_OK;
    if (!YAJL_IS_ARRAY(list))
        return json_member_error(o, "picks", err, "is no array");
    weight_pick *picks = ARENA_ARRAY(r->memory, weight_pick, list->u.array.len + 1);
    for (size_t i = 0; i < list->u.array.len; i++)
        if (!read_pick(r, list->u.array.values[i], &picks[i]))
            return json_member_error(o, "picks", err, "needs weight, dtype and weights_dtype in entry %zu", i + 1);
    r->out->header.picks = picks, r->out->header.pick_count = list->u.array.len;
    return STATUS_OK;
}

static status read_header(reader *r, const json_object *o, error *err) {
    r->out->header = (run_header){.machine = text_or_empty(r, o, "machine"),
                                  .workload = text_or_empty(r, o, "workload"),
                                  .host = text_or_empty(r, o, "host"),
                                  .levers = text_or_empty(r, o, "levers"),
                                  .batch = requested_batch(o),
                                  .prompt_tokens = scenario_number(o, "prompt_tokens"),
                                  .dispatch_s = emulated_number(o, "emulated_dispatch_s_per_call"),
                                  .launch_s = emulated_number(o, "emulated_launch_s")};
    return read_picks(r, o, err);
}

static status read_line(reader *r, error *err) {
    json_object o = {0};
    error inner = {""};
    status result = json_object_parse(r->path, r->text, &o, &inner);
    if (result == STATUS_OK)
        result = r->line > 1 ? read_interval(r, &o, &inner) : read_header(r, &o, &inner);
    json_object_free(&o);
    if (result == STATUS_OK)
        return STATUS_OK;
    /* The parser saw one line only: its "file:1:column: what" gets the line's own number. */
    const char *what = strchr(inner.text, ' ');
    return error_at(err, r->path, r->line, 1, "%s", what ? what + 1 : inner.text);
}

status run_read(arena *a, const char *path, run *out, error *err) {
    *out = (run){0};
    reader r = {.path = path, .memory = a, .out = out};
    r.file = gzopen(path, "rb");
    if (!r.file)
        return error_set(err, STATUS_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
    r.text = malloc(JSON_LINE_MAX_BYTES);
    if (!r.text)
        abort();
    bool more = true;
    status result = STATUS_OK;
    while (result == STATUS_OK) {
        result = next_line(&r, &more, err);
        if (result != STATUS_OK || !more)
            break;
        result = read_line(&r, err);
    }
    if (result == STATUS_OK && out->count == 0)
        result = error_set(err, STATUS_BAD_INPUT, "%s: no intervals: not a run file", path);
    free(r.text);
    gzclose(r.file);
    return result;
}
