/* The store of a sweep: one SQLite row a design point, and a manifest that makes it reproducible. Its schema is
 * documented in docs/formats.md.
 *
 * A store belongs to one thread at a time. Numbers that are not known are NaN here and NULL in the file. */
#ifndef INGOT_STORE_H
#define INGOT_STORE_H

#include "core/base/arena.h"
#include "core/base/error.h"
#include "core/op.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_SCHEMA = 1,
    STORE_KNOBS_MAX = 16,
    /* A transaction is committed after so many rows or milliseconds: what a kill can cost at most. */
    STORE_BATCH_ROWS = 8192,
    STORE_BATCH_MS = 1000,
};

/* One result. Text is borrowed for the duration of the call. */
typedef struct store_point {
    int64_t index;        /* position in the sweep's enumeration: unique, and the seed of everything random about it */
    const char *machine;  /* base machine's name */
    const char *workload; /* "codellama-34b/humaneval" */
    const char *levers;   /* preset and settings: "compile weights=int8" */
    int64_t batch;        /* sequences */
    double knobs[STORE_KNOBS_MAX]; /* swept machine keys, in the manifest's order */
    const char *reason; /* why it is not feasible or not applicable; NULL: it is, and the numbers below hold. With a
                           reason the numbers are not kept, and come back as NaN */
    double latency_s, ttft_s, tpot_s;
    double gpu_busy_s, gpu_idle_s;
    double energy_j, area_m2, cost_usd, peak_memory_bytes;
    double category_s[CATEGORY_COUNT];
} store_point;

/* What was asked, for the report and for resuming. Text may be NULL when written and is never NULL when read. */
typedef struct store_manifest {
    const char *version, *command, *question, *config_hash, *engine, *host, *date;
    const char *objectives; /* what designs are compared by, names with spaces between: "latency_s energy_j" */
    int64_t seed;
    int64_t point_count;                    /* that the whole sweep has */
    size_t knob_count;                      /* at most STORE_KNOBS_MAX (asserted) */
    const char *knob_keys[STORE_KNOBS_MAX]; /* "hbm.bandwidth_bytes_per_s" */
    double knob_base[STORE_KNOBS_MAX];      /* the base machine's values */
} store_manifest;

typedef struct store store;

/* Creates the file with its manifest. A file that exists is STATUS_BAD_INPUT unless `resume`, when its config_hash must
 * equal the manifest's; with `resume` a missing file, or one whose creation was cut short, starts afresh. A file that
 * is not a store is never changed. STATUS_BAD_INPUT: not a store, another schema, another sweep, corrupt;
 * STATUS_ENVIRONMENT: read-only, locked, disk full. */
status store_create(const char *path, const store_manifest *manifest, bool resume, store **out, error *err);

/* Opens for reading, also while a sweep writes and after one was killed; the manifest's text is owned by the arena. */
status store_open(const char *path, arena *memory, store_manifest *manifest, store **out, error *err);

/* Rows are batched into transactions; a row with an index that is there already is ignored. After an error the rows
 * committed before stay, and the pending ones are tried again by store_flush and store_close. */
status store_put(store *s, const store_point *point, error *err);

/* For a store that is deleted when the process ends: nothing waits for the disk from here on. */
status store_set_temporary(store *s, error *err);

/* Commits what is pending. */
status store_flush(store *s, error *err);

/* Calls `visit` for every row in index order (or by rising latency when `by_latency`, rows without one last), text
 * valid during the call. A status other than STATUS_OK ends the walk and is returned. */
status store_each(store *s, bool by_latency, status (*visit)(void *context, const store_point *point, error *err),
                  void *context, error *err);

status store_count(store *s, int64_t *count, error *err);

/* Bit i % 8 of byte i / 8 of `done` is set for each index i present, and left alone otherwise. */
status store_done(store *s, unsigned char *done, int64_t point_count, error *err);

/* Flushes and frees, whatever the result; NULL is fine. A store closed so is one plain file. */
status store_close(store *s, error *err);

#endif
