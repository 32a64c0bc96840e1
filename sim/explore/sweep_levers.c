/* Lever sets of a sweep: a list of them, or lists of levers that are crossed. */
#include "sim/explore/sweep_private.h"

#include <string.h>

/* {preset: [compile, all], weights: [bf16, int8]} stands for "compile weights=bf16", "compile weights=int8", ... */
static status cross(arena *a, const config_node *sets, const config_node **out, size_t count, error *err) {
    const config_node *preset = config_get(sets, "preset");
    if (!preset)
        return CONFIG_ERROR(sets, err, "levers that are crossed need a list of presets under preset");
    for (size_t i = 0; i < count; i++) {
        size_t rest = i;
        const char *settings = "", *name = "";
        const config_node *place = NULL;
        for (size_t k = sets->count; k-- > 0;) { /* the last one varies fastest */
            const config_node *list = sets->values[k], *value = list->values[rest % list->count];
            rest /= list->count;
            const char *text;
            status result = config_text(value, &text, err);
            if (result != STATUS_OK)
                return result;
            place = place && list != preset ? place : value;
            if (list == preset)
                name = text;
            else
                settings = arena_printf(a, " %s=%s%s", sets->keys[k]->text, text, settings);
        }
        config_node *set = ARENA_NEW(a, config_node);
        *set = *place;
        set->plain = true;
        set->text = arena_printf(a, "%s%s", name, settings);
        out[i] = set;
    }
    return STATUS_OK;
}

/* Whether each lever has each of its values, so that an error stands where it was made. What is known but does not
 * apply is left to the points. */
static status check_values(arena *a, const config_node *key, const config_node *list, error *err) {
    for (size_t i = 0; i < list->count; i++) {
        const char *text;
        status result = config_text(list->values[i], &text, err);
        if (result != STATUS_OK)
            return result;
        levers l = levers_defaults();
        error inner = {""};
        if (levers_set(&l, arena_printf(a, "%s=%s", key->text, text), &inner) == STATUS_BAD_INPUT)
            return CONFIG_ERROR(strstr(inner.text, "unknown lever") ? key : list->values[i], err, "%s", inner.text);
    }
    return STATUS_OK;
}

status sweep_expand_levers(arena *a, const config_node *sets, const config_node ***out, size_t *count, error *err) {
    status result = STATUS_OK;
    if (sets->kind != CONFIG_MAPPING) {
        result = sweep_check_list(sets, "levers", err);
        *out = (const config_node **)sets->values;
        *count = sets->count;
        return result;
    }
    double product = 1;
    for (size_t k = 0; k < sets->count && result == STATUS_OK; k++) {
        result = sweep_check_list(sets->values[k], sets->keys[k]->text, err);
        if (result == STATUS_OK && strcmp(sets->keys[k]->text, "preset") != 0)
            result = check_values(a, sets->keys[k], sets->values[k], err);
        product *= result == STATUS_OK ? (double)sets->values[k]->count : 1;
        if (result == STATUS_OK && product > SWEEP_LIST_MAX)
            result = CONFIG_ERROR(sets, err, "%g lever sets; a sweep may have %d", product, SWEEP_LIST_MAX);
    }
    if (result != STATUS_OK)
        return result;
    *count = (size_t)product;
    *out = ARENA_ARRAY(a, const config_node *, *count);
    return cross(a, sets, *out, *count, err);
}
