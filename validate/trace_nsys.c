/* Nsight Systems' SQLite export (`nsys export --type sqlite`): kernels, copies and sets, CUDA calls, NVTX ranges.
 * Columns as documented in Nsight Systems' user guide, "SQLite Schema Reference". */
#include "validate/trace.h"
#include "validate/trace_build.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char MAGIC[16] = "SQLite format 3";

bool trace_is_sqlite(const char *path) {
    char head[sizeof MAGIC] = "";
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    size_t read = fread(head, 1, sizeof head, file);
    fclose(file);
    return read == sizeof head && memcmp(head, MAGIC, sizeof MAGIC) == 0;
}

/* One table of the export. Each query yields: name, start, end (ns), correlation, track, CTAs, process. */
typedef struct source {
    const char *table, *query;
    trace_kind kind;
    bool required;
} source;

static const source sources[] = {
    {"CUPTI_ACTIVITY_KIND_KERNEL",
     "SELECT s.value, k.start, k.end, k.correlationId, k.streamId, k.gridX * k.gridY * k.gridZ, k.deviceId "
     "FROM CUPTI_ACTIVITY_KIND_KERNEL k LEFT JOIN StringIds s ON s.id = k.demangledName ORDER BY k.start",
     TRACE_KERNEL, true},
    {"CUPTI_ACTIVITY_KIND_MEMCPY",
     "SELECT 'Memcpy', start, end, correlationId, streamId, 0, deviceId FROM CUPTI_ACTIVITY_KIND_MEMCPY "
     "ORDER BY start",
     TRACE_MEMCPY, false},
    {"CUPTI_ACTIVITY_KIND_MEMSET",
     "SELECT 'Memset', start, end, correlationId, streamId, 0, deviceId FROM CUPTI_ACTIVITY_KIND_MEMSET "
     "ORDER BY start",
     TRACE_MEMSET, false},
    {"CUPTI_ACTIVITY_KIND_RUNTIME",
     "SELECT s.value, r.start, r.end, r.correlationId, r.globalTid, 0, 'host' FROM CUPTI_ACTIVITY_KIND_RUNTIME r "
     "LEFT JOIN StringIds s ON s.id = r.nameId ORDER BY r.start",
     TRACE_CALL, false},
    {"NVTX_EVENTS",
     "SELECT coalesce(n.text, s.value), n.start, n.end, 0, n.globalTid, 0, 'host' FROM NVTX_EVENTS n "
     "LEFT JOIN StringIds s ON s.id = n.textId WHERE n.end IS NOT NULL ORDER BY n.start",
     TRACE_ANNOTATION, false},
};

static status fail(sqlite3 *db, const char *path, const char *table, error *err) {
    return error_set(err, STATUS_BAD_INPUT, "%s: table %s: %s", path, table, sqlite3_errmsg(db));
}

static bool has_table(sqlite3 *db, const char *table) {
    sqlite3_stmt *statement = NULL;
    bool found =
        sqlite3_prepare_v2(db, "SELECT 1 FROM sqlite_master WHERE name = ?", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return found;
}

static status add_row(trace_builder *b, const source *s, sqlite3_stmt *row, error *err) {
    const char *name = (const char *)sqlite3_column_text(row, 0);
    const char *track = (const char *)sqlite3_column_text(row, 4);
    const char *process = (const char *)sqlite3_column_text(row, 6);
    int64_t start = sqlite3_column_int64(row, 1), end = sqlite3_column_int64(row, 2);
    if (sqlite3_column_type(row, 1) != SQLITE_INTEGER || sqlite3_column_type(row, 2) != SQLITE_INTEGER)
        return error_set(err, STATUS_BAD_INPUT, "an event without start or end");
    trace_input in = {.kind = s->kind,
                      .name = name ? name : "",
                      .name_bytes = name ? strlen(name) : 0,
                      .process = process ? process : "",
                      .thread = track ? track : "",
                      .start_ns = start,
                      .duration_ns = end - start,
                      .correlation = (uint32_t)sqlite3_column_int64(row, 3),
                      .ctas = (uint32_t)sqlite3_column_int64(row, 5)};
    return trace_build(b, &in, err);
}

static status read_table(sqlite3 *db, const char *path, const source *s, trace_builder *b, error *err) {
    if (!has_table(db, s->table))
        return s->required ? error_set(err, STATUS_BAD_INPUT,
                                       "%s: no table %s: not an export of Nsight Systems with "
                                       "CUDA traced",
                                       path, s->table)
                           : STATUS_OK;
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, s->query, -1, &statement, NULL) != SQLITE_OK)
        return fail(db, path, s->table, err);
    status result = STATUS_OK;
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        error inner = {""};
        result = add_row(b, s, statement, &inner);
        if (result != STATUS_OK)
            error_set(err, result, "%s: table %s: %s", path, s->table, inner.text);
    }
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = fail(db, path, s->table, err);
    sqlite3_finalize(statement);
    return result;
}

static void read_device(sqlite3 *db, trace *t) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, "SELECT name FROM TARGET_INFO_GPU LIMIT 1", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0))
        t->device = strdup((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
}

status trace_parse_nsys(const char *path, trace *out, error *err) {
    sqlite3 *db = NULL;
    trace_builder b = {.t = out, .any_order = true}; /* each table is sorted, copies come behind all kernels */
    status result = STATUS_OK;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        result = error_set(err, STATUS_BAD_INPUT, "%s: cannot open: %s", path, sqlite3_errmsg(db));
    for (size_t i = 0; i < sizeof sources / sizeof sources[0] && result == STATUS_OK; i++)
        result = read_table(db, path, &sources[i], &b, err);
    if (result == STATUS_OK) {
        read_device(db, out);
        out->backward_count = 0;
    }
    if (result == STATUS_OK && out->gpu_count == 0)
        result = error_set(err, STATUS_BAD_INPUT, "%s: no GPU activity", path);
    sqlite3_close(db);
    return result;
}
