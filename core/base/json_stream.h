/* JSON of any size as a stream of tokens, plain or gzip, in constant memory.
 *
 * Guards: a token longer than JSON_TOKEN_MAX_BYTES, nesting deeper than JSON_STREAM_DEPTH_MAX, a gzip file that expands
 * beyond any text's ratio, damaged gzip data and text that ends early are errors at file:line:column (of the
 * decompressed text; a damaged gzip file is named as such). */
#ifndef INGOT_JSON_STREAM_H
#define INGOT_JSON_STREAM_H

#include "core/base/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JSON_TOKEN_MAX_BYTES = 4 * 1024 * 1024, /* kernel names reach tens of kilobytes, call stacks somewhat more */
    JSON_STREAM_DEPTH_MAX = 64,
    JSON_GZIP_RATIO_MAX = 200, /* traces compress 20 to 60 times, deflate's limit is 1,032 */
};

typedef enum json_token_kind {
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,  /* text as written */
    JSON_LITERAL, /* true, false, null: no text */
} json_token_kind;

typedef struct json_token {
    json_token_kind kind;
    const char *text; /* keys, strings (escapes resolved) and numbers; not NUL-terminated, valid during the call */
    size_t length_bytes;
    int depth; /* of the containers around it; a container's own begin and end are outside it */
} json_token;

/* What receives the tokens. An error's text becomes `file:line:column: text`. */
typedef struct json_stream_sink {
    status (*take)(void *context, const json_token *token, error *err);
    void *context;
} json_stream_sink;

/* Reads a file of one JSON value to its end, or to the sink's first error. */
status json_stream_read(const char *path, json_stream_sink sink, error *err);

#ifdef __cplusplus
}
#endif
#endif
