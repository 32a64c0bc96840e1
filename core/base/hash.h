/* 64-bit hashes for splitting rows and naming configurations. Not for anything an adversary may choose. */
#ifndef INGOT_HASH_H
#define INGOT_HASH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* FNV-1a, 64 bits (Fowler, Noll, Vo; IETF draft-eastlake-fnv): for each byte, xor it in and multiply by the prime. */
static const uint64_t HASH_FNV1A64_BASIS = 0xcbf29ce484222325u;
static const uint64_t HASH_FNV1A64_PRIME = 0x00000100000001b3u;

/* Continues a hash over more bytes; start from HASH_FNV1A64_BASIS. Hashing a text in pieces or whole is the same. */
uint64_t hash_fnv1a64(uint64_t state, const void *bytes, size_t count);

/* The same over a NUL-terminated text, from the basis. */
uint64_t hash_text(const char *text);

/* The finaliser of splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, in
 * Vigna's variant): a bijection of 64-bit words in which every output bit depends on every input bit. FNV's low bits
 * alone see only the low bits of the text; this makes a parity fair. */
uint64_t hash_mix64(uint64_t word);

#ifdef __cplusplus
}
#endif
#endif
