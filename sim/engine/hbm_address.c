/* Addresses to places. Granules go round the pseudo-channels, in an order that rotates by a hash of the higher bits, so
 * that power-of-two strides reach all of them (XOR hashing, Rau 1991, where the count is no power of two); inside one,
 * consecutive granules alternate bank groups, and row bits are XORed into the bank (Zhang et al., MICRO 2000). */
#include "sim/engine/hbm.h"

/* Folds a number's bits onto the lowest `bits`. */
static uint64_t fold(uint64_t x, uint32_t bits) {
    uint64_t folded = 0;
    for (; x != 0; x >>= bits)
        folded ^= x;
    return folded & ((1ull << bits) - 1);
}

static uint32_t log2_of(uint32_t power) {
    return (uint32_t)__builtin_ctz(power);
}

/* Spreads all of a block number over the rotation: the multiplier is 2^32 over the golden ratio (Knuth 6.4). */
static uint64_t rotation_of(uint64_t block, uint64_t channels) {
    static const uint64_t GOLDEN = 2654435769u;
    return ((block * GOLDEN & 0xffffffffu) * channels) >> 32;
}

hbm_place hbm_place_of_block(const hbm_memory *memory, int32_t pseudo_channel, uint64_t block) {
    uint32_t groups = (uint32_t)memory->bank_groups, banks = (uint32_t)memory->banks / groups;
    uint64_t granules = (uint64_t)memory->kind->row_bytes / HBM_GRANULE_BYTES;
    uint64_t group = block % groups, above = block / groups;
    uint64_t granule = above % granules, row = above / granules;
    uint64_t bank = row % banks;
    row /= banks;
    /* Row bits enter bank and group by XOR, which keeps the mapping one to one. */
    bank ^= fold(row, log2_of(banks));
    group ^= fold(row >> log2_of(banks), log2_of(groups));
    return (hbm_place){
        .pseudo_channel = pseudo_channel,
        .bank = (int32_t)(bank * groups + group),
        .row = (int32_t)row,
        .column = (int32_t)(granule * (HBM_GRANULE_BYTES / (uint64_t)memory->kind->burst_bytes)),
    };
}

hbm_place hbm_place_of(const hbm_memory *memory, uint64_t address) {
    uint64_t channels = (uint64_t)memory->pseudo_channels, granule = address / HBM_GRANULE_BYTES;
    uint64_t block = granule / channels, slot = granule % channels;
    int32_t channel = (int32_t)((slot + rotation_of(block, channels)) % channels);
    hbm_place place = hbm_place_of_block(memory, channel, block);
    place.column += (int32_t)(address % HBM_GRANULE_BYTES / (uint64_t)memory->kind->burst_bytes);
    return place;
}
