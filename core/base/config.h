/* Strict YAML reading: a node tree with positions, and field tables that bind it to structs.
 *
 * A subset of YAML 1.1 that cannot surprise: one document, scalars, sequences and mappings; no anchors, aliases, tags
 * or merge keys. A number is a plain decimal (1.98e9), never 1.98GHz, 0x10, nan or "1". Every error names
 * file:line:column, and for an unknown key the nearest known one. */
#ifndef INGOT_CONFIG_H
#define INGOT_CONFIG_H

#include "core/base/arena.h"
#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    CONFIG_FILE_MAX_BYTES = 4 * 1024 * 1024, /* far above any real configuration; keeps noise from filling memory */
    CONFIG_DEPTH_MAX = 32,
    CONFIG_KEYS_MAX = 4096, /* in one mapping; duplicates are looked for pair by pair */
};

typedef enum config_kind { CONFIG_SCALAR, CONFIG_SEQUENCE, CONFIG_MAPPING } config_kind;

/* A node of the tree; everything is owned by the arena that was passed to config_load. */
typedef struct config_node {
    config_kind kind;
    bool plain;                  /* a scalar written without quotes */
    const char *file;            /* for messages */
    int line, column;            /* from 1; columns count characters */
    const char *text;            /* scalar: its text, NUL-terminated */
    size_t count;                /* sequence or mapping: number of entries */
    struct config_node **keys;   /* mapping: scalar nodes, all different */
    struct config_node **values; /* sequence and mapping */
} config_node;

/* Reads a file whose top level is a mapping. The tree keeps a copy of `path` for messages. */
status config_load(arena *a, const char *path, const config_node **root, error *err);

/* The same from memory; `name` stands for the file in messages. */
status config_parse(arena *a, const char *name, const char *text, size_t bytes, const config_node **root, error *err);

/* The value under `key` of a mapping, or NULL. */
const config_node *config_get(const config_node *mapping, const char *key);

/* Strict scalar readers: an error at the node's position when it is anything else or out of [min, max]. */
status config_number(const config_node *node, double min, double max, double *out, error *err);
status config_text(const config_node *node, const char **out, error *err);
status config_bool(const config_node *node, bool *out, error *err);

/* Whether `schema: version` stands at the top level; the field table must still name "schema" (as a CONFIG_NODE). */
status config_schema(const config_node *root, int version, error *err);

/* An error at a node's position. */
#define CONFIG_ERROR(node, err, ...) error_at((err), (node)->file, (node)->line, (node)->column, __VA_ARGS__)

typedef enum config_type {
    CONFIG_NUMBER, /* double at offset; written `key: 1.5` or `key: {value: 1.5, source: "where it is from"}` */
    CONFIG_TEXT,   /* const char * at offset */
    CONFIG_BOOL,   /* bool at offset */
    CONFIG_NODE,   /* const config_node * at offset: the caller reads it */
} config_type;

typedef struct config_field {
    const char *key; /* dotted path: "sm.count" */
    config_type type;
    size_t offset; /* of the member in the struct that config_bind fills */
    double min, max;
    bool required;
} config_field;

/* What config_bind learned of each field; arrays as long as the field table, zeroed by the caller or NULL. */
typedef struct config_notes {
    bool *present;
    const char **sources; /* the number's own source, else its group's, else NULL */
} config_notes;

/* Fills the struct at `out` from a mapping. Unknown and missing keys, wrong types and values out of range are errors.
 * Members whose keys are absent keep their value, so a variant is bound over a copy of its base (pass
 * `check_required = false` there). */
status config_bind(const config_node *mapping, const config_field *fields, size_t field_count, bool check_required,
                   void *out, config_notes notes, error *err);

/* The candidate with the smallest edit distance to `word`, or NULL when none is near. */
const char *config_nearest(const char *word, const char *const *candidates, size_t count);

#ifdef __cplusplus
}
#endif
#endif
