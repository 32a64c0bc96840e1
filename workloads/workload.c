#include "workloads/workload.h"

#include "core/base/config_find.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "workloads/family.h"
#include "workloads/hf_config.h"
#include "workloads/kv_levers.h"
#include "workloads/predicted_only.h"
#include "workloads/speculate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LENGTH_MAX = 1e7; /* only keeps products sane */

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

/* Where the task begins in MODEL/TASK or path/to/MODEL.yaml/TASK; NULL: no task is named. */
static const char *task_slash(const char *name) {
    static const char ending[] = ".yaml";
    if (text_ends_with(name, ending))
        return NULL;
    const char *file = strstr(name, ".yaml/");
    return file ? file + strlen(ending) : strchr(name, '/');
}

status workload_find(arena *a, const char *config_dir, const char *name, workload *out, error *err) {
    *out = (workload){.name = arena_strdup(a, name), .config_dir = arena_strdup(a, config_dir)};
    if (text_ends_with(name, ".json"))
        return hf_config_load(a, name, &out->shape, err);
    const char *slash = task_slash(name);
    if (slash == name)
        return error_set(err, STATUS_BAD_INPUT,
                         "'%.80s' is no workload: give MODEL, MODEL/TASK, or a path to a .yaml "
                         "or .json",
                         name);
    const char *model_name = slash ? arena_strndup(a, name, (size_t)(slash - name)) : name;
    const char *path;
    status result = config_find(a, arena_printf(a, "%s/workloads", config_dir), "workload", model_name, &path, err);
    if (result == STATUS_OK)
        result = model_load(a, path, &out->shape, err);
    if (result == STATUS_OK && slash)
        result = find_task(name, slash + 1, out, err);
    return result;
}

/* What the request fixes by name: --prompt and --steps. */
static double fixed_length(const workload_request *request, const char *name) {
    for (size_t i = 0; i < request->fixed_count; i++)
        if (strcmp(request->fixed[i].name, name) == 0)
            return request->fixed[i].value;
    if (strcmp(name, "prompt_tokens") == 0)
        return request->prompt_tokens > 0 ? (double)request->prompt_tokens : -1;
    if (strcmp(name, "decode_steps") == 0)
        return (double)request->decode_steps;
    return -1;
}

/* Of random numbers. */
static const uint64_t STREAM_PROMPTS = 0x70726f6d7074, STREAM_LENGTHS = 0x6c656e677468; /* "prompt", "length" */

static double draw_length(const length_distribution *lengths, const workload_request *request, uint64_t stream) {
    double longest = 0;
    for (int64_t i = 0; i < request->batch; i++)
        longest = fmax(longest, length_quantile(lengths, random_uniform(request->seed, stream, (uint64_t)i)));
    return (double)llround(longest);
}

status workload_read_length(arena *a, const workload *w, const char *text, request_length *out, error *err) {
    const char *equals = strchr(text, '=');
    if (!equals)
        return error_set(err, STATUS_BAD_INPUT, "--length '%.60s' is not of the form name=value", text);
    out->name = arena_strndup(a, text, (size_t)(equals - text));
    char *end;
    out->value = strtod(equals + 1, &end);
    if (end == equals + 1 || *end != '\0' || !(out->value >= 0 && out->value <= LENGTH_MAX) ||
        out->value != floor(out->value))
        return error_set(err, STATUS_BAD_INPUT, "--length %s: '%.40s' is not a whole number from 0 to %g", out->name,
                         equals + 1, LENGTH_MAX);
    const char *known[TASK_LENGTHS_MAX];
    size_t count = w->task ? w->task->length_count : 0;
    for (size_t i = 0; i < count; i++) {
        known[i] = w->task->lengths[i].name;
        if (strcmp(known[i], out->name) == 0)
            return STATUS_OK;
    }
    const char *nearest = config_nearest(out->name, known, count);
    return error_set(err, STATUS_BAD_INPUT, "%s states no length '%.40s'%s%s", w->name, out->name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

status workload_length(const workload *w, const workload_request *request, const char *name, double *out, error *err) {
    *out = fixed_length(request, name);
    if (*out >= 0)
        return STATUS_OK;
    if (!w->task)
        return error_set(err, STATUS_BAD_INPUT, "%s is a model without a task: give --prompt and --steps", w->name);
    const length_distribution *lengths = task_length_find(w->task, name);
    if (!lengths)
        return error_set(err, STATUS_BAD_INPUT, "%s states no %s", w->name, name);
    if (request->drawn) {
        *out = draw_length(lengths, request, strcmp(name, "prompt_tokens") == 0 ? STREAM_PROMPTS : STREAM_LENGTHS);
        return STATUS_OK;
    }
    double value = 0;
    status result = length_statistic(lengths, request->statistic, &value, err);
    *out = (double)llround(value);
    return result;
}

status workload_scenario(arena *a, const workload *w, const workload_request *request, const levers *l, scenario *out,
                         error *err) {
    levers resolved;
    status result = workload_levers(w, l, &resolved, err);
    if (result == STATUS_OK)
        result = w->shape.family->scenario(a, w, request, &resolved, out, err);
    if (result != STATUS_OK)
        return result;
    scenario_speculate(a, &resolved, out);
    scenario_cache(&resolved, out);
    return result;
}

/* Flavour ingot is what our own kernels run, alternatives too. */
static void mark_own(graph *g) {
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            graph_node *node = &g->phases[p].nodes[n];
            node->op.own = true;
            op *alternatives = ARENA_ARRAY(g->memory, op, node->alternative_count + 1);
            for (size_t i = 0; i < node->alternative_count; i++) {
                alternatives[i] = node->alternatives[i];
                alternatives[i].own = true;
            }
            if (node->alternatives)
                node->alternatives = alternatives;
        }
}

status workload_build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    levers resolved;
    status result = workload_levers(w, l, &resolved, err);
    workload typed = *w;
    typed.shape.dtype = levers_dtype(&resolved, w->shape.dtype);
    if (result == STATUS_OK)
        result = w->shape.family->build(a, &typed, &resolved, out, err);
    if (result != STATUS_OK)
        return result;
    if (resolved.flavour == FLAVOUR_INGOT)
        mark_own(out);
    out->predicted_only = predicted_only(a, w, &resolved);
    return STATUS_OK;
}

status decoder_lengths(const workload *w, const workload_request *request, int64_t *prompt_tokens,
                       int64_t *decode_steps, error *err) {
    double prompt = 0, steps = 0;
    status result = workload_length(w, request, "prompt_tokens", &prompt, err);
    if (result == STATUS_OK)
        result = workload_length(w, request, "decode_steps", &steps, err);
    if (result != STATUS_OK)
        return result;
    if (prompt + steps + 1 > w->shape.context)
        return error_set(err, STATUS_NEGATIVE, "%s: %.0f tokens are more than the model's context of %.0f", w->name,
                         prompt + steps + 1, w->shape.context);
    *prompt_tokens = (int64_t)prompt;
    *decode_steps = (int64_t)steps;
    return STATUS_OK;
}
