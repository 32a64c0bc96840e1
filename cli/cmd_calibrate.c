/* ingot calibrate: fits the engine's parameters to measured operator rows; with --host, a host profile to traces. */
#include "cli/arguments.h"
#include "cli/calibrate_host.h"
#include "cli/command.h"
#include "core/base/clock.h"
#include "core/base/config_find.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/explore/calibrate.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    CALIBRATE_FILES_MAX = 32,
    CALIBRATE_KINDS_MAX = 32,
    KEY_KIND = 256,
    KEY_ALL,
    KEY_START,
    KEY_DATA,
    KEY_PRIOR,
    KEY_HOST,
    KEY_OWN
};

typedef struct calibrate_options {
    const char *machine, *files[CALIBRATE_FILES_MAX], *kinds[CALIBRATE_KINDS_MAX];
    const char *output, *start, *prior, *data;
    size_t file_count, kind_count;
    bool all_rows, host, own;
    const char *host_machine;
    argument_failure failure;
} calibrate_options;

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE.yaml", 0, "Write the calibration here (default: print the fit only)", 0},
    {"kind", KEY_KIND, "KIND", 0, "Fit rows of this kind only; may be repeated", 0},
    {"start", KEY_START, "NAME", 0, "Start from this calibration (default: the machine's)", 0},
    {"prior", KEY_PRIOR, "NAME", 0, "Priors from this calibration (default: those of calibration.def)", 0},
    {"data", KEY_DATA, "TEXT", 0, "What the file says of its data (default: the names of the rows' files)", 0},
    {"all", KEY_ALL, 0, 0, "Fit the held rows too", 0},
    {"own", KEY_OWN, 0, 0, "Fit the rows and parameters of our own kernels alone (default: all others)", 0},
    {"host", KEY_HOST, 0, 0, "Fit a host profile instead: the arguments are traces and runs", 0},
    {"machine", 'm', "NAME", 0, "With --host: the machine, whose launch cost the profile's is a multiple of", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    static const char *const endings[] = {".yaml", NULL};
    calibrate_options *o = state->input;
    switch (key) {
    case 'o':
        o->output = argument_output(&o->failure, "output", value, endings);
        break;
    case KEY_KIND:
        argument_append(&o->failure, "kind", value, o->kinds, &o->kind_count, CALIBRATE_KINDS_MAX);
        break;
    case KEY_START:
        o->start = value;
        break;
    case KEY_PRIOR:
        o->prior = value;
        break;
    case KEY_DATA:
        o->data = value;
        break;
    case KEY_ALL:
        o->all_rows = true;
        break;
    case KEY_OWN:
        o->own = true;
        break;
    case KEY_HOST:
        o->host = true;
        break;
    case 'm':
        o->host_machine = value;
        break;
    case ARGP_KEY_ARG:
        if (!o->machine)
            o->machine = value;
        else if (o->file_count < CALIBRATE_FILES_MAX)
            o->files[o->file_count++] = value;
        else
            return EINVAL;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static status choose_kinds(const calibrate_options *o, bool *kinds, error *err) {
    for (size_t kind = 0; kind < OP_KIND_COUNT; kind++)
        kinds[kind] = o->kind_count == 0;
    for (size_t i = 0; i < o->kind_count; i++) {
        op_kind kind;
        if (op_kind_parse(o->kinds[i], &kind) != STATUS_OK)
            return error_set(err, STATUS_BAD_INPUT, "unknown operator kind '%.40s'", o->kinds[i]);
        kinds[kind] = true;
    }
    return STATUS_OK;
}

/* A calibration by name or path, as if the machine named it. */
static status load_named(arena *a, const machine *m, const char *name, calibration *out, error *err) {
    machine other = *m;
    other.calibration_name = name;
    return calibration_load(a, command_config_dir(), &other, out, err);
}

static void reset_own(calibration *c) {
    size_t count;
    const machine_key *keys = calibration_keys(&count);
    calibration priors = calibration_priors();
    for (size_t k = 0; k < count; k++)
        if (calibration_key_is_own(&keys[k]))
            calibration_set(c, &keys[k], calibration_get(&priors, &keys[k]));
}

static void print_fit(const calibrate_result *r) {
    printf("%-52s %11s %11s %8s  %s\n", "parameter", "prior", "value", "+-", "state");
    for (size_t k = 0; k < r->parameter_count; k++) {
        const calibrate_parameter *p = &r->parameters[k];
        if (p->state == CALIBRATE_UNTOUCHED)
            continue;
        printf("%-52s %11.4g %11.4g ", p->key->path, p->prior, p->value);
        if (p->state == CALIBRATE_FITTED)
            printf("%8.3f  fitted\n", p->deviation);
        else
            printf("%8s  %s\n", "", calibrate_state_name(p->state));
    }
    for (size_t kind = 0; kind < OP_KIND_COUNT; kind++) {
        const calibrate_kind_score *s = &r->kinds[kind];
        if (s->rows > 0)
            printf("%s: %zu rows; mean error %.1f %% fitted, %.1f %% held; bias of the held %+.1f %%\n",
                   op_info_get((op_kind)kind)->name, s->rows, 100 * s->fit.mean_abs_err, 100 * s->held.mean_abs_err,
                   100 * s->held.bias);
    }
}

static status write_fit(arena *a, const calibrate_options *o, const calibrate_result *r, error *err) {
    const char *data = o->data;
    if (!data) {
        data = arena_printf(a, "%s:", o->machine);
        for (size_t i = 0; i < o->file_count; i++)
            data = arena_printf(a, "%s %s", data, config_stem(a, o->files[i]));
    }
    const calibrate_labels labels = {config_stem(a, o->output), data, arena_strdup(a, clock_date().text)};
    return calibrate_write(o->output, r, &labels, err);
}

static status run_calibrate(arena *a, const calibrate_options *o, error *err) {
    machine m;
    calibrate_input in = {.machine = &m, .priors = calibration_priors(), .all_rows = o->all_rows, .own = o->own};
    source_map sources = {0};
    row_table tables[CALIBRATE_FILES_MAX] = {0};
    calibrate_result result = {0};
    status s = machine_load(a, command_config_dir(), o->machine, &m, NULL, err);
    if (s == STATUS_OK)
        s = choose_kinds(o, in.kinds, err);
    if (s == STATUS_OK)
        s = load_named(a, &m, o->start ? o->start : m.calibration_name, &in.start, err);
    if (o->own && !o->start) /* a refit depends on its rows alone */
        reset_own(&in.start);
    if (s == STATUS_OK && o->prior)
        s = load_named(a, &m, o->prior, &in.priors, err);
    if (s == STATUS_OK)
        s = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    for (size_t i = 0; i < o->file_count && s == STATUS_OK; i++)
        s = rows_load(o->files[i], &sources, EMPTY_ROWS_SKIPPED, &tables[i], err);
    in.tables = tables, in.table_count = o->file_count;
    if (s == STATUS_OK)
        s = calibrate(a, &in, &result, err);
    if (s == STATUS_OK)
        print_fit(&result);
    if (s == STATUS_OK && o->output)
        s = write_fit(a, o, &result, err);
    for (size_t i = 0; i < o->file_count; i++)
        rows_free(&tables[i]);
    sources_free(&sources);
    return s;
}

status command_calibrate(int argc, char **argv, error *err) {
    static const char doc[] = "Fits the analytic engine's parameters to measured operator rows: rows of even hash are "
                              "fitted, the odd ones held. Never edits a machine.\v"
                              "example: ingot calibrate h200-sxm rows.csv --kind gemm -o configs/calibration/mine.yaml";
    calibrate_options o = {.failure = {.err = err}};
    const struct argp parser = {.options = option_table,
                                .parser = parse_option,
                                .args_doc = "MACHINE ROWS.csv... | --host TRACE...",
                                .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result != STATUS_OK)
        return result;
    if (o.host) { /* the first argument is a file too */
        const char *files[CALIBRATE_FILES_MAX + 1] = {o.machine};
        for (size_t i = 0; i < o.file_count; i++)
            files[i + 1] = o.files[i];
        return calibrate_host(files, o.machine ? o.file_count + 1 : 0, o.host_machine, o.output, err);
    }
    if (!o.machine || o.file_count == 0)
        return error_set(err, STATUS_BAD_INPUT, "ingot calibrate: give a machine and measured rows; see --help");
    arena a = {0};
    result = run_calibrate(&a, &o, err);
    arena_free(&a);
    return result;
}
