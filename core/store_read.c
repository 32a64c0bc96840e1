/* Reading a store row by row. */
#include "core/store_private.h"

#include <math.h>

/* Names by id; ids are small and dense, as SQLite hands them out. */
typedef struct name_table {
    const char **texts; /* [count + 1], by id */
    int64_t count;
} name_table;

static status read_names(const store *s, arena *memory, name_table *names, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "SELECT coalesce(max(id), 0), count(*) FROM name", &statement, err);
    if (result != STATUS_OK)
        return result;
    if (sqlite3_step(statement) != SQLITE_ROW)
        result = store_fail(s, err);
    else {
        names->count = sqlite3_column_int64(statement, 0);
        if (names->count != sqlite3_column_int64(statement, 1))
            result = error_set(err, STATUS_BAD_INPUT, "%s: corrupt (names are not numbered from 1)", s->path);
    }
    sqlite3_finalize(statement);
    statement = NULL;
    if (result == STATUS_OK)
        result = store_prepare(s, "SELECT id, text FROM name", &statement, err);
    if (result == STATUS_OK)
        names->texts = ARENA_ARRAY(memory, const char *, (size_t)names->count + 1);
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(statement, 0);
        const char *text = (const char *)sqlite3_column_text(statement, 1);
        if (id >= 1 && id <= names->count && text)
            names->texts[id] = arena_strdup(memory, text);
    }
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_finalize(statement);
    return result;
}

static const char *name_of(const name_table *names, sqlite3_stmt *row, int column) {
    int64_t id = sqlite3_column_int64(row, column);
    return id >= 1 && id <= names->count ? names->texts[id] : NULL;
}

static double number_of(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN : sqlite3_column_double(row, column);
}

static status point_of(const store *s, sqlite3_stmt *row, const name_table *names, store_point *point, error *err) {
    *point = (store_point){
        .index = sqlite3_column_int64(row, STORE_COLUMN_INDEX),
        .machine = name_of(names, row, STORE_COLUMN_MACHINE),
        .workload = name_of(names, row, STORE_COLUMN_WORKLOAD),
        .levers = name_of(names, row, STORE_COLUMN_LEVERS),
        .batch = sqlite3_column_int64(row, STORE_COLUMN_BATCH),
        .reason = (const char *)sqlite3_column_text(row, STORE_COLUMN_REASON),
    };
    if (!point->machine || !point->workload || !point->levers)
        return error_set(err, STATUS_BAD_INPUT, "%s: corrupt (point %lld lacks a name)", s->path,
                         (long long)point->index);
    double *const totals[STORE_TOTAL_COLUMNS] = {
        &point->latency_s, &point->ttft_s,  &point->tpot_s,   &point->gpu_busy_s,        &point->gpu_idle_s,
        &point->energy_j,  &point->area_m2, &point->cost_usd, &point->peak_memory_bytes,
    };
    for (int i = 0; i < STORE_TOTAL_COLUMNS; i++)
        *totals[i] = number_of(row, STORE_COLUMN_TOTALS + i);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        point->category_s[i] = number_of(row, STORE_COLUMN_CATEGORIES + i);
    for (size_t i = 0; i < s->knob_count; i++)
        point->knobs[i] = number_of(row, STORE_COLUMN_KNOBS + (int)i);
    return STATUS_OK;
}

status store_each(store *s, bool by_latency, status (*visit)(void *context, const store_point *point, error *err),
                  void *context, error *err) {
    arena memory = {0};
    name_table names = {0};
    sqlite3_stmt *row = NULL;
    status result = read_names(s, &memory, &names, err);
    if (result == STATUS_OK) {
        const char *order = by_latency ? "latency_s IS NULL, latency_s, idx" : "idx";
        const char *sql =
            arena_printf(&memory, "SELECT %s FROM point ORDER BY %s", store_column_list(&memory, s->knob_count), order);
        result = store_prepare(s, sql, &row, err);
    }
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(row)) == SQLITE_ROW) {
        store_point point;
        result = point_of(s, row, &names, &point, err);
        if (result == STATUS_OK)
            result = visit(context, &point, err);
    }
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_finalize(row);
    arena_free(&memory);
    return result;
}

status store_count(store *s, int64_t *count, error *err) {
    sqlite3_stmt *statement = NULL;
    *count = 0;
    status result = store_prepare(s, "SELECT count(*) FROM point", &statement, err);
    if (result == STATUS_OK) {
        if (sqlite3_step(statement) == SQLITE_ROW)
            *count = sqlite3_column_int64(statement, 0);
        else
            result = store_fail(s, err);
    }
    sqlite3_finalize(statement);
    return result;
}

status store_done(store *s, unsigned char *done, int64_t point_count, error *err) {
    sqlite3_stmt *statement = NULL;
    status result = store_prepare(s, "SELECT idx FROM point", &statement, err);
    int code = SQLITE_DONE;
    while (result == STATUS_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t index = sqlite3_column_int64(statement, 0);
        if (index < 0 || index >= point_count)
            result = error_set(err, STATUS_BAD_INPUT, "%s: corrupt (point %lld of %lld)", s->path, (long long)index,
                               (long long)point_count);
        else
            done[index / 8] |= (unsigned char)(1u << (index % 8));
    }
    if (result == STATUS_OK && code != SQLITE_DONE)
        result = store_fail(s, err);
    sqlite3_finalize(statement);
    return result;
}
