/* A fit as a calibration file: values by group, then residuals by kind and the covariance of what was fitted. */
#include "sim/explore/calibrate.h"

#include "core/base/whole_file.h"

#include <stdio.h>
#include <string.h>

static int group_length(const char *path) {
    return (int)strcspn(path, ".");
}

static void write_values(FILE *f, const calibrate_result *r) {
    const char *group = "";
    for (size_t k = 0; k < r->parameter_count; k++) {
        const calibrate_parameter *p = &r->parameters[k];
        const char *path = p->key->path;
        if (calibration_key_is_own(p->key) != r->own)
            continue;
        int length = group_length(path);
        if (group_length(group) != length || strncmp(group, path, (size_t)length) != 0)
            fprintf(f, "\n%.*s:\n", length, path);
        group = path;
        static const char *const notes[] = {
            [CALIBRATE_WEAK] = "  # prior: rows say little", [CALIBRATE_BOUND] = "  # prior: ran to a bound"};
        const char *note = p->state == CALIBRATE_WEAK || p->state == CALIBRATE_BOUND ? notes[p->state] : "";
        fprintf(f, "  %s: %.4g%s\n", path + length + 1, p->value, note);
    }
}

static void write_residuals(FILE *f, const calibrate_result *r) {
    fputs("\nresiduals:\n", f);
    for (size_t kind = 0; kind < OP_KIND_COUNT; kind++) {
        const calibrate_kind_score *s = &r->kinds[kind];
        if (s->rows == 0)
            continue;
        fprintf(f, "  %s: {rows: %zu, fit_mean_abs_err: %.4f, held_mean_abs_err: %.4f, held_bias: %.4f, ",
                op_info_get((op_kind)kind)->name, s->rows, s->fit.mean_abs_err, s->held.mean_abs_err, s->held.bias);
        fprintf(f, "log_deviation: %.4f}\n", s->log_deviation);
    }
}

/* Rows of the lower triangle: the matrix is symmetric. */
static void write_covariance(FILE *f, const calibrate_result *r) {
    fputs("\n# of the transformed values (logit between the bounds for _frac, else logarithm); lower triangle\n"
          "covariance:\n",
          f);
    for (size_t i = 0; i < r->fitted_count; i++) {
        fprintf(f, "  %s: [", r->parameters[r->fitted_keys[i]].key->path);
        for (size_t j = 0; j <= i; j++)
            fprintf(f, "%s%.3g", j > 0 ? ", " : "", r->covariance[i * r->fitted_count + j]);
        fputs("]\n", f);
    }
}

static void write_spread(FILE *f, const calibrate_result *r) {
    fprintf(f, "\n# ln(measured / predicted) between which %.0f %% of the fitted rows of a class lie\nintervals:\n",
            100 * SPREAD_LEVEL);
    for (size_t i = 0; i < r->residual_count; i++)
        fprintf(f, "  \"%s\": [%.4f, %.4f]\n", r->residuals[i].name, r->residuals[i].lower, r->residuals[i].upper);
    fputs("\n# what was measured: predictions outside say so\nmachine:\n", f);
    for (size_t i = 0; i < spread_machine_key_count; i++)
        fprintf(f, "  %s: %.6g\n", spread_machine_keys[i],
                machine_get(r->machine, machine_key_find(spread_machine_keys[i])));
    fputs("shapes:\n", f);
    for (size_t i = 0; i < r->shape_count; i++)
        fprintf(f, "  %s: [%.0f, %.0f]\n", r->shapes[i].name, r->shapes[i].min, r->shapes[i].max);
}

status calibrate_write(const char *path, const calibrate_result *result, const calibrate_labels *labels, error *err) {
    whole_file *file;
    status opened = whole_file_open(path, &file, err);
    if (opened != STATUS_OK)
        return opened;
    FILE *f = whole_file_stream(file);
    fprintf(f, "schema: 1\nname: %s\ndata: \"%s\"\ndate: %s\n", labels->name, labels->data, labels->date);
    write_values(f, result);
    write_residuals(f, result);
    write_spread(f, result);
    write_covariance(f, result);
    return whole_file_close(file, err);
}
