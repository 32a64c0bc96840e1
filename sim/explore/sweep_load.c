/* Sweep descriptions from YAML. */
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/sweep_private.h"

#include <string.h>

typedef struct sweep_file {
    sweep_case_file cases;
    double schema, seed;
    const char *name, *question, *engine;
    const config_node *machines, *vary, *derive, *objectives, *constraints, *search, *site, *speedups;
} sweep_file;

static const config_field fields[] = {
#define FIELD(key, type, low, high, required)                                                                          \
    { #key, type, offsetof(sweep_file, key), low, high, required }
#define CASE_FIELD(key, type, low, high, required)                                                                     \
    { #key, type, offsetof(sweep_file, cases.key), low, high, required }
    FIELD(schema, CONFIG_NUMBER, SWEEP_SCHEMA, SWEEP_SCHEMA, true),
    FIELD(name, CONFIG_TEXT, 0, 0, true),
    FIELD(question, CONFIG_TEXT, 0, 0, false),
    CASE_FIELD(host, CONFIG_TEXT, 0, 0, false),
    FIELD(engine, CONFIG_TEXT, 0, 0, false),
    CASE_FIELD(statistic, CONFIG_TEXT, 0, 0, false),
    FIELD(seed, CONFIG_NUMBER, 0, 9007199254740992.0, false),
    CASE_FIELD(prompt_tokens, CONFIG_NUMBER, 1, 1e7, false),
    CASE_FIELD(decode_steps, CONFIG_NUMBER, 0, 1e7, false),
    FIELD(machines, CONFIG_NODE, 0, 0, true),
    CASE_FIELD(workloads, CONFIG_NODE, 0, 0, false),
    CASE_FIELD(mix, CONFIG_NODE, 0, 0, false),
    CASE_FIELD(batch, CONFIG_NODE, 0, 0, false),
    CASE_FIELD(levers, CONFIG_NODE, 0, 0, true),
    FIELD(vary, CONFIG_NODE, 0, 0, false),
    FIELD(derive, CONFIG_NODE, 0, 0, false),
    FIELD(objectives, CONFIG_NODE, 0, 0, false),
    FIELD(constraints, CONFIG_NODE, 0, 0, false),
    FIELD(search, CONFIG_NODE, 0, 0, false),
    FIELD(site, CONFIG_NODE, 0, 0, false),
    FIELD(speedups, CONFIG_NODE, 0, 0, false),
#undef FIELD
#undef CASE_FIELD
};

status sweep_at_node(const config_node *node, status code, const error *inner, error *err) {
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
                                          : sweep_at_node(list->values[i], result, &inner, err);
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (strcmp(out->machines[j].base.name, m->base.name) == 0)
                result = CONFIG_ERROR(list->values[i], err, "the machine '%s' stands twice", m->base.name);
    }
    return result;
}

/* ---- the whole ---- */

static status load_parts(arena *a, const char *config_dir, const config_node *root, const sweep_question *question,
                         sweep *out, error *err) {
    sweep_file file = {.engine = "analytic", .cases = {.statistic = "mean", .decode_steps = -1}};
    status result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    out->name = file.name;
    out->question = file.question ? file.question : file.name;
    out->host = file.cases.host;
    out->seed = (int64_t)file.seed;
    error inner = {""};
    if (engine_parse(file.engine, &out->engine, &inner) != STATUS_OK)
        return CONFIG_ERROR(config_get(root, "engine"), err, "%s", inner.text);
    const sweep_asked asked = {file.objectives, file.constraints, file.search, file.site, config_dir, question};
    result = load_machines(a, config_dir, file.machines, out, err);
    if (result == STATUS_OK)
        result = sweep_load_knobs(a, file.vary, out, err);
    if (result == STATUS_OK)
        result = sweep_load_derived(a, file.derive, out, err);
    if (result == STATUS_OK)
        result = sweep_load_asked(a, &asked, out, err);
    if (result == STATUS_OK)
        result = sweep_load_speedups(a, file.speedups, out, err);
    if (result == STATUS_OK)
        result = sweep_load_cases(a, config_dir, root, &file.cases, out, err);
    if (result == STATUS_OK)
        result = sweep_check_speedups(file.speedups, out, err);
    return result == STATUS_OK ? sweep_check_asked(root, out, err) : result;
}

static status count_points(const config_node *root, sweep *out, error *err) {
    double points = (double)out->variant_count * (double)out->case_count * (double)out->machine_count;
    if (!out->searches && points > SWEEP_POINTS_MAX)
        return CONFIG_ERROR(root, err, "a sweep of every point may have %g; search a larger space", SWEEP_POINTS_MAX);
    if (points > SEARCH_DESIGNS_MAX)
        return CONFIG_ERROR(root, err, "a space that is searched may have %g", SEARCH_DESIGNS_MAX);
    out->point_count = (int64_t)points;
    return STATUS_OK;
}

/* What is wrong in the file is told together with what it would have cost to go on. */
static void tell_points(const config_node *root, error *err) {
    double points = sweep_count_points(root);
    size_t length = strlen(root->file);
    if (err && points > 0 && strncmp(err->text, root->file, length) == 0 && err->text[length] == ':') {
        error before = *err;
        error_set(err, STATUS_BAD_INPUT, "%.900s (%.15g point%s as written)", before.text, points,
                  points == 1 ? "" : "s");
    }
}

status sweep_load_question(arena *a, const char *config_dir, const char *path, const char *version,
                           const sweep_question *question, sweep *out, error *err) {
    *out = (sweep){0};
    const config_node *root;
    status result = config_load(a, path, &root, err);
    if (result != STATUS_OK)
        return result;
    result = load_parts(a, config_dir, root, question, out, err);
    if (result == STATUS_OK)
        result = count_points(root, out, err);
    if (result == STATUS_BAD_INPUT)
        tell_points(root, err);
    if (result == STATUS_OK)
        out->config_hash = arena_printf(a, "%016llx", (unsigned long long)sweep_hash(out, version));
    return result;
}

status sweep_load(arena *a, const char *config_dir, const char *path, const char *version, sweep *out, error *err) {
    return sweep_load_question(a, config_dir, path, version, NULL, out, err);
}
