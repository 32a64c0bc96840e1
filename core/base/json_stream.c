#include "core/base/json_stream.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>
#include <zlib.h>

enum { CHUNK_BYTES = 256 * 1024 };
/* Below this much text a high ratio proves nothing: small files of equal lines reach it. */
static const uint64_t BOMB_MIN_BYTES = UINT64_C(64) << 20;

typedef struct stream {
    const char *path;
    json_stream_sink sink;
    gzFile file;
    yajl_handle parser;
    int depth;
    status failure; /* of the sink */
    error message;
    uint64_t bytes;        /* of text, in the chunks before this one */
    uint64_t silent_bytes; /* since the last chunk that held a token's end */
    uint64_t lines;        /* line breaks in them */
    uint64_t last_break;   /* offset just behind the last of them */
    bool any_token;
} stream;

static int give(stream *s, json_token_kind kind, const void *text, size_t length) {
    json_token token = {.kind = kind, .text = text, .length_bytes = length, .depth = s->depth};
    s->any_token = true;
    s->failure = s->sink.take(s->sink.context, &token, &s->message);
    return s->failure == STATUS_OK;
}

static int enter(stream *s, json_token_kind kind) {
    int goes_on = give(s, kind, NULL, 0);
    if (goes_on && ++s->depth > JSON_STREAM_DEPTH_MAX) {
        s->failure = error_set(&s->message, STATUS_BAD_INPUT, "nested more than %d deep", JSON_STREAM_DEPTH_MAX);
        return 0;
    }
    return goes_on;
}

static int leave(stream *s, json_token_kind kind) {
    s->depth--;
    return give(s, kind, NULL, 0);
}

static int on_null(void *context) {
    return give(context, JSON_LITERAL, NULL, 0);
}
static int on_bool(void *context, int value) {
    (void)value;
    return give(context, JSON_LITERAL, NULL, 0);
}
static int on_number(void *context, const char *text, size_t length) {
    return give(context, JSON_NUMBER, text, length);
}
static int on_string(void *context, const unsigned char *text, size_t length) {
    return give(context, JSON_STRING, text, length);
}
static int on_key(void *context, const unsigned char *text, size_t length) {
    return give(context, JSON_KEY, text, length);
}
static int on_object(void *context) {
    return enter(context, JSON_OBJECT_BEGIN);
}
static int on_object_end(void *context) {
    return leave(context, JSON_OBJECT_END);
}
static int on_array(void *context) {
    return enter(context, JSON_ARRAY_BEGIN);
}
static int on_array_end(void *context) {
    return leave(context, JSON_ARRAY_END);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_bool,
    .yajl_number = on_number,
    .yajl_string = on_string,
    .yajl_map_key = on_key,
    .yajl_start_map = on_object,
    .yajl_end_map = on_object_end,
    .yajl_start_array = on_array,
    .yajl_end_array = on_array_end,
};

/* Counts the line breaks of a piece of the current chunk, which begins at the stream's offset. */
static void count_lines(stream *s, const unsigned char *text, size_t length) {
    const unsigned char *at = text, *end = text + length;
    while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        s->lines++;
        s->last_break = s->bytes + (uint64_t)(at - text);
    }
}

static status fail_at(stream *s, const unsigned char *chunk, size_t consumed, error *err, const char *what) {
    count_lines(s, chunk, consumed);
    uint64_t column = s->bytes + consumed - s->last_break;
    int line = s->lines >= INT_MAX ? INT_MAX : (int)s->lines + 1;
    return error_at(err, s->path, line, column > INT_MAX ? INT_MAX : (int)(column > 0 ? column : 1), "%s", what);
}

/* yajl's own words ("lexical error: invalid char in json text."), on one line. */
static status fail_parse(stream *s, const unsigned char *chunk, size_t length, error *err) {
    size_t consumed = yajl_get_bytes_consumed(s->parser);
    if (s->failure != STATUS_OK)
        return fail_at(s, chunk, consumed, err, s->message.text);
    char what[128] = "not JSON";
    unsigned char *reason = yajl_get_error(s->parser, 0, chunk, length);
    if (reason) {
        strncpy(what, (const char *)reason, sizeof what - 1);
        what[strcspn(what, "\n")] = '\0';
        yajl_free_error(s->parser, reason);
    }
    return fail_at(s, chunk, consumed, err, what);
}

static status read_chunk(stream *s, unsigned char *chunk, size_t *length, error *err) {
    int count = gzread(s->file, chunk, CHUNK_BYTES);
    int code = Z_OK;
    const char *reason = gzerror(s->file, &code);
    /* A gzip file that ends early gives its last bytes first and the error with them. */
    if (count < 0 || code == Z_BUF_ERROR || code == Z_DATA_ERROR) {
        if (code == Z_ERRNO)
            return error_set(err, STATUS_BAD_INPUT, "%s: cannot read: %s", s->path, strerror(errno));
        bool is_short = code == Z_BUF_ERROR;
        return error_set(err, STATUS_BAD_INPUT, "%s: %s (%s)", s->path,
                         is_short ? "the gzip file ends early: truncated" : "damaged gzip data", reason);
    }
    *length = (size_t)count;
    return STATUS_OK;
}

static status check_guards(stream *s, const unsigned char *chunk, size_t length, error *err) {
    s->silent_bytes = s->any_token ? 0 : s->silent_bytes + length;
    s->any_token = false;
    if (s->silent_bytes > JSON_TOKEN_MAX_BYTES)
        return fail_at(s, chunk, length, err, "a name or a blank of more than 4 MiB");
    z_off_t packed = gzoffset(s->file);
    if (!gzdirect(s->file) && s->bytes > BOMB_MIN_BYTES && packed > 0 &&
        s->bytes / (uint64_t)packed > JSON_GZIP_RATIO_MAX)
        return error_set(err, STATUS_BAD_INPUT, "%s: expands more than %d times: no trace compresses so well", s->path,
                         JSON_GZIP_RATIO_MAX);
    return STATUS_OK;
}

static status read_all(stream *s, unsigned char *chunk, error *err) {
    for (;;) {
        size_t length = 0;
        status result = read_chunk(s, chunk, &length, err);
        if (result != STATUS_OK)
            return result;
        if (length == 0)
            break;
        if (yajl_parse(s->parser, chunk, length) != yajl_status_ok)
            return fail_parse(s, chunk, length, err);
        result = check_guards(s, chunk, length, err);
        if (result != STATUS_OK)
            return result;
        count_lines(s, chunk, length);
        s->bytes += length;
    }
    if (s->bytes == 0)
        return error_set(err, STATUS_BAD_INPUT, "%s: the file is empty", s->path);
    if (yajl_complete_parse(s->parser) != yajl_status_ok)
        return s->failure != STATUS_OK ? fail_at(s, chunk, 0, err, s->message.text)
                                       : fail_at(s, chunk, 0, err, "the JSON ends early: truncated");
    return STATUS_OK;
}

status json_stream_read(const char *path, json_stream_sink sink, error *err) {
    stream s = {.path = path, .sink = sink};
    status result = STATUS_OK;
    unsigned char *chunk = malloc(CHUNK_BYTES);
    s.file = gzopen(path, "rb");
    s.parser = yajl_alloc(&callbacks, NULL, &s);
    if (!chunk || !s.parser)
        abort();
    if (!s.file) {
        result = error_set(err, STATUS_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
        goto done;
    }
    gzbuffer(s.file, CHUNK_BYTES);
    yajl_config(s.parser, yajl_dont_validate_strings, 1);
    result = read_all(&s, chunk, err);
done:
    if (s.file)
        gzclose(s.file);
    yajl_free(s.parser);
    free(chunk);
    return result;
}
