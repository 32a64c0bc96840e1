#include "cli/paper_measured.h"

#include "cli/step_prediction.h"
#include "cli/trace_prediction.h"
#include "core/base/text.h"
#include "validate/run_reader.h"
#include "validate/trace_run.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MEASURED_DIR "validate/measured"

int measured_run_of_task(const measured_run *found, const char *task_name) {
    size_t length = strlen(found->workload);
    return strcmp(found->workload, task_name) == 0 ||
           (strncmp(found->workload, task_name, length) == 0 && task_name[length] == '/');
}

static status add(measured_run *out, size_t *count, measured_run found, error *err) {
    if (*count == MEASURED_RUNS_MAX)
        return error_set(err, STATUS_BAD_INPUT, MEASURED_DIR " holds more than %d runs", MEASURED_RUNS_MAX);
    out[(*count)++] = found;
    return STATUS_OK;
}

/* ---- steps of PyTorch ---- */

static status add_steps(arena *a, const char *machine_name, const char *path, const char *shown, measured_run *out,
                        size_t *count, error *err) {
    step_table *table = ARENA_NEW(a, step_table);
    step_scores scores;
    *table = (step_table){0};
    status result = steps_load(path, table, err);
    if (result == STATUS_OK)
        result = steps_predict(a, table, machine_name, &scores, err);
    for (size_t i = 0; result == STATUS_OK && i < scores.count; i++) {
        const step_prediction *p = &scores.steps[i];
        bool host_bound = !isnan(p->implied_call_s);
        result = add(out, count,
                     (measured_run){.machine = machine_name,
                                    .workload = arena_strdup(a, p->measured->model),
                                    .levers = arena_strdup(a, p->levers),
                                    .what = arena_strdup(a, strchr(p->name, ' ') ? strchr(p->name, ' ') + 1 : p->name),
                                    .measured_busy_s = p->measured->busy_s,
                                    .predicted_busy_s = p->busy_s,
                                    .measured_wall_s = p->measured->wall_s,
                                    .predicted_wall_s = host_bound ? NAN : p->wall_s,
                                    .source = shown},
                     err);
    }
    steps_free(table);
    return result;
}

/* ---- our own runs ---- */

static status add_run(arena *a, const char *machine_name, const char *path, const char *shown, measured_run *out,
                      size_t *count, error *err) {
    run r;
    status result = run_read(a, path, &r, err);
    if (result != STATUS_OK)
        return result;
    int64_t batch = isnan(r.header.batch) ? 1 : (int64_t)r.header.batch;
    int64_t prompt = isnan(r.header.prompt_tokens) ? 0 : (int64_t)r.header.prompt_tokens;
    trace_question q = {
        .file = path,
        .common = {.machine = machine_name,
                   .workload = r.header.workload,
                   .preset = r.header.levers,
                   .engine = "analytic",
                   .request = {.batch = batch, .prompt_tokens = prompt, .decode_steps = -1, .statistic = "mean"}},
    };
    setup *s = ARENA_NEW(a, setup);
    trace_comparison *c = ARENA_NEW(a, trace_comparison);
    trace t;
    result = trace_compare(a, &q, &t, s, c, err);
    if (result != STATUS_OK)
        return result;
    const char *after = prompt > 0 ? arena_printf(a, " after %lld tokens", (long long)prompt) : "";
    result = add(out, count,
                 (measured_run){.machine = machine_name,
                                .workload = r.header.workload,
                                .levers = r.header.levers,
                                .what = arena_printf(a, "%s step%s, batch %lld", c->phase, after, (long long)batch),
                                .measured_busy_s = c->measured_busy_s,
                                .predicted_busy_s = c->predicted_busy_s,
                                .measured_wall_s = c->measured_wall_low_s,
                                .predicted_wall_s = c->predicted_wall_s,
                                .source = shown},
                 err);
    trace_free(&t);
    return result;
}

/* ---- the folders ---- */

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder, sorted; none where there is no folder. */
static const char **names_in(arena *a, const char *folder, size_t *count) {
    const char **names = ARENA_ARRAY(a, const char *, MEASURED_RUNS_MAX);
    DIR *open_folder = opendir(folder);
    *count = 0;
    for (struct dirent *entry; open_folder && (entry = readdir(open_folder));)
        if (entry->d_name[0] != '.' && *count < MEASURED_RUNS_MAX)
            names[(*count)++] = arena_strdup(a, entry->d_name);
    if (open_folder)
        closedir(open_folder);
    qsort(names, *count, sizeof *names, compare_names);
    return names;
}

status measured_runs(arena *a, measured_run *out, size_t *count, error *err) {
    size_t machine_count, file_count;
    const char **machines = names_in(a, INGOT_SOURCE_DIR "/" MEASURED_DIR, &machine_count);
    status result = STATUS_OK;
    *count = 0;
    for (size_t i = 0; i < machine_count && result == STATUS_OK; i++) {
        const char *folder = arena_printf(a, INGOT_SOURCE_DIR "/" MEASURED_DIR "/%s", machines[i]);
        const char **files = names_in(a, folder, &file_count);
        for (size_t j = 0; j < file_count && result == STATUS_OK; j++) {
            const char *path = arena_printf(a, "%s/%s", folder, files[j]);
            const char *shown = arena_printf(a, "%s/%s", machines[i], files[j]);
            if (trace_is_run(path))
                result = add_run(a, machines[i], path, shown, out, count, err);
            else if (text_ends_with(path, ".jsonl"))
                result = add_steps(a, machines[i], path, shown, out, count, err);
        }
    }
    return result;
}
