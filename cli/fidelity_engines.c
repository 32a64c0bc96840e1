#include "cli/fidelity_engines.h"

#include "cli/command.h"
#include "cli/fidelity_verdict.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/row_prediction.h"

#include <math.h>
#include <stdio.h>

#define MEASURED INGOT_SOURCE_DIR "/validate/measured/h100-sxm/"

/* Mean errors over a file's rows; `differ`: rows that the engines give different times. */
typedef struct engine_errors {
    double analytic, event;
    size_t rows, differ;
} engine_errors;

static engine_errors errors_of(const row_table *table, const machine_block *block, const hbm_efficiency *memory) {
    static const double SAME = 1e-3;
    engine_errors e = {0};
    for (size_t i = 0; i < table->count; i++) {
        const operator_row *row = &table->rows[i];
        if (row->unsupported || row->empty || !(row->measured_s > 0))
            continue;
        double closed_s = predict_row(row, block).time_s, event_s = predict_row_event(row, block, memory).time_s;
        e.rows++;
        e.analytic += fabs(closed_s / row->measured_s - 1);
        e.event += fabs(event_s / row->measured_s - 1);
        e.differ += fabs(event_s / closed_s - 1) > SAME;
    }
    if (e.rows > 0)
        e.analytic /= (double)e.rows, e.event /= (double)e.rows;
    return e;
}

status fidelity_engines(arena *a, const source_map *sources, error *err) {
    static const struct {
        const char *text, *path;
    } files[] = {{"8 own H100 rows, cold", MEASURED "operators-cold.csv"},
                 {"8 own H100 rows, steady", MEASURED "operators-steady.csv"}};
    machine m;
    machine_block *block = ARENA_NEW(a, machine_block);
    hbm_efficiency memory[MACHINE_LANES];
    status result = load_machine_block(a, command_config_dir(), "h100-sxm", block, err);
    if (result == STATUS_OK)
        result = machine_load(a, command_config_dir(), "h100-sxm", &m, NULL, err);
    if (result == STATUS_OK)
        result = hbm_streams_of(&m, &memory[0], err);
    for (size_t i = 1; i < MACHINE_LANES; i++)
        memory[i] = memory[0];
    for (size_t f = 0; f < sizeof files / sizeof *files && result == STATUS_OK; f++) {
        row_table table = {0};
        result = rows_load(files[f].path, sources, EMPTY_ROWS_SKIPPED, &table, err);
        if (result == STATUS_OK) {
            engine_errors e = errors_of(&table, block, memory);
            printf("%-48s %6zu analytic %.2f %%, event %.2f %% (%zu rows differ): %s\n", files[f].text, e.rows,
                   100 * e.analytic, 100 * e.event, e.differ, fidelity_verdict(e.event <= e.analytic));
        }
        rows_free(&table);
    }
    return result;
}
