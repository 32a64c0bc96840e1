/* ingot validate: measured operator rows against the analytic engine. */
#include "cli/command.h"
#include "cli/setup.h"
#include "core/base/json_writer.h"
#include "sim/engine/cost_method.h"
#include "validate/rows.h"
#include "validate/score_rows.h"
#include "validate/sources.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Seconds as the row's method would have measured them, in lane 0. */
static double predict_row(const operator_row *row, const machine_block *block) {
    double total_s = 0;
    bool steady = row->method == ROW_METHOD_GRAPH_STEADY;
    for (size_t part = 0; part < row_part_count(row); part++) {
        op o = row_part(row, part);
        cost_block cost;
        cost_analytic(&o, steady ? RESIDENCY_REPEATED : RESIDENCY_COLD, block, &cost);
        total_s += cost.time_s[0];
        if (steady && o.kind == OP_gemm) {
            lanes extra_s;
            cost_method_graph_steady(&o, row->source, block, extra_s);
            total_s += extra_s[0];
        } else if (steady) {
            total_s += cost.launches[0] * block->method_graph_steady_gap_s[0];
        }
    }
    return total_s;
}

static void print_line(const char *name, const score *s) {
    if (s->n > 0)
        printf("%-24s %7zu %8.1f %8.1f %+8.1f %8.1f %8.3f\n", name, s->n, 100 * s->mean_abs_err,
               100 * s->median_abs_err, 100 * s->bias, 100 * s->p90, s->kendall_tau);
}

static void print_text(const row_scores *scores, const row_table *table) {
    printf("%-24s %7s %8s %8s %8s %8s %8s\n", "error, %", "rows", "mean", "median", "bias", "p90", "tau");
    for (size_t i = 0; i < scores->group_count; i++) {
        const row_group *g = &scores->groups[i];
        char name[64];
        snprintf(name, sizeof name, "%s %s/%s %s", op_info_get(g->key.kind)->name, dtype_name(g->key.dtype),
                 dtype_name(g->key.second_dtype), g->key.phase ? g->key.phase : "");
        print_line(name, &g->scores.all);
    }
    print_line("all, even hash (fit)", &scores->all.fit);
    print_line("all, odd hash (held)", &scores->all.held);
    if (table->unsupported_count + table->skipped_count > 0)
        printf("left out: %zu rows of kinds not modelled yet, %zu empty\n", table->unsupported_count,
               table->skipped_count);
}

static status score_table(arena *a, const row_table *table, const machine_block *block, bool json, error *err) {
    scored_row *rows = ARENA_ARRAY(a, scored_row, table->count + 1);
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        const operator_row *row = &table->rows[i];
        if (row->unsupported || row->empty || isnan(row->measured_s))
            continue;
        rows[count++] = (scored_row){row, table->path, predict_row(row, block), NAN, NAN};
    }
    if (count == 0)
        return error_set(err, STATUS_NEGATIVE, "%s: no row is both measured and modelled", table->path);
    row_scores scores = score_rows(rows, count, a);
    if (!json) {
        print_text(&scores, table);
        return STATUS_OK;
    }
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    row_scores_json(&w, &scores);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static status load_block(arena *a, const char *name, machine_block *block, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, command_config_dir(), name, &m, NULL, err);
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &m, &c, err);
    if (result != STATUS_OK)
        return result;
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
    return STATUS_OK;
}

status command_validate(int argc, char **argv, error *err) {
    const char *file = NULL, *machine_name = NULL;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return puts("usage: ingot validate ROWS.csv --machine NAME [--json]\n\nMeasured operator rows against the "
                        "analytic engine.\n\nexample: ingot validate rows.csv --machine h200-sxm"),
                   STATUS_OK;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--machine") == 0 && i + 1 < argc)
            machine_name = argv[++i];
        else if (argv[i][0] != '-' && !file)
            file = argv[i];
        else
            return error_set(err, STATUS_BAD_INPUT, "ingot validate: unexpected '%.40s'; see --help", argv[i]);
    }
    if (!file || !machine_name)
        return error_set(err, STATUS_BAD_INPUT, "ingot validate: give a file of rows and --machine; see --help");
    arena a = {0};
    source_map sources = {0};
    row_table table = {0};
    machine_block *block = ARENA_NEW(&a, machine_block);
    status result = load_block(&a, machine_name, block, err);
    if (result == STATUS_OK)
        result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result == STATUS_OK)
        result = rows_load(file, &sources, EMPTY_ROWS_SKIPPED, &table, err);
    if (result == STATUS_OK)
        result = score_table(&a, &table, block, json, err);
    rows_free(&table);
    sources_free(&sources);
    arena_free(&a);
    return result;
}
