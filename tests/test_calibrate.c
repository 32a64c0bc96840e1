/* The calibration recovers parameters that made the rows, and says of others that the rows do not determine them. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/calibrate.h"
#include "sim/explore/row_prediction.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"

static const char *const header = "op,dtype,m,n,k,measured_us,method\n";

static const machine_key *key_of(const char *path) {
    const machine_key *key = calibration_key_find(path);
    cr_assert_not_null(key, "%s", path);
    return key;
}

/* Rows of many shapes, measured by the engine itself with the calibration `truth`. */
static void write_rows(const char *path, const machine *m, const calibration *truth) {
    static const int sizes[] = {64, 192, 512, 1024, 3072, 8192};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    const machine *machines[] = {m};
    const calibration *calibrations[] = {truth};
    machine_block block;
    machine_block_fill(&block, machines, calibrations, 1);
    FILE *f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(header, f);
    for (int a = 0; a < SIZES; a++)
        for (int b = 0; b < SIZES; b++)
            for (int c = 0; c < SIZES; c++) {
                operator_row row = {.method = ROW_METHOD_GRAPH_STEADY, .source = ""};
                row.op = (op){.kind = OP_gemm,
                              .as.gemm = {.m = sizes[a],
                                          .n = sizes[b],
                                          .k = sizes[c],
                                          .batch = 1,
                                          .dtype = DTYPE_bf16,
                                          .weights_dtype = DTYPE_bf16}};
                fprintf(f, "gemm,bf16,%d,%d,%d,%.9g,graph_steady\n", sizes[a], sizes[b], sizes[c],
                        predict_row(&row, &block).time_s * 1e6);
            }
    fclose(f);
}

static void load(arena *a, machine *m, calibration *c) {
    error err;
    cr_assert_eq(machine_load(a, CONFIGS, "h200-sxm", m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, CONFIGS, m, c, &err), STATUS_OK, "%s", err.text);
}

/* Fits rows made with `truth`, starting from `start`. */
static calibrate_result fit(arena *a, const machine *m, const calibration *truth, const calibration *start,
                            row_table *table) {
    char path[] = "/tmp/ingot-calibrate-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    write_rows(path, m, truth);
    error err;
    cr_assert_eq(rows_load(path, NULL, EMPTY_ROWS_SKIPPED, table, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    calibrate_input in = {.machine = m, .priors = *start, .start = *start, .tables = table, .table_count = 1};
    in.kinds[OP_gemm] = true;
    calibrate_result result;
    cr_assert_eq(calibrate(a, &in, &result, &err), STATUS_OK, "%s", err.text);
    return result;
}

Test(calibrate, recovers_what_made_the_rows) {
    arena a = {0};
    machine m;
    calibration start;
    load(&a, &m, &start);
    calibration truth = start;
    const machine_key *hbm = key_of("gemm.hbm_efficiency_frac"), *reduce = key_of("gemm.reduce_latencies");
    calibration_set(&truth, hbm, 0.8);
    calibration_set(&truth, reduce, 1.5 * calibration_get(&start, reduce));
    row_table table;
    calibrate_result r = fit(&a, &m, &truth, &start, &table);
    cr_expect(r.kinds[OP_gemm].held.mean_abs_err < 0.01, "held rows of the same truth: %g",
              r.kinds[OP_gemm].held.mean_abs_err);
    double found = calibration_get(&r.fitted, hbm), slower = calibration_get(&r.fitted, reduce);
    cr_expect(fabs(found / 0.8 - 1) < 0.05, "HBM efficiency %g", found);
    cr_expect(fabs(slower / calibration_get(&truth, reduce) - 1) < 0.1, "reduction %g", slower);
    rows_free(&table);
    arena_free(&a);
}

Test(calibrate, leaves_alone_what_no_row_depends_on) {
    arena a = {0};
    machine m;
    calibration start;
    load(&a, &m, &start);
    row_table table;
    calibrate_result r = fit(&a, &m, &start, &start, &table);
    for (size_t k = 0; k < r.parameter_count; k++)
        if (strncmp(r.parameters[k].key->path, "attention", 9) == 0) {
            cr_expect_eq(r.parameters[k].state, CALIBRATE_UNTOUCHED, "%s", r.parameters[k].key->path);
            cr_expect_eq(r.parameters[k].value, r.parameters[k].start);
        }
    rows_free(&table);
    arena_free(&a);
}

Test(calibrate, transforms_are_inverse) {
    size_t count;
    const machine_key *keys = calibration_keys(&count);
    calibration priors = calibration_priors();
    for (size_t k = 0; k < count; k++) {
        double value = calibration_get(&priors, &keys[k]);
        double back = parameter_restore(&keys[k], parameter_transform(&keys[k], value));
        cr_expect(fabs(back - value) <= 1e-9 * fmax(fabs(value), 1e-12) || value >= keys[k].max * 0.998, "%s: %g %g",
                  keys[k].path, value, back);
    }
}

/* What is written can be read, and holds the fitted values. */
Test(calibrate, file_round_trip) {
    arena a = {0};
    machine m;
    calibration start, back;
    load(&a, &m, &start);
    row_table table;
    calibrate_result r = fit(&a, &m, &start, &start, &table);
    char path[] = "/tmp/ingot-calibration-XXXXXX.yaml";
    int file = mkstemps(path, 5);
    cr_assert(file >= 0);
    close(file);
    error err;
    const calibrate_labels labels = {"round-trip", "rows of the engine itself", "2026-01-01"};
    cr_assert_eq(calibrate_write(path, &r, &labels, &err), STATUS_OK, "%s", err.text);
    m.calibration_name = path;
    cr_assert_eq(calibration_load(&a, CONFIGS, &m, &back, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    for (size_t k = 0; k < r.parameter_count; k++) {
        double value = calibration_get(&back, r.parameters[k].key);
        cr_expect(fabs(value - r.parameters[k].value) <= 1e-3 * fabs(value), "%s", r.parameters[k].key->path);
    }
    rows_free(&table);
    arena_free(&a);
}
