#include "core/base/hash.h"

#include <string.h>

uint64_t hash_fnv1a64(uint64_t state, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    for (size_t i = 0; i < count; i++)
        state = (state ^ next[i]) * HASH_FNV1A64_PRIME;
    return state;
}

uint64_t hash_text(const char *text) {
    return hash_fnv1a64(HASH_FNV1A64_BASIS, text, strlen(text));
}

uint64_t hash_mix64(uint64_t word) {
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9u;
    word = (word ^ (word >> 27)) * 0x94d049bb133111ebu;
    return word ^ (word >> 31);
}
