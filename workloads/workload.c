#include "workloads/workload.h"

#include "core/base/config_find.h"

#include <math.h>
#include <string.h>

static bool is_yaml_path(const char *name) {
    static const char suffix[] = ".yaml";
    size_t length = strlen(name);
    return length >= sizeof suffix && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

static status find_task(const char *name, const char *task_name, workload *out, error *err) {
    const char *known[MODEL_TASKS_MAX];
    for (size_t i = 0; i < out->shape.task_count; i++) {
        known[i] = out->shape.tasks[i].name;
        if (strcmp(known[i], task_name) == 0) {
            out->task = &out->shape.tasks[i];
            return STATUS_OK;
        }
    }
    const char *nearest = config_nearest(task_name, known, out->shape.task_count);
    return error_set(err, STATUS_BAD_INPUT, "%s: model %s has no task '%.40s'%s%s", name, out->shape.name, task_name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

status workload_find(arena *a, const char *config_dir, const char *name, workload *out, error *err) {
    *out = (workload){.name = arena_strdup(a, name)};
    const char *slash = is_yaml_path(name) ? NULL : strchr(name, '/');
    const char *model_name = slash ? arena_strndup(a, name, (size_t)(slash - name)) : name;
    const char *path;
    status result = config_find(a, arena_printf(a, "%s/workloads", config_dir), "workload", model_name, &path, err);
    if (result == STATUS_OK)
        result = model_load(a, path, &out->shape, err);
    if (result == STATUS_OK && slash)
        result = find_task(name, slash + 1, out, err);
    return result;
}

static const double *statistic_of(const length_distribution *lengths, const char *statistic) {
    const struct {
        const char *name;
        const double *value;
    } known[] = {{"mean", &lengths->mean}, {"p50", &lengths->p50}, {"p90", &lengths->p90},
                 {"p99", &lengths->p99},   {"min", &lengths->min}, {"max", &lengths->max}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].name, statistic) == 0)
            return known[i].value;
    return NULL;
}

status workload_scenario(const workload *w, const workload_request *request, scenario *out, error *err) {
    int64_t prompt = request->prompt_tokens, steps = request->decode_steps;
    if (!w->task && (prompt <= 0 || steps < 0))
        return error_set(err, STATUS_BAD_INPUT, "%s is a model without a task: give --prompt and --steps", w->name);
    if (w->task) {
        const double *prompts = statistic_of(&w->task->prompt_tokens, request->statistic);
        const double *decodes = statistic_of(&w->task->decode_steps, request->statistic);
        if (!prompts)
            return error_set(err, STATUS_BAD_INPUT, "unknown statistic '%.40s' (known: mean, p50, p90, p99, min, max)",
                             request->statistic);
        prompt = prompt > 0 ? prompt : llround(*prompts);
        steps = steps >= 0 ? steps : llround(*decodes);
    }
    if ((double)(prompt + steps + 1) > w->shape.context)
        return error_set(err, STATUS_NEGATIVE, "%s: %lld tokens are more than the model's context of %.0f", w->name,
                         (long long)(prompt + steps + 1), w->shape.context);
    return scenario_fixed(request->batch, prompt, steps + 1, 0, request->seed, out, err);
}
