#include "core/scenario_file.h"

#include "core/base/config.h"
#include "core/base/whole_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double VALUE_MAX = 1e15, SEED_MAX = 9007199254740992.0; /* whole in a double */

/* A YAML double-quoted text; names hold neither quotes nor control characters, but paths may. */
static void write_text(FILE *f, const char *key, const char *text) {
    fprintf(f, "%s: \"", key);
    for (; *text; text++)
        fprintf(f, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
    fputs("\"\n", f);
}

static void write_scenario(FILE *f, const scenario_file *file) {
    const scenario *s = &file->scenario;
    fprintf(f, "schema: %d\n", SCENARIO_SCHEMA);
    write_text(f, "workload", file->workload);
    write_text(f, "levers", file->levers);
    fprintf(f, "seed: %llu\nvalues:\n", (unsigned long long)s->seed);
    for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++)
        fprintf(f, "  %s: %.17g\n", scenario_variable_name((scenario_variable)v), s->values[v]);
    if (!s->progress)
        return;
    fputs("progress: [", f);
    for (int64_t step = 0; step <= (int64_t)s->values[SCENARIO_DECODE_STEPS]; step++)
        fprintf(f, "%s%.17g", step > 0 ? ", " : "", s->progress[step]);
    fputs("]\n", f);
}

status scenario_save(const char *path, const scenario_file *file, error *err) {
    whole_file *f;
    status result = whole_file_open(path, &f, err);
    if (result != STATUS_OK)
        return result;
    write_scenario(whole_file_stream(f), file);
    return whole_file_close(f, err);
}

/* ---- reading ---- */

typedef struct file_fields {
    double seed;
    const char *workload, *levers;
    const config_node *schema, *progress;
    double values[SCENARIO_VARIABLE_COUNT];
} file_fields;

static const config_field fields[] = {
    {"schema", CONFIG_NODE, offsetof(file_fields, schema), 0, 0, true},
    {"workload", CONFIG_TEXT, offsetof(file_fields, workload), 0, 0, true},
    {"levers", CONFIG_TEXT, offsetof(file_fields, levers), 0, 0, true},
    {"seed", CONFIG_NUMBER, offsetof(file_fields, seed), 0, SEED_MAX, true},
    {"progress", CONFIG_NODE, offsetof(file_fields, progress), 0, 0, false},
#define VARIABLE(enumerator, name, text)                                                                               \
    {"values." #name, CONFIG_NUMBER, offsetof(file_fields, values[SCENARIO_##enumerator]), 0, VALUE_MAX, true},
#include "core/scenario.def"
};

static status read_progress(arena *a, const config_node *node, double steps, const double **out, error *err) {
    if (node->kind != CONFIG_SEQUENCE || (double)node->count != steps + 1)
        return CONFIG_ERROR(node, err, "progress must be a list of decode_steps + 1 = %.0f numbers", steps + 1);
    double *progress = ARENA_ARRAY(a, double, node->count), least = 0;
    for (size_t i = 0; i < node->count; i++) {
        status result = config_number(node->values[i], 0, VALUE_MAX, &progress[i], err);
        if (result != STATUS_OK)
            return result;
        if (progress[i] < least)
            return CONFIG_ERROR(node->values[i], err, "progress falls from %g to %g", least, progress[i]);
        least = progress[i];
    }
    *out = progress;
    return STATUS_OK;
}

static status check_values(const config_node *root, const file_fields *file, error *err) {
    const config_node *group = config_get(root, "values");
    for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++) {
        const char *name = scenario_variable_name((scenario_variable)v);
        const config_node *node = group ? config_get(group, name) : root;
        bool counted = v == SCENARIO_BATCH || v == SCENARIO_DECODE_STEPS || v == SCENARIO_PROMPT_TOKENS;
        if (counted && file->values[v] != floor(file->values[v]))
            return CONFIG_ERROR(node, err, "%s is %g: it must be whole", name, file->values[v]);
        if (v == SCENARIO_ONE && file->values[v] != 1)
            return CONFIG_ERROR(node, err, "one is %g: it must be 1", file->values[v]);
        if (v == SCENARIO_BATCH && file->values[v] < 1)
            return CONFIG_ERROR(node, err, "batch must be at least 1");
    }
    return STATUS_OK;
}

status scenario_load(arena *a, const char *path, scenario_file *out, error *err) {
    const config_node *root;
    file_fields file = {0};
    status result = config_load(a, path, &root, err);
    if (result == STATUS_OK)
        result = config_schema(root, SCENARIO_SCHEMA, err);
    if (result == STATUS_OK)
        result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        result = check_values(root, &file, err);
    if (result != STATUS_OK)
        return result;
    *out = (scenario_file){.workload = file.workload, .levers = file.levers, .scenario = {.seed = (uint64_t)file.seed}};
    memcpy(out->scenario.values, file.values, sizeof file.values);
    return file.progress
               ? read_progress(a, file.progress, file.values[SCENARIO_DECODE_STEPS], &out->scenario.progress, err)
               : STATUS_OK;
}
