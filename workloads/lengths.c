#include "workloads/lengths.h"

#include <string.h>

static const double LENGTH_MAX = 1e7, IMAGES_MAX = 1000; /* only keep products sane */

static status read_length(const config_node *node, length_distribution *out, error *err) {
    const config_field fields[] = {
        {"min", CONFIG_NUMBER, offsetof(length_distribution, min), 0, LENGTH_MAX, true},
        {"mean", CONFIG_NUMBER, offsetof(length_distribution, mean), 0, LENGTH_MAX, true},
        {"p50", CONFIG_NUMBER, offsetof(length_distribution, p50), 0, LENGTH_MAX, true},
        {"p90", CONFIG_NUMBER, offsetof(length_distribution, p90), 0, LENGTH_MAX, true},
        {"p99", CONFIG_NUMBER, offsetof(length_distribution, p99), 0, LENGTH_MAX, true},
        {"max", CONFIG_NUMBER, offsetof(length_distribution, max), 0, LENGTH_MAX, true},
    };
    status result = config_bind(node, fields, sizeof fields / sizeof fields[0], true, out, (config_notes){0}, err);
    if (result != STATUS_OK)
        return result;
    bool rising = out->min <= out->p50 && out->p50 <= out->p90 && out->p90 <= out->p99 && out->p99 <= out->max;
    if (!rising || out->mean < out->min || out->mean > out->max)
        return CONFIG_ERROR(node, err, "lengths must rise from min over p50, p90 and p99 to max, the mean among them");
    return STATUS_OK;
}

typedef struct task_file {
    const char *source;
    double images_in, images_out, attended_tokens;
    const config_node *lengths[TASK_LENGTHS_MAX];
} task_file;

static status read_task(const config_node *key, const config_node *node, const char *const *required,
                        const char *const *optional, task *out, error *err) {
    enum { FIXED_COUNT = 4 };
    config_field fields[FIXED_COUNT + TASK_LENGTHS_MAX] = {
        {"source", CONFIG_TEXT, offsetof(task_file, source), 0, 0, true},
        {"images_in", CONFIG_NUMBER, offsetof(task_file, images_in), 0, IMAGES_MAX, false},
        {"images_out", CONFIG_NUMBER, offsetof(task_file, images_out), 0, IMAGES_MAX, false},
        {"attended_tokens", CONFIG_NUMBER, offsetof(task_file, attended_tokens), 1, LENGTH_MAX, false},
    };
    size_t count = 0;
    for (int list = 0; list < 2; list++)
        for (const char *const *name = list == 0 ? required : optional; *name && count < TASK_LENGTHS_MAX; name++) {
            size_t offset = offsetof(task_file, lengths) + count * sizeof(config_node *);
            fields[FIXED_COUNT + count++] = (config_field){*name, CONFIG_NODE, offset, 0, 0, list == 0};
        }
    task_file file = {0};
    status result = config_bind(node, fields, FIXED_COUNT + count, true, &file, (config_notes){0}, err);
    *out = (task){.name = key->text,
                  .source = file.source,
                  .images_in = file.images_in,
                  .images_out = file.images_out,
                  .attended_tokens = file.attended_tokens};
    for (size_t i = 0; i < count && result == STATUS_OK; i++) {
        if (!file.lengths[i])
            continue;
        task_length *length = &out->lengths[out->length_count++];
        length->name = fields[FIXED_COUNT + i].key;
        result = read_length(file.lengths[i], &length->lengths, err);
    }
    return result;
}

status tasks_read(const config_node *tasks, const char *const *required, const char *const *optional, task *out,
                  size_t *count, error *err) {
    if (tasks->kind != CONFIG_MAPPING)
        return CONFIG_ERROR(tasks, err, "'tasks' is a group: expected `name:` entries under it");
    if (tasks->count > MODEL_TASKS_MAX)
        return CONFIG_ERROR(tasks, err, "more than %d tasks", MODEL_TASKS_MAX);
    for (size_t i = 0; i < tasks->count; i++) {
        status result = read_task(tasks->keys[i], tasks->values[i], required, optional, &out[i], err);
        if (result != STATUS_OK)
            return result;
    }
    *count = tasks->count;
    return STATUS_OK;
}

const length_distribution *task_length_find(const task *t, const char *name) {
    for (size_t i = 0; i < t->length_count; i++)
        if (strcmp(t->lengths[i].name, name) == 0)
            return &t->lengths[i].lengths;
    return NULL;
}

status length_statistic(const length_distribution *lengths, const char *statistic, double *out, error *err) {
    const struct {
        const char *name;
        double value;
    } known[] = {{"mean", lengths->mean}, {"p50", lengths->p50}, {"p90", lengths->p90},
                 {"p99", lengths->p99},   {"min", lengths->min}, {"max", lengths->max}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, statistic) == 0) {
            *out = known[i].value;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_BAD_INPUT, "unknown statistic '%.40s' (known: mean, p50, p90, p99, min, max)",
                     statistic);
}

double length_quantile(const length_distribution *lengths, double u) {
    const double shares[] = {0, 0.5, 0.9, 0.99, 1};
    const double values[] = {lengths->min, lengths->p50, lengths->p90, lengths->p99, lengths->max};
    size_t i = 0;
    while (i < 3 && u >= shares[i + 1])
        i++;
    return values[i] + (values[i + 1] - values[i]) * (u - shares[i]) / (shares[i + 1] - shares[i]);
}
