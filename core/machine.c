/* Names, key tables and consistency of machines, and the block that cost functions work on. */
#include "core/machine.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    double bits;
} dtypes[DTYPE_COUNT] = {
#define DTYPE(name, bits, rate, text) [DTYPE_##name] = {#name, bits},
#include "core/dtype.def"
};

const char *dtype_name(data_type type) {
    assert(type < DTYPE_COUNT);
    return dtypes[type].name;
}

double dtype_bytes(data_type type) {
    assert(type < DTYPE_COUNT);
    return dtypes[type].bits / 8;
}

status dtype_parse(const char *text, data_type *out, error *err) {
    const char *names[DTYPE_COUNT];
    for (size_t i = 0; i < DTYPE_COUNT; i++) {
        names[i] = dtypes[i].name;
        if (strcmp(text, names[i]) == 0) {
            *out = (data_type)i;
            return STATUS_OK;
        }
    }
    const char *nearest = config_nearest(text, names, DTYPE_COUNT);
    if (nearest)
        return error_set(err, STATUS_BAD_INPUT, "unknown element type '%.80s'; did you mean '%s'?", text, nearest);
    return error_set(err, STATUS_BAD_INPUT, "unknown element type '%.80s'", text);
}

static const char *const generation_names[GENERATION_COUNT] = {
    [GENERATION_VOLTA] = "volta",
    [GENERATION_TURING] = "turing",
    [GENERATION_AMPERE] = "ampere",
    [GENERATION_ADA] = "ada",
    [GENERATION_HOPPER] = "hopper",
    [GENERATION_BLACKWELL] = "blackwell",
    [GENERATION_BLACKWELL_RTX] = "blackwell-rtx",
    [GENERATION_CDNA3] = "cdna3",
};

const char *generation_name(generation g) {
    assert(g < GENERATION_COUNT);
    return generation_names[g];
}

status generation_parse(const char *text, generation *out) {
    for (size_t i = 0; i < GENERATION_COUNT; i++)
        if (strcmp(text, generation_names[i]) == 0) {
            *out = (generation)i;
            return STATUS_OK;
        }
    return STATUS_BAD_INPUT;
}

/* clang-format off */
enum {
    MACHINE_KEY_COUNT = 0
#define NUMBER(group, name, min, max, need, text) + 1
#include "core/machine.def"
    ,
    CALIBRATION_KEY_COUNT = 0
#define PARAMETER(group, name, min, max, prior, text) + 1
#include "core/calibration.def"
};
/* clang-format on */

/* The machine's keys, then the calibration's: the order of the lanes in a block, so that a key's place in this table is
 * its place there. */
static const machine_key all_keys[MACHINE_KEY_COUNT + CALIBRATION_KEY_COUNT] = {
#define REQUIRED true
#define OPTIONAL false
#define NUMBER(group, name, min, max, need, text)                                                                      \
    {#group "." #name, offsetof(machine, group.name), min, max, need, text},
#include "core/machine.def"
#undef REQUIRED
#undef OPTIONAL
#define PARAMETER(group, name, min, max, prior, text)                                                                  \
    {#group "." #name, offsetof(calibration, group.name), min, max, false, text},
#include "core/calibration.def"
};

enum { FIRST_LANES_OFFSET = offsetof(machine_block, sm_count) };
_Static_assert(FIRST_LANES_OFFSET + (MACHINE_KEY_COUNT + CALIBRATION_KEY_COUNT) * sizeof(lanes) ==
                   offsetof(machine_block, peak_flops_per_s),
               "a block holds one array a key, in the order of the key tables, without gaps");

const machine_key *machine_keys(size_t *count) {
    *count = MACHINE_KEY_COUNT;
    return all_keys;
}

const machine_key *calibration_keys(size_t *count) {
    *count = CALIBRATION_KEY_COUNT;
    return all_keys + MACHINE_KEY_COUNT;
}

static const machine_key *find_key(const char *path, const machine_key *keys, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(path, keys[i].path) == 0)
            return &keys[i];
    return NULL;
}

const machine_key *machine_key_find(const char *path) {
    return find_key(path, all_keys, MACHINE_KEY_COUNT);
}

const machine_key *calibration_key_find(const char *path) {
    static const char prefix[] = "calibration.";
    if (strncmp(path, prefix, sizeof prefix - 1) == 0)
        path += sizeof prefix - 1;
    return find_key(path, all_keys + MACHINE_KEY_COUNT, CALIBRATION_KEY_COUNT);
}

static bool is_machine_key(const machine_key *key) {
    return key >= all_keys && key < all_keys + MACHINE_KEY_COUNT;
}

static bool is_calibration_key(const machine_key *key) {
    return key >= all_keys + MACHINE_KEY_COUNT && key < all_keys + MACHINE_KEY_COUNT + CALIBRATION_KEY_COUNT;
}

static double load_double(const void *structure, size_t offset) {
    double value;
    memcpy(&value, (const char *)structure + offset, sizeof value);
    return value;
}

double machine_get(const machine *m, const machine_key *key) {
    assert(is_machine_key(key));
    return load_double(m, key->offset);
}

void machine_set(machine *m, const machine_key *key, double value) {
    assert(is_machine_key(key));
    memcpy((char *)m + key->offset, &value, sizeof value);
}

double calibration_get(const calibration *c, const machine_key *key) {
    assert(is_calibration_key(key));
    return load_double(c, key->offset);
}

void calibration_set(calibration *c, const machine_key *key, double value) {
    assert(is_calibration_key(key));
    memcpy((char *)c + key->offset, &value, sizeof value);
}

bool calibration_key_is_own(const machine_key *key) {
    static const char group[] = "own";
    size_t length = sizeof group - 1;
    return strncmp(key->path, group, length) == 0 && (key->path[length] == '.' || key->path[length] == '_');
}

calibration calibration_priors(void) {
    calibration c = {.name = "priors"};
#define PARAMETER(group, member, min, max, prior, text) c.group.member = prior;
#include "core/calibration.def"
    return c;
}

/* Keys that count things: a fraction of one has no meaning. */
#define WHOLE(group, name)                                                                                             \
    { offsetof(machine, group.name), #group "." #name }
static const struct {
    size_t offset;
    const char *path;
} whole_keys[] = {
    WHOLE(sm, count),
    WHOLE(sm, max_warps),
    WHOLE(sm, max_ctas),
    WHOLE(sm, max_threads),
    WHOLE(sm, registers),
    WHOLE(sm, register_granule),
    WHOLE(sm, shared_bytes),
    WHOLE(sm, shared_granule_bytes),
    WHOLE(l2, slices),
    WHOLE(hbm, stacks),
    WHOLE(hbm, bus_bits),
    WHOLE(hbm, channels_per_stack),
    WHOLE(hbm, pseudo_channels_per_channel),
    WHOLE(hbm, banks_per_pseudo_channel),
    WHOLE(link, gpus),
    WHOLE(area, dies),
};
#undef WHOLE

static status check_whole_numbers(const machine *m, error *err) {
    for (size_t i = 0; i < sizeof whole_keys / sizeof whole_keys[0]; i++) {
        double value = load_double(m, whole_keys[i].offset);
        if (value != floor(value))
            return error_set(err, STATUS_BAD_INPUT, "%s is %g: it counts things and must be whole", whole_keys[i].path,
                             value);
    }
    return STATUS_OK;
}

/* Threads a warp; AMD's waves of 64 are counted as two. */
enum { WARP_THREADS = 32 };

status machine_check(const machine *m, error *err) {
    const struct {
        bool wrong;
        const char *reason; /* begins with the path of the key to look at */
    } checks[] = {
        {m->sm.clock_tensor_hz > m->sm.clock_max_hz, "sm.clock_tensor_hz is above sm.clock_max_hz"},
        {m->sm.clock_base_hz > m->sm.clock_max_hz, "sm.clock_base_hz is above sm.clock_max_hz"},
        {m->sm.max_threads > m->sm.max_warps * WARP_THREADS, "sm.max_threads is above 32 times sm.max_warps"},
        {m->sm.max_ctas > m->sm.max_warps, "sm.max_ctas is above sm.max_warps: a block has at least one warp"},
        {m->sm.register_granule > m->sm.registers, "sm.register_granule is above sm.registers"},
        {m->sm.shared_bytes > m->sm.l1_bytes, "sm.shared_bytes is above sm.l1_bytes, of which it is carved"},
        {m->sm.shared_granule_bytes > m->sm.shared_bytes, "sm.shared_granule_bytes is above sm.shared_bytes"},
        {m->sm.shared_reserved_bytes >= m->sm.shared_bytes, "sm.shared_reserved_bytes leaves no shared memory"},
        {m->l2.far_latency_clk != 0 && m->l2.far_latency_clk < m->l2.near_latency_clk,
         "l2.far_latency_clk is below l2.near_latency_clk"},
        {m->hbm.latency_clk < m->l2.near_latency_clk, "hbm.latency_clk is below l2.near_latency_clk"},
        {m->hbm.bus_bits < m->hbm.stacks, "hbm.bus_bits is below hbm.stacks"},
        {m->hbm.capacity_bytes <= m->l2.bytes, "hbm.capacity_bytes is not above l2.bytes"},
        {m->power.idle_w + m->power.clock_w >= m->power.limit_w,
         "power.idle_w and power.clock_w together are not below power.limit_w"},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        if (checks[i].wrong)
            return error_set(err, STATUS_BAD_INPUT, "%s", checks[i].reason);
    return check_whole_numbers(m, err);
}

void machine_block_fill(machine_block *block, const machine *const *machines, const calibration *const *calibrations,
                        size_t count) {
    assert(count >= 1 && count <= MACHINE_LANES);
    const machine *m[MACHINE_LANES];
    const calibration *c[MACHINE_LANES];
    for (size_t lane = 0; lane < MACHINE_LANES; lane++) {
        size_t from = lane < count ? lane : count - 1;
        m[lane] = machines[from];
        c[lane] = calibrations[from];
        assert(m[lane]->generation == machines[0]->generation);
    }
    block->count = count;
    block->generation = machines[0]->generation;
#define NUMBER(group, name, min, max, need, text)                                                                      \
    for (size_t lane = 0; lane < MACHINE_LANES; lane++)                                                                \
        block->group##_##name[lane] = m[lane]->group.name;
#include "core/machine.def"
#define PARAMETER(group, name, min, max, prior, text)                                                                  \
    for (size_t lane = 0; lane < MACHINE_LANES; lane++)                                                                \
        block->group##_##name[lane] = c[lane]->group.name;
#include "core/calibration.def"
    machine_block_derive(block);
}

void machine_block_set(machine_block *block, size_t lane, const machine_key *key, double value) {
    assert(lane < block->count && (is_machine_key(key) || is_calibration_key(key)));
    lanes *arrays = (lanes *)((char *)block + FIRST_LANES_OFFSET);
    double *values = arrays[key - all_keys];
    values[lane] = value;
    if (lane == block->count - 1) /* the unused lanes repeat the last machine */
        for (size_t i = block->count; i < MACHINE_LANES; i++)
            values[i] = value;
}

void machine_block_derive(machine_block *block) {
#define DTYPE(name, bits, rate, text)                                                                                  \
    for (size_t lane = 0; lane < MACHINE_LANES; lane++)                                                                \
        block->peak_flops_per_s[DTYPE_##name][lane] =                                                                  \
            block->sm_count[lane] * block->sm_##rate##_flops_per_clk[lane] * block->sm_clock_tensor_hz[lane];
#include "core/dtype.def"
}
