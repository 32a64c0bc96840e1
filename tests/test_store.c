#include "core/store.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A directory of its own for each test, removed after it. */
static char directory[] = "/tmp/ingot-store-XXXXXX";

static char *folder(void) {
    cr_assert_not_null(mkdtemp(directory));
    return directory;
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static void remove_folder(void) {
    chmod(directory, 0700);
    nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(store, .fini = remove_folder);

static const char *in_folder(const char *parent, const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%.200s/%.200s", parent, name);
    return path;
}

static store_manifest example_manifest(void) {
    return (store_manifest){
        .version = "0.1.0",
        .command = "ingot sweep \"h200\".yaml",
        .question = "Which H200 variant?",
        .config_hash = "0123456789abcdef",
        .engine = "analytic",
        .host = "pytorch-compiled",
        .date = "2025-01-31",
        .seed = 42,
        .point_count = 20000,
        .knob_count = 2,
        .knob_keys = {"hbm.bandwidth_bytes_per_s", "sm.count"},
        .knob_base = {4.8e12, 132},
    };
}

static store_point example_point(int64_t index) {
    double x = (double)index;
    store_point point = {
        .index = index,
        .machine = "h200-sxm",
        .workload = index % 2 ? "codellama-34b/humaneval" : "codellama-34b/mbpp",
        .levers = index % 3 ? "compile" : "baseline",
        .batch = 1 + index % 5,
        .knobs = {4.8e12 + x, 100 + fmod(x, 33)},
        .latency_s = 1 / (x + 1),
        .ttft_s = 0.01,
        .tpot_s = 0.1 + x * 1e-17,
        .gpu_busy_s = 0.7,
        .gpu_idle_s = 0.3,
        .energy_j = sqrt(x),
        .area_m2 = 814e-6,
        .cost_usd = NAN,
        .peak_memory_bytes = 66.96e9,
    };
    for (int i = 0; i < CATEGORY_COUNT; i++)
        point.category_s[i] = x / (i + 1);
    if (index % 7 == 3)
        point.reason = "needs 151 GB, has 141 GB";
    return point;
}

static void put_range(store *s, int64_t from, int64_t to) {
    error err = {""};
    for (int64_t i = from; i < to; i++) {
        store_point point = example_point(i);
        cr_assert_eq(store_put(s, &point, &err), STATUS_OK, "%s", err.text);
    }
}

static store *create(const char *path, bool resume) {
    store_manifest manifest = example_manifest();
    store *s;
    error err = {""};
    cr_assert_eq(store_create(path, &manifest, resume, &s, &err), STATUS_OK, "%s", err.text);
    return s;
}

static void close_well(store *s) {
    error err = {""};
    cr_assert_eq(store_close(s, &err), STATUS_OK, "%s", err.text);
}

static int64_t count_in(const char *path) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    int64_t count;
    error err = {""};
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(store_count(s, &count, &err), STATUS_OK, "%s", err.text);
    close_well(s);
    arena_free(&memory);
    return count;
}

static bool same(double a, double b) {
    return a == b || (isnan(a) && isnan(b));
}

typedef struct walk {
    int64_t next, visited;
    double last_latency_s;
} walk;

static status check_point(void *context, const store_point *point, error *err) {
    (void)err;
    walk *w = context;
    store_point expected = example_point(w->next);
    cr_assert_eq(point->index, w->next);
    cr_assert_str_eq(point->machine, expected.machine);
    cr_assert_str_eq(point->workload, expected.workload);
    cr_assert_str_eq(point->levers, expected.levers);
    cr_assert_eq(point->batch, expected.batch);
    cr_assert_eq(point->knobs[0], expected.knobs[0]);
    cr_assert_eq(point->knobs[1], expected.knobs[1]);
    cr_assert_eq(point->reason != NULL, expected.reason != NULL);
    if (expected.reason) {
        cr_assert_str_eq(point->reason, expected.reason);
        cr_assert(isnan(point->latency_s) && isnan(point->category_s[0]), "numbers of an infeasible point are unknown");
    } else {
        cr_assert(same(point->latency_s, expected.latency_s) && same(point->ttft_s, expected.ttft_s) &&
                  same(point->tpot_s, expected.tpot_s) && same(point->gpu_busy_s, expected.gpu_busy_s) &&
                  same(point->gpu_idle_s, expected.gpu_idle_s) && same(point->energy_j, expected.energy_j) &&
                  same(point->area_m2, expected.area_m2) && same(point->cost_usd, expected.cost_usd) &&
                  same(point->peak_memory_bytes, expected.peak_memory_bytes));
        for (int i = 0; i < CATEGORY_COUNT; i++)
            cr_assert_eq(point->category_s[i], expected.category_s[i]);
    }
    w->next++;
    w->visited++;
    return STATUS_OK;
}

static void holds_exactly(const char *path, int64_t count) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    error err = {""};
    walk w = {0};
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(store_each(s, false, check_point, &w, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(w.visited, count);
    close_well(s);
    arena_free(&memory);
}

Test(store, every_number_comes_back_bit_for_bit) {
    char *parent = folder();
    const char *path = in_folder(parent, "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 1000);
    cr_expect_eq(access(in_folder(parent, "sweep.db-wal"), F_OK), 0);
    path = in_folder(parent, "sweep.db");
    close_well(s);
    holds_exactly(path, 1000);
    cr_expect_neq(access(in_folder(parent, "sweep.db-wal"), F_OK), 0, "a closed store is one file");
}

Test(store, manifest_comes_back) {
    const char *path = in_folder(folder(), "sweep.db");
    close_well(create(path, false));
    arena memory = {0};
    store_manifest manifest, expected = example_manifest();
    store *s;
    error err;
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK);
    cr_expect_str_eq(manifest.command, expected.command);
    cr_expect_str_eq(manifest.question, expected.question);
    cr_expect_str_eq(manifest.config_hash, expected.config_hash);
    cr_expect_str_eq(manifest.date, expected.date);
    cr_expect_eq(manifest.seed, 42);
    cr_expect_eq(manifest.point_count, 20000);
    cr_assert_eq(manifest.knob_count, 2);
    cr_expect_str_eq(manifest.knob_keys[1], "sm.count");
    cr_expect_eq(manifest.knob_base[0], 4.8e12);
    close_well(s);
    arena_free(&memory);
}

static status rising_latency(void *context, const store_point *point, error *err) {
    (void)err;
    walk *w = context;
    if (point->reason)
        w->last_latency_s = INFINITY;
    else
        cr_assert(point->latency_s >= w->last_latency_s, "out of order, or after a point without latency");
    if (!point->reason)
        w->last_latency_s = point->latency_s;
    w->visited++;
    return STATUS_OK;
}

Test(store, order_by_latency_with_infeasible_points_last) {
    const char *path = in_folder(folder(), "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 500);
    walk w = {0};
    error err;
    cr_assert_eq(store_each(s, true, rising_latency, &w, &err), STATUS_OK);
    cr_expect_eq(w.visited, 500, "rows that are not yet committed are seen by their writer");
    cr_expect(isinf(w.last_latency_s));
    close_well(s);
}

Test(store, first_writer_of_an_index_wins) {
    const char *path = in_folder(folder(), "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 100);
    error err;
    for (int64_t i = 0; i < 100; i++) {
        store_point other = example_point(i);
        other.latency_s = 1e9;
        other.machine = "other";
        cr_assert_eq(store_put(s, &other, &err), STATUS_OK);
    }
    close_well(s);
    holds_exactly(path, 100);
}

Test(store, resume_continues_the_same_sweep) {
    const char *path = in_folder(folder(), "sweep.db");
    store *s = create(path, true); /* nothing there yet */
    put_range(s, 0, 50);
    close_well(s);
    s = create(path, true);
    unsigned char done[20000 / 8] = {0};
    error err;
    cr_assert_eq(store_done(s, done, 20000, &err), STATUS_OK, "%s", err.text);
    for (int i = 0; i < 20000; i++)
        cr_assert_eq(done[i / 8] >> (i % 8) & 1, i < 50);
    put_range(s, 40, 120);
    close_well(s);
    holds_exactly(path, 120);
}

static void refused(const char *path, bool resume, status code, const char *expected) {
    store_manifest manifest = example_manifest();
    store *s = NULL;
    error err = {""};
    cr_expect_eq(store_create(path, &manifest, resume, &s, &err), code, "%s", err.text);
    cr_expect_null(s);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    cr_expect(strstr(err.text, path), "'%s' does not name the file", err.text);
}

Test(store, an_existing_file_is_not_overwritten) {
    const char *path = in_folder(folder(), "sweep.db");
    close_well(create(path, false));
    refused(path, false, STATUS_BAD_INPUT, "exists already");
}

Test(store, another_sweep_is_refused) {
    const char *path = in_folder(folder(), "sweep.db");
    store_manifest manifest = example_manifest();
    manifest.config_hash = "ffff";
    store *s;
    error err;
    cr_assert_eq(store_create(path, &manifest, false, &s, &err), STATUS_OK);
    close_well(s);
    refused(path, true, STATUS_BAD_INPUT, "another sweep");
}

static void write_file(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
}

static void unreadable(const char *path, const char *expected) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    error err = {""};
    cr_expect_neq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK);
    cr_expect_null(s);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    arena_free(&memory);
}

Test(store, a_file_that_is_no_store_is_left_as_it_is) {
    const char *path = in_folder(folder(), "notes.txt");
    char text[4096];
    memset(text, 'x', sizeof text);
    write_file(path, text, sizeof text);
    refused(path, true, STATUS_BAD_INPUT, "not a sweep store");
    unreadable(path, "not a sweep store");
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_size, 4096);
}

Test(store, another_programs_database_is_left_as_it_is) {
    const char *path = in_folder(folder(), "other.db");
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "CREATE TABLE meta (key, value); INSERT INTO meta VALUES ('schema', 1)", 0, 0, 0), 0);
    sqlite3_close(db);
    refused(path, true, STATUS_BAD_INPUT, "not a sweep store");
    unreadable(path, "not a sweep store");
}

Test(store, another_schema_is_named) {
    const char *path = in_folder(folder(), "sweep.db");
    close_well(create(path, false));
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE meta SET value = 7 WHERE key = 'schema'", 0, 0, 0), SQLITE_OK);
    sqlite3_close(db);
    refused(path, true, STATUS_BAD_INPUT, "schema 7");
    unreadable(path, "schema 7");
}

Test(store, missing_empty_and_directory) {
    char *parent = folder();
    unreadable(in_folder(parent, "none.db"), "No such file");
    cr_expect_neq(access(in_folder(parent, "none.db"), F_OK), 0, "opening for reading creates nothing");
    write_file(in_folder(parent, "empty.db"), "", 0);
    unreadable(in_folder(parent, "empty.db"), "empty");
    refused(parent, true, STATUS_ENVIRONMENT, "cannot open");
    refused(in_folder(parent, "no/such/folder.db"), false, STATUS_ENVIRONMENT, "No such file");
    unreadable("", "empty");
}

Test(store, a_creation_cut_short_is_taken_up) {
    const char *path = in_folder(folder(), "sweep.db");
    write_file(path, "", 0);
    store *s = create(path, true);
    put_range(s, 0, 10);
    close_well(s);
    holds_exactly(path, 10);
}

static status ignore_point(void *context, const store_point *point, error *err) {
    (void)context, (void)point, (void)err;
    return STATUS_OK;
}

Test(store, a_corrupt_file_is_one_clear_line) {
    const char *path = in_folder(folder(), "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 5000);
    close_well(s);
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    FILE *file = fopen(path, "r+b");
    char noise[4096];
    memset(noise, 0xa5, sizeof noise);
    for (long at = 8 * 16384; at + 4096 <= info.st_size; at += 4096) { /* spare the first pages, with the schema */
        fseek(file, at, SEEK_SET);
        fwrite(noise, 1, sizeof noise, file);
    }
    fclose(file);
    arena memory = {0};
    store_manifest manifest;
    error err = {""};
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(store_each(s, false, ignore_point, NULL, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "corrupt"), "%s", err.text);
    close_well(s);
    arena_free(&memory);
    cr_assert_eq(truncate(path, info.st_size / 2), 0);
    unreadable(path, "corrupt");
}

/* Runs `body` in a child, as nobody when this is root (whom permissions do not stop), and returns its exit status. */
static int in_child(int (*body)(const char *path), const char *path, bool as_nobody) {
    pid_t child = fork();
    if (child == 0) {
        if (as_nobody && geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(77);
        _exit(body(path));
    }
    int code = 0;
    cr_assert_eq(waitpid(child, &code, 0), child);
    cr_assert(WIFEXITED(code), "child died");
    return WEXITSTATUS(code);
}

static int create_read_only(const char *path) {
    store_manifest manifest = example_manifest();
    store *s;
    error err = {""};
    status result = store_create(path, &manifest, true, &s, &err);
    fprintf(stderr, "%s\n", err.text);
    return result == STATUS_ENVIRONMENT && !s && strstr(err.text, path) ? 0 : 1;
}

static int read_from_read_only(const char *path) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    error err = {""};
    int64_t count = 0;
    if (store_open(path, &memory, &manifest, &s, &err) != STATUS_OK || store_count(s, &count, &err) != STATUS_OK)
        fprintf(stderr, "%s\n", err.text);
    return count == 10 ? 0 : 1;
}

Test(store, read_only_directory) {
    char *parent = folder();
    const char *path = in_folder(parent, "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 10);
    close_well(s);
    cr_assert_eq(chmod(path, 0444), 0);
    cr_assert_eq(chmod(parent, 0555), 0);
    cr_expect_eq(in_child(create_read_only, path, true), 0, "a read-only file is refused");
    cr_expect_eq(in_child(read_from_read_only, path, true), 0, "a finished store can be read from a read-only folder");
    cr_expect_eq(in_child(create_read_only, in_folder(parent, "new.db"), true), 0);
}

static int write_and_vanish(const char *path) {
    store_manifest manifest = example_manifest();
    store *s;
    error err = {""};
    if (store_create(path, &manifest, true, &s, &err) != STATUS_OK)
        return 1;
    for (int64_t i = 0; i < STORE_BATCH_ROWS + 100; i++) {
        store_point point = example_point(i);
        if (store_put(s, &point, &err) != STATUS_OK)
            return 2;
    }
    _exit(0); /* in the middle of the second transaction: no destructor, no flush */
}

Test(store, killed_in_mid_transaction) {
    const char *path = in_folder(folder(), "sweep.db");
    cr_assert_eq(in_child(write_and_vanish, path, false), 0);
    holds_exactly(path, STORE_BATCH_ROWS); /* read as it was left, with its write-ahead log */
    store *s = create(path, true);
    int64_t count;
    error err;
    cr_assert_eq(store_count(s, &count, &err), STATUS_OK);
    cr_assert_eq(count, STORE_BATCH_ROWS, "what was committed is there, the rest is not");
    put_range(s, 0, 20000);
    close_well(s);
    holds_exactly(path, 20000);
}

static int fill_the_disk(const char *path) {
    /* A file-size limit fails writes as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {4 << 20, 4 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    store_manifest manifest = example_manifest();
    store *s;
    error err = {""};
    if (store_create(path, &manifest, false, &s, &err) != STATUS_OK)
        return 1;
    status result = STATUS_OK;
    for (int64_t i = 0; i < 200000 && result == STATUS_OK; i++) {
        store_point point = example_point(i);
        result = store_put(s, &point, &err);
    }
    if (result != STATUS_ENVIRONMENT || !strstr(err.text, path))
        return 2;
    store_point again = example_point(0);
    store_put(s, &again, &err); /* may fail, must not harm */
    store_close(s, &err);
    return 0;
}

Test(store, full_disk_keeps_what_was_committed) {
    const char *path = in_folder(folder(), "sweep.db");
    cr_assert_eq(in_child(fill_the_disk, path, false), 0);
    int64_t saved = count_in(path);
    cr_assert(saved >= STORE_BATCH_ROWS, "%lld rows", (long long)saved);
    holds_exactly(path, saved);
    store *s = create(path, true);
    put_range(s, 0, 20000);
    close_well(s);
    holds_exactly(path, saved > 20000 ? saved : 20000);
}

Test(store, locked_by_another_process) {
    const char *path = in_folder(folder(), "sweep.db");
    store *first = create(path, false), *second = create(path, true);
    put_range(first, 0, 1); /* opens a transaction */
    store_point point = example_point(1);
    error err = {""};
    cr_expect_eq(store_put(second, &point, &err), STATUS_ENVIRONMENT);
    cr_expect(strstr(err.text, "locked"), "%s", err.text);
    error unused;
    cr_assert_eq(store_flush(first, &unused), STATUS_OK);
    cr_expect_eq(store_put(second, &point, &err), STATUS_OK, "works again once the other is done: %s", err.text);
    close_well(second);
    close_well(first);
    holds_exactly(path, 2);
}

Test(store, readers_see_a_sweep_that_runs) {
    const char *path = in_folder(folder(), "sweep.db");
    store *s = create(path, false);
    put_range(s, 0, 10);
    error err;
    cr_assert_eq(store_flush(s, &err), STATUS_OK);
    put_range(s, 10, 20);
    holds_exactly(path, 10);
    close_well(s);
    holds_exactly(path, 20);
}

Test(store, names_need_no_care) {
    const char *path = in_folder(folder(), "sweep.db");
    store_manifest manifest = example_manifest();
    manifest.knob_keys[0] = "a\"b'; DROP TABLE point; --";
    store *s;
    error err = {""};
    cr_assert_eq(store_create(path, &manifest, false, &s, &err), STATUS_OK, "%s", err.text);
    for (int i = 0; i < 300; i++) { /* more names than the first hash table holds */
        char levers[64];
        snprintf(levers, sizeof levers, "compile 'x\"%d", i);
        store_point point = example_point(i);
        point.levers = levers;
        cr_assert_eq(store_put(s, &point, &err), STATUS_OK, "%s", err.text);
    }
    close_well(s);
    sqlite3 *db;
    sqlite3_stmt *row;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT levers, \"sm.count\" FROM design WHERE idx = 299", -1, &row, 0), 0);
    cr_assert_eq(sqlite3_step(row), SQLITE_ROW);
    cr_expect_str_eq((const char *)sqlite3_column_text(row, 0), "compile 'x\"299");
    cr_expect_eq(sqlite3_column_double(row, 1), 100 + 299 % 33);
    sqlite3_finalize(row);
    sqlite3_close(db);
}

Test(store, close_accepts_null) {
    cr_expect_eq(store_close(NULL, NULL), STATUS_OK);
}
