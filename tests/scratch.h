/* A folder of the test's own, which is removed with all that is in it:
 * TestSuite(x, .init = scratch_make, .fini = scratch_remove). */
#ifndef INGOT_SCRATCH_H
#define INGOT_SCRATCH_H

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char scratch_folder[] = "/tmp/ingot-test-XXXXXX";

static inline void scratch_make(void) {
    cr_assert_not_null(mkdtemp(scratch_folder));
}

static inline int scratch_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static inline void scratch_remove(void) {
    enum { FOLDERS_OPEN = 8 };
    chmod(scratch_folder, 0700); /* a test may have taken the right to write there */
    nftw(scratch_folder, scratch_remove_entry, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS);
}

/* Where a file of that name lies in it. The text holds for the next seven calls. */
static inline const char *scratch_path(const char *name) {
    enum { TEXTS = 8, TEXT_BYTES = 256 };
    static char texts[TEXTS][TEXT_BYTES];
    static int next;
    char *text = texts[next++ % TEXTS];
    snprintf(text, TEXT_BYTES, "%s/%.200s", scratch_folder, name);
    return text;
}

static inline void scratch_write(const char *path, const char *bytes, size_t count) {
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, count, file), count);
    cr_assert_eq(fclose(file), 0);
}

/* The whole file as a text that the caller frees. */
static inline char *scratch_read(const char *path) {
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s is missing", path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, (size_t)size + 1);
    cr_assert_eq(fread(text, 1, (size_t)size, file), (size_t)size);
    fclose(file);
    return text;
}

#endif
