/* Rows and sources from texts. */
#ifndef INGOT_ROWS_FIXTURE_H
#define INGOT_ROWS_FIXTURE_H

#include "validate/rows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void rows_write_text(char *path, const char *text) {
    FILE *file = fdopen(mkstemp(path), "w");
    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    fclose(file);
}

static inline status rows_of_text(const char *text, const source_map *sources, empty_rows policy, row_table *table,
                                  error *err) {
    char path[] = "/tmp/ingot_rows_XXXXXX";
    rows_write_text(path, text);
    status result = rows_load(path, sources, policy, table, err);
    unlink(path);
    return result;
}

static inline row_table rows_table_of(const char *text) {
    row_table table;
    error err = {0};
    cr_assert_eq(rows_of_text(text, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_OK, "%s", err.text);
    return table;
}

#endif
