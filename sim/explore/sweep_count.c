/* How many points a sweep file seems to ask for, for messages about what is wrong in it. */
#include "core/base/number.h"
#include "sim/explore/sweep_private.h"

#include <math.h>

static double number_under(const config_node *mapping, const char *key) {
    const config_node *node = config_get(mapping, key);
    double value = 0;
    return node && node->kind == CONFIG_SCALAR && number_parse(node->text, &value) ? value : 0;
}

static double count_list(const config_node *node) {
    return node && node->kind != CONFIG_SCALAR ? (double)node->count : 0;
}

static double count_range(const config_node *node) {
    double count = number_under(node, "count"), step = number_under(node, "step");
    if (count == 0 && step > 0)
        count = 1 + floor((number_under(node, "to") - number_under(node, "from")) / step);
    return count;
}

static double count_knob(const config_node *node) {
    if (node->kind != CONFIG_MAPPING)
        return count_list(node);
    const config_node *values = config_get(node, "values"), *factors = config_get(node, "factors"),
                      *range = config_get(node, "range");
    if (factors && factors->kind == CONFIG_MAPPING)
        range = factors;
    if (range && range->kind == CONFIG_MAPPING)
        return count_range(range);
    return count_list(values ? values : factors);
}

static double count_levers(const config_node *sets) {
    if (!sets || sets->kind != CONFIG_MAPPING)
        return count_list(sets);
    double product = 1;
    for (size_t i = 0; i < sets->count; i++)
        product *= count_list(sets->values[i]);
    return product;
}

double sweep_count_points(const config_node *root) {
    const config_node *mix = config_get(root, "mix"), *batch = config_get(root, "batch"),
                      *vary = config_get(root, "vary");
    double points = count_list(config_get(root, "machines")) * count_levers(config_get(root, "levers")) *
                    count_list(mix ? mix : config_get(root, "workloads")) * (batch ? count_list(batch) : 1);
    for (size_t i = 0; vary && vary->kind == CONFIG_MAPPING && i < vary->count; i++)
        points *= count_knob(vary->values[i]);
    return points;
}
