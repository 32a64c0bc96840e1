#include "cli/fidelity_order.h"

#include "cli/command.h"
#include "cli/fidelity_verdict.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/machine_order.h"

#include <stdio.h>
#include <unistd.h>

enum { GPU_COUNT = 3, KIND_COUNT = 3 };
static const struct {
    const char *machine, *file;
} gpus[GPU_COUNT] = {{"a100-sxm-80gb", "a100_sxm"}, {"h200-sxm", "h200_sxm"}, {"l40s", "l40s"}};
static const char *const kinds[KIND_COUNT] = {"gemm", "attention", "collective"};

/* Issue bars: pairs that differ by over a tenth in order, and the mean error of their ratio. */
static const double ORDER_BAR = 0.95, RATIO_BAR = 0.12;

static status load_tables(arena *a, const char *measured, const source_map *sources, row_table tables[][KIND_COUNT],
                          bool *complete, error *err) {
    *complete = true;
    status result = STATUS_OK;
    for (size_t g = 0; g < GPU_COUNT; g++)
        for (size_t k = 0; k < KIND_COUNT && result == STATUS_OK; k++) {
            const char *path = arena_printf(a, "%s/%s-%s.csv", measured, gpus[g].file, kinds[k]);
            if (access(path, R_OK) == 0)
                result = rows_load(path, sources, EMPTY_ROWS_SKIPPED, &tables[g][k], err);
            else
                *complete = false;
        }
    return result;
}

static status load_block(arena *a, const char *name, bool as_swept, machine_block *block, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, command_config_dir(), name, &m, NULL, err);
    if (as_swept) {
        m.generation = GENERATION_AMPERE;
        m.calibration_name = generation_name(GENERATION_AMPERE);
    }
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &m, &c, err);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    if (result == STATUS_OK)
        machine_block_fill(block, machines, calibrations, 1);
    return result;
}

static void print_line(const char *name, const machine_order *o, bool has_bar) {
    double ordered = o->apart ? (double)o->ordered / (double)o->apart : 0;
    double ratio_error = o->pairs ? o->ratio_error_sum / (double)o->pairs : 0;
    printf("  %-46s %6zu %7.1f %7.1f  %-7s ratio off by %.1f %%\n", name, o->apart, 100 * ordered, 100 * ORDER_BAR,
           !has_bar || o->apart == 0 ? "" : fidelity_verdict(ordered >= ORDER_BAR), 100 * ratio_error);
}

static status print_order(arena *a, row_table tables[][KIND_COUNT], bool as_swept, error *err) {
    machine_block *blocks[GPU_COUNT];
    machine_order all = {0}, a100_h200 = {0};
    for (size_t g = 0; g < GPU_COUNT; g++) {
        blocks[g] = ARENA_NEW(a, machine_block);
        status result = load_block(a, gpus[g].machine, as_swept, blocks[g], err);
        if (result != STATUS_OK)
            return result;
    }
    printf("6.5 rows that differ by over 10 %% between GPUs, in the measured order, %%: %s\n",
           as_swept ? "an A100 with the others' numbers" : "each GPU as described");
    for (size_t g = 0; g < GPU_COUNT; g++)
        for (size_t h = g + 1; h < GPU_COUNT; h++) {
            machine_order pair = {0};
            for (size_t k = 0; k < KIND_COUNT; k++) {
                machine_order_add(a, &tables[g][k], blocks[g], &tables[h][k], blocks[h], &pair);
                machine_order_add(a, &tables[g][k], blocks[g], &tables[h][k], blocks[h], &all);
                if (g == 0 && h == 1 && k < 2) /* A100 over H200, matrix products and attention */
                    machine_order_add(a, &tables[g][k], blocks[g], &tables[h][k], blocks[h], &a100_h200);
            }
            print_line(arena_printf(a, "%s, %s", gpus[g].machine, gpus[h].machine), &pair, false);
        }
    print_line("all", &all, true);
    if (!as_swept && a100_h200.pairs > 0) {
        double ratio_error = a100_h200.ratio_error_sum / (double)a100_h200.pairs;
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "5 A100 over H200, same rows of kernels", a100_h200.pairs,
               100 * ratio_error, 100 * RATIO_BAR, fidelity_verdict(ratio_error <= RATIO_BAR));
    }
    return STATUS_OK;
}

status fidelity_print_order(arena *a, const char *measured, const source_map *sources, error *err) {
    row_table tables[GPU_COUNT][KIND_COUNT] = {0};
    bool complete;
    status result = load_tables(a, measured, sources, tables, &complete, err);
    if (result == STATUS_OK && !complete)
        puts("6.5 the order of GPUs: skipped, not all public tables are here");
    for (int swept = 0; swept < 2 && complete && result == STATUS_OK; swept++)
        result = print_order(a, tables, swept == 1, err);
    for (size_t g = 0; g < GPU_COUNT; g++)
        for (size_t k = 0; k < KIND_COUNT; k++)
            rows_free(&tables[g][k]);
    return result;
}
