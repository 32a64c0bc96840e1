/* What a sweep file asks of its designs: objectives, constraints, search and site. */
#include "core/base/config_find.h"
#include "sim/explore/sweep_private.h"

#include <math.h>
#include <string.h>

/* ---- objectives ---- */

/* Whether a store's rows tell a metric. */
static bool is_objective(metric m, sweep_objective *out) {
    for (int o = 0; o < OBJECTIVE_COUNT; o++) {
        if (strcmp(sweep_objective_name((sweep_objective)o), metric_get(m)->name) == 0) {
            *out = (sweep_objective)o;
            return true;
        }
    }
    return false;
}

static status add_goal(const config_node *node, const char *name, sweep *out, error *err) {
    metric found;
    error inner = {""};
    if (metric_parse(name, &found, &inner) != STATUS_OK)
        return CONFIG_ERROR(node, err, "%s", inner.text);
    for (size_t i = 0; i < out->goal_count; i++)
        if (out->goals[i] == found)
            return CONFIG_ERROR(node, err, "the objective %s stands twice", name);
    out->goals[out->goal_count++] = found;
    if (is_objective(found, &out->objectives[out->objective_count]))
        out->objective_count++;
    return STATUS_OK;
}

static status load_objectives(const config_node *list, sweep *out, error *err) {
    static const sweep_objective usual[] = {OBJECTIVE_LATENCY, OBJECTIVE_ENERGY, OBJECTIVE_COST};
    status result = list ? sweep_check_list(list, "objectives", err) : STATUS_OK;
    if (result == STATUS_OK && list && list->count > SWEEP_OBJECTIVES_MAX)
        result = CONFIG_ERROR(list, err, "more than %d objectives", SWEEP_OBJECTIVES_MAX);
    for (size_t i = 0; list && i < list->count && result == STATUS_OK; i++) {
        const char *name;
        result = config_text(list->values[i], &name, err);
        if (result == STATUS_OK)
            result = add_goal(list->values[i], name, out, err);
    }
    if (result == STATUS_OK && out->objective_count == 0) {
        memcpy(out->objectives, usual, sizeof usual);
        out->objective_count = sizeof usual / sizeof usual[0];
    }
    for (size_t i = 0; !list && i < out->objective_count && result == STATUS_OK; i++)
        result = metric_parse(sweep_objective_name(out->objectives[i]), &out->goals[out->goal_count++], err);
    return result;
}

/* ---- the command line ---- */

/* An argument as the text of a file, so that its errors have a place too. */
static const config_node *argument_node(arena *a, const char *option, const char *text) {
    config_node *node = ARENA_NEW(a, config_node);
    *node = (config_node){
        .kind = CONFIG_SCALAR, .plain = true, .file = option, .line = 1, .column = 1, .text = arena_strdup(a, text)};
    return node;
}

static status ask_goal(arena *a, const char *option, const char *name, bool larger, sweep *out, error *err) {
    const config_node *node = argument_node(a, option, name);
    out->goal_count = out->objective_count = 0;
    status result = add_goal(node, name, out, err);
    if (result == STATUS_OK && metric_get(out->goals[0])->larger_is_better != larger)
        result = CONFIG_ERROR(node, err, "%s is better when %s; use --%s", name, larger ? "smaller" : "larger",
                              larger ? "minimize" : "maximize");
    if (out->objective_count == 0)
        out->objectives[out->objective_count++] = OBJECTIVE_LATENCY;
    return result;
}

/* ---- constraints ---- */

static status add_constraint(arena *a, const config_node *node, const formula_scope *scope, sweep *out, error *err) {
    if (out->constraint_count == SWEEP_CONSTRAINTS_MAX)
        return CONFIG_ERROR(node, err, "more than %d constraints", SWEEP_CONSTRAINTS_MAX);
    return formula_parse_relation(a, node, scope, &out->constraints[out->constraint_count++], err);
}

static status load_constraints(arena *a, const sweep_asked *asked, sweep *out, error *err) {
    formula_scope scope = metric_scope(a);
    const config_node *list = asked->constraints;
    status result = list ? sweep_check_list(list, "constraints", err) : STATUS_OK;
    for (size_t i = 0; list && i < list->count && result == STATUS_OK; i++)
        result = add_constraint(a, list->values[i], &scope, out, err);
    const sweep_question *q = asked->question;
    for (size_t i = 0; q && i < q->where_count && result == STATUS_OK; i++)
        result = add_constraint(a, argument_node(a, "--where", q->where[i]), &scope, out, err);
    return result;
}

/* ---- search ---- */

typedef struct search_file {
    const char *method;
    double evaluations, seed;
} search_file;

static status load_search(arena *a, const sweep_asked *asked, sweep *out, error *err) {
    static const double SEED_MAX = 9007199254740992.0;
    static const config_field fields[] = {
        {"method", CONFIG_TEXT, offsetof(search_file, method), 0, 0, true},
        {"evaluations", CONFIG_NUMBER, offsetof(search_file, evaluations), 1, 1e8, false},
        {"seed", CONFIG_NUMBER, offsetof(search_file, seed), 0, SEED_MAX, false},
    };
    search_file file = {.method = "grid", .evaluations = SWEEP_SEARCH_EVALUATIONS};
    const config_node *node = asked->search, *method = NULL;
    if (node) {
        status result =
            config_bind(node, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
        if (result != STATUS_OK)
            return result;
        method = config_get(node, "method");
    }
    const sweep_question *q = asked->question;
    if (q && q->method) {
        file.method = q->method;
        method = argument_node(a, "--search", q->method);
    }
    out->search = (search_options){.evaluations = q && q->evaluations > 0 ? q->evaluations : (int64_t)file.evaluations,
                                   .seed = (uint64_t)(q && q->seed >= 0 ? q->seed : (int64_t)file.seed)};
    error inner = {""};
    if (search_method_parse(file.method, &out->search.method, &inner) != STATUS_OK)
        return CONFIG_ERROR(method, err, "%s", inner.text);
    out->searches = out->search.method != SEARCH_GRID;
    if (q && !q->method && !out->searches && (q->evaluations > 0 || q->seed >= 0))
        return error_set(err, STATUS_BAD_INPUT, "--%s is of a search: give --search too",
                         q->evaluations > 0 ? "evaluations" : "seed");
    if (out->search.method == SEARCH_ANNEAL && out->goal_count > 1)
        return CONFIG_ERROR(method, err, "annealing follows one objective, not %zu", out->goal_count);
    return STATUS_OK;
}

/* ---- statistics ---- */

static bool is_asked(const sweep *s, metric m) {
    bool asked = false;
    for (size_t i = 0; i < s->goal_count; i++)
        asked |= s->goals[i] == m;
    for (size_t i = 0; i < s->constraint_count; i++)
        asked |= metric_is_read(&s->constraints[i], m);
    return asked;
}

static void find_statistics(sweep *out) {
    out->statistic_count = 1; /* the file's own */
    for (size_t i = 0; i < METRIC_STATISTICS; i++) {
        bool asked = false;
        for (int m = 0; m < METRIC_COUNT; m++)
            asked |= metric_get((metric)m)->statistic == metric_statistics[i] && is_asked(out, (metric)m);
        if (asked)
            out->statistics[out->statistic_count++] = metric_statistics[i];
    }
}

status sweep_load_asked(arena *a, const sweep_asked *asked, sweep *out, error *err) {
    const sweep_question *q = asked->question;
    status result = load_objectives(asked->objectives, out, err);
    if (result == STATUS_OK && q && q->minimize)
        result = ask_goal(a, "--minimize", q->minimize, false, out, err);
    else if (result == STATUS_OK && q && q->maximize)
        result = ask_goal(a, "--maximize", q->maximize, true, out, err);
    if (result == STATUS_OK)
        result = load_constraints(a, asked, out, err);
    if (result == STATUS_OK)
        result = load_search(a, asked, out, err);
    if (result == STATUS_OK && asked->site) {
        const char *name;
        site *place = ARENA_NEW(a, site);
        error inner = {""};
        result = config_text(asked->site, &name, err);
        if (result != STATUS_OK)
            return result;
        result = site_load(a, asked->config_dir, name, place, &inner);
        if (result != STATUS_OK)
            result = config_is_path(name) ? error_set(err, result, "%s", inner.text)
                                          : sweep_at_node(asked->site, result, &inner, err);
        out->place = place;
    }
    find_statistics(out);
    return result;
}

bool sweep_asks_designs(const sweep *s) {
    bool beyond_rows = false;
    for (size_t i = 0; i < s->goal_count; i++) {
        sweep_objective objective;
        beyond_rows |= !is_objective(s->goals[i], &objective);
    }
    return s->weights || s->constraint_count > 0 || s->searches || beyond_rows;
}

status sweep_check_asked(const config_node *root, const sweep *s, error *err) {
    static const metric per_request[] = {METRIC_USD_PER_MILLION, METRIC_KG_PER_MILLION};
    for (size_t i = 0; i < sizeof per_request / sizeof per_request[0]; i++)
        if (is_asked(s, per_request[i]) && !s->place)
            return CONFIG_ERROR(root, err, "%s depends on where the GPU stands: name a site",
                                metric_get(per_request[i])->name);
    if (!sweep_asks_designs(s))
        return STATUS_OK;
    if (s->speedup_count > 0)
        return CONFIG_ERROR(config_get(root, "speedups"), err,
                            "speedups go with neither a mix, constraints nor a search");
    if (s->workload_count > 1 && !s->weights)
        return CONFIG_ERROR(config_get(root, "workloads"), err,
                            "designs are asked for by several workloads: a mix says how much each one counts");
    return STATUS_OK;
}
