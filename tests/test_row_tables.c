/* Whole tables of rows: how they split into halves, and the public ones. */
#include "tests/rows_fixture.h"

#include "core/base/hash.h"

#include <math.h>
#include <string.h>

Test(row_tables, hash_is_of_the_question_alone) {
    row_table table = rows_table_of("op,dtype,m,n,k,batch,measured_us,method,source\n"
                                    "gemm,bf16,768,1536,768,,6.079,graph_steady,lib:flow\n"
                                    "gemm,bf16,768,1536,768,,9.9,graph_steady,lib:flow\n"
                                    "gemm,bf16,768,1536,768,,6.079,graph_steady,lib:other\n"
                                    "gemm,bf16,768,1536,769,,6.079,graph_steady,lib:flow\n");
    row_table moved = rows_table_of("note,source,k,n,m,heads,dtype,op,method,split\n"
                                    "x,lib:flow,768,1536,768,,bf16,gemm,graph_steady,\n");
    uint64_t expected = hash_mix64(hash_text("gemm,bf16,768,1536,768,graph_steady,lib:flow"));
    cr_expect_eq(table.rows[0].hash, expected);
    cr_expect_eq(table.rows[1].hash, expected, "not of the measurement");
    cr_expect_eq(moved.rows[0].hash, expected, "not of the columns' order, other columns or blank ones");
    cr_expect_neq(table.rows[2].hash, expected);
    cr_expect_neq(table.rows[3].hash, expected);
    cr_expect_eq(row_is_held(&table.rows[0]), (expected & 1) == 1);
    rows_free(&table);
    rows_free(&moved);
}

Test(row_tables, split_column_decides) {
    row_table table = rows_table_of("op,dtype,m,n,k,split\ngemm,bf16,1,2,3,fit\ngemm,bf16,1,2,3,held\n"
                                    "gemm,bf16,1,2,3,train\ngemm,bf16,1,2,3,test\n");
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(row_is_held(&table.rows[i]), i % 2 == 1);
    rows_free(&table);
}

/* Over 20,000 regular shapes, halves differ by no more than chance allows: 6 sigma of a fair coin. */
Test(row_tables, halves_are_even) {
    enum { ROWS = 20000 };
    char path[] = "/tmp/ingot_rows_XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    cr_assert_not_null(file);
    fprintf(file, "op,dtype,m,n,k\n");
    for (int i = 0; i < ROWS; i++)
        fprintf(file, "gemm,bf16,%d,%d,4096\n", 8 * (i % 200 + 1), 128 * (i / 200 + 1));
    fclose(file);
    row_table table;
    error err = {0};
    cr_assert_eq(rows_load(path, NULL, EMPTY_ROWS_ARE_ERRORS, &table, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    int held = 0;
    for (size_t i = 0; i < table.count; i++)
        held += row_is_held(&table.rows[i]);
    cr_expect(fabs(held - ROWS / 2.0) < 6 * sqrt(ROWS * 0.25), "%d of %d", held, ROWS);
    rows_free(&table);
}

Test(row_tables, public_tables_are_read_whole) {
    static const struct {
        const char *name;
        size_t rows;
    } files[] = {{"h200_sxm-gemm", 4000},      {"a100_sxm-gemm", 4000},      {"l40s-gemm", 4000},
                 {"h200_sxm-attention", 4000}, {"a100_sxm-attention", 2962}, {"l40s-attention", 4000},
                 {"h200_sxm-collective", 252}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[4096];
        snprintf(path, sizeof path, INGOT_SOURCE_DIR "/../shared/measured/%s.csv", files[i].name);
        if (access(path, R_OK) != 0)
            cr_skip_test("%s is not there: public tables are not part of the project", path);
        row_table table;
        error err = {0};
        cr_assert_eq(rows_load(path, NULL, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK, "%s", err.text);
        cr_expect_eq(table.count + table.skipped_count, files[i].rows);
        cr_expect_eq(table.unsupported_count, 0);
        for (size_t j = 0; j < table.count; j++) {
            cr_assert(table.rows[j].measured_s > 1e-7 && table.rows[j].measured_s < 1);
            cr_assert_eq(table.rows[j].method, ROW_METHOD_GRAPH_STEADY);
        }
        rows_free(&table);
    }
}
