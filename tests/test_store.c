/* What is put into a store comes back, in any order and while it is written. */
#include "tests/store_fixture.h"

#include <sqlite3.h>
#include <unistd.h>

TestSuite(store, .init = scratch_make, .fini = scratch_remove);

Test(store, every_number_comes_back_bit_for_bit) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 1000);
    cr_expect_eq(access(scratch_path("sweep.db-wal"), F_OK), 0);
    store_close_well(s);
    store_holds_exactly(path, 1000);
    cr_expect_neq(access(scratch_path("sweep.db-wal"), F_OK), 0, "a closed store is one file");
}

Test(store, manifest_comes_back) {
    const char *path = scratch_path("sweep.db");
    store_close_well(store_create_well(path, false));
    arena memory = {0};
    store_manifest manifest, expected = store_example_manifest();
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
    store_close_well(s);
    arena_free(&memory);
}

typedef struct order_walk {
    int64_t visited;
    double last_latency_s;
} order_walk;

static status rising_latency(void *context, const store_point *point, error *err) {
    (void)err;
    order_walk *w = context;
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
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 500);
    order_walk w = {0};
    error err;
    cr_assert_eq(store_each(s, true, rising_latency, &w, &err), STATUS_OK);
    cr_expect_eq(w.visited, 500, "rows that are not yet committed are seen by their writer");
    cr_expect(isinf(w.last_latency_s));
    store_close_well(s);
}

Test(store, first_writer_of_an_index_wins) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 100);
    error err;
    for (int64_t i = 0; i < 100; i++) {
        store_point other = store_example_point(i);
        other.latency_s = 1e9;
        other.machine = "other";
        cr_assert_eq(store_put(s, &other, &err), STATUS_OK);
    }
    store_close_well(s);
    store_holds_exactly(path, 100);
}

Test(store, resume_continues_the_same_sweep) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, true); /* nothing there yet */
    store_put_range(s, 0, 50);
    store_close_well(s);
    s = store_create_well(path, true);
    unsigned char done[20000 / 8] = {0};
    error err;
    cr_assert_eq(store_done(s, done, 20000, &err), STATUS_OK, "%s", err.text);
    for (int i = 0; i < 20000; i++)
        cr_assert_eq(done[i / 8] >> (i % 8) & 1, i < 50);
    store_put_range(s, 40, 120);
    store_close_well(s);
    store_holds_exactly(path, 120);
}

Test(store, readers_see_a_sweep_that_runs) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 10);
    error err;
    cr_assert_eq(store_flush(s, &err), STATUS_OK);
    store_put_range(s, 10, 20);
    store_holds_exactly(path, 10);
    store_close_well(s);
    store_holds_exactly(path, 20);
}

Test(store, names_need_no_care) {
    const char *path = scratch_path("sweep.db");
    store_manifest manifest = store_example_manifest();
    manifest.knob_keys[0] = "a\"b'; DROP TABLE point; --";
    store *s;
    error err = {""};
    cr_assert_eq(store_create(path, &manifest, false, &s, &err), STATUS_OK, "%s", err.text);
    for (int i = 0; i < 300; i++) { /* more names than the first hash table holds */
        char levers[64];
        snprintf(levers, sizeof levers, "compile 'x\"%d", i);
        store_point point = store_example_point(i);
        point.levers = levers;
        cr_assert_eq(store_put(s, &point, &err), STATUS_OK, "%s", err.text);
    }
    store_close_well(s);
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
