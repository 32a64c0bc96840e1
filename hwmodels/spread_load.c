#include "hwmodels/spread_load.h"

#include "hwmodels/calibration_load.h"

#include "core/base/config_find.h"

#include <math.h>

static status pair_of(const config_node *node, double *first, double *second, error *err) {
    if (node->kind != CONFIG_SEQUENCE || node->count != 2)
        return CONFIG_ERROR(node, err, "'%s' is not two numbers", "a range");
    status result = config_number(node->values[0], -INFINITY, INFINITY, first, err);
    return result == STATUS_OK ? config_number(node->values[1], -INFINITY, INFINITY, second, err) : result;
}

static status load_residuals(arena *a, const config_node *node, calibration_spread *out, error *err) {
    out->residuals = ARENA_ARRAY(a, residual_range, node->count + 1);
    for (size_t i = 0; i < node->count; i++) {
        residual_range *r = &out->residuals[out->residual_count++];
        r->name = node->keys[i]->text;
        status result = pair_of(node->values[i], &r->lower, &r->upper, err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_shapes(arena *a, const config_node *node, calibration_spread *out, error *err) {
    out->shapes = ARENA_ARRAY(a, shape_range, node->count + 1);
    for (size_t i = 0; i < node->count; i++) {
        shape_range *r = &out->shapes[out->shape_count++];
        r->name = node->keys[i]->text;
        status result = pair_of(node->values[i], &r->min, &r->max, err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status load_machine_keys(arena *a, const config_node *node, calibration_spread *out, error *err) {
    out->machine = ARENA_ARRAY(a, measured_key, node->count + 1);
    for (size_t i = 0; i < node->count; i++) {
        measured_key *k = &out->machine[out->machine_key_count];
        k->key = machine_key_find(node->keys[i]->text);
        if (!k->key)
            return CONFIG_ERROR(node->keys[i], err, "'%.60s' is no key of a machine", node->keys[i]->text);
        status result = config_number(node->values[i], 0, INFINITY, &k->value, err);
        if (result != STATUS_OK)
            return result;
        out->machine_key_count++;
    }
    return STATUS_OK;
}

/* In place: the lower triangle of a covariance becomes its Cholesky factor. Rounding can leave a direction without
 * variance; it is then drawn at its mean. */
static void factorise(double *c, size_t n) {
    for (size_t j = 0; j < n; j++) {
        double diagonal = c[j * n + j];
        for (size_t k = 0; k < j; k++)
            diagonal -= c[j * n + k] * c[j * n + k];
        double root = diagonal > 0 ? sqrt(diagonal) : 0;
        c[j * n + j] = root;
        for (size_t i = j + 1; i < n; i++) {
            double sum = c[i * n + j];
            for (size_t k = 0; k < j; k++)
                sum -= c[i * n + k] * c[j * n + k];
            c[i * n + j] = root > 0 ? sum / root : 0;
        }
    }
}

static status load_covariance(arena *a, const config_node *node, calibration_spread *out, error *err) {
    size_t n = node->count;
    out->keys = ARENA_ARRAY(a, const machine_key *, n + 1);
    out->factor = ARENA_ARRAY(a, double, n *n + 1);
    for (size_t i = 0; i < n; i++) {
        out->keys[i] = calibration_key_find(node->keys[i]->text);
        const config_node *row = node->values[i];
        if (!out->keys[i])
            return CONFIG_ERROR(node->keys[i], err, "'%.60s' is no parameter of a calibration", node->keys[i]->text);
        if (row->kind != CONFIG_SEQUENCE || row->count != i + 1)
            return CONFIG_ERROR(row, err, "row %zu of a lower triangle has %zu numbers", i + 1, i + 1);
        for (size_t j = 0; j <= i; j++) {
            status result = config_number(row->values[j], -INFINITY, INFINITY, &out->factor[i * n + j], err);
            if (result != STATUS_OK)
                return result;
        }
    }
    factorise(out->factor, n);
    out->key_count = n;
    return STATUS_OK;
}

static status load_file(arena *a, const char *path, calibration_spread *out, error *err) {
    typedef status part_loader(arena *, const config_node *, calibration_spread *, error *);
    static const struct {
        const char *key;
        part_loader *load;
    } parts[] = {{"covariance", load_covariance},
                 {"intervals", load_residuals},
                 {"shapes", load_shapes},
                 {"machine", load_machine_keys}};
    const config_node *root;
    *out = (calibration_spread){0};
    status result = config_load(a, path, &root, err);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && result == STATUS_OK; i++) {
        const config_node *node = config_get(root, parts[i].key);
        if (node && node->kind != CONFIG_MAPPING)
            return CONFIG_ERROR(node, err, "'%s' is not a mapping", parts[i].key);
        if (node)
            result = parts[i].load(a, node, out, err);
    }
    return result;
}

status spread_load(arena *a, const char *config_dir, const machine *m, calibration_spread *out, error *err) {
    const char *name = m->calibration_name ? m->calibration_name : generation_name(m->generation);
    const char *path, *own_path = calibration_own_path(a, config_dir);
    calibration_spread *own = ARENA_NEW(a, calibration_spread);
    status result = config_find(a, arena_printf(a, "%s/calibration", config_dir), "calibration", name, &path, err);
    if (result == STATUS_OK)
        result = load_file(a, path, out, err);
    if (result == STATUS_OK && own_path)
        result = load_file(a, own_path, own, err);
    if (result == STATUS_OK && own_path)
        out->own = own;
    return result;
}
