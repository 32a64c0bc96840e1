/* Opening, creating, writing and closing a store. */
#include "core/store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* How long another process may hold the file before that is an error. */
enum { LOCK_WAIT_MS = 2000 };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void store_free(store *s) {
    assert(s);
    sqlite3_finalize(s->insert);
    sqlite3_finalize(s->insert_name);
    sqlite3_close(s->db);
    store_names_free(&s->names);
    free(s->path);
    free(s);
}

/* ---- opening ---- */

static status open_file(const char *path, bool writable, store **out, error *err) {
    *out = NULL;
    if (!*path)
        return error_set(err, STATUS_BAD_INPUT, "the store's path is empty");
    store *s = calloc(1, sizeof *s);
    if (!s || !(s->path = strdup(path)))
        abort();
    s->writable = writable;
    /* SQLite gives names like ":memory:" a meaning of its own. */
    char *file = sqlite3_mprintf("%s%s", *path == ':' ? "./" : "", path);
    int flags = writable ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int code = sqlite3_open_v2(file, &s->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_free(file);
    if (!s->db)
        abort(); /* out of memory */
    status result = STATUS_OK;
    if (code != SQLITE_OK)
        result = store_fail(s, err);
    else if (writable && sqlite3_db_readonly(s->db, "main") == 1)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: read-only", path);
    if (result != STATUS_OK) {
        store_free(s);
        return result;
    }
    sqlite3_extended_result_codes(s->db, 0);
    sqlite3_busy_timeout(s->db, LOCK_WAIT_MS);
    *out = s;
    return STATUS_OK;
}

status store_open(const char *path, arena *memory, store_manifest *manifest, store **out, error *err) {
    *out = NULL;
    store *s;
    bool empty;
    if (*path && access(path, R_OK) != 0) /* a wrong name is the user's mistake, not this computer's */
        return error_set(err, STATUS_BAD_INPUT, "%s: cannot open: %s", path, strerror(errno));
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return error_set(err, STATUS_BAD_INPUT, "%s: is a directory, not a file", path);
    status result = open_file(path, false, &s, err);
    if (result != STATUS_OK)
        return result;
    assert(s);
    result = store_schema_check(s, &empty, err);
    if (result == STATUS_OK && empty)
        result = error_set(err, STATUS_BAD_INPUT, "%s: not a sweep store: empty", path);
    if (result == STATUS_OK)
        result = store_manifest_read(s, memory, manifest, err);
    if (result == STATUS_OK) {
        s->knob_count = manifest->knob_count;
        *out = s;
    } else {
        store_free(s);
    }
    return result;
}

static status check_same_sweep(const store *s, const store_manifest *manifest, error *err) {
    arena memory = {0};
    store_manifest there;
    status result = store_manifest_read(s, &memory, &there, err);
    const char *hash = manifest->config_hash ? manifest->config_hash : "";
    if (result == STATUS_OK && (strcmp(there.config_hash, hash) != 0 || there.knob_count != manifest->knob_count))
        result = error_set(err, STATUS_BAD_INPUT,
                           "%s: holds another sweep (configuration %s, this one is %s): give another file", s->path,
                           there.config_hash, hash);
    arena_free(&memory);
    return result;
}

static status prepare_writing(store *s, error *err) {
    arena memory = {0};
    const char *columns = store_column_list(&memory, s->knob_count);
    const char *marks = "?";
    for (size_t i = 1; i < STORE_COLUMN_KNOBS + s->knob_count; i++)
        marks = arena_printf(&memory, "%s, ?", marks);
    const char *sql = arena_printf(&memory, "INSERT OR IGNORE INTO point (%s) VALUES (%s)", columns, marks);
    status result = store_prepare(s, sql, &s->insert, err);
    if (result == STATUS_OK)
        result = store_prepare(
            s, "INSERT INTO name (text) VALUES (?) ON CONFLICT (text) DO UPDATE SET text = text RETURNING id",
            &s->insert_name, err);
    arena_free(&memory);
    return result;
}

/* Creates the tables in an empty file, or checks that the file holds the same sweep. */
static status create_or_check(store *s, const store_manifest *manifest, error *err) {
    bool empty;
    status result = store_schema_check(s, &empty, err);
    if (result == STATUS_OK && !empty)
        result = check_same_sweep(s, manifest, err);
    if (result != STATUS_OK)
        return result;
    /* Only now that the file is known to be ours: WAL changes it. NORMAL loses nothing when the process is killed, and
     * at most the last transactions when the power fails. Pages of 16 KiB halve the calls a row, and a checkpoint,
     * which waits for the disk, comes once in 32 MiB of them. */
    result = store_execute(s,
                           "PRAGMA page_size = 16384; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                           "PRAGMA wal_autocheckpoint = 2048;",
                           err);
    if (result != STATUS_OK || !empty)
        return result;
    result = store_execute(s, "BEGIN IMMEDIATE", err);
    if (result != STATUS_OK)
        return result;
    /* Another process may have created them since. */
    result = store_schema_check(s, &empty, err);
    if (result == STATUS_OK)
        result = empty ? store_schema_create(s, manifest, err) : check_same_sweep(s, manifest, err);
    if (result == STATUS_OK)
        result = store_execute(s, "COMMIT", err);
    if (result != STATUS_OK && !sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* Makes an empty file where there is none: of two processes that create it, one does; and the reason for a failure is
 * the system's own. */
static status claim_file(const char *path, bool resume, bool *existed, error *err) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    *existed = file < 0 && errno == EEXIST;
    if (file >= 0)
        close(file);
    else if (!*existed)
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot create: %s", path, strerror(errno));
    else if (!resume)
        return error_set(err, STATUS_BAD_INPUT, "%s: exists already: resume it, or give another file", path);
    return STATUS_OK;
}

status store_create(const char *path, const store_manifest *manifest, bool resume, store **out, error *err) {
    assert(manifest->knob_count <= STORE_KNOBS_MAX);
    *out = NULL;
    bool existed;
    status result = claim_file(path, resume, &existed, err);
    if (result != STATUS_OK)
        return result;
    store *s;
    result = open_file(path, true, &s, err);
    if (result != STATUS_OK)
        return result;
    assert(s);
    s->knob_count = manifest->knob_count;
    result = create_or_check(s, manifest, err);
    if (result == STATUS_OK)
        result = store_names_load(s, err);
    if (result == STATUS_OK)
        result = prepare_writing(s, err);
    if (result == STATUS_OK) {
        *out = s;
        return STATUS_OK;
    }
    store_free(s);
    if (!existed)
        unlink(path); /* leave nothing half made; SQLite removes its companions on closing */
    return result;
}

/* ---- writing ---- */

/* After an error SQLite may have rolled the transaction back, and new names with it. */
static status recover(store *s, error *err) {
    s->lost_rows += s->pending_rows;
    s->pending_rows = 0;
    store_names_free(&s->names);
    status result = store_names_load(s, err);
    s->failed = result != STATUS_OK;
    return result;
}

static status begin_batch(store *s, error *err) {
    if (!sqlite3_get_autocommit(s->db))
        return STATUS_OK;
    status result = s->failed ? recover(s, err) : STATUS_OK;
    s->batch_start_ms = now_ms();
    return result == STATUS_OK ? store_execute(s, "BEGIN IMMEDIATE", err) : result;
}

static void bind_number(sqlite3_stmt *statement, int column, double value) {
    /* SQLite itself turns NaN into NULL. */
    sqlite3_bind_double(statement, column + 1, value);
}

static void bind_point(const store *s, const store_point *point) {
    sqlite3_stmt *insert = s->insert;
    const double totals[STORE_TOTAL_COLUMNS] = {
        point->latency_s, point->ttft_s,  point->tpot_s,   point->gpu_busy_s,        point->gpu_idle_s,
        point->energy_j,  point->area_m2, point->cost_usd, point->peak_memory_bytes,
    };
    sqlite3_bind_int64(insert, STORE_COLUMN_INDEX + 1, point->index);
    sqlite3_bind_int64(insert, STORE_COLUMN_BATCH + 1, point->batch);
    if (point->reason)
        sqlite3_bind_text(insert, STORE_COLUMN_REASON + 1, point->reason, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(insert, STORE_COLUMN_REASON + 1);
    for (int i = 0; i < STORE_TOTAL_COLUMNS; i++)
        bind_number(insert, STORE_COLUMN_TOTALS + i, point->reason ? NAN : totals[i]);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        bind_number(insert, STORE_COLUMN_CATEGORIES + i, point->reason ? NAN : point->category_s[i]);
    for (size_t i = 0; i < s->knob_count; i++)
        bind_number(insert, STORE_COLUMN_KNOBS + (int)i, point->knobs[i]);
}

static status insert_point(store *s, const store_point *point, error *err) {
    const char *texts[] = {point->machine, point->workload, point->levers};
    int64_t ids[3];
    for (int i = 0; i < 3; i++) {
        status result = store_name_id(s, texts[i], &ids[i], err);
        if (result != STATUS_OK)
            return result;
    }
    bind_point(s, point);
    for (int i = 0; i < 3; i++)
        sqlite3_bind_int64(s->insert, STORE_COLUMN_MACHINE + i + 1, ids[i]);
    int code = sqlite3_step(s->insert);
    status result = code == SQLITE_DONE ? STATUS_OK : store_fail(s, err);
    sqlite3_reset(s->insert);
    return result;
}

status store_put(store *s, const store_point *point, error *err) {
    assert(s->writable);
    status result = begin_batch(s, err);
    if (result == STATUS_OK)
        result = insert_point(s, point, err);
    if (result != STATUS_OK) {
        s->failed = true;
        return result;
    }
    s->pending_rows++;
    if (s->pending_rows >= STORE_BATCH_ROWS || now_ms() - s->batch_start_ms >= STORE_BATCH_MS)
        result = store_flush(s, err);
    return result;
}

status store_set_temporary(store *s, error *err) {
    return store_execute(s, "PRAGMA synchronous = OFF", err);
}

status store_flush(store *s, error *err) {
    status result = STATUS_OK;
    if (!sqlite3_get_autocommit(s->db))
        result = store_execute(s, "COMMIT", err);
    else if (s->pending_rows + s->lost_rows > 0)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: the last %zu points could not be saved: resume to redo them",
                           s->path, s->pending_rows + s->lost_rows);
    if (result == STATUS_OK || sqlite3_get_autocommit(s->db))
        s->pending_rows = s->lost_rows = 0;
    s->failed = s->failed || result != STATUS_OK;
    return result;
}

status store_close(store *s, error *err) {
    if (!s)
        return STATUS_OK;
    status result = STATUS_OK;
    if (s->writable) {
        result = store_flush(s, err);
        sqlite3_finalize(s->insert);
        sqlite3_finalize(s->insert_name);
        s->insert = s->insert_name = NULL;
        /* Back to one plain file, which opens from a read-only disk too. Fails harmlessly while someone reads. */
        if (result == STATUS_OK)
            sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    }
    store_free(s);
    return result;
}
