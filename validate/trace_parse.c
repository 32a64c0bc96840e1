/* From JSON tokens to compact events. A trace is an object with an array "traceEvents", or such an array alone. */
#include "core/base/json_stream.h"
#include "core/base/number.h"
#include "validate/trace_build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Keys of an event and of its "args" that are read; the others are skipped. */
typedef enum field {
    FIELD_NONE,
    FIELD_PH,
    FIELD_CAT,
    FIELD_NAME,
    FIELD_PID,
    FIELD_TID,
    FIELD_TS,
    FIELD_DUR,
    FIELD_ARGS,
    FIELD_CORRELATION,
    FIELD_GRID,
    FIELD_DIMS,
    FIELD_LABEL, /* args.name of metadata */
} field;

static const struct {
    const char *key;
    field field;
} event_fields[] = {{"ph", FIELD_PH},   {"cat", FIELD_CAT}, {"name", FIELD_NAME}, {"pid", FIELD_PID},
                    {"tid", FIELD_TID}, {"ts", FIELD_TS},   {"dur", FIELD_DUR},   {"args", FIELD_ARGS}},
  arg_fields[] = {{"correlation", FIELD_CORRELATION},
                  {"correlation_id", FIELD_CORRELATION}, /* XLA */
                  {"grid", FIELD_GRID},
                  {"Input Dims", FIELD_DIMS},
                  {"Input dims", FIELD_DIMS},
                  {"name", FIELD_LABEL}};

static const struct {
    const char *category;
    trace_kind kind;
} kinds[] = {
    {"kernel", TRACE_KERNEL},
    {"gpu_memcpy", TRACE_MEMCPY},
    {"gpu_memset", TRACE_MEMSET},
    {"cuda_runtime", TRACE_CALL},
    {"cuda_driver", TRACE_CALL},
    {"cpu_op", TRACE_HOST_OP},
    {"user_annotation", TRACE_ANNOTATION},
    /* Kineto before 2022 */
    {"Kernel", TRACE_KERNEL},
    {"Memcpy", TRACE_MEMCPY},
    {"Memset", TRACE_MEMSET},
    {"Runtime", TRACE_CALL},
    {"Operator", TRACE_HOST_OP},
    /* ROCm */
    {"hip_runtime", TRACE_CALL},
};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { SHORT_BYTES = 64, DIMS_BYTES = 512, GRID_DIMS = 3 };
/* Of a number of microseconds, so that nanoseconds fit 63 bits. */
static const double TS_MAX_US = 9e15;
static const double NS_PER_US = 1000;

typedef struct short_text {
    char text[SHORT_BYTES];
} short_text;

/* The event being read. */
typedef struct raw_event {
    short_text ph, category, pid, tid, label;
    char *name; /* TRACE_NAME_MAX_BYTES + 1 */
    size_t name_bytes;
    double duration_us;
    int64_t ts_ns;
    bool has_name, has_ts, has_duration;
    uint32_t correlation;
    double ctas;
    int grid_seen;
    char dims[DIMS_BYTES];
    size_t dims_bytes;
    bool has_dims;
} raw_event;

/* Profilers that give events no category (XLA's: JAX and TensorFlow) name what is a GPU's stream in metadata. */
typedef struct stream_name {
    short_text pid, tid;
} stream_name;

typedef struct reader {
    trace *t;
    trace_builder builder;
    int event_depth; /* depth of tokens inside an event; 0 while outside traceEvents */
    bool in_events, found_events, in_device, take_device;
    field field, arg;
    raw_event event;
    stream_name *streams; /* threads called "Stream ..." */
    size_t stream_count;
} reader;

static bool is_text(const json_token *token, const char *text) {
    return token->length_bytes == strlen(text) && memcmp(token->text, text, token->length_bytes) == 0;
}

static void keep_short(short_text *out, const json_token *token) {
    size_t length = token->length_bytes < SHORT_BYTES ? token->length_bytes : SHORT_BYTES - 1;
    memcpy(out->text, token->text, length);
    out->text[length] = '\0';
}

static bool read_number(const json_token *token, double *out) {
    char text[SHORT_BYTES];
    if (token->length_bytes >= sizeof text)
        return false;
    memcpy(text, token->text, token->length_bytes);
    text[token->length_bytes] = '\0';
    return number_parse(text, out);
}

/* Microseconds with three decimals need more than a double has: whole part and fraction apart. Other spellings go
 * through a double. */
static bool read_ns(const json_token *token, int64_t *out) {
    enum { WHOLE_DIGITS_MAX = 15, FRACTION_DIGITS = 3 };
    int64_t whole = 0;
    size_t i = 0;
    for (; i < token->length_bytes && i <= WHOLE_DIGITS_MAX && token->text[i] >= '0' && token->text[i] <= '9'; i++)
        whole = 10 * whole + (token->text[i] - '0');
    int64_t fraction = 0;
    int digits = 0;
    bool plain = i > 0 && i <= WHOLE_DIGITS_MAX;
    if (plain && i < token->length_bytes && token->text[i] == '.')
        for (i++; i < token->length_bytes && token->text[i] >= '0' && token->text[i] <= '9'; i++)
            if (digits < FRACTION_DIGITS) {
                fraction = 10 * fraction + (token->text[i] - '0');
                digits++;
            }
    if (plain && i == token->length_bytes) {
        for (; digits < FRACTION_DIGITS; digits++)
            fraction *= 10;
        *out = 1000 * whole + fraction;
        return true;
    }
    double us;
    if (!read_number(token, &us) || fabs(us) > TS_MAX_US)
        return false;
    *out = (int64_t)llround(us * NS_PER_US);
    return true;
}

/* ---- finished events ---- */

static status keep(reader *r, trace_kind kind, error *err) {
    const raw_event *e = &r->event;
    const char *missing = !e->has_name ? "name" : !e->has_ts ? "ts" : !e->has_duration ? "dur" : NULL;
    if (missing)
        return error_set(err, STATUS_BAD_INPUT,
                         "an event of category '%s' has no '%s' of the kind and size that it takes", e->category.text,
                         missing);
    double duration_us = fmax(-TS_MAX_US, fmin(TS_MAX_US, e->duration_us));
    trace_input in = {.kind = kind,
                      .name = e->name,
                      .name_bytes = e->name_bytes,
                      .process = e->pid.text,
                      .thread = e->tid.text,
                      .start_ns = e->ts_ns,
                      .duration_ns = (int64_t)llround(duration_us * NS_PER_US),
                      .correlation = e->correlation,
                      .ctas = e->grid_seen == GRID_DIMS && e->ctas < (double)UINT32_MAX ? (uint32_t)e->ctas : 0,
                      .dims = e->has_dims ? e->dims : NULL,
                      .dims_bytes = e->dims_bytes};
    return trace_build(&r->builder, &in, err);
}

static bool begins(const char *text, const char *start) {
    return strncmp(text, start, strlen(start)) == 0;
}

static void take_metadata(reader *r) {
    const raw_event *e = &r->event;
    if (strcmp(e->name, "thread_name") != 0 || !begins(e->label.text, "Stream ") || r->stream_count == TRACE_TRACKS_MAX)
        return;
    r->streams[r->stream_count++] = (stream_name){e->pid, e->tid};
}

static bool is_stream(const reader *r) {
    for (size_t i = r->stream_count; i-- > 0;)
        if (strcmp(r->streams[i].tid.text, r->event.tid.text) == 0 &&
            strcmp(r->streams[i].pid.text, r->event.pid.text) == 0)
            return true;
    return false;
}

/* An event without a category: GPU work on a stream, or a host call that says what it launched. */
static status keep_uncategorised(reader *r, error *err) {
    const raw_event *e = &r->event;
    if (is_stream(r))
        return keep(r,
                    begins(e->name, "Memcpy")   ? TRACE_MEMCPY
                    : begins(e->name, "Memset") ? TRACE_MEMSET
                                                : TRACE_KERNEL,
                    err);
    return e->correlation != 0 && r->stream_count > 0 ? keep(r, TRACE_CALL, err) : STATUS_OK;
}

static status finish_event(reader *r, error *err) {
    if (strcmp(r->event.ph.text, "M") == 0)
        take_metadata(r);
    if (strcmp(r->event.ph.text, "X") != 0)
        return STATUS_OK; /* metadata, flows, instants, counters */
    if (r->event.category.text[0] == '\0')
        return keep_uncategorised(r, err);
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i].category, r->event.category.text) == 0)
            return keep(r, kinds[i].kind, err);
    return STATUS_OK; /* Python frames, profiler overhead, spans */
}

/* ---- tokens ---- */

static void begin_event(raw_event *e) {
    char *name = e->name;
    e->ph.text[0] = e->category.text[0] = e->pid.text[0] = e->tid.text[0] = e->label.text[0] = '\0';
    e->has_name = e->has_ts = e->has_duration = e->has_dims = false;
    e->name = name;
    e->name[0] = '\0';
    e->name_bytes = e->dims_bytes = 0;
    e->correlation = 0;
    e->ctas = 1;
    e->grid_seen = 0;
}

static status take_field(reader *r, const json_token *token, error *err) {
    raw_event *e = &r->event;
    bool is_scalar = token->kind == JSON_STRING || token->kind == JSON_NUMBER;
    switch (r->field) {
    case FIELD_PH:
        if (is_scalar)
            keep_short(&e->ph, token);
        break;
    case FIELD_CAT:
        if (is_scalar)
            keep_short(&e->category, token);
        break;
    case FIELD_PID:
        if (is_scalar)
            keep_short(&e->pid, token);
        break;
    case FIELD_TID:
        if (is_scalar)
            keep_short(&e->tid, token);
        break;
    case FIELD_NAME:
        if (token->kind != JSON_STRING)
            break;
        if (token->length_bytes > TRACE_NAME_MAX_BYTES)
            return error_set(err, STATUS_BAD_INPUT, "a name of %zu bytes; at most %d are taken", token->length_bytes,
                             TRACE_NAME_MAX_BYTES);
        memcpy(e->name, token->text, token->length_bytes);
        e->name[token->length_bytes] = '\0';
        e->name_bytes = token->length_bytes;
        e->has_name = true;
        break;
    case FIELD_TS:
        e->has_ts = token->kind == JSON_NUMBER && read_ns(token, &e->ts_ns);
        break;
    case FIELD_DUR:
        e->has_duration = token->kind == JSON_NUMBER && read_number(token, &e->duration_us);
        break;
    default:
        break;
    }
    return STATUS_OK;
}

/* Shapes are kept as text: brackets and numbers joined by commas. */
static void take_dims(raw_event *e, const json_token *token) {
    char piece[SHORT_BYTES];
    size_t length = 0;
    bool opens = token->kind == JSON_ARRAY_BEGIN, closes = token->kind == JSON_ARRAY_END;
    char last = e->dims_bytes ? e->dims[e->dims_bytes - 1] : '[';
    if (!closes && last != '[')
        piece[length++] = ',';
    if (opens || closes)
        piece[length++] = opens ? '[' : ']';
    else if (token->kind == JSON_NUMBER && token->length_bytes < SHORT_BYTES - 1) {
        memcpy(piece + length, token->text, token->length_bytes);
        length += token->length_bytes;
    }
    if (e->dims_bytes + length < DIMS_BYTES) {
        memcpy(e->dims + e->dims_bytes, piece, length);
        e->dims_bytes += length;
        e->has_dims = true;
    }
}

static void take_arg(reader *r, const json_token *token) {
    raw_event *e = &r->event;
    double value;
    if (r->arg == FIELD_DIMS) {
        take_dims(e, token);
    } else if (r->arg == FIELD_GRID && token->kind == JSON_NUMBER && read_number(token, &value)) {
        e->ctas *= value;
        e->grid_seen++;
    } else if (r->arg == FIELD_LABEL && token->kind == JSON_STRING) {
        keep_short(&e->label, token);
    } else if (r->arg == FIELD_CORRELATION && (token->kind == JSON_NUMBER || token->kind == JSON_STRING) &&
               read_number(token, &value)) {
        e->correlation = value >= 1 && value < (double)UINT32_MAX ? (uint32_t)value : 0;
    }
}

static field field_of(const json_token *token, bool argument) {
    size_t count = argument ? COUNT(arg_fields) : COUNT(event_fields);
    for (size_t i = 0; i < count; i++) {
        const char *key = argument ? arg_fields[i].key : event_fields[i].key;
        if (is_text(token, key))
            return argument ? arg_fields[i].field : event_fields[i].field;
    }
    return FIELD_NONE;
}

static status in_event(reader *r, const json_token *token, error *err) {
    int inside = token->depth - r->event_depth; /* 0: of the event itself, 1: of its args */
    if (inside == 0 && token->kind == JSON_KEY) {
        r->field = field_of(token, false);
        r->arg = FIELD_NONE;
    } else if (inside == 0) {
        return take_field(r, token, err);
    } else if (r->field == FIELD_ARGS && inside == 1 && token->kind == JSON_KEY) {
        r->arg = field_of(token, true);
    } else if (r->field == FIELD_ARGS && r->arg != FIELD_NONE) {
        take_arg(r, token);
    }
    return STATUS_OK;
}

static void begin_events(reader *r, int depth) {
    r->in_events = r->found_events = true;
    r->event_depth = depth + 2; /* inside the array, inside an event */
}

static void keep_device(reader *r, const json_token *token) {
    if (token->kind == JSON_KEY)
        r->take_device = is_text(token, "name");
    else if (token->kind == JSON_STRING && r->take_device && !r->t->device)
        r->t->device = strndup(token->text, token->length_bytes);
}

/* Outside of events: the outermost keys. */
static void in_header(reader *r, const json_token *token) {
    if (token->depth == 0 && token->kind == JSON_ARRAY_BEGIN)
        begin_events(r, 0);
    if (token->depth == 1 && token->kind == JSON_KEY) {
        r->field = is_text(token, "traceEvents") ? FIELD_ARGS : FIELD_NONE;
        r->in_device = is_text(token, "deviceProperties");
    } else if (token->depth == 1 && token->kind == JSON_ARRAY_BEGIN && r->field == FIELD_ARGS) {
        begin_events(r, 1);
    } else if (r->in_device) {
        keep_device(r, token);
    }
}

static status take(void *context, const json_token *token, error *err) {
    reader *r = context;
    if (!r->in_events) {
        in_header(r, token);
        return STATUS_OK;
    }
    if (token->depth == r->event_depth - 2 && token->kind == JSON_ARRAY_END) {
        r->in_events = false;
        r->field = FIELD_NONE;
        return STATUS_OK;
    }
    if (token->depth == r->event_depth - 1) {
        if (token->kind == JSON_OBJECT_BEGIN)
            begin_event(&r->event);
        else if (token->kind == JSON_OBJECT_END)
            return finish_event(r, err);
        else
            return error_set(err, STATUS_BAD_INPUT, "traceEvents holds something that is no object");
        r->field = FIELD_NONE;
        return STATUS_OK;
    }
    return in_event(r, token, err);
}

status trace_parse(const char *path, bool any_order, trace *out, error *err) {
    reader r = {.t = out, .builder = {.t = out, .any_order = any_order}};
    r.event.name = malloc(TRACE_NAME_MAX_BYTES + 1);
    r.streams = malloc(TRACE_TRACKS_MAX * sizeof *r.streams);
    if (!r.event.name || !r.streams)
        abort();
    status result = json_stream_read(path, (json_stream_sink){.take = take, .context = &r}, err);
    free(r.event.name);
    free(r.streams);
    if (result == STATUS_OK && !r.found_events)
        result = error_set(err, STATUS_BAD_INPUT, "%s: no 'traceEvents': not a Chrome or Kineto trace", path);
    if (result == STATUS_OK && out->gpu_count == 0)
        result =
            error_set(err, STATUS_BAD_INPUT, "%s: no GPU activity: none of its events is a kernel, copy or set", path);
    return result;
}
