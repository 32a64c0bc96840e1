#include "hwmodels/calibration_load.h"

#include "core/base/config_find.h"

#include <string.h>
#include <unistd.h>

enum { SCHEMA_VERSION = 1 };

typedef struct calibration_file {
    const config_node *schema, *residuals, *covariance, *intervals, *machine, *shapes; /* spread_load.c reads them */
    calibration values;
} calibration_file;

/* Binds one file over what `file` holds. */
static status load_over(arena *a, const char *path, calibration_file *file, error *err) {
    const config_field fields[] = {
        {"schema", CONFIG_NODE, offsetof(calibration_file, schema), 0, 0, true},
        {"name", CONFIG_TEXT, offsetof(calibration_file, values.name), 0, 0, true},
        {"data", CONFIG_TEXT, offsetof(calibration_file, values.data), 0, 0, true},
        {"date", CONFIG_TEXT, offsetof(calibration_file, values.date), 0, 0, true},
        {"residuals", CONFIG_NODE, offsetof(calibration_file, residuals), 0, 0, false},
        {"covariance", CONFIG_NODE, offsetof(calibration_file, covariance), 0, 0, false},
        {"intervals", CONFIG_NODE, offsetof(calibration_file, intervals), 0, 0, false},
        {"machine", CONFIG_NODE, offsetof(calibration_file, machine), 0, 0, false},
        {"shapes", CONFIG_NODE, offsetof(calibration_file, shapes), 0, 0, false},
#define PARAMETER(group, name, min, max, prior, text)                                                                  \
    {#group "." #name, CONFIG_NUMBER, offsetof(calibration_file, values.group.name), min, max, false},
#include "core/calibration.def"
    };
    const config_node *root;
    status result = config_load(a, path, &root, err);
    if (result == STATUS_OK)
        result = config_schema(root, SCHEMA_VERSION, err);
    if (result != STATUS_OK)
        return result;
    return config_bind(root, fields, sizeof fields / sizeof fields[0], true, file, (config_notes){0}, err);
}

const char *calibration_own_path(arena *a, const char *config_dir) {
    const char *path = arena_printf(a, "%s/calibration/own.yaml", config_dir);
    return access(path, R_OK) == 0 ? path : NULL;
}

status calibration_load(arena *a, const char *config_dir, const machine *m, calibration *out, error *err) {
    const char *name = m->calibration_name ? m->calibration_name : generation_name(m->generation);
    const char *path, *own = calibration_own_path(a, config_dir);
    calibration_file file = {.values = calibration_priors()}, over = file;
    status result = config_find(a, arena_printf(a, "%s/calibration", config_dir), "calibration", name, &path, err);
    if (result == STATUS_OK && own)
        result = load_over(a, own, &over, err);
    file.values = over.values;
    if (result == STATUS_OK)
        result = load_over(a, path, &file, err);
    if (result == STATUS_OK)
        *out = file.values;
    return result;
}

typedef struct host_file {
    const config_node *schema;
    host_profile values;
} host_file;

/* A host call above a second is no host call. */
static const double HOST_SECONDS_MAX = 1;

status host_load(arena *a, const char *config_dir, const char *name_or_path, host_profile *out, error *err) {
#define SECONDS(member)                                                                                                \
    { #member, CONFIG_NUMBER, offsetof(host_file, values.member), 0, HOST_SECONDS_MAX, true }
    const config_field fields[] = {
        {"schema", CONFIG_NODE, offsetof(host_file, schema), 0, 0, true},
        {"name", CONFIG_TEXT, offsetof(host_file, values.name), 0, 0, true},
        {"description", CONFIG_TEXT, offsetof(host_file, values.description), 0, 0, true},
        SECONDS(call_s),
        SECONDS(call_low_s),
        SECONDS(call_high_s),
        SECONDS(step_s),
        {"launch_scale_ratio", CONFIG_NUMBER, offsetof(host_file, values.launch_scale_ratio), 0, 100, true},
    };
#undef SECONDS
    const config_node *root;
    status result = config_open(a, arena_printf(a, "%s/hosts", config_dir), "host profile", name_or_path,
                                SCHEMA_VERSION, &root, err);
    if (result != STATUS_OK)
        return result;
    host_file file = {0};
    result = config_bind(root, fields, sizeof fields / sizeof fields[0], true, &file, (config_notes){0}, err);
    if (result == STATUS_OK)
        *out = file.values;
    return result;
}
