/* Samples of access patterns on one pseudo-channel, and what they say of the whole memory. */
#include "sim/engine/hbm.h"

#include "core/base/random.h"

#include <math.h>

enum {
    STREAM_BURSTS = 32768,        /* sample of a stream: ten refresh intervals of an HBM3 pseudo-channel */
    SCATTERED_BURSTS = 4096,      /* sample of a gather or of strides */
    SECTOR_BYTES = 32,            /* what a warp's access is counted in, and the least burst */
    WARP_SECTORS = 16,            /* of a warp whose threads load 16 bytes each */
    ARRIVAL_GRANULES = 8,         /* streams arrive out of order within so many granules: blocks run apart (estimate) */
    WRITE_REGION_BLOCK = 1 << 20, /* where a copy's destination begins, in granules of a pseudo-channel */
};

/* The least that a miss brings in on NVIDIA's GPUs since Ampere (cudaLimitMaxL2FetchGranularity's default). */
static const double FETCH_BYTES = 64;
/* What an SM keeps on its way: 32 KB reach 70 to 75 % of a B200's memory, 64 KB all of it (microbench-blackwell). */
static const double IN_FLIGHT_BYTES_PER_SM = 65536;
/* The chip's read path: an H200 reads 4 GB at 4,341 GB/s of 4,800, where the device itself would do better. It is no
 * share of the pins: an H100, the same die, reads rows at 3,191 of 3,350 (`reduce` in operators-steady.csv). Memory
 * faster than an H200's keeps its share, for want of measurements. */
static const double HOPPER_READ_BYTES_PER_S = 4341e9, H200_PEAK_BYTES_PER_S = 4.8e12;
/* The write path is a share of the pins: an H200 writes 4 GB at 4,655 GB/s, of which the L2 still holds 50 MB when the
 * kernel ends, and an H100 8 GB at 3,191 of 3,350. */
static const double HOPPER_WRITE_PATH_FRAC = 4655e9 / 4.8e12 * (1 - 50e6 / 4e9);

typedef struct pattern_source {
    const hbm_memory *memory;
    const hbm_pattern *pattern;
    uint64_t issued_items[2]; /* by read, write */
    int64_t bursts_left;      /* of the sample */
    hbm_request current;
    int32_t current_left;   /* bursts of the item at hand */
    uint64_t address_index; /* stride: next access of the whole memory */
    uint64_t drawn;
} pattern_source;

static uint64_t draw(pattern_source *s) {
    static const uint64_t SEED = 5, STREAM = 0;
    return random_bits(SEED, STREAM, s->drawn++);
}

/* The n-th granule of a stream, as arrivals order it: each run of ARRIVAL_GRANULES in a random rotation. */
static uint64_t arrival_of(uint64_t n) {
    static const uint64_t SEED = 5, STREAM = 1;
    uint64_t run = n / ARRIVAL_GRANULES, at = n % ARRIVAL_GRANULES;
    uint64_t bits = random_bits(SEED, STREAM, run);
    return run * ARRIVAL_GRANULES + ((at * (bits | 1)) + (bits >> 32)) % ARRIVAL_GRANULES;
}

static int32_t bursts_of(const hbm_memory *memory, double bytes) {
    return (int32_t)ceil(bytes / memory->kind->burst_bytes);
}

/* Where the n-th granule of a direction lies that goes on at several places, granule by granule in turn; past what lies
 * between them all go on behind the last. */
static uint64_t place_of_ways(const pattern_source *s, uint64_t n) {
    uint64_t ways = (uint64_t)s->pattern->ways;
    if (ways <= 1)
        return n;
    double apart = s->pattern->apart_bytes / (HBM_GRANULE_BYTES * s->memory->pseudo_channels);
    double along = floor((double)n / (double)ways), passes = floor(along / apart);
    return (uint64_t)(floor((passes * (double)ways + (double)(n % ways)) * apart) + along - ceil(passes * apart));
}

static void next_stream(pattern_source *s) {
    /* Granules of either direction, in proportion. */
    double reads = (double)s->issued_items[0], writes = (double)s->issued_items[1];
    bool write = s->pattern->write_frac > 0 && writes <= s->pattern->write_frac * (reads + writes);
    uint64_t block = place_of_ways(s, arrival_of(s->issued_items[write]++));
    s->current.write = write;
    s->current.place = hbm_place_of_block(s->memory, 0, block + (write ? WRITE_REGION_BLOCK : 0));
    s->current_left = bursts_of(s->memory, HBM_GRANULE_BYTES);
}

static void next_gather(pattern_source *s) {
    double item = fmax(s->pattern->item_bytes, FETCH_BYTES);
    uint64_t block = draw(s) % WRITE_REGION_BLOCK;
    s->current.write = false;
    s->current.place = hbm_place_of_block(s->memory, 0, block);
    /* Larger items go on in other pseudo-channels, as a random granule does here. */
    s->current_left = bursts_of(s->memory, fmin(item, HBM_GRANULE_BYTES));
}

/* The n-th sector to arrive. A warp's sectors come together, warps in any order within what is on its way: in blocks of
 * a power of two, each shuffled by odd factors and shifts, which keep it one to one. */
static uint64_t arrival_of_sector(uint64_t n, double in_flight) {
    enum { ROUNDS = 3 };
    static const uint64_t GOLDEN = 2654435769u; /* 2^32 over the golden ratio (Knuth 6.4) */
    uint32_t bits = 0;
    while ((double)((uint64_t)WARP_SECTORS << bits) < in_flight)
        bits++;
    uint64_t warp = n / WARP_SECTORS, mask = (1ull << bits) - 1, window = warp >> bits, at = warp & mask;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        at = (at * GOLDEN + window + round) & mask;
        at ^= at >> (bits + 1) / 2;
    }
    return (window << bits | at) * WARP_SECTORS + n % WARP_SECTORS;
}

/* The next sector that falls on pseudo-channel 0, with what a miss brings along. */
static void next_stride(pattern_source *s) {
    hbm_place place;
    do {
        uint64_t sector = arrival_of_sector(s->address_index++, s->pattern->in_flight);
        place = hbm_place_of(s->memory, sector * (uint64_t)s->pattern->item_bytes);
    } while (place.pseudo_channel != 0);
    s->current.write = false;
    s->current.place = place;
    s->current_left = bursts_of(s->memory, fmin(FETCH_BYTES, fmax(s->pattern->item_bytes, SECTOR_BYTES)));
}

static bool next_request(void *context, hbm_request *out) {
    pattern_source *s = context;
    if (s->bursts_left == 0)
        return false;
    if (s->current_left == 0) {
        switch (s->pattern->kind) {
        case HBM_STREAM:
            next_stream(s);
            break;
        case HBM_STRIDE:
            next_stride(s);
            break;
        case HBM_GATHER:
            next_gather(s);
            break;
        }
    }
    s->current_left--;
    s->bursts_left--;
    *out = s->current;
    return true;
}

double hbm_pattern_busy_frac(const hbm_memory *memory, const hbm_pattern *pattern, hbm_counts *counts) {
    pattern_source s = {.memory = memory, .pattern = pattern};
    s.bursts_left = pattern->kind == HBM_STREAM ? STREAM_BURSTS : SCATTERED_BURSTS;
    *counts = hbm_serve(memory, (hbm_source){.next = next_request, .context = &s});
    return (double)(counts->reads + counts->writes) * HBM_BURST_CLK / (double)counts->clocks;
}

/* ---- the whole memory ---- */

hbm_fabric hbm_fabric_of(const machine *m) {
    bool hopper = m->generation == GENERATION_HOPPER;
    return (hbm_fabric){
        .read_frac =
            hopper ? fmin(1, HOPPER_READ_BYTES_PER_S / fmin(m->hbm.bandwidth_bytes_per_s, H200_PEAK_BYTES_PER_S)) : 1,
        .write_frac = hopper ? HOPPER_WRITE_PATH_FRAC : 1,
        .fetch_bytes = FETCH_BYTES,
        .in_flight_bytes = m->sm.count * IN_FLIGHT_BYTES_PER_SM,
        .dirty_bytes = m->l2.bytes,
    };
}

/* K accesses on their way among N equal servers keep each busy K / (K + N - 1) of the time (a closed network in product
 * form: Gordon and Newell, 1967). */
static double spread_frac(const hbm_memory *memory, const hbm_fabric *fabric, double access_bytes) {
    double accesses = fabric->in_flight_bytes / access_bytes;
    return accesses / (accesses + memory->pseudo_channels - 1);
}

static double scattered_frac(const hbm_memory *memory, const hbm_fabric *fabric, hbm_pattern_kind kind, int32_t bytes) {
    hbm_pattern pattern = {
        .kind = kind, .item_bytes = bytes, .in_flight = fabric->in_flight_bytes / fabric->fetch_bytes};
    hbm_counts counts;
    double useful = kind == HBM_STRIDE ? SECTOR_BYTES : bytes;
    double fetched = fmax(useful, fabric->fetch_bytes);
    if (kind == HBM_STRIDE && bytes < fabric->fetch_bytes) /* neighbours share what is brought in */
        useful = fetched * SECTOR_BYTES / bytes;
    double busy = hbm_pattern_busy_frac(memory, &pattern, &counts);
    busy *= spread_frac(memory, fabric, fmin(fetched, HBM_GRANULE_BYTES));
    return fmin(busy, fabric->read_frac) * useful / fetched;
}

status hbm_streams_of(const machine *m, hbm_efficiency *out, error *err) {
    hbm_memory memory;
    status result = hbm_memory_of(m, &memory, err);
    if (result != STATUS_OK)
        return result;
    *out = (hbm_efficiency){.fabric = hbm_fabric_of(m), .peak_bytes_per_s = m->hbm.bandwidth_bytes_per_s};
    hbm_counts counts;
    out->read_frac = hbm_pattern_busy_frac(&memory, &(hbm_pattern){.kind = HBM_STREAM}, &counts);
    out->write_frac = hbm_pattern_busy_frac(&memory, &(hbm_pattern){.kind = HBM_STREAM, .write_frac = 1}, &counts);
    out->copy_frac = hbm_pattern_busy_frac(&memory, &(hbm_pattern){.kind = HBM_STREAM, .write_frac = 0.5}, &counts);
    return STATUS_OK;
}

status hbm_efficiency_of(const machine *m, hbm_efficiency *out, error *err) {
    hbm_memory memory;
    status result = hbm_memory_of(m, &memory, err);
    if (result == STATUS_OK)
        result = hbm_streams_of(m, out, err);
    if (result != STATUS_OK)
        return result;
    int32_t bytes = HBM_GATHER_BYTES_MIN;
    for (size_t i = 0; i < HBM_GATHER_SIZES; i++, bytes *= 2) {
        out->gather_frac[i] = scattered_frac(&memory, &out->fabric, HBM_GATHER, bytes);
        out->stride_frac[i] = scattered_frac(&memory, &out->fabric, HBM_STRIDE, bytes);
    }
    return STATUS_OK;
}

/* Turning round costs most when half the bytes go each way; between, it falls with the rarer direction's share. */
double hbm_stream_s(const hbm_efficiency *e, double read_bytes, double write_bytes) {
    double peak = e->peak_bytes_per_s, bytes = read_bytes + write_bytes;
    if (bytes <= 0)
        return 0;
    double pure_s = (read_bytes / e->read_frac + write_bytes / e->write_frac) / peak;
    double half_s = (0.5 / e->read_frac + 0.5 / e->write_frac) / peak;
    double turn_s = fmax(0, 1 / (e->copy_frac * peak) - half_s); /* a byte, at half and half */
    double device_s = pure_s + 2 * turn_s * fmin(read_bytes, write_bytes);
    double path_s = fmax(read_bytes / e->fabric.read_frac, write_bytes / e->fabric.write_frac) / peak;
    return fmax(device_s, path_s);
}

double hbm_written_bytes(const hbm_efficiency *e, double write_bytes) {
    return fmax(0, write_bytes - e->fabric.dirty_bytes);
}
