/* What is known of where measurements come from: the attention implementation behind a source's name, and whether its
 * 8-bit GEMM times include the kernel that quantises the activations. */
#ifndef INGOT_SOURCES_H
#define INGOT_SOURCES_H

#include "core/op.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct measurement_source {
    const char *name; /* as in a row's `source` column, exactly */
    attention_backend backend;
    bool dynamic_quantise;
} measurement_source;

typedef struct source_map {
    measurement_source *entries; /* sorted by name */
    size_t count;
    arena memory;
} source_map;

/* Reads a CSV with the columns `source`, `backend` (a name of ATTENTION_BACKENDS; blank: best) and optionally
 * `dynamic_quantise` (0 or 1; blank: 0); further columns, such as `note`, are for people. Free with sources_free, also
 * after an error. */
status sources_load(const char *path, source_map *out, error *err);

/* NULL when the source is not listed; `map` may be NULL. */
const measurement_source *sources_find(const source_map *map, const char *name);

void sources_free(source_map *map);

#endif
