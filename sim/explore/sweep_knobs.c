/* The knobs of a sweep from YAML: which machine keys vary, over what, and what moves with them. */
#include "sim/explore/sweep_private.h"

#include <float.h>
#include <math.h>
#include <string.h>

const char *const *sweep_key_names(arena *a, size_t *count) {
    const machine_key *keys = machine_keys(count);
    const char **names = ARENA_ARRAY(a, const char *, *count);
    for (size_t i = 0; i < *count; i++)
        names[i] = keys[i].path;
    return names;
}

status sweep_find_key(const config_node *node, const char *path, const machine_key **out, error *err) {
    *out = machine_key_find(path);
    if (*out)
        return STATUS_OK;
    arena scratch = {0};
    size_t count;
    const char *const *known = sweep_key_names(&scratch, &count);
    const char *nearest = config_nearest(path, known, count);
    status result = CONFIG_ERROR(node, err, "unknown machine key '%.60s'%s%s", path, nearest ? "; did you mean " : "",
                                 nearest ? nearest : "");
    arena_free(&scratch);
    return result;
}

static status load_values(arena *a, const config_node *list, const char *what, double min, double max, sweep_knob *knob,
                          error *err) {
    status result = sweep_check_list(list, what, err);
    if (result != STATUS_OK)
        return result;
    double *values = ARENA_ARRAY(a, double, list->count);
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++) {
        result = config_number(list->values[i], min, max, &values[i], err);
        for (size_t j = 0; j < i && result == STATUS_OK; j++)
            if (values[j] == values[i])
                result = CONFIG_ERROR(list->values[i], err, "value %g stands twice", values[i]);
    }
    knob->values = values;
    knob->count = list->count;
    return result;
}

typedef struct range_file {
    double from, to, count, step;
    const char *spacing;
} range_file;

/* How many values a range has: `count`, or what steps of `step` reach. */
static status range_count(const config_node *node, const range_file *range, size_t *out, error *err) {
    if ((range->count > 0) == (range->step > 0))
        return CONFIG_ERROR(node, err, "a range needs one of count and step");
    double count = range->count > 0 ? range->count : 1 + round((range->to - range->from) / range->step);
    if (count != floor(count))
        return CONFIG_ERROR(config_get(node, "count"), err, "count must be whole");
    if (range->step > 0 && sweep_snap((range->to - range->from) / range->step) != count - 1)
        return CONFIG_ERROR(node, err, "from %g to %g is no whole number of steps of %g", range->from, range->to,
                            range->step);
    if (count < 2 || count > SWEEP_LIST_MAX)
        return CONFIG_ERROR(node, err, "a range of %g values: must be from 2 to %d", count, SWEEP_LIST_MAX);
    *out = (size_t)count;
    return STATUS_OK;
}

/* {from: 1, to: 8, count: 4, spacing: log}: both ends and what lies evenly between them; or {from: 1, to: 8, step: 1}.
 */
static status load_range(arena *a, const config_node *node, double min, double max, sweep_knob *knob, error *err) {
    const config_field range_fields[] = {
        {"from", CONFIG_NUMBER, offsetof(range_file, from), min, max, true},
        {"to", CONFIG_NUMBER, offsetof(range_file, to), min, max, true},
        {"count", CONFIG_NUMBER, offsetof(range_file, count), 2, SWEEP_LIST_MAX, false},
        {"step", CONFIG_NUMBER, offsetof(range_file, step), DBL_MIN, max - min, false},
        {"spacing", CONFIG_TEXT, offsetof(range_file, spacing), 0, 0, false},
    };
    range_file range = {.spacing = "linear"};
    status result = config_bind(node, range_fields, sizeof range_fields / sizeof range_fields[0], true, &range,
                                (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    bool logarithmic = strcmp(range.spacing, "log") == 0;
    if (!logarithmic && strcmp(range.spacing, "linear") != 0)
        return CONFIG_ERROR(config_get(node, "spacing"), err, "spacing is linear or log, not '%.40s'", range.spacing);
    if (!(range.from < range.to) || (logarithmic && range.from <= 0))
        return CONFIG_ERROR(node, err, "from must be below to%s", logarithmic ? ", and above 0" : "");
    if (logarithmic && range.step > 0)
        return CONFIG_ERROR(config_get(node, "step"), err, "a logarithmic range takes count, not step");
    result = range_count(node, &range, &knob->count, err);
    if (result != STATUS_OK)
        return result;
    double *values = ARENA_ARRAY(a, double, knob->count);
    for (size_t i = 0; i < knob->count; i++) {
        double t = (double)i / (double)(knob->count - 1);
        values[i] = logarithmic ? range.from * pow(range.to / range.from, t)
                                : sweep_snap(range.from + t * (range.to - range.from));
    }
    values[knob->count - 1] = range.to;
    knob->values = values;
    return STATUS_OK;
}

static status load_tied(const config_node *list, sweep_knob *knob, error *err) {
    status result = sweep_check_list(list, "tied", err);
    if (result == STATUS_OK && list->count > SWEEP_TIED_MAX)
        result = CONFIG_ERROR(list, err, "more than %d tied keys", SWEEP_TIED_MAX);
    for (size_t i = 0; i < list->count && result == STATUS_OK; i++) {
        const char *path;
        result = config_text(list->values[i], &path, err);
        if (result == STATUS_OK)
            result = sweep_find_key(list->values[i], path, &knob->tied[i], err);
        if (result == STATUS_OK && knob->tied[i] == knob->key)
            result = CONFIG_ERROR(list->values[i], err, "'%s' is the knob itself", path);
        knob->tied_count = i + 1;
    }
    return result;
}

typedef struct knob_file {
    const config_node *values, *factors, *range, *tied;
} knob_file;

/* The factors of a knob are multiples of the base's value: 0.01 to 100 times is more than any design changes. */
static const double FACTOR_MIN = 0.01, FACTOR_MAX = 100;

static status load_knob(arena *a, const config_node *node, sweep_knob *knob, error *err) {
    const machine_key *key = knob->key;
    if (node->kind == CONFIG_SEQUENCE)
        return load_values(a, node, "a knob", key->min, key->max, knob, err);
    static const config_field knob_fields[] = {
        {"values", CONFIG_NODE, offsetof(knob_file, values), 0, 0, false},
        {"factors", CONFIG_NODE, offsetof(knob_file, factors), 0, 0, false},
        {"range", CONFIG_NODE, offsetof(knob_file, range), 0, 0, false},
        {"tied", CONFIG_NODE, offsetof(knob_file, tied), 0, 0, false},
    };
    if (node->kind != CONFIG_MAPPING)
        return CONFIG_ERROR(node, err, "%s must be a list of values, or a mapping with values, factors or range",
                            key->path);
    knob_file file = {0};
    status result =
        config_bind(node, knob_fields, sizeof knob_fields / sizeof knob_fields[0], true, &file, (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    if ((file.values != NULL) + (file.factors != NULL) + (file.range != NULL) != 1)
        return CONFIG_ERROR(node, err, "%s needs one of values, factors and range", key->path);
    knob->relative = file.factors != NULL;
    if (file.values)
        result = load_values(a, file.values, "values", key->min, key->max, knob, err);
    else if (file.factors)
        result = file.factors->kind == CONFIG_MAPPING
                     ? load_range(a, file.factors, FACTOR_MIN, FACTOR_MAX, knob, err)
                     : load_values(a, file.factors, "factors", FACTOR_MIN, FACTOR_MAX, knob, err);
    else
        result = load_range(a, file.range, key->min, key->max, knob, err);
    if (result == STATUS_OK && file.tied)
        result = load_tied(file.tied, knob, err);
    return result;
}

/* Each key may be moved by one knob alone. */
static status check_knob(const config_node *node, const sweep *s, const sweep_knob *knob, error *err) {
    for (const sweep_knob *other = s->knobs; other < knob; other++) {
        for (size_t i = 0; i <= knob->tied_count; i++) {
            const machine_key *key = i < knob->tied_count ? knob->tied[i] : knob->key;
            bool taken = key == other->key;
            for (size_t j = 0; j < other->tied_count; j++)
                taken |= key == other->tied[j];
            if (taken)
                return CONFIG_ERROR(node, err, "%s is moved by two knobs", key->path);
        }
    }
    for (size_t m = 0; m < s->machine_count; m++)
        if (machine_get(&s->machines[m].base, knob->key) == 0 && (knob->relative || knob->tied_count > 0))
            return CONFIG_ERROR(node, err, "%s of %s is 0 or not known, so nothing is in proportion to it",
                                knob->key->path, s->machines[m].base.name);
    return STATUS_OK;
}

status sweep_load_knobs(arena *a, const config_node *vary, sweep *out, error *err) {
    out->variant_count = 1;
    if (!vary)
        return STATUS_OK;
    if (vary->kind != CONFIG_MAPPING)
        return CONFIG_ERROR(vary, err, "vary must be a mapping of machine keys");
    if (vary->count > STORE_KNOBS_MAX)
        return CONFIG_ERROR(vary, err, "more than %d knobs", STORE_KNOBS_MAX);
    double variants = 1;
    for (size_t i = 0; i < vary->count; i++) {
        sweep_knob *knob = &out->knobs[i];
        status result = sweep_find_key(vary->keys[i], vary->keys[i]->text, &knob->key, err);
        if (result == STATUS_OK)
            result = load_knob(a, vary->values[i], knob, err);
        if (result == STATUS_OK)
            result = check_knob(vary->keys[i], out, knob, err);
        if (result != STATUS_OK)
            return result;
        variants *= (double)knob->count;
        if (variants > SEARCH_DESIGNS_MAX)
            return CONFIG_ERROR(vary->keys[i], err, "more than %g variants", SEARCH_DESIGNS_MAX);
    }
    out->knob_count = vary->count;
    out->variant_count = (int64_t)variants;
    return STATUS_OK;
}
