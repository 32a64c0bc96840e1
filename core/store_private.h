/* What the store's writing and reading halves share. Private to core/store*.c. */
#ifndef INGOT_STORE_PRIVATE_H
#define INGOT_STORE_PRIVATE_H

#include "core/store.h"

#include <sqlite3.h>

/* Names of machines, workloads and lever sets are kept once each in table `name`; this maps text to id. */
typedef struct store_names {
    struct store_name {
        const char *text; /* NULL: empty slot */
        int64_t id;
    } * slots;
    size_t capacity, count; /* capacity: a power of two, or 0 */
    arena memory;
} store_names;

struct store {
    sqlite3 *db;
    char *path;
    bool writable;
    size_t knob_count;
    sqlite3_stmt *insert, *insert_name;
    size_t pending_rows; /* in the open transaction */
    size_t lost_rows;    /* rolled back and not yet reported */
    bool failed;         /* a write failed since the names were loaded */
    int64_t batch_start_ms;
    store_names names;
};

/* Columns of table `point` that hold one double each, in the order in which they are bound and read. */
enum { STORE_TOTAL_COLUMNS = 9 };
extern const char *const STORE_TOTALS[STORE_TOTAL_COLUMNS];
/* First positions in `SELECT` and `INSERT` lists: index, machine, workload, levers, batch, reason, then totals,
 * categories, knobs. */
enum {
    STORE_COLUMN_INDEX,
    STORE_COLUMN_MACHINE,
    STORE_COLUMN_WORKLOAD,
    STORE_COLUMN_LEVERS,
    STORE_COLUMN_BATCH,
    STORE_COLUMN_REASON,
    STORE_COLUMN_TOTALS,
    STORE_COLUMN_CATEGORIES = STORE_COLUMN_TOTALS + STORE_TOTAL_COLUMNS,
    STORE_COLUMN_KNOBS = STORE_COLUMN_CATEGORIES + CATEGORY_COUNT,
};

/* One clear line for SQLite's last error, and the status that goes with it. */
status store_fail(const store *s, error *err);

status store_execute(const store *s, const char *sql, error *err);
status store_prepare(const store *s, const char *sql, sqlite3_stmt **out, error *err);

/* Fills the map from table `name`. */
status store_names_load(store *s, error *err);
void store_names_free(store_names *names);
/* The id of a name, added to the file when new, in the transaction that is open. */
status store_name_id(store *s, const char *text, int64_t *id, error *err);

/* Column list for INSERT and SELECT; owned by the arena. */
const char *store_column_list(arena *memory, size_t knob_count);

/* Tables, view and manifest, in the caller's transaction. */
status store_schema_create(const store *s, const store_manifest *manifest, error *err);

/* Whether the file is a store of this schema. *empty: it is a database without anything in it. */
status store_schema_check(const store *s, bool *empty, error *err);

/* Fills the manifest from the file, text in the arena. */
status store_manifest_read(const store *s, arena *memory, store_manifest *manifest, error *err);

#endif
