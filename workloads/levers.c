/* Reading and writing levers as text. */
#include "workloads/levers.h"

#include "core/base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static status unknown(const char *what, const char *word, const char *const *known, size_t count, error *err) {
    const char *nearest = config_nearest(word, known, count);
    return error_set(err, STATUS_BAD_INPUT, "unknown %s '%.40s'%s%s", what, word, nearest ? "; did you mean " : "",
                     nearest ? nearest : "");
}

/* ---- setting ---- */

static status read_number(const char *text, double min, double max, bool whole, double *out) {
    char *end;
    double value = strtod(text, &end);
    bool plain = *text && strspn(text, "0123456789.eE+-") == strlen(text) && *end == '\0';
    if (!plain || !(value >= min && value <= max) || (whole && value != floor(value)))
        return STATUS_BAD_INPUT;
    *out = value;
    return STATUS_OK;
}

static status set_argument(levers *l, const lever_argument *argument, const char *key, const char *text, error *err) {
    char *member = (char *)l + argument->offset;
    if (argument->text) {
        if (*text == '\0' || strlen(text) >= LEVER_NAME_BYTES)
            return error_set(err, STATUS_BAD_INPUT, "%s: %s must be a name of at most %d characters", key,
                             argument->name, LEVER_NAME_BYTES - 1);
        strcpy(member, text);
        return STATUS_OK;
    }
    double value;
    if (read_number(text, argument->min, argument->max, argument->whole, &value) != STATUS_OK)
        return error_set(err, STATUS_BAD_INPUT, "%s: %s is '%.40s', must be a %snumber from %g to %g", key,
                         argument->name, text, argument->whole ? "whole " : "", argument->min, argument->max);
    memcpy(member, &value, sizeof value);
    return STATUS_OK;
}

/* The text between the brackets of "layerskip(8,6,0.7)", split at commas; changes `text`. */
static status set_arguments(levers *l, const lever_choice *choice, const char *key, char *text, error *err) {
    size_t length = strlen(text);
    if (length < 2 || text[length - 1] != ')')
        return error_set(err, STATUS_BAD_INPUT, "%s=%s: a bracket is not closed", key, choice->name);
    text[length - 1] = '\0';
    size_t at = 0;
    for (char *rest = text + 1; rest; at++) {
        char *word = strsep(&rest, ",");
        if (at == LEVER_ARGUMENTS_MAX || !choice->arguments[at].name)
            return error_set(err, STATUS_BAD_INPUT, "%s=%s takes %zu arguments at most", key, choice->name, at);
        status result = set_argument(l, &choice->arguments[at], key, word, err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status set_choice(levers *l, const lever_info *info, char *value, error *err) {
    enum { CHOICES_MAX = 16 };
    const char *known[CHOICES_MAX];
    char *bracket = strchr(value, '(');
    size_t length = bracket ? (size_t)(bracket - value) : strlen(value);
    for (size_t i = 0; i < info->choice_count; i++) {
        const lever_choice *choice = &info->choices[i];
        known[i] = choice->name;
        if (strlen(choice->name) != length || strncmp(choice->name, value, length) != 0)
            continue;
        if (!choice->modelled)
            return error_set(err, STATUS_NEGATIVE, "%s=%s is not modelled for a single request", info->key, value);
        status result = bracket ? set_arguments(l, choice, info->key, bracket, err) : STATUS_OK;
        const lever_argument *first = &choice->arguments[0];
        if (result == STATUS_OK && first->name && first->text && *((const char *)l + first->offset) == '\0')
            return error_set(err, STATUS_BAD_INPUT, "%s=%s needs a %s: %s(NAME)", info->key, choice->name, first->name,
                             choice->name);
        memcpy((char *)l + info->offset, &choice->value, sizeof choice->value);
        return result;
    }
    if (bracket)
        *bracket = '\0';
    return unknown(info->key, value, known, info->choice_count, err);
}

static status set_number(levers *l, const lever_info *info, const char *value, error *err) {
    double number;
    if (read_number(value, info->min, info->max, true, &number) != STATUS_OK)
        return error_set(err, STATUS_BAD_INPUT, "%s is '%.40s', must be a whole number from %g to %g", info->key, value,
                         info->min, info->max);
    memcpy((char *)l + info->offset, &number, sizeof number);
    return STATUS_OK;
}

enum { LEVERS_MAX = 32 };

static status set_key(levers *l, const char *key, char *value, error *err) {
    const char *known[LEVERS_MAX];
    size_t count;
    const lever_info *table = lever_table(&count);
    for (size_t i = 0; i < count; i++) {
        known[i] = table[i].key;
        if (strcmp(table[i].key, key) == 0)
            return table[i].choices ? set_choice(l, &table[i], value, err) : set_number(l, &table[i], value, err);
    }
    return unknown("lever", key, known, count, err);
}

status levers_set(levers *l, const char *assignment, error *err) {
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return error_set(err, STATUS_BAD_INPUT, "'%.80s' is not of the form key=value", assignment);
    arena scratch = {0};
    const char *key = arena_strndup(&scratch, assignment, (size_t)(equals - assignment));
    status result = set_key(l, key, arena_strdup(&scratch, equals + 1), err);
    arena_free(&scratch);
    return result;
}

/* Sets every word of a text; changes it. */
static status set_words(levers *l, char *text, error *err) {
    char *rest = NULL;
    status result = STATUS_OK;
    for (char *word = strtok_r(text, " ", &rest); word && result == STATUS_OK; word = strtok_r(NULL, " ", &rest))
        result = levers_set(l, word, err);
    return result;
}

status levers_preset(const char *name, levers *out, error *err) {
    const char *known[LEVERS_MAX];
    size_t count;
    const preset_info *presets = preset_table(&count);
    for (size_t i = 0; i < count; i++) {
        known[i] = presets[i].name;
        if (strcmp(presets[i].name, name) != 0)
            continue;
        *out = levers_defaults();
        out->preset = presets[i].name;
        arena scratch = {0};
        status result = set_words(out, arena_strdup(&scratch, presets[i].settings), err);
        arena_free(&scratch);
        return result;
    }
    const char *nearest = config_nearest(name, known, count);
    return error_set(err, STATUS_BAD_INPUT,
                     "unknown preset '%.40s'%s%s (known: baseline, sdpa, compile, autoquant, layerskip, all)", name,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

status levers_parse(const char *text, levers *out, error *err) {
    arena scratch = {0};
    char *copy = arena_strdup(&scratch, text);
    copy += strspn(copy, " ");
    size_t length = strcspn(copy, " ");
    char *settings = copy + length + (copy[length] != '\0');
    copy[length] = '\0';
    status result = *copy ? levers_preset(copy, out, err) : error_set(err, STATUS_BAD_INPUT, "no preset is named");
    if (result == STATUS_OK)
        result = set_words(out, settings, err);
    arena_free(&scratch);
    return result;
}

/* ---- telling ---- */

static const lever_choice *choice_of(const levers *l, const lever_info *info) {
    unsigned value;
    memcpy(&value, (const char *)l + info->offset, sizeof value);
    for (size_t i = 0; i < info->choice_count; i++)
        if (info->choices[i].modelled && info->choices[i].value == value)
            return &info->choices[i];
    return NULL;
}

static double number_at(const levers *l, size_t offset) {
    double value;
    memcpy(&value, (const char *)l + offset, sizeof value);
    return value;
}

const char *lever_value_text(arena *a, const levers *l, const lever_info *info) {
    if (!info->choices)
        return arena_printf(a, "%.0f", number_at(l, info->offset));
    const lever_choice *choice = choice_of(l, info);
    if (!choice)
        return "?";
    const char *text = choice->name;
    for (size_t i = 0; i < LEVER_ARGUMENTS_MAX && choice->arguments[i].name; i++) {
        const lever_argument *argument = &choice->arguments[i];
        const char *separator = i == 0 ? "(" : ",";
        if (argument->text)
            text = arena_printf(a, "%s%s%s", text, separator, (const char *)l + argument->offset);
        else
            text = arena_printf(a, "%s%s%.10g", text, separator, number_at(l, argument->offset));
    }
    return choice->arguments[0].name ? arena_printf(a, "%s)", text) : text;
}

const char *lever_choice_text(arena *a, const lever_choice *choice) {
    const char *text = choice->name;
    for (size_t i = 0; i < LEVER_ARGUMENTS_MAX && choice->arguments[i].name; i++)
        text = arena_printf(a, "%s%s%s", text, i == 0 ? "(" : ",", choice->arguments[i].name);
    return choice->arguments[0].name ? arena_printf(a, "%s)", text) : text;
}

const char *levers_text(arena *a, const levers *l) {
    levers preset = {0};
    const char *text = arena_strdup(a, l->preset);
    if (levers_preset(l->preset, &preset, NULL) != STATUS_OK)
        return text;
    size_t count;
    const lever_info *table = lever_table(&count);
    for (size_t i = 0; i < count; i++) {
        const char *value = lever_value_text(a, l, &table[i]);
        if (strcmp(value, lever_value_text(a, &preset, &table[i])) != 0)
            text = arena_printf(a, "%s %s=%s", text, table[i].key, value);
    }
    return text;
}

const char *levers_host(const levers *l) {
    if (l->flavour == FLAVOUR_INGOT)
        return "c-runner";
    return l->launch == LAUNCH_GRAPH ? "pytorch-compiled" : "pytorch-eager";
}

data_type levers_dtype(const levers *l, data_type own) {
    return l->weights == DTYPE_fp16 || l->activations == DTYPE_fp16 ? DTYPE_fp16 : own;
}

bool levers_autoquant(const levers *l) {
    return l->weights >= WEIGHTS_AUTOQUANT;
}
