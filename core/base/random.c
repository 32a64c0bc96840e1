#include "core/base/random.h"

#include "core/base/hash.h"

/* 2^64 divided by the golden ratio, made odd: splitmix64's increment. */
static const uint64_t GOLDEN = 0x9e3779b97f4a7c15u;

uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t index) {
    /* Seed and stream are mixed one after the other, so that (1, 2) and (2, 1) share nothing. */
    uint64_t key = hash_mix64(hash_mix64(seed + GOLDEN) + stream + GOLDEN);
    return hash_mix64(key + (index + 1) * GOLDEN);
}

double random_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
    return (double)(random_bits(seed, stream, index) >> 11) * 0x1p-53;
}
