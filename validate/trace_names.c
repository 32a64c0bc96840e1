/* Names of a trace, each kept once. */
#include "core/base/arena.h"
#include "core/base/hash.h"
#include "validate/trace.h"

#include <stdlib.h>
#include <string.h>

struct name_table {
    arena texts;
    const char **list;
    uint32_t count, capacity;
    uint32_t *slots; /* open addressing: index + 1, 0 when free */
    size_t slot_count;
    size_t bytes;
};

enum { FIRST_SLOTS = 4096 };

static void *grown(void *array, size_t count, size_t bytes) {
    void *larger = realloc(array, count * bytes);
    if (!larger)
        abort();
    return larger;
}

name_table *names_new(void) {
    name_table *n = calloc(1, sizeof *n);
    if (!n)
        abort();
    n->slot_count = FIRST_SLOTS;
    n->slots = calloc(n->slot_count, sizeof *n->slots);
    if (!n->slots)
        abort();
    return n;
}

void names_free(name_table *n) {
    if (!n)
        return;
    arena_free(&n->texts);
    free(n->list);
    free(n->slots);
    free(n);
}

static size_t slot_of(const name_table *n, const char *text, size_t length) {
    size_t slot = hash_mix64(hash_fnv1a64(HASH_FNV1A64_BASIS, text, length)) & (n->slot_count - 1);
    for (; n->slots[slot]; slot = (slot + 1) & (n->slot_count - 1)) {
        const char *known = n->list[n->slots[slot] - 1];
        if (strncmp(known, text, length) == 0 && known[length] == '\0')
            break;
    }
    return slot;
}

static void rehash(name_table *n) {
    n->slot_count *= 2;
    free(n->slots);
    n->slots = calloc(n->slot_count, sizeof *n->slots);
    if (!n->slots)
        abort();
    for (uint32_t i = 0; i < n->count; i++)
        n->slots[slot_of(n, n->list[i], strlen(n->list[i]))] = i + 1;
}

uint32_t names_intern(name_table *n, const char *text, size_t length) {
    const char *end = memchr(text, '\0', length); /* an escaped NUL ends the name */
    if (end)
        length = (size_t)(end - text);
    size_t slot = slot_of(n, text, length);
    if (n->slots[slot])
        return n->slots[slot] - 1;
    n->bytes += length + 1;
    if (n->bytes > TRACE_NAMES_MAX_BYTES)
        return TRACE_NONE;
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? 2 * n->capacity : 1024;
        n->list = grown(n->list, n->capacity, sizeof *n->list);
    }
    n->list[n->count] = arena_strndup(&n->texts, text, length);
    n->slots[slot] = ++n->count;
    if (2 * (size_t)n->count > n->slot_count)
        rehash(n);
    return n->count - 1;
}

const char *names_text(const name_table *n, uint32_t name) {
    return name < n->count ? n->list[name] : "";
}

size_t names_count(const name_table *n) {
    return n->count;
}

const char *trace_name(const trace *t, uint32_t name) {
    return names_text(t->names, name);
}
