/* Counter-based random numbers: a number is a pure function of (seed, stream, index), so a result depends on its inputs
 * and its own position alone, whatever the number and order of threads.
 *
 * A seed and a stream give a key; number `index` of the stream is hash_mix64(key + (index + 1) * golden), which is the
 * splitmix64 sequence started at the key. Streams keep uses apart: give every purpose its own. */
#ifndef INGOT_RANDOM_H
#define INGOT_RANDOM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* 64 random bits. random_bits(0, ...) is as good as any: no seed is special. */
uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in [0, 1): a multiple of 2^-53, every one equally likely. */
double random_uniform(uint64_t seed, uint64_t stream, uint64_t index);

#ifdef __cplusplus
}
#endif
#endif
