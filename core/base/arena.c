#include "core/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One cache line, which is also one 512-bit vector: blocks of machines are loaded as such. */
enum { CHUNK_BYTES = 64 * 1024, ALIGNMENT_BYTES = 64 };

struct arena_chunk {
    arena_chunk *next;
    size_t used_bytes, capacity_bytes;
    _Alignas(ALIGNMENT_BYTES) unsigned char data[];
};

static arena_chunk *add_chunk(arena *a, size_t bytes) {
    size_t capacity_bytes = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    size_t padded_bytes =
        (sizeof(arena_chunk) + capacity_bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    arena_chunk *chunk = aligned_alloc(ALIGNMENT_BYTES, padded_bytes);
    if (!chunk)
        abort();
    memset(chunk, 0, padded_bytes);
    chunk->capacity_bytes = capacity_bytes;
    a->total_bytes += capacity_bytes;
    /* A chunk made for one large object goes behind the current one, whose free space stays in use. */
    if (a->chunks && bytes > CHUNK_BYTES) {
        chunk->next = a->chunks->next;
        a->chunks->next = chunk;
    } else {
        chunk->next = a->chunks;
        a->chunks = chunk;
    }
    return chunk;
}

void *arena_alloc(arena *a, size_t bytes) {
    if (bytes > SIZE_MAX / 2)
        abort();
    bytes = (bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
    arena_chunk *chunk = a->chunks;
    if (!chunk || chunk->capacity_bytes - chunk->used_bytes < bytes)
        chunk = add_chunk(a, bytes);
    void *memory = chunk->data + chunk->used_bytes;
    chunk->used_bytes += bytes;
    return memory;
}

void *arena_array(arena *a, size_t count, size_t element_bytes) {
    size_t bytes;
    if (__builtin_mul_overflow(count, element_bytes, &bytes))
        abort();
    return arena_alloc(a, bytes);
}

char *arena_strndup(arena *a, const char *text, size_t bytes) {
    char *copy = arena_alloc(a, bytes + 1);
    memcpy(copy, text, bytes);
    return copy;
}

char *arena_strdup(arena *a, const char *text) {
    return arena_strndup(a, text, strlen(text));
}

char *arena_printf(arena *a, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        abort();
    char *text = arena_alloc(a, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

void arena_free(arena *a) {
    arena_chunk *chunk = a->chunks;
    while (chunk) {
        arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *a = (arena){0};
}
