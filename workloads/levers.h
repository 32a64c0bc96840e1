/* Levers: what can be changed about how a workload is run, and the presets that bundle them (design.md 5). */
#ifndef INGOT_LEVERS_H
#define INGOT_LEVERS_H

#include "core/base/arena.h"
#include "core/machine.h"

#include <stdbool.h>

typedef enum lever_attention { ATTENTION_NAIVE, ATTENTION_FLASH } lever_attention;
typedef enum lever_launch { LAUNCH_EAGER, LAUNCH_GRAPH } lever_launch;
typedef enum lever_fuse { FUSE_NONE, FUSE_STANDARD, FUSE_MAXIMAL } lever_fuse;
typedef enum lever_kv_cache { KV_DYNAMIC, KV_STATIC } lever_kv_cache;
typedef enum lever_cfg_mode { CFG_NONE, CFG_BATCHED_3X, CFG_SEQUENTIAL_2X } lever_cfg_mode;
typedef enum lever_beam_reorder { BEAM_COPY, BEAM_INDIRECT } lever_beam_reorder;
typedef enum lever_flavour { FLAVOUR_HF, FLAVOUR_GPTFAST, FLAVOUR_INGOT, FLAVOUR_FAIRSEQ2 } lever_flavour;

typedef struct levers {
    const char *preset;
    /* The enums above; weights is a data_type. */
    unsigned attention, launch, fuse, kv_cache, weights, flavour, cfg_mode, beam_reorder;
} levers;

/* One lever, as listed and as set. Choices that are known but have no graph yet carry `modelled` false. */
typedef struct lever_choice {
    const char *name;
    unsigned value;
    bool modelled;
} lever_choice;

typedef struct lever_info {
    const char *key, *layer, *text;
    size_t offset; /* in struct levers; ignored when no choice is modelled */
    const lever_choice *choices;
    size_t choice_count;
} lever_info;

const lever_info *lever_table(size_t *count);

typedef struct preset_info {
    const char *name, *text;
    bool modelled;
} preset_info;

const preset_info *preset_table(size_t *count);

/* The choice that a set of levers makes, by name; NULL where no choice of the lever is modelled. */
const char *lever_choice_of(const levers *l, const lever_info *info);

/* Known presets: baseline, sdpa, compile. One that is known but not modelled yet is STATUS_NEGATIVE. */
status levers_preset(const char *name, levers *out, error *err);

/* Sets one lever from "key=value". Unknown keys and values are STATUS_BAD_INPUT and name the nearest; a choice that is
 * known but not modelled yet is STATUS_NEGATIVE. */
status levers_set(levers *l, const char *assignment, error *err);

/* A preset and settings as levers_text writes them: "compile weights=int8". Errors as of the two above. */
status levers_parse(const char *text, levers *out, error *err);

/* Levers that exclude each other: STATUS_NEGATIVE, saying which and why. */
status levers_check(const levers *l, error *err);

/* "compile weights=int8": the preset and what differs from it. */
const char *levers_text(arena *a, const levers *l);

/* The host profile that goes with these levers, unless the user names another. */
const char *levers_host(const levers *l);

#endif
