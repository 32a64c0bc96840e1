/* The store's schema and manifest, and SQLite's errors as lines for people. */
#include "core/store_private.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "INGT": marks the file as ours (PRAGMA application_id). */
static const int APPLICATION_ID = 0x494e4754;

const char *const STORE_TOTALS[STORE_TOTAL_COLUMNS] = {"latency_s",  "ttft_s",     "tpot_s",
                                                       "gpu_busy_s", "gpu_idle_s", "energy_j",
                                                       "area_m2",    "cost_usd",   "peak_memory_bytes"};

/* The manifest's text members by their key in table `meta`. */
static const struct {
    const char *key;
    size_t offset;
} MANIFEST_TEXTS[] = {
    {"version", offsetof(store_manifest, version)},   {"command", offsetof(store_manifest, command)},
    {"question", offsetof(store_manifest, question)}, {"config_hash", offsetof(store_manifest, config_hash)},
    {"engine", offsetof(store_manifest, engine)},     {"host", offsetof(store_manifest, host)},
    {"date", offsetof(store_manifest, date)},         {"objectives", offsetof(store_manifest, objectives)},
};
enum { MANIFEST_TEXT_COUNT = sizeof MANIFEST_TEXTS / sizeof MANIFEST_TEXTS[0] };

status store_fail(const store *s, error *err) {
    int system_error = sqlite3_system_errno(s->db);
    const char *system_text = system_error ? strerror(system_error) : sqlite3_errmsg(s->db);
    switch (sqlite3_errcode(s->db)) {
    case SQLITE_FULL:
        return error_set(err, STATUS_ENVIRONMENT, "%s: the disk is full; free some space and resume", s->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, STATUS_ENVIRONMENT, "%s: locked by another process", s->path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return error_set(err, STATUS_ENVIRONMENT, "%s: read-only", s->path);
    case SQLITE_CANTOPEN:
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot open: %s", s->path, system_text);
    case SQLITE_IOERR:
        return error_set(err, STATUS_ENVIRONMENT, "%s: input or output failed: %s", s->path, system_text);
    case SQLITE_NOTADB:
        return error_set(err, STATUS_BAD_INPUT, "%s: not a sweep store", s->path);
    case SQLITE_CORRUPT:
        return error_set(err, STATUS_BAD_INPUT, "%s: corrupt (%s)", s->path, sqlite3_errmsg(s->db));
    case SQLITE_NOMEM:
        abort();
    default:
        return error_set(err, STATUS_ENVIRONMENT, "%s: %s", s->path, sqlite3_errmsg(s->db));
    }
}

status store_execute(const store *s, const char *sql, error *err) {
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? STATUS_OK : store_fail(s, err);
}

status store_prepare(const store *s, const char *sql, sqlite3_stmt **out, error *err) {
    return sqlite3_prepare_v2(s->db, sql, -1, out, NULL) == SQLITE_OK ? STATUS_OK : store_fail(s, err);
}

const char *store_column_list(arena *memory, size_t knob_count) {
    const char *list = "idx, machine, workload, levers, batch, reason";
    for (int i = 0; i < STORE_TOTAL_COLUMNS; i++)
        list = arena_printf(memory, "%s, %s", list, STORE_TOTALS[i]);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        list = arena_printf(memory, "%s, %s_s", list, op_category_name((op_category)i));
    for (size_t i = 0; i < knob_count; i++)
        list = arena_printf(memory, "%s, knob_%zu", list, i);
    return list;
}

/* Table `point`, and view `design` that shows it with names and with the knobs' own keys as columns. */
static status create_tables(const store *s, const store_manifest *manifest, error *err) {
    arena memory = {0};
    const char *columns = "idx INTEGER PRIMARY KEY, machine INTEGER NOT NULL, workload INTEGER NOT NULL, "
                          "levers INTEGER NOT NULL, batch INTEGER NOT NULL, reason TEXT";
    const char *shown = "idx, (SELECT text FROM name WHERE id = machine) AS machine, "
                        "(SELECT text FROM name WHERE id = workload) AS workload, "
                        "(SELECT text FROM name WHERE id = levers) AS levers, batch";
    for (size_t i = 0; i < manifest->knob_count; i++) {
        char *key = sqlite3_mprintf("\"%w\"", manifest->knob_keys[i]);
        if (!key)
            abort();
        shown = arena_printf(&memory, "%s, knob_%zu AS %s", shown, i, key);
        sqlite3_free(key);
    }
    shown = arena_printf(&memory, "%s, reason", shown);
    for (int i = 0; i < STORE_TOTAL_COLUMNS; i++) {
        columns = arena_printf(&memory, "%s, %s REAL", columns, STORE_TOTALS[i]);
        shown = arena_printf(&memory, "%s, %s", shown, STORE_TOTALS[i]);
    }
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        columns = arena_printf(&memory, "%s, %s_s REAL", columns, op_category_name((op_category)i));
        shown = arena_printf(&memory, "%s, %s_s", shown, op_category_name((op_category)i));
    }
    for (size_t i = 0; i < manifest->knob_count; i++)
        columns = arena_printf(&memory, "%s, knob_%zu REAL", columns, i);
    const char *sql = arena_printf(&memory,
                                   "PRAGMA application_id = %d;"
                                   "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
                                   "CREATE TABLE knob (position INTEGER PRIMARY KEY, key TEXT NOT NULL, base REAL);"
                                   "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
                                   "CREATE TABLE point (%s);"
                                   "CREATE VIEW design AS SELECT %s FROM point;",
                                   APPLICATION_ID, columns, shown);
    status result = store_execute(s, sql, err);
    arena_free(&memory);
    return result;
}

static status put_text(const store *s, sqlite3_stmt *statement, const char *key, const char *value, error *err) {
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, value ? value : "", -1, SQLITE_STATIC);
    status result = sqlite3_step(statement) == SQLITE_DONE ? STATUS_OK : store_fail(s, err);
    sqlite3_reset(statement);
    return result;
}

static status put_integer(const store *s, sqlite3_stmt *statement, const char *key, int64_t value, error *err) {
    sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, value);
    status result = sqlite3_step(statement) == SQLITE_DONE ? STATUS_OK : store_fail(s, err);
    sqlite3_reset(statement);
    return result;
}

static status write_meta(const store *s, const store_manifest *manifest, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "INSERT INTO meta (key, value) VALUES (?, ?)", &statement, err);
    if (result == STATUS_OK)
        result = put_integer(s, statement, "schema", STORE_SCHEMA, err);
    if (result == STATUS_OK)
        result = put_integer(s, statement, "seed", manifest->seed, err);
    if (result == STATUS_OK)
        result = put_integer(s, statement, "point_count", manifest->point_count, err);
    for (int i = 0; i < MANIFEST_TEXT_COUNT && result == STATUS_OK; i++) {
        const char *value = *(const char *const *)((const char *)manifest + MANIFEST_TEXTS[i].offset);
        result = put_text(s, statement, MANIFEST_TEXTS[i].key, value, err);
    }
    sqlite3_finalize(statement);
    return result;
}

static status write_knobs(const store *s, const store_manifest *manifest, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "INSERT INTO knob (position, key, base) VALUES (?, ?, ?)", &statement, err);
    for (size_t i = 0; i < manifest->knob_count && result == STATUS_OK; i++) {
        sqlite3_bind_int64(statement, 1, (int64_t)i);
        sqlite3_bind_text(statement, 2, manifest->knob_keys[i], -1, SQLITE_STATIC);
        sqlite3_bind_double(statement, 3, manifest->knob_base[i]);
        if (sqlite3_step(statement) != SQLITE_DONE)
            result = store_fail(s, err);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    return result;
}

status store_schema_create(const store *s, const store_manifest *manifest, error *err) {
    assert(manifest->knob_count <= STORE_KNOBS_MAX);
    status result = create_tables(s, manifest, err);
    if (result == STATUS_OK)
        result = write_meta(s, manifest, err);
    if (result == STATUS_OK)
        result = write_knobs(s, manifest, err);
    return result;
}

/* The first column of the first row, or `missing` when there is none. */
static status read_integer(const store *s, const char *sql, int64_t missing, int64_t *out, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, sql, &statement, err);
    *out = missing;
    if (result == STATUS_OK) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
            *out = sqlite3_column_int64(statement, 0);
        else if (code != SQLITE_DONE)
            result = store_fail(s, err);
    }
    sqlite3_finalize(statement);
    return result;
}

status store_schema_check(const store *s, bool *empty, error *err) {
    int64_t objects, application, schema;
    *empty = false;
    status result = read_integer(s, "SELECT count(*) FROM sqlite_master", 0, &objects, err);
    if (result == STATUS_OK)
        result = read_integer(s, "PRAGMA application_id", 0, &application, err);
    if (result != STATUS_OK)
        return result;
    *empty = objects == 0 && application == 0;
    if (*empty)
        return STATUS_OK;
    if (application != APPLICATION_ID)
        return error_set(err, STATUS_BAD_INPUT, "%s: not a sweep store", s->path);
    result = read_integer(s, "SELECT value FROM meta WHERE key = 'schema'", 0, &schema, err);
    if (result == STATUS_OK && schema != STORE_SCHEMA)
        result = error_set(err, STATUS_BAD_INPUT, "%s: store of schema %lld; this version reads schema %d", s->path,
                           (long long)schema, STORE_SCHEMA);
    return result;
}

static status read_knobs(const store *s, arena *memory, store_manifest *manifest, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "SELECT key, base FROM knob ORDER BY position", &statement, err);
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        if (manifest->knob_count == STORE_KNOBS_MAX) {
            result = error_set(err, STATUS_BAD_INPUT, "%s: more than %d knobs", s->path, STORE_KNOBS_MAX);
            break;
        }
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        manifest->knob_keys[manifest->knob_count] = arena_strdup(memory, key ? key : "");
        bool known = sqlite3_column_type(statement, 1) != SQLITE_NULL;
        manifest->knob_base[manifest->knob_count++] = known ? sqlite3_column_double(statement, 1) : NAN;
    }
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_finalize(statement);
    return result;
}

status store_manifest_read(const store *s, arena *memory, store_manifest *manifest, error *err) {
    *manifest = (store_manifest){0};
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "SELECT value FROM meta WHERE key = ?", &statement, err);
    for (int i = 0; i < MANIFEST_TEXT_COUNT && result == STATUS_OK; i++) {
        sqlite3_bind_text(statement, 1, MANIFEST_TEXTS[i].key, -1, SQLITE_STATIC);
        int code = sqlite3_step(statement);
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            result = store_fail(s, err);
        const char *text = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        const char **member = (const char **)((char *)manifest + MANIFEST_TEXTS[i].offset);
        *member = arena_strdup(memory, text ? text : "");
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    if (result == STATUS_OK)
        result = read_integer(s, "SELECT value FROM meta WHERE key = 'seed'", 0, &manifest->seed, err);
    if (result == STATUS_OK)
        result = read_integer(s, "SELECT value FROM meta WHERE key = 'point_count'", 0, &manifest->point_count, err);
    if (result == STATUS_OK)
        result = read_knobs(s, memory, manifest, err);
    return result;
}
