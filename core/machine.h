/* A GPU as the engines see it: hardware facts (machine.def), fitted parameters (calibration.def), and the block of
 * eight machines that cost functions work on. Sources of the numbers stand in configs/machines/ beside each. */
#ifndef INGOT_MACHINE_H
#define INGOT_MACHINE_H

#include "core/base/config.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum data_type {
#define DTYPE(name, bits, rate, text) DTYPE_##name,
#include "core/dtype.def"
    DTYPE_COUNT
} data_type;

const char *dtype_name(data_type type);
double dtype_bytes(data_type type); /* 0.5 for 4-bit types */
status dtype_parse(const char *text, data_type *out, error *err);

/* Generations differ in the kernels that libraries pick: tile sets, multicast, split-K. */
typedef enum generation {
    GENERATION_VOLTA,
    GENERATION_TURING,
    GENERATION_AMPERE,
    GENERATION_ADA,
    GENERATION_HOPPER,
    GENERATION_BLACKWELL,
    GENERATION_BLACKWELL_RTX,
    GENERATION_CDNA3,
    GENERATION_COUNT
} generation;

/* Tensor cores that warp groups feed asynchronously, from kernels that stay resident. */
static inline bool generation_has_warpgroups(generation g) {
    return g == GENERATION_HOPPER || g == GENERATION_BLACKWELL;
}

const char *generation_name(generation g); /* as written in YAML: "hopper", "blackwell-rtx" */
status generation_parse(const char *text, generation *out);

typedef struct machine {
    const char *name, *description, *vendor, *process_node, *memory_kind, *calibration_name;
    generation generation;
#define GROUP(group) struct {
#define NUMBER(group, name, min, max, need, text) double name;
#define END_GROUP(group)                                                                                               \
    }                                                                                                                  \
    group;
#include "core/machine.def"
} machine;

typedef struct calibration {
    const char *name, *data, *date;
#define GROUP(group) struct {
#define PARAMETER(group, name, min, max, prior, text) double name;
#define END_GROUP(group)                                                                                               \
    }                                                                                                                  \
    group;
#include "core/calibration.def"
} calibration;

/* A numeric key that can be swept, overridden or listed: of the machine, "sm.count", or "calibration.memory...". */
typedef struct machine_key {
    const char *path; /* "hbm.bandwidth_bytes_per_s" */
    size_t offset;    /* in struct machine */
    double min, max;
    bool required;
    const char *text;
} machine_key;

const machine_key *machine_keys(size_t *count);
const machine_key *machine_key_find(const char *path); /* NULL when unknown */
double machine_get(const machine *m, const machine_key *key);
void machine_set(machine *m, const machine_key *key, double value);

/* The parameters of calibration.def; their `offset` is in struct calibration, and their paths
 * ("memory.l2_residency_frac") are found with or without "calibration." in front. */
const machine_key *calibration_keys(size_t *count);
const machine_key *calibration_key_find(const char *path); /* NULL when unknown */
double calibration_get(const calibration *c, const machine_key *key);
void calibration_set(calibration *c, const machine_key *key, double value);
/* Whether it belongs to our own kernels (calibration_own.def), which have a file of their own. */
bool calibration_key_is_own(const machine_key *key);
/* Every parameter at its prior. */
calibration calibration_priors(void);

/* Whether the numbers that must agree do: tensor clock within the maximum, idle under the limit, occupancy limits
 * consistent, counts whole. STATUS_BAD_INPUT with the reason, which begins with the path of the key to look at, without
 * a position. */
status machine_check(const machine *m, error *err);

/* Lanes of a block: one 512-bit vector of doubles. */
enum { MACHINE_LANES = 8 };

typedef double lanes[MACHINE_LANES] __attribute__((aligned(64)));

/* Up to eight machines side by side, structure of arrays; unused lanes repeat the last machine, so that no lane holds
 * anything a cost function could choke on. All lanes share a generation (hence plans). */
typedef struct machine_block {
    size_t count; /* lanes that mean something, 1 to MACHINE_LANES */
    generation generation;
#define NUMBER(group, name, min, max, need, text) lanes group##_##name;
#include "core/machine.def"
#define PARAMETER(group, name, min, max, prior, text) lanes group##_##name;
#include "core/calibration.def"
    /* Derived once a block. */
    lanes peak_flops_per_s[DTYPE_COUNT]; /* at the tensor-rated clock; 0 where the machine lacks the type */
} machine_block;

/* Fills the block from `count` (1 to MACHINE_LANES) machines and their calibrations. All must share a generation
 * (asserted). */
void machine_block_fill(machine_block *block, const machine *const *machines, const calibration *const *calibrations,
                        size_t count);

/* Changes one number of one lane in use, of a machine key or a calibration key; unused lanes follow the last machine.
 * Call machine_block_derive after the last change. No range check. */
void machine_block_set(machine_block *block, size_t lane, const machine_key *key, double value);

/* Computes the derived arrays from the others; machine_block_fill has done so. */
void machine_block_derive(machine_block *block);

#ifdef __cplusplus
}
#endif
#endif
