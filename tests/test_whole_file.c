/* Files that are whole or as they were. */
#include "core/base/whole_file.h"

#include "tests/scratch.h"

#include <string.h>
#include <unistd.h>
#include <zlib.h>

static void enter(void) {
    scratch_make();
    cr_assert_eq(chdir(scratch_folder), 0);
}

TestSuite(whole_file, .init = enter, .fini = scratch_remove);

static bool exists(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0;
}

static bool holds(const char *path, const char *wanted) {
    char text[64];
    gzFile file = gzopen(path, "rb"); /* reads what is not packed as it is */
    cr_assert_not_null(file);
    int count = gzread(file, text, sizeof text);
    gzclose(file);
    return count == (int)strlen(wanted) && memcmp(text, wanted, (size_t)count) == 0;
}

Test(whole_file, is_replaced_when_closed) {
    error err;
    cr_assert_eq(whole_file_write("a.txt", "old", 3, &err), STATUS_OK);
    whole_file *f;
    cr_assert_eq(whole_file_open("a.txt", &f, &err), STATUS_OK);
    fputs("new text", whole_file_stream(f));
    fflush(whole_file_stream(f));
    cr_expect(holds("a.txt", "old"));
    cr_expect(holds("a.txt.partial", "new text"));
    cr_assert_eq(whole_file_close(f, &err), STATUS_OK);
    cr_expect(holds("a.txt", "new text"));
    cr_expect_not(exists("a.txt.partial"));
}

Test(whole_file, abandoned_stays_as_it_was) {
    error err;
    whole_file *f;
    cr_assert_eq(whole_file_write("a.txt", "old", 3, &err), STATUS_OK);
    cr_assert_eq(whole_file_open("a.txt", &f, &err), STATUS_OK);
    fputs("new", whole_file_stream(f));
    whole_file_abandon(f);
    cr_expect(holds("a.txt", "old"));
    cr_expect_not(exists("a.txt.partial"));
    whole_file_abandon(NULL);
}

Test(whole_file, is_packed_by_its_name) {
    error err;
    cr_assert_eq(whole_file_write("b.gz", "text", 4, &err), STATUS_OK);
    cr_expect(holds("b.gz", "text"));
    FILE *file = fopen("b.gz", "rb");
    cr_expect_eq(fgetc(file), 0x1f, "the first byte of gzip's magic number");
    fclose(file);
}

Test(whole_file, a_link_is_written_through) {
    error err;
    cr_assert_eq(whole_file_write("a.txt", "old", 3, &err), STATUS_OK);
    cr_assert_eq(symlink("a.txt", "link"), 0);
    cr_assert_eq(whole_file_write("link", "new", 3, &err), STATUS_OK);
    cr_expect(holds("a.txt", "new"));
    struct stat info;
    cr_expect(lstat("link", &info) == 0 && S_ISLNK(info.st_mode));
}

/* The reason is that of the first write that failed, whoever flushed it. */
Test(whole_file, a_full_disk_is_told) {
    if (access("/dev/full", W_OK) != 0)
        cr_skip("no /dev/full");
    cr_assert_eq(symlink("/dev/full", "full"), 0);
    error err;
    whole_file *f;
    cr_assert_eq(whole_file_open("full", &f, &err), STATUS_OK);
    fputs("text", whole_file_stream(f));
    cr_expect_eq(whole_file_status(f, &err), STATUS_OK, "nothing has been written yet");
    fflush(whole_file_stream(f));
    cr_expect_eq(whole_file_status(f, &err), STATUS_ENVIRONMENT);
    cr_expect_eq(whole_file_close(f, &err), STATUS_ENVIRONMENT);
    cr_expect_str_eq(err.text, "full: cannot write: No space left on device");
}

Test(whole_file, what_cannot_be_is_known_before) {
    error err;
    whole_file *f;
    cr_expect_eq(whole_file_possible("a.txt", &err), STATUS_OK);
    cr_expect_eq(whole_file_possible("missing/a.txt", &err), STATUS_ENVIRONMENT);
    cr_expect_str_eq(err.text, "missing/a.txt: cannot write: No such file or directory");
    cr_expect_eq(whole_file_open("missing/a.txt", &f, &err), STATUS_ENVIRONMENT);
    cr_expect_null(f);
    cr_assert_eq(mkdir("folder", 0700), 0);
    cr_expect_eq(whole_file_possible("folder", &err), STATUS_ENVIRONMENT);
    cr_expect_str_eq(err.text, "folder: cannot write: Is a directory");
}
