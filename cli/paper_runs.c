#include "cli/paper_runs.h"

#include "cli/command.h"
#include "cli/setup.h"
#include "core/base/csv.h"
#include "core/base/si.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

size_t paper_preset(const paper *p, const char *name) {
    size_t i = 0;
    while (i < p->preset_count && strcmp(p->presets[i], name) != 0)
        i++;
    return i;
}

/* ---- one request ---- */

static void take_result(const setup *s, const engine_result *r, paper_run *out) {
    out->latency_s = r->latency_s[0];
    out->busy_s = r->busy_s[0];
    for (size_t p = 0; p < r->phase_count; p++) {
        for (int c = 0; c < CATEGORY_COUNT; c++)
            out->category_s[c] += r->phases[p].category_s[c][0];
        if (s->graph.phases[p].per_output) {
            out->decode_frac = r->phases[p].latency_s[0] / r->latency_s[0];
            out->decode_steps = s->scenario.values[s->graph.phases[p].steps];
        }
    }
}

/* Graphs and scenarios live in an arena of their own: there are hundreds. */
static status predict(arena *own, const setup_options *o, arena *a, paper_run *out, error *err) {
    setup *s = ARENA_NEW(own, setup);
    engine_result *r = ARENA_NEW(own, engine_result);
    status result = setup_load(own, o, s, err);
    if (result == STATUS_OK)
        result = engine_run(&s->graph, &s->scenario, &s->block, &s->options, own, r, NULL, err);
    if (result == STATUS_NEGATIVE) { /* does not apply */
        out->reason = arena_strdup(a, err->text);
        return STATUS_OK;
    }
    if (result != STATUS_OK)
        return result;
    if (r->fits[0] == 0)
        out->reason = arena_printf(a, "needs %.0f GB of memory", r->memory.total_bytes / BYTES_PER_GB);
    else
        take_result(s, r, out);
    return STATUS_OK;
}

status paper_predict(arena *a, const char *machine_name, const char *task_name, const char *preset, const char *host,
                     int64_t batch, paper_run *out, error *err) {
    const setup_options o = {
        .machine = machine_name,
        .workload = task_name,
        .preset = preset,
        .host = host,
        .engine = "analytic",
        .request = {.batch = batch, .decode_steps = -1, .statistic = PAPER_STATISTIC},
    };
    arena own = {0};
    *out = (paper_run){0};
    status result = predict(&own, &o, a, out, err);
    arena_free(&own);
    return result;
}

/* PyTorch's presets run on the host that the paper's machines had; ingot's own executor brings its own. */
static const char *a100_host(const char *preset) {
    return strcmp(preset, "all") == 0 ? NULL : PAPER_HOST;
}

static status predict_task(arena *a, paper *p, size_t at, error *err) {
    status result = paper_predict(a, PAPER_A100, p->tasks[at], "sdpa", PAPER_PROFILED_HOST, 1, &p->profiled[at], err);
    for (size_t i = 0; i < p->preset_count && result == STATUS_OK; i++) {
        const char *preset = p->presets[i];
        result = paper_predict(a, PAPER_A100, p->tasks[at], preset, a100_host(preset), 1, &p->a100[at][i], err);
        if (result == STATUS_OK)
            result = paper_predict(a, PAPER_H200, p->tasks[at], preset, NULL, 1, &p->h200[at][i], err);
    }
    return result;
}

/* ---- the sweeps ---- */

static size_t find(const char *const *list, size_t count, const char *name) {
    size_t i = 0;
    while (i < count && strcmp(list[i], name) != 0)
        i++;
    return i;
}

/* Every lever of PyTorch at once, which no single preset is; before ingot's own. */
static status add_combined(paper *p, error *err) {
    size_t all = paper_preset(p, "all");
    if (p->preset_count == PAPER_PRESETS_MAX)
        return error_set(err, STATUS_BAD_INPUT, "more than %d presets", PAPER_PRESETS_MAX - 1);
    for (size_t i = p->preset_count++; i > all; i--)
        p->presets[i] = p->presets[i - 1];
    p->presets[all] = PAPER_COMBINED;
    return STATUS_OK;
}

/* Tasks and presets are those of the sweep, in its order. */
static status read_tasks(arena *a, paper *p, error *err) {
    sweep *s = ARENA_NEW(a, sweep);
    const char *path = arena_printf(a, "%s/sweeps/paper.yaml", command_config_dir());
    status result = sweep_load(a, command_config_dir(), path, INGOT_VERSION, s, err);
    for (size_t i = 0; i < s->case_count && result == STATUS_OK; i++) {
        const sweep_case *c = &s->cases[i];
        bool new_task = find(p->tasks, p->task_count, c->workload) == p->task_count;
        bool new_preset = find(p->presets, p->preset_count, c->levers) == p->preset_count;
        if ((new_task && p->task_count == PAPER_TASKS_MAX) || (new_preset && p->preset_count == PAPER_PRESETS_MAX))
            return error_set(err, STATUS_BAD_INPUT, "%s: more than %d tasks or %d presets", path, PAPER_TASKS_MAX,
                             PAPER_PRESETS_MAX);
        if (new_task)
            p->tasks[p->task_count++] = c->workload;
        if (new_preset)
            p->presets[p->preset_count++] = c->levers;
    }
    return result == STATUS_OK ? add_combined(p, err) : result;
}

static status run_levers(arena *a, paper *p, const char *path, error *err) {
    store *points = NULL;
    store_manifest manifest = sweep_manifest(a, &p->levers);
    manifest.date = manifest.command = "";
    manifest.version = INGOT_VERSION;
    int64_t computed;
    status result = store_create(path, &manifest, true, &points, err);
    if (result == STATUS_OK)
        result = sweep_run(&p->levers, points, &(sweep_options){0}, &computed, err);
    if (result == STATUS_OK)
        result = sweep_find_speedups(a, &p->levers, points, err);
    status closed = store_close(points, result == STATUS_OK ? err : NULL);
    return result == STATUS_OK ? closed : result;
}

static status read_levers(arena *a, paper *p, error *err) {
    const char *path = arena_printf(a, "%s/sweeps/paper-levers.yaml", command_config_dir());
    status result = sweep_load(a, command_config_dir(), path, INGOT_VERSION, &p->levers, err);
    if (result != STATUS_OK)
        return result;
    char name[] = P_tmpdir "/ingot-paper-XXXXXX";
    int file = mkstemp(name);
    if (file < 0)
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot create a temporary store", name);
    close(file);
    result = run_levers(a, p, name, err);
    unlink(name);
    return result;
}

/* ---- the authors' figures ---- */

enum { COLUMNS = 7, FIGURES_MAX = 1024, BATCH_MAX = 1 << 20 };

static status read_figure(arena *a, const csv_reader *reader, const csv_row *row, const int *columns, paper_figure *out,
                          error *err) {
    const char *texts[COLUMNS];
    double batch = 0, value;
    for (int i = 0; i < COLUMNS; i++)
        texts[i] = arena_strdup(a, row->fields[columns[i]].text);
    status result = csv_number(reader, row, columns[5], 0, 1e6, &value, err);
    if (result == STATUS_OK && *texts[2])
        result = csv_number(reader, row, columns[2], 1, BATCH_MAX, &batch, err);
    *out = (paper_figure){texts[0], texts[1], texts[3], texts[4], texts[6], (int64_t)batch, value};
    return result;
}

static status read_figures(arena *a, paper *p, error *err) {
    static const char *const NAMES[COLUMNS] = {"quantity", "task", "batch", "levers", "name", "value", "source"};
    const char *path = arena_printf(a, "%s/paper/authors.csv", command_config_dir());
    paper_figure *figures = ARENA_ARRAY(a, paper_figure, FIGURES_MAX);
    int columns[COLUMNS];
    csv_reader *reader = NULL;
    const csv_row *row;
    status result = csv_open(path, &reader, err);
    for (int i = 0; i < COLUMNS && result == STATUS_OK; i++)
        result = csv_require_column(reader, NAMES[i], &columns[i], err);
    while (result == STATUS_OK) {
        result = csv_next(reader, &row, err);
        if (result != STATUS_OK || !row)
            break;
        result = p->figure_count == FIGURES_MAX
                     ? error_set(err, STATUS_BAD_INPUT, "%s: more than %d figures", path, FIGURES_MAX)
                     : read_figure(a, reader, row, columns, &figures[p->figure_count++], err);
    }
    csv_close(reader);
    p->figures = figures;
    return result;
}

double paper_published(const paper *p, const char *quantity, const char *task_name, int64_t batch,
                       const char *lever_set, const char *name) {
    for (size_t i = 0; i < p->figure_count; i++) {
        const paper_figure *f = &p->figures[i];
        if (f->batch == batch && strcmp(f->quantity, quantity) == 0 && strcmp(f->task, task_name) == 0 &&
            strcmp(f->levers, lever_set) == 0 && strcmp(f->name, name) == 0)
            return f->value;
    }
    return NAN;
}

const sweep_speedup *paper_speedup(const paper *p, const char *task_name, int64_t batch, const char *lever_set,
                                   const char *over) {
    for (size_t i = 0; i < p->levers.speedup_count; i++) {
        const sweep_speedup *s = &p->levers.speedups[i];
        if (s->batch == batch && strcmp(s->workload, task_name) == 0 && strcmp(s->levers, lever_set) == 0 &&
            strcmp(s->over, over) == 0)
            return s;
    }
    return NULL;
}

double paper_published_gain(const paper *p, const char *task_name, const char *preset) {
    if (strcmp(preset, "baseline") == 0)
        return 1;
    const sweep_speedup *fused = paper_speedup(p, task_name, 1, "sdpa", "baseline");
    const sweep_speedup *more = strcmp(preset, "sdpa") == 0 ? fused : paper_speedup(p, task_name, 1, preset, "sdpa");
    if (!fused || !more)
        return NAN;
    return fused == more ? fused->published : fused->published * more->published;
}

double paper_mean_gain(const paper *p, const paper_run (*runs)[PAPER_PRESETS_MAX], size_t preset, size_t over,
                       size_t *count) {
    double sum = 0;
    *count = 0;
    for (size_t i = 0; i < p->task_count; i++)
        if (!runs[i][preset].reason && !runs[i][over].reason) {
            sum += log(runs[i][over].latency_s / runs[i][preset].latency_s);
            ++*count;
        }
    return *count > 0 ? exp(sum / (double)*count) : NAN;
}

status paper_load(arena *a, paper *out, error *err) {
    *out = (paper){0};
    status result = read_tasks(a, out, err);
    if (result == STATUS_OK)
        result = read_figures(a, out, err);
    if (result == STATUS_OK)
        result = read_levers(a, out, err);
    for (size_t i = 0; i < out->task_count && result == STATUS_OK; i++)
        result = predict_task(a, out, i, err);
    return result;
}
