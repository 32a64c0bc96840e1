/* A bump allocator: everything allocated from an arena lives until arena_free. */
#ifndef INGOT_ARENA_H
#define INGOT_ARENA_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct arena_chunk arena_chunk;

/* Zero-initialise ({0}) to create; arena_free accepts that state too. */
typedef struct arena {
    arena_chunk *chunks;
    size_t total_bytes; /* sum of all chunk sizes */
} arena;

/* Zeroed memory, aligned for any type. Never NULL: running out of memory ends the process by abort(), since no caller
 * could do better (every input is bounded in size before it is read). */
void *arena_alloc(arena *a, size_t bytes);

/* An array of `count` elements; aborts on overflow of the product. */
void *arena_array(arena *a, size_t count, size_t element_bytes);
#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_array((a), (count), sizeof(type)))

char *arena_strdup(arena *a, const char *text);
char *arena_strndup(arena *a, const char *text, size_t bytes);
char *arena_printf(arena *a, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull(2)));

void arena_free(arena *a);

#ifdef __cplusplus
}
#endif
#endif
