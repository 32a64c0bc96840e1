/* Processes killed, full disks, locks and folders that may not be written to. */
#include "tests/store_fixture.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(store_faults, .init = scratch_make, .fini = scratch_remove);

static int64_t store_count_in(const char *path) {
    arena memory = {0};
    store_manifest manifest;
    store *s;
    int64_t count;
    error err = {""};
    cr_assert_eq(store_open(path, &memory, &manifest, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(store_count(s, &count, &err), STATUS_OK, "%s", err.text);
    store_close_well(s);
    arena_free(&memory);
    return count;
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
    store_manifest manifest = store_example_manifest();
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

Test(store_faults, read_only_directory) {
    const char *path = scratch_path("sweep.db");
    store *s = store_create_well(path, false);
    store_put_range(s, 0, 10);
    store_close_well(s);
    cr_assert_eq(chmod(path, 0444), 0);
    cr_assert_eq(chmod(scratch_folder, 0555), 0);
    cr_expect_eq(in_child(create_read_only, path, true), 0, "a read-only file is refused");
    cr_expect_eq(in_child(read_from_read_only, path, true), 0, "a finished store can be read from a read-only folder");
    cr_expect_eq(in_child(create_read_only, scratch_path("new.db"), true), 0);
}

static int write_and_vanish(const char *path) {
    store_manifest manifest = store_example_manifest();
    store *s;
    error err = {""};
    if (store_create(path, &manifest, true, &s, &err) != STATUS_OK)
        return 1;
    for (int64_t i = 0; i < STORE_BATCH_ROWS + 100; i++) {
        store_point point = store_example_point(i);
        if (store_put(s, &point, &err) != STATUS_OK)
            return 2;
    }
    _exit(0); /* in the middle of the second transaction: no destructor, no flush */
}

Test(store_faults, killed_in_mid_transaction) {
    const char *path = scratch_path("sweep.db");
    cr_assert_eq(in_child(write_and_vanish, path, false), 0);
    store_holds_exactly(path, STORE_BATCH_ROWS); /* read as it was left, with its write-ahead log */
    store *s = store_create_well(path, true);
    int64_t count;
    error err;
    cr_assert_eq(store_count(s, &count, &err), STATUS_OK);
    cr_assert_eq(count, STORE_BATCH_ROWS, "what was committed is there, the rest is not");
    store_put_range(s, 0, 20000);
    store_close_well(s);
    store_holds_exactly(path, 20000);
}

static int fill_the_disk(const char *path) {
    /* A file-size limit fails writes as a full disk does. */
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {4 << 20, 4 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    store_manifest manifest = store_example_manifest();
    store *s;
    error err = {""};
    if (store_create(path, &manifest, false, &s, &err) != STATUS_OK)
        return 1;
    status result = STATUS_OK;
    for (int64_t i = 0; i < 200000 && result == STATUS_OK; i++) {
        store_point point = store_example_point(i);
        result = store_put(s, &point, &err);
    }
    if (result != STATUS_ENVIRONMENT || !strstr(err.text, path))
        return 2;
    store_point again = store_example_point(0);
    store_put(s, &again, &err); /* may fail, must not harm */
    store_close(s, &err);
    return 0;
}

Test(store_faults, full_disk_keeps_what_was_committed) {
    const char *path = scratch_path("sweep.db");
    cr_assert_eq(in_child(fill_the_disk, path, false), 0);
    int64_t saved = store_count_in(path);
    cr_assert(saved >= STORE_BATCH_ROWS, "%lld rows", (long long)saved);
    store_holds_exactly(path, saved);
    store *s = store_create_well(path, true);
    store_put_range(s, 0, 20000);
    store_close_well(s);
    store_holds_exactly(path, saved > 20000 ? saved : 20000);
}

Test(store_faults, locked_by_another_process) {
    const char *path = scratch_path("sweep.db");
    store *first = store_create_well(path, false), *second = store_create_well(path, true);
    store_put_range(first, 0, 1); /* opens a transaction */
    store_point point = store_example_point(1);
    error err = {""};
    cr_expect_eq(store_put(second, &point, &err), STATUS_ENVIRONMENT);
    cr_expect(strstr(err.text, "locked"), "%s", err.text);
    error unused;
    cr_assert_eq(store_flush(first, &unused), STATUS_OK);
    cr_expect_eq(store_put(second, &point, &err), STATUS_OK, "works again once the other is done: %s", err.text);
    store_close_well(second);
    store_close_well(first);
    store_holds_exactly(path, 2);
}
