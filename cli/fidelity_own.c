#include "cli/fidelity_own.h"

#include "cli/command.h"
#include "cli/fidelity_verdict.h"
#include "cli/trace_prediction.h"
#include "core/base/csv.h"
#include "core/base/json_reader.h"
#include "core/base/si.h"
#include "core/scores.h"
#include "sim/explore/ensemble.h"
#include "validate/rows.h"
#include "validate/run_reader.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- line 1: operator rows ---- */

typedef enum own_group { GROUP_GEMM, GROUP_ATTENTION, GROUP_VECTOR, GROUP_ALL } own_group;

/* Rows that no parameter saw: split=held, and of split=fit those of odd hash. */
typedef enum own_part { PART_HELD, PART_ODD } own_part;

typedef struct own_line {
    const char *text;
    own_group group;
    own_part part;
    double bar; /* mean absolute error at most */
} own_line;

static const own_line own_lines[] = {
    {"1 our rows on H100, GEMM, split=held", GROUP_GEMM, PART_HELD, 0.05},
    {"1 our rows on H100, attention, split=held", GROUP_ATTENTION, PART_HELD, 0.06},
    {"1 our rows on H100, vector and norm, split=held", GROUP_VECTOR, PART_HELD, 0.08},
    {"- the same of odd hash: GEMM", GROUP_GEMM, PART_ODD, 0.05},
    {"- the same of odd hash: attention", GROUP_ATTENTION, PART_ODD, 0.06},
    {"- the same of odd hash: vector and norm", GROUP_VECTOR, PART_ODD, 0.08},
};

static own_group group_of(const operator_row *row) {
    return row->op.kind == OP_gemm ? GROUP_GEMM : row->op.kind == OP_attention ? GROUP_ATTENTION : GROUP_VECTOR;
}

static bool belongs(const own_line *line, const operator_row *row) {
    if (row->unsupported || row->empty || !(row->measured_s > 0) || group_of(row) != line->group)
        return false;
    return line->part == PART_HELD ? row_is_held(row) : !row_is_held(row) && (row->hash & 1) == 1;
}

enum { METHODS = 2 };

static void print_line(arena *a, const own_line *line, const row_table *tables, const ensemble *e) {
    size_t most = tables[0].count + tables[1].count + 1, n = 0;
    double *predicted = ARENA_ARRAY(a, double, most), *measured = ARENA_ARRAY(a, double, most);
    double *lower = ARENA_ARRAY(a, double, most), *upper = ARENA_ARRAY(a, double, most);
    for (size_t t = 0; t < METHODS; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const operator_row *row = &tables[t].rows[i];
            if (!belongs(line, row))
                continue;
            row_interval p = predict_row_interval(row, e);
            predicted[n] = p.prediction.time_s, measured[n] = row->measured_s;
            lower[n] = p.lower_s, upper[n++] = p.upper_s;
        }
    score s = score_of(predicted, measured, lower, upper, n);
    bool covered = s.coverage >= 0.85 && s.coverage <= 0.95 && s.median_half_width <= 2 * s.mean_abs_err;
    printf("%-48s %6zu %7.1f %7.1f  %-7s %7.1f %7.1f  %s\n", line->text, s.n, 100 * s.mean_abs_err, 100 * line->bar,
           fidelity_verdict(s.mean_abs_err <= line->bar), 100 * s.coverage, 100 * s.median_half_width,
           fidelity_verdict(covered));
}

status fidelity_own_rows(arena *a, const source_map *sources, error *err) {
    static const char *const files[METHODS] = {OWN_FOLDER "/operators-cold.csv", OWN_FOLDER "/operators-steady.csv"};
    row_table tables[METHODS] = {0};
    ensemble *e = ARENA_NEW(a, ensemble);
    status result = ensemble_load(a, command_config_dir(), OWN_MACHINE, e, err);
    for (size_t t = 0; t < METHODS && result == STATUS_OK; t++)
        result = rows_load(files[t], sources, EMPTY_ROWS_SKIPPED, &tables[t], err);
    for (size_t i = 0; i < sizeof own_lines / sizeof *own_lines && result == STATUS_OK; i++)
        print_line(a, &own_lines[i], tables, e);
    for (size_t t = 0; t < METHODS; t++)
        rows_free(&tables[t]);
    return result;
}

/* ---- line 5: runs ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum { OWN_FILES_MAX = 256 };

size_t fidelity_list_files(arena *a, const char *folder, const char *ending, const char **out, size_t most) {
    size_t count = 0, end = strlen(ending);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir)) && count < most;) {
        size_t length = strlen(entry->d_name);
        if (length > end && strcmp(entry->d_name + length - end, ending) == 0)
            out[count++] = arena_strdup(a, entry->d_name);
    }
    if (dir)
        closedir(dir);
    qsort(out, count, sizeof *out, by_name);
    return count;
}

static bool in_phase(const run *r, const char *phase) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->intervals[i].phase, phase) == 0)
            return true;
    return false;
}

#define RUN_STEPS OWN_FOLDER "/run-steps.csv"
static const char run_ending[] = ".run.jsonl.gz";

typedef struct run_totals {
    double busy_error, unseen_error, idle_error; /* sums: relative; of shares */
    size_t graphs, unseen, eagers;               /* unseen: runs whose operators no parameter was fitted to */
} run_totals;

/* Whether operators of the run are among the rows that parameters are fitted to. */
static status was_fitted(const char *run_name, bool *fitted, error *err) {
    int column = -1;
    csv_reader *reader = NULL;
    size_t length = strlen(run_name) - strlen(run_ending);
    *fitted = false;
    status result = csv_open(OWN_FOLDER "/operators-model.csv", &reader, err);
    if (result == STATUS_OK)
        result = csv_require_column(reader, "run", &column, err);
    while (result == STATUS_OK && !*fitted) {
        const csv_row *row = NULL;
        result = csv_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            break;
        const char *name = row->fields[column].text;
        *fitted = strncmp(name, run_name, length) == 0 && name[length] == '\0';
    }
    csv_close(reader);
    return result;
}

/* The wall of a step that nothing recorded: run-steps.csv beside the runs. A recorder keeps kernels apart, which counts
 * as idle time in the recordings themselves. */
static status unrecorded_wall(const char *run_name, const char *phase, double *wall_s, error *err) {
    static const double MS_MAX = 1e9;
    static const char *const names[] = {"run", "phase", "step_wall_ms"};
    enum { RUN, PHASE, WALL, COLUMNS };
    int columns[COLUMNS];
    csv_reader *reader = NULL;
    *wall_s = NAN;
    status result = csv_open(RUN_STEPS, &reader, err);
    for (int c = 0; c < COLUMNS && result == STATUS_OK; c++)
        result = csv_require_column(reader, names[c], &columns[c], err);
    size_t length = strlen(run_name) - strlen(run_ending);
    while (result == STATUS_OK && isnan(*wall_s)) {
        const csv_row *row = NULL;
        result = csv_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            break;
        const char *name = row->fields[columns[RUN]].text;
        if (strncmp(name, run_name, length) == 0 && name[length] == '\0' &&
            strcmp(row->fields[columns[PHASE]].text, phase) == 0) {
            result = csv_number(reader, row, columns[WALL], 0, MS_MAX, wall_s, err);
            *wall_s *= S_PER_MS;
        }
    }
    csv_close(reader);
    return result;
}

/* One phase of a run, beside its prediction. */
static status print_phase(const char *name, const char *phase, const run *r, const setup *s, const trace_comparison *c,
                          run_totals *totals, error *err) {
    bool captured = s->graph.phases[c->phase_index].captured,
         unknown = levers_autoquant(&s->levers) && r->header.pick_count == 0,
         emulated = r->header.dispatch_s > 0 || r->header.launch_s > 0;
    double wall_s;
    status result = unrecorded_wall(name, phase, &wall_s, err);
    double idle = fmax(0, 1 - c->measured_busy_s / wall_s), predicted = 1 - c->predicted_busy_s / c->predicted_wall_s;
    printf("  %-24.*s %-8s %s  busy %8.3f ms, predicted %8.3f (%+.1f %%)  idle %4.1f %%, predicted %4.1f%s\n",
           (int)(strlen(name) - strlen(run_ending)), name, phase, captured ? "graph" : "eager",
           MS_PER_S * c->measured_busy_s, MS_PER_S * c->predicted_busy_s, 100 * c->busy_error, 100 * idle,
           100 * predicted, unknown ? "  not scored: what the run picked is not known" : "");
    if (unknown)
        return result;
    bool fitted = false;
    if (result == STATUS_OK)
        result = was_fitted(name, &fitted, err);
    if (captured)
        totals->busy_error += fabs(c->busy_error), totals->graphs++;
    if (captured && !fitted)
        totals->unseen_error += fabs(c->busy_error), totals->unseen++;
    if (!captured && emulated && isfinite(idle))
        totals->idle_error += fabs(idle - predicted), totals->eagers++;
    return result;
}

static status print_run(arena *a, const char *name, run_totals *totals, error *err) {
    static const char *const phases[] = {"prefill", "decode"};
    const char *path = arena_printf(a, OWN_FOLDER "/%s", name);
    run r;
    status result = run_read(a, path, &r, err);
    for (size_t p = 0; p < sizeof phases / sizeof *phases && result == STATUS_OK; p++) {
        if (!in_phase(&r, phases[p]))
            continue;
        trace_question q = {.file = path, .phase = phases[p]};
        q.common.machine = OWN_MACHINE, q.common.engine = "analytic";
        q.common.workload = r.header.workload, q.common.preset = r.header.levers;
        q.common.request.batch = (int64_t)r.header.batch;
        q.common.request.prompt_tokens = (int64_t)r.header.prompt_tokens;
        q.common.request.decode_steps = -1;
        trace t;
        setup *s = ARENA_NEW(a, setup);
        trace_comparison c;
        result = trace_compare(a, &q, &t, s, &c, err);
        if (result != STATUS_OK)
            break;
        result = print_phase(name, phases[p], &r, s, &c, totals, err);
        trace_free(&t);
    }
    return result;
}

status fidelity_own_runs(arena *a, error *err) {
    static const double BUSY_BAR = 0.04, IDLE_BAR = 0.05;
    const char *names[OWN_FILES_MAX];
    size_t count = fidelity_list_files(a, OWN_FOLDER, run_ending, names, OWN_FILES_MAX);
    run_totals totals = {0};
    status result = STATUS_OK;
    puts("5 runs of our executor on H100, a step:");
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
        result = print_run(a, names[i], &totals, err);
    if (result == STATUS_OK && totals.graphs > 0)
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "5 our executor's graph runs, GPU busy", totals.graphs,
               100 * totals.busy_error / (double)totals.graphs, 100 * BUSY_BAR,
               fidelity_verdict(totals.busy_error <= BUSY_BAR * (double)totals.graphs));
    if (result == STATUS_OK && totals.unseen > 0)
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "- of these, runs with no operator in the fit", totals.unseen,
               100 * totals.unseen_error / (double)totals.unseen, 100 * BUSY_BAR,
               fidelity_verdict(totals.unseen_error <= BUSY_BAR * (double)totals.unseen));
    if (result == STATUS_OK && totals.eagers == 0)
        puts("5 our executor's eager runs, idle share             no run with an emulated dispatch is shipped");
    if (result == STATUS_OK && totals.eagers > 0)
        printf("%-48s %6zu %7.1f %7.1f  %s\n", "5 our executor's eager runs, idle share, points", totals.eagers,
               100 * totals.idle_error / (double)totals.eagers, 100 * IDLE_BAR,
               fidelity_verdict(totals.idle_error <= IDLE_BAR * (double)totals.eagers));
    return result;
}
