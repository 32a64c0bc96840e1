/* Nsight Systems' SQLite exports, made here by its documented schema, and Nsight Compute's CSV. */
#include "validate/trace.h"
#include "validate/trace_class.h"

#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char schema[] =
    "CREATE TABLE StringIds (id INTEGER PRIMARY KEY, value TEXT);"
    "CREATE TABLE TARGET_INFO_GPU (name TEXT);"
    "CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (start INT, end INT, deviceId INT, streamId INT, correlationId INT, "
    "demangledName INT, gridX INT, gridY INT, gridZ INT);"
    "CREATE TABLE CUPTI_ACTIVITY_KIND_MEMCPY (start INT, end INT, deviceId INT, streamId INT, correlationId INT);"
    "CREATE TABLE CUPTI_ACTIVITY_KIND_RUNTIME (start INT, end INT, globalTid INT, correlationId INT, nameId INT);";
static const char rows[] =
    "INSERT INTO StringIds VALUES (1, 'ampere_bf16_s16816gemm'), (2, 'cudaLaunchKernel_v7000'), (3, 'rms_norm');"
    "INSERT INTO TARGET_INFO_GPU VALUES ('NVIDIA A100');"
    "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (5000, 9000, 0, 7, 11, 1, 4, 2, 1), (9500, 9900, 0, 7, 12, 3, 1, 1, "
    "1);"
    "INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (1000, 1500, 0, 7, 10);"
    "INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (2000, 4000, 281479271743489, 11, 2);";

static char *make(const char *first, const char *second) {
    char *path = strdup("/tmp/ingot_nsys_XXXXXX");
    close(mkstemp(path));
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, first, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_exec(db, second, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    return path;
}

Test(nsys, reads_an_export) {
    char *path = make(schema, rows);
    trace t;
    error err = {0};
    cr_assert_eq(trace_read(path, false, &t, &err), STATUS_OK, "%s", err.text);
    cr_expect_str_eq(t.device, "NVIDIA A100");
    cr_assert_eq(t.gpu_count, 3);
    cr_expect_eq(t.gpu[0].kind, TRACE_MEMCPY, "sorted by start over all tables");
    cr_expect_eq(t.gpu[1].start_ns, 5000);
    cr_expect_eq(t.gpu[1].ctas, 8);
    cr_expect_str_eq(trace_name(&t, t.gpu[1].name), "ampere_bf16_s16816gemm");
    cr_expect_str_eq(trace_name(&t, trace_launch(&t, &t.gpu[1])->name), "cudaLaunchKernel_v7000");
    cr_expect_null(trace_launch(&t, &t.gpu[2]));
    cr_expect_float_eq(trace_busy_s(&t, 0, 3), 4.9e-6, 1e-15);
    classified *classes = trace_classify(&t);
    cr_expect_eq(classes[1].category, CATEGORY_LINEAR);
    cr_expect_eq(classes[2].category, CATEGORY_NORM);
    free(classes);
    trace_free(&t);
    unlink(path);
    free(path);
}

Test(nsys, what_is_no_export) {
    static const struct {
        const char *first, *second, *what;
    } cases[] = {
        {"CREATE TABLE design (idx INT);", "", "no table CUPTI_ACTIVITY_KIND_KERNEL"},
        {"CREATE TABLE CUPTI_ACTIVITY_KIND_KERNEL (a INT);", "", "no such"},
        {schema, "", "no GPU activity"},
        {schema, "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (9, 5, 0, 7, 11, 1, 4, 2, 1);", "before it begins"},
        {schema, "INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (NULL, 5, 0, 7, 11, 1, 4, 2, 1);", "without start"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *path = make(cases[i].first, cases[i].second);
        trace t;
        error err = {0};
        cr_expect_eq(trace_read(path, false, &t, &err), STATUS_BAD_INPUT, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
        unlink(path);
        free(path);
    }
}

static status read_csv(const char *text, trace *t, error *err) {
    char path[] = "/tmp/ingot_ncu_XXXXXX.csv";
    FILE *file = fdopen(mkstemps(path, 4), "w");
    fputs(text, file);
    fclose(file);
    status result = trace_read(path, false, t, err);
    unlink(path);
    return result;
}

/* Both pages of the same two kernels of 12.5 and 1,500 microseconds. */
Test(ncu, reads_both_pages) {
    static const char *const pages[] = {
        "\"ID\",\"Kernel Name\",\"Stream\",\"Grid Size\",\"Metric Name\",\"Metric Unit\",\"Metric Value\"\n"
        "\"0\",\"ampere_sgemm\",\"7\",\"(4, 2, 1)\",\"Duration\",\"us\",\"12.50\"\n"
        "\"0\",\"ampere_sgemm\",\"7\",\"(4, 2, 1)\",\"SM Frequency\",\"Ghz\",\"1.41\"\n"
        "\"1\",\"flash_fwd\",\"7\",\"(1, 1, 1)\",\"Duration\",\"us\",\"1,500.00\"\n",
        "\"ID\",\"Kernel Name\",\"Stream\",\"Grid Size\",\"gpu__time_duration.sum\"\n"
        "\"\",\"\",\"\",\"\",\"ns\"\n"
        "\"0\",\"ampere_sgemm\",\"7\",\"(4, 2, 1)\",\"12,500\"\n"
        "\"1\",\"flash_fwd\",\"7\",\"(1, 1, 1)\",\"1500000\"\n",
    };
    for (size_t i = 0; i < 2; i++) {
        trace t;
        error err = {0};
        cr_assert_eq(read_csv(pages[i], &t, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(t.gpu_count, 2);
        cr_expect_eq(t.gpu[0].ctas, 8);
        cr_expect_eq((int64_t)t.gpu[0].duration_ns, 12500);
        cr_expect_eq(t.gpu[1].start_ns, 12500);
        cr_expect_float_eq(trace_busy_s(&t, 0, 2), 1512.5e-6, 1e-12);
        trace_free(&t);
    }
}

Test(ncu, what_is_no_profile) {
    static const struct {
        const char *text, *what;
    } cases[] = {
        {"op,m,n\ngemm,1,2\n", "Kernel Name"},
        {"Kernel Name,gpu__time_duration.sum\nk,5\n", "unit"},
        {"Kernel Name,gpu__time_duration.sum\n,ns\nk,fast\n", ":3:"},
        {"Kernel Name,Metric Name,Metric Unit,Metric Value\nk,Registers,register/thread,5\n", "no kernel"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        trace t;
        error err = {0};
        cr_expect_eq(read_csv(cases[i].text, &t, &err), STATUS_BAD_INPUT, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].what), "case %zu: %s", i, err.text);
    }
}
