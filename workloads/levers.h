/* Levers: what can be changed about how a workload is run, and the presets that bundle them (design.md 5).
 *
 * levers_table.c holds a row a lever; levers.c reads and writes "key=value"; levers_check.c says which exclude each
 * other. docs/workloads.md describes them for users. */
#ifndef INGOT_LEVERS_H
#define INGOT_LEVERS_H

#include "core/base/arena.h"
#include "core/machine.h"

#include <stdbool.h>

typedef enum lever_attention { ATTENTION_NAIVE, ATTENTION_FLASH } lever_attention;
typedef enum lever_launch { LAUNCH_EAGER, LAUNCH_GRAPH } lever_launch;
typedef enum lever_fuse { FUSE_NONE, FUSE_STANDARD, FUSE_MAXIMAL } lever_fuse;
typedef enum lever_kv_cache { KV_DYNAMIC, KV_STATIC, KV_PAGED } lever_kv_cache;
typedef enum lever_kv_keep { KEEP_FULL, KEEP_WINDOW, KEEP_TOPK } lever_kv_keep;
typedef enum lever_cfg_mode { CFG_NONE, CFG_BATCHED_3X, CFG_SEQUENTIAL_2X } lever_cfg_mode;
/* BEAM_AUTO: indirect where a model has beams; workload_build resolves it before a family sees it. */
typedef enum lever_beam_reorder { BEAM_COPY, BEAM_INDIRECT, BEAM_AUTO } lever_beam_reorder;
typedef enum lever_flavour { FLAVOUR_HF, FLAVOUR_GPTFAST, FLAVOUR_INGOT, FLAVOUR_FAIRSEQ2, FLAVOUR_META } lever_flavour;
/* SPECULATE_AUTO: layerskip where the model has a checkpoint trained for it; resolved likewise. */
typedef enum lever_speculate { SPECULATE_NONE, SPECULATE_LAYERSKIP, SPECULATE_DRAFT, SPECULATE_AUTO } lever_speculate;
typedef enum lever_schedule { SCHEDULE_STATIC } lever_schedule;

/* Values of `weights` besides the data types: the fastest of several, matrix by matrix. */
enum { WEIGHTS_AUTOQUANT = DTYPE_COUNT, WEIGHTS_AUTOQUANT_INT4, WEIGHTS_AUTOQUANT_FP8 };

enum { LEVER_ARGUMENTS_MAX = 3, LEVER_NAME_BYTES = 256 };

/* layerskip(exit,drafts,acceptance) and draft(model,drafts,acceptance). */
typedef struct speculate_arguments {
    double exit;                  /* layers that draft; 0: the model's own */
    double drafts;                /* tokens drafted a round */
    double acceptance;            /* chance that a draft is accepted, given that those before it were */
    char model[LEVER_NAME_BYTES]; /* that drafts */
} speculate_arguments;

typedef struct keep_arguments {
    double sinks, recent; /* window(sinks,recent): the first and the last tokens */
    double tokens;        /* topk(tokens): those with the largest accumulated scores */
} keep_arguments;

typedef struct levers {
    const char *preset;
    /* The enums above; weights, activations and kv_dtype are data types. */
    unsigned attention, launch, fuse, kv_cache, weights, flavour, cfg_mode, beam_reorder, activations, kv_dtype,
        kv_keep, speculate, schedule;
    speculate_arguments speculation;
    keep_arguments keep;
    double page_tokens;         /* of kv_cache=paged */
    double streams, tp, pp, ep; /* 1: off */
} levers;

/* What a choice takes in brackets, in this order; trailing ones may be left out. */
typedef struct lever_argument {
    const char *name;
    size_t offset; /* in struct levers: a double, or char[LEVER_NAME_BYTES] where `text` */
    double min, max;
    bool whole, text;
} lever_argument;

/* One lever, as listed and as set. Choices that are known but have no graph carry `modelled` false. */
typedef struct lever_choice {
    const char *name;
    unsigned value;
    bool modelled;
    lever_argument arguments[LEVER_ARGUMENTS_MAX]; /* up to the first without a name */
} lever_choice;

typedef struct lever_info {
    const char *key, *layer, *text;
    const char *effect;  /* on operators, bytes, launches and memory */
    const char *quality; /* what it does to the answers: "none" or the risk, which is not modelled */
    size_t offset;       /* in struct levers: an unsigned, or a double where there are no choices */
    const lever_choice *choices;
    size_t choice_count;
    double min, max; /* of a lever that is a whole number */
} lever_info;

const lever_info *lever_table(size_t *count);

typedef struct preset_info {
    const char *name, *text;
    const char *settings; /* over the defaults: "launch=eager fuse=none" */
} preset_info;

const preset_info *preset_table(size_t *count);
/* Every lever at the value that it has in no preset's settings; `preset` is NULL. */
levers levers_defaults(void);

/* The choice that a set of levers makes, as it would be set: "layerskip(8,6,0.7)", "int8", "2". */
const char *lever_value_text(arena *a, const levers *l, const lever_info *info);
/* A choice with the names of its arguments, for lists: "layerskip(exit,drafts,acceptance)". */
const char *lever_choice_text(arena *a, const lever_choice *choice);

/* Unknown presets are STATUS_BAD_INPUT and name the nearest. */
status levers_preset(const char *name, levers *out, error *err);

/* Sets one lever from "key=value". Unknown keys and values, and arguments out of range, are STATUS_BAD_INPUT and name
 * the nearest or the range; a choice that is known but not modelled is STATUS_NEGATIVE. */
status levers_set(levers *l, const char *assignment, error *err);

/* A preset and settings as levers_text writes them: "compile weights=int8". Errors as of the two above. */
status levers_parse(const char *text, levers *out, error *err);

/* What a model in `own` 16 bits is in: fp16 where weights or activations are asked for in it. */
data_type levers_dtype(const levers *l, data_type own);

/* Levers that exclude each other: STATUS_NEGATIVE, saying which and why. */
status levers_check(const levers *l, error *err);

/* "compile weights=int8": the preset and what differs from it. */
const char *levers_text(arena *a, const levers *l);

/* The host profile that goes with these levers, unless the user names another. */
const char *levers_host(const levers *l);

/* Whether `weights` leaves the choice to the engine. */
bool levers_autoquant(const levers *l);

#endif
