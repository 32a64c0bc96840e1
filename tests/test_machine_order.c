/* Pairs of rows that two machines share, counted by hand. */
#include "sim/explore/machine_order.h"

#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

static void load_block(arena *a, const char *name, machine_block *block) {
    machine m = {0};
    calibration c = {0};
    error err = {0};
    cr_assert_eq(machine_load(a, INGOT_SOURCE_DIR "/configs", name, &m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, INGOT_SOURCE_DIR "/configs", &m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
}

static row_table load_rows(const char *body) {
    char path[] = "/tmp/ingot_order_XXXXXX";
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "op,dtype,m,n,k,measured_us,method,source\n%s", body);
    fclose(f);
    row_table table = {0};
    error err = {0};
    cr_assert_eq(rows_load(path, NULL, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK, "%s", err.text);
    unlink(path);
    return table;
}

Test(machine_order, pairs_apart_and_ordered) {
    /* An H200 beats an A100 at every product. Rows: measured so; measured the other way round; measured alike; of
     * another shape; of another source. */
    row_table on_a100 =
        load_rows("gemm,bf16,4096,4096,4096,600,graph_steady,x\ngemm,bf16,1,8192,8192,50,graph_steady,x\n"
                  "gemm,bf16,512,4096,4096,100,graph_steady,x\ngemm,bf16,7,512,512,5,graph_steady,x\n"
                  "gemm,bf16,64,4096,4096,20,graph_steady,x\n");
    row_table on_h200 = load_rows("gemm,bf16,64,4096,4096,10,graph_steady,y\ngemm,bf16,1,8192,8192,80,graph_steady,x\n"
                                  "gemm,bf16,512,4096,4096,105,graph_steady,x\ngemm,bf16,8,512,512,4,graph_steady,x\n"
                                  "gemm,bf16,4096,4096,4096,200,graph_steady,x\n");
    arena a = {0};
    machine_block a100, h200;
    load_block(&a, "a100-sxm-80gb", &a100);
    load_block(&a, "h200-sxm", &h200);
    machine_order order = {0};
    machine_order_add(&a, &on_a100, &a100, &on_h200, &h200, &order);
    cr_expect_eq(order.pairs, 3, "%zu", order.pairs);
    cr_expect_eq(order.apart, 2, "%zu", order.apart);
    cr_expect_eq(order.ordered, 1, "%zu", order.ordered);
    cr_expect(order.ratio_error_sum > 0 && isfinite(order.ratio_error_sum));
    /* On one machine predictions do not differ, so nothing is ordered. */
    machine_order same = {0};
    machine_order_add(&a, &on_a100, &h200, &on_h200, &h200, &same);
    cr_expect_eq(same.apart, 2);
    cr_expect_eq(same.ordered, 0);
    rows_free(&on_a100);
    rows_free(&on_h200);
    arena_free(&a);
}
