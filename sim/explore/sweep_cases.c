/* A sweep's cases: workloads at their statistics x batches x lever sets, each a graph and a scenario. */
#include "hwmodels/calibration_load.h"
#include "sim/explore/sweep_private.h"

#include <math.h>
#include <string.h>

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
    return result == STATUS_OK ? STATUS_OK : sweep_at_node(node, result, &inner, err);
}

/* ---- what is crossed ---- */

typedef struct case_parts {
    const sweep_case_file *file;
    const char *config_dir;
    const config_node **workload_nodes, **lever_nodes;
    workload *workloads;
    double *batches;
    levers *levers;
    const char **lever_texts, **lever_reasons;
} case_parts;

static const double WEIGHT_MAX = 1e9;

/* `workloads`, or the keys of `mix`. */
static status list_workloads(arena *a, const config_node *root, case_parts *parts, sweep *out, error *err) {
    const config_node *list = parts->file->workloads, *mix = parts->file->mix;
    if ((list == NULL) == (mix == NULL))
        return CONFIG_ERROR(list ? list : root, err, "a sweep needs one of workloads and mix");
    if (list) {
        parts->workload_nodes = (const config_node **)list->values;
        out->workload_count = list->count;
        return sweep_check_list(list, "workloads", err);
    }
    if (mix->kind != CONFIG_MAPPING || mix->count == 0)
        return CONFIG_ERROR(mix, err, "mix must be a mapping of workloads to their weights");
    if (mix->count > SWEEP_LIST_MAX)
        return CONFIG_ERROR(mix, err, "mix has more than %d entries", SWEEP_LIST_MAX);
    parts->workload_nodes = (const config_node **)mix->keys;
    out->workload_count = mix->count;
    double *weights = ARENA_ARRAY(a, double, mix->count);
    status result = STATUS_OK;
    for (size_t i = 0; i < mix->count && result == STATUS_OK; i++) {
        result = config_number(mix->values[i], 0, WEIGHT_MAX, &weights[i], err);
        if (result == STATUS_OK && weights[i] == 0)
            result = CONFIG_ERROR(mix->values[i], err, "a weight must be above 0");
    }
    out->weights = weights;
    return result;
}

static status load_workloads(arena *a, case_parts *parts, size_t count, error *err) {
    status result = STATUS_OK;
    parts->workloads = ARENA_ARRAY(a, workload, count);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        const char *name;
        result = config_text(parts->workload_nodes[i], &name, err);
        if (result != STATUS_OK)
            return result;
        error inner = {""};
        result = workload_find(a, parts->config_dir, name, &parts->workloads[i], &inner);
        if (result != STATUS_OK)
            result = sweep_at_node(parts->workload_nodes[i], result, &inner, err);
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (strcmp(parts->workloads[j].name, parts->workloads[i].name) == 0)
                result = CONFIG_ERROR(parts->workload_nodes[i], err, "the workload '%s' stands twice", name);
    }
    return result;
}

enum { BATCH_MAX = 1 << 20 };

static status load_batches(arena *a, case_parts *parts, sweep *out, error *err) {
    const config_node *list = parts->file->batch;
    status result = list ? sweep_check_list(list, "batch", err) : STATUS_OK;
    if (result != STATUS_OK)
        return result;
    out->batch_count = list ? list->count : 1;
    parts->batches = ARENA_ARRAY(a, double, out->batch_count);
    parts->batches[0] = 1;
    for (size_t i = 0; list && i < list->count && result == STATUS_OK; i++) {
        result = config_number(list->values[i], 1, BATCH_MAX, &parts->batches[i], err);
        if (result == STATUS_OK && parts->batches[i] != floor(parts->batches[i]))
            result = CONFIG_ERROR(list->values[i], err, "a batch must be whole");
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (parts->batches[j] == parts->batches[i])
                result = CONFIG_ERROR(list->values[i], err, "the batch %.0f stands twice", parts->batches[i]);
    }
    return result;
}

static status load_lever_sets(arena *a, case_parts *parts, sweep *out, error *err) {
    status result = sweep_expand_levers(a, parts->file->levers, &parts->lever_nodes, &out->lever_count, err);
    if (result != STATUS_OK)
        return result;
    parts->levers = ARENA_ARRAY(a, levers, out->lever_count);
    parts->lever_texts = ARENA_ARRAY(a, const char *, out->lever_count);
    parts->lever_reasons = ARENA_ARRAY(a, const char *, out->lever_count);
    for (size_t i = 0; i < out->lever_count && result == STATUS_OK; i++) {
        const config_node *node = parts->lever_nodes[i];
        result = load_levers(a, node, &parts->levers[i], &parts->lever_reasons[i], err);
        if (result == STATUS_OK)
            parts->lever_texts[i] = parts->lever_reasons[i] ? node->text : levers_text(a, &parts->levers[i]);
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (strcmp(parts->lever_texts[j], parts->lever_texts[i]) == 0)
                result = CONFIG_ERROR(node, err, "the lever set '%s' stands twice", parts->lever_texts[i]);
    }
    return result;
}

/* ---- cases ---- */

/* Indices into the parts of a case. */
typedef struct case_place {
    size_t workload, statistic, batch, lever;
} case_place;

static status build_case(arena *a, const case_parts *parts, const case_place *at, sweep *s, error *err) {
    const workload *w = &parts->workloads[at->workload];
    int percentile = s->statistics[at->statistic];
    sweep_case *c = &s->cases[s->case_count++];
    *c = (sweep_case){.workload = percentile ? arena_printf(a, "%s (p%d)", w->name, percentile) : w->name,
                      .levers = parts->lever_texts[at->lever],
                      .batch = (int64_t)parts->batches[at->batch]};
    c->not_applicable = parts->lever_reasons[at->lever];
    if (c->not_applicable)
        return STATUS_OK;
    const sweep_case_file *file = parts->file;
    workload_request request = {.batch = c->batch,
                                .prompt_tokens = (int64_t)file->prompt_tokens,
                                .decode_steps = (int64_t)file->decode_steps,
                                .statistic = percentile ? arena_printf(a, "p%d", percentile) : file->statistic,
                                .seed = (uint64_t)s->seed};
    const levers *l = &parts->levers[at->lever];
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
    return result == STATUS_OK ? STATUS_OK : sweep_at_node(parts->workload_nodes[at->workload], result, &inner, err);
}

static status build_cases(arena *a, const case_parts *parts, sweep *out, error *err) {
    size_t count = out->workload_count * out->statistic_count * out->batch_count * out->lever_count;
    status result = STATUS_OK;
    out->cases = ARENA_ARRAY(a, sweep_case, count);
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        size_t rest = i;
        case_place at = {.lever = rest % out->lever_count};
        rest /= out->lever_count;
        at.batch = rest % out->batch_count;
        rest /= out->batch_count;
        at.statistic = rest % out->statistic_count;
        at.workload = rest / out->statistic_count;
        if (sweep_wants(out, parts->workloads[at.workload].name, (int64_t)parts->batches[at.batch],
                        parts->lever_texts[at.lever]))
            result = build_case(a, parts, &at, out, err);
    }
    return result;
}

status sweep_load_cases(arena *a, const char *config_dir, const config_node *root, const sweep_case_file *file,
                        sweep *out, error *err) {
    case_parts parts = {.file = file, .config_dir = config_dir};
    status result = list_workloads(a, root, &parts, out, err);
    if (result == STATUS_OK)
        result = load_batches(a, &parts, out, err);
    if (result == STATUS_OK)
        result = load_workloads(a, &parts, out->workload_count, err);
    if (result == STATUS_OK)
        result = load_lever_sets(a, &parts, out, err);
    return result == STATUS_OK ? build_cases(a, &parts, out, err) : result;
}
