/* Sweep descriptions from YAML. */
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/sweep_private.h"

#include <math.h>
#include <string.h>

typedef struct sweep_file {
    double schema, seed, prompt_tokens, decode_steps;
    const char *name, *question, *host, *engine, *statistic;
    const config_node *machines, *workloads, *batch, *levers, *vary, *derive, *objectives, *speedups;
} sweep_file;

static const config_field fields[] = {
#define FIELD(key, type, low, high, required)                                                                          \
    { #key, type, offsetof(sweep_file, key), low, high, required }
    FIELD(schema, CONFIG_NUMBER, SWEEP_SCHEMA, SWEEP_SCHEMA, true),
    FIELD(name, CONFIG_TEXT, 0, 0, true),
    FIELD(question, CONFIG_TEXT, 0, 0, false),
    FIELD(host, CONFIG_TEXT, 0, 0, false),
    FIELD(engine, CONFIG_TEXT, 0, 0, false),
    FIELD(statistic, CONFIG_TEXT, 0, 0, false),
    FIELD(seed, CONFIG_NUMBER, 0, 9007199254740992.0, false),
    FIELD(prompt_tokens, CONFIG_NUMBER, 1, 1e7, false),
    FIELD(decode_steps, CONFIG_NUMBER, 0, 1e7, false),
    FIELD(machines, CONFIG_NODE, 0, 0, true),
    FIELD(workloads, CONFIG_NODE, 0, 0, true),
    FIELD(batch, CONFIG_NODE, 0, 0, false),
    FIELD(levers, CONFIG_NODE, 0, 0, true),
    FIELD(vary, CONFIG_NODE, 0, 0, false),
    FIELD(derive, CONFIG_NODE, 0, 0, false),
    FIELD(objectives, CONFIG_NODE, 0, 0, false),
    FIELD(speedups, CONFIG_NODE, 0, 0, false),
#undef FIELD
};

/* The message of something that another file or module says, at the place that asked for it. */
static status at_node(const config_node *node, status code, const error *inner, error *err) {
    if (code != STATUS_BAD_INPUT)
        return error_set(err, code, "%s", inner->text);
    return CONFIG_ERROR(node, err, "%s", inner->text);
}

status sweep_check_list(const config_node *node, const char *what, error *err) {
    if (node->kind != CONFIG_SEQUENCE || node->count == 0)
        return CONFIG_ERROR(node, err, "%s must be a list with at least one entry", what);
    if (node->count > SWEEP_LIST_MAX)
        return CONFIG_ERROR(node, err, "%s has more than %d entries", what, SWEEP_LIST_MAX);
    return STATUS_OK;
}

/* ---- machines ---- */

static status load_machines(arena *a, const char *config_dir, const config_node *list, sweep *out, error *err) {
    status result = sweep_check_list(list, "machines", err);
    if (result != STATUS_OK)
        return result;
    out->machines = ARENA_ARRAY(a, sweep_machine, list->count);
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++) {
        const char *name;
        sweep_machine *m = &out->machines[out->machine_count++];
        result = config_text(list->values[i], &name, err);
        if (result != STATUS_OK)
            return result;
        error inner = {""};
        result = machine_load(a, config_dir, name, &m->base, NULL, &inner);
        if (result == STATUS_OK)
            result = calibration_load(a, config_dir, &m->base, &m->fitted, &inner);
        if (result != STATUS_OK)
            result = config_is_path(name) ? error_set(err, result, "%s", inner.text)
                                          : at_node(list->values[i], result, &inner, err);
    }
    return result;
}

/* ---- levers ---- */

/* `compile`, or `compile weights=int8`, as levers_text writes it. A preset that is known but does not apply leaves its
 * reason in *why. */
static status load_levers(arena *a, const config_node *node, levers *out, const char **why, error *err) {
    const char *text;
    status result = config_text(node, &text, err);
    if (result != STATUS_OK)
        return result;
    error inner = {""};
    result = levers_parse(text, out, &inner);
    if (result == STATUS_NEGATIVE) {
        *why = arena_strdup(a, inner.text);
        return STATUS_OK;
    }
    return result == STATUS_OK ? STATUS_OK : at_node(node, result, &inner, err);
}

/* ---- cases ---- */

typedef struct case_parts {
    const sweep_file *file;
    const char *config_dir;
    workload *workloads;
    double *batches;
    size_t batch_count;
    levers *levers;
    const char **lever_texts, **lever_reasons;
} case_parts;

static status build_case(arena *a, const case_parts *parts, const workload *w, double batch, size_t lever, sweep *s,
                         error *err) {
    sweep_case *c = &s->cases[s->case_count++];
    *c = (sweep_case){.workload = w->name, .levers = parts->lever_texts[lever], .batch = (int64_t)batch};
    c->not_applicable = parts->lever_reasons[lever];
    if (c->not_applicable)
        return STATUS_OK;
    const sweep_file *file = parts->file;
    workload_request request = {.batch = c->batch,
                                .prompt_tokens = (int64_t)file->prompt_tokens,
                                .decode_steps = (int64_t)file->decode_steps,
                                .statistic = file->statistic,
                                .seed = (uint64_t)s->seed};
    const levers *l = &parts->levers[lever];
    error inner = {""};
    status result = workload_scenario(a, w, &request, l, &c->scenario, &inner);
    if (result == STATUS_OK)
        result = workload_build(a, w, l, &c->graph, &inner);
    if (result == STATUS_OK)
        result = host_load(a, parts->config_dir, file->host ? file->host : levers_host(l), &c->host, &inner);
    if (result == STATUS_NEGATIVE) {
        c->not_applicable = arena_strdup(a, inner.text);
        return STATUS_OK;
    }
    return result == STATUS_OK ? STATUS_OK : error_set(err, result, "%s", inner.text);
}

static status load_workloads(arena *a, const char *config_dir, const config_node *list, workload *out, error *err) {
    status result = STATUS_OK;
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++) {
        const char *name;
        result = config_text(list->values[i], &name, err);
        if (result != STATUS_OK)
            return result;
        error inner = {""};
        result = workload_find(a, config_dir, name, &out[i], &inner);
        if (result != STATUS_OK)
            result = at_node(list->values[i], result, &inner, err);
    }
    return result;
}

enum { BATCH_MAX = 1 << 20 };

static status load_batches(arena *a, const config_node *list, case_parts *parts, error *err) {
    parts->batch_count = list ? list->count : 1;
    parts->batches = ARENA_ARRAY(a, double, parts->batch_count);
    parts->batches[0] = 1;
    status result = list ? sweep_check_list(list, "batch", err) : STATUS_OK;
    for (size_t i = 0; list && i < list->count && result == STATUS_OK; i++) {
        result = config_number(list->values[i], 1, BATCH_MAX, &parts->batches[i], err);
        if (result == STATUS_OK && parts->batches[i] != floor(parts->batches[i]))
            result = CONFIG_ERROR(list->values[i], err, "a batch must be whole");
    }
    return result;
}

static status load_cases(arena *a, const char *config_dir, const sweep_file *file, sweep *out, error *err) {
    case_parts parts = {.file = file, .config_dir = config_dir};
    status result = sweep_check_list(file->workloads, "workloads", err);
    if (result == STATUS_OK)
        result = sweep_check_list(file->levers, "levers", err);
    if (result == STATUS_OK)
        result = load_batches(a, file->batch, &parts, err);
    if (result != STATUS_OK)
        return result;
    size_t workload_count = file->workloads->count, lever_count = file->levers->count;
    parts.workloads = ARENA_ARRAY(a, workload, workload_count);
    result = load_workloads(a, config_dir, file->workloads, parts.workloads, err);
    parts.levers = ARENA_ARRAY(a, levers, lever_count);
    parts.lever_texts = ARENA_ARRAY(a, const char *, lever_count);
    parts.lever_reasons = ARENA_ARRAY(a, const char *, lever_count);
    for (size_t i = 0; i < lever_count && result == STATUS_OK; i++) {
        result = load_levers(a, file->levers->values[i], &parts.levers[i], &parts.lever_reasons[i], err);
        if (result == STATUS_OK)
            parts.lever_texts[i] =
                parts.lever_reasons[i] ? file->levers->values[i]->text : levers_text(a, &parts.levers[i]);
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (strcmp(parts.lever_texts[j], parts.lever_texts[i]) == 0)
                result =
                    CONFIG_ERROR(file->levers->values[i], err, "the lever set '%s' stands twice", parts.lever_texts[i]);
    }
    out->cases = ARENA_ARRAY(a, sweep_case, workload_count * parts.batch_count * lever_count);
    for (size_t w = 0; w < workload_count; w++)
        for (size_t b = 0; b < parts.batch_count; b++)
            for (size_t l = 0; l < lever_count && result == STATUS_OK; l++) {
                error inner = {""};
                if (!sweep_wants(out, parts.workloads[w].name, (int64_t)parts.batches[b], parts.lever_texts[l]))
                    continue;
                result = build_case(a, &parts, &parts.workloads[w], parts.batches[b], l, out, &inner);
                if (result != STATUS_OK)
                    result = at_node(file->workloads->values[w], result, &inner, err);
            }
    return result;
}

/* ---- objectives ---- */

static status load_objectives(const config_node *list, sweep *out, error *err) {
    static const sweep_objective usual[] = {OBJECTIVE_LATENCY, OBJECTIVE_ENERGY, OBJECTIVE_COST};
    if (!list) {
        memcpy(out->objectives, usual, sizeof usual);
        out->objective_count = sizeof usual / sizeof usual[0];
        return STATUS_OK;
    }
    status result = sweep_check_list(list, "objectives", err);
    if (result == STATUS_OK && list->count > SWEEP_OBJECTIVES_MAX)
        result = CONFIG_ERROR(list, err, "more than %d objectives", SWEEP_OBJECTIVES_MAX);
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++) {
        const char *name, *known[OBJECTIVE_COUNT];
        result = config_text(list->values[i], &name, err);
        if (result != STATUS_OK)
            return result;
        bool found = false;
        for (int o = 0; o < OBJECTIVE_COUNT; o++) {
            known[o] = sweep_objective_name((sweep_objective)o);
            if (strcmp(known[o], name) == 0) {
                out->objectives[out->objective_count++] = (sweep_objective)o;
                found = true;
            }
        }
        if (!found) {
            const char *nearest = config_nearest(name, known, OBJECTIVE_COUNT);
            result = CONFIG_ERROR(list->values[i], err, "unknown objective '%.40s'%s%s", name,
                                  nearest ? "; did you mean " : "", nearest ? nearest : "");
        }
    }
    return result;
}

/* ---- the whole ---- */

status sweep_load(arena *a, const char *config_dir, const char *path, const char *version, sweep *out, error *err) {
    *out = (sweep){0};
    const config_node *root;
    sweep_file file = {.engine = "analytic", .statistic = "mean", .decode_steps = -1};
    status result = config_load(a, path, &root, err);
    if (result == STATUS_OK)
        result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    out->name = file.name;
    out->question = file.question ? file.question : file.name;
    out->host = file.host;
    out->seed = (int64_t)file.seed;
    error inner = {""};
    if (engine_parse(file.engine, &out->engine, &inner) != STATUS_OK)
        return CONFIG_ERROR(config_get(root, "engine"), err, "%s", inner.text);
    result = load_machines(a, config_dir, file.machines, out, err);
    if (result == STATUS_OK)
        result = sweep_load_knobs(a, file.vary, out, err);
    if (result == STATUS_OK)
        result = sweep_load_derived(a, file.derive, out, err);
    if (result == STATUS_OK)
        result = load_objectives(file.objectives, out, err);
    if (result == STATUS_OK)
        result = sweep_load_speedups(a, file.speedups, out, err);
    if (result == STATUS_OK)
        result = load_cases(a, config_dir, &file, out, err);
    if (result == STATUS_OK)
        result = sweep_check_speedups(file.speedups, out, err);
    if (result != STATUS_OK)
        return result;
    double points = (double)out->variant_count * (double)out->case_count * (double)out->machine_count;
    if (points > SWEEP_POINTS_MAX)
        return CONFIG_ERROR(root, err, "%.3g points; a sweep may have %.3g", points, SWEEP_POINTS_MAX);
    out->point_count = (int64_t)points;
    out->config_hash = arena_printf(a, "%016llx", (unsigned long long)sweep_hash(out, version));
    return STATUS_OK;
}
