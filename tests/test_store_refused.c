/* Files that a sweep must not write into or that hold no readable store: one clear line, and nothing changed. */
#include "tests/store_fixture.h"

#include <sqlite3.h>
#include <unistd.h>

TestSuite(store_refused, .init = scratch_make, .fini = scratch_remove);

static void refused(const char *path, bool resume, status code, const char *expected) {
    store_manifest manifest = store_example_manifest();
    store *s = NULL;
    error err = {""};
    cr_expect_eq(store_create(path, &manifest, resume, &s, &err), code, "%s", err.text);
    cr_expect_null(s);
    cr_expect(strstr(err.text, expected), "'%s' lacks '%s'", err.text, expected);
    cr_expect(strstr(err.text, path), "'%s' does not name the file", err.text);
}

Test(store_refused, an_existing_file_is_not_overwritten) {
    const char *path = scratch_path("sweep.db");
    store_close_well(store_create_well(path, false));
    refused(path, false, STATUS_BAD_INPUT, "exists already");
}

Test(store_refused, another_sweep_is_refused) {
    const char *path = scratch_path("sweep.db");
    store_manifest manifest = store_example_manifest();
    manifest.config_hash = "ffff";
    store *s;
    error err;
    cr_assert_eq(store_create(path, &manifest, false, &s, &err), STATUS_OK);
    store_close_well(s);
    refused(path, true, STATUS_BAD_INPUT, "another sweep");
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

Test(store_refused, a_file_that_is_no_store_is_left_as_it_is) {
    const char *path = scratch_path("notes.txt");
    char text[4096];
    memset(text, 'x', sizeof text);
    scratch_write(path, text, sizeof text);
    refused(path, true, STATUS_BAD_INPUT, "not a sweep store");
    unreadable(path, "not a sweep store");
    struct stat info;
    cr_assert_eq(stat(path, &info), 0);
    cr_expect_eq(info.st_size, 4096);
}

Test(store_refused, another_programs_database_is_left_as_it_is) {
    const char *path = scratch_path("other.db");
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "CREATE TABLE meta (key, value); INSERT INTO meta VALUES ('schema', 1)", 0, 0, 0), 0);
    sqlite3_close(db);
    refused(path, true, STATUS_BAD_INPUT, "not a sweep store");
    unreadable(path, "not a sweep store");
}

Test(store_refused, another_schema_is_named) {
    const char *path = scratch_path("sweep.db");
    store_close_well(store_create_well(path, false));
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "UPDATE meta SET value = 7 WHERE key = 'schema'", 0, 0, 0), SQLITE_OK);
    sqlite3_close(db);
    refused(path, true, STATUS_BAD_INPUT, "schema 7");
    unreadable(path, "schema 7");
}

Test(store_refused, missing_empty_and_directory) {
    unreadable(scratch_path("none.db"), "No such file");
    cr_expect_neq(access(scratch_path("none.db"), F_OK), 0, "opening for reading creates nothing");
    scratch_write(scratch_path("empty.db"), "", 0);
    unreadable(scratch_path("empty.db"), "empty");
    refused(scratch_folder, true, STATUS_ENVIRONMENT, "cannot open");
    refused(scratch_path("no/such/folder.db"), false, STATUS_ENVIRONMENT, "No such file");
    unreadable("", "empty");
}

Test(store_refused, a_creation_cut_short_is_taken_up) {
    const char *path = scratch_path("sweep.db");
    scratch_write(path, "", 0);
    store *s = store_create_well(path, true);
    store_put_range(s, 0, 10);
    store_close_well(s);
    store_holds_exactly(path, 10);
}

static status ignore_point(void *context, const store_point *point, error *err) {
    (void)context, (void)point, (void)err;
    return STATUS_OK;
}

Test(store_refused, a_corrupt_file_is_one_clear_line) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 5000);
    store_close_well(s);
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
    store_close_well(s);
    arena_free(&memory);
    cr_assert_eq(truncate(path, info.st_size / 2), 0);
    unreadable(path, "corrupt");
}
