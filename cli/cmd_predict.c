/* ingot predict: operator rows in, the same rows with predictions out. */
#include "cli/command.h"
#include "cli/row_output.h"
#include "cli/setup.h"
#include "core/base/json_writer.h"
#include "core/base/number.h"
#include "core/base/si.h"
#include "sim/explore/ensemble.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct predict_options {
    const char *machine, *file, *engine;
    const char *overrides[SETUP_OVERRIDES_MAX]; /* key=value */
    size_t override_count;
    bool json;
    message_level level;
} predict_options;

enum { KEY_ENGINE = 256, KEY_OVERRIDE };

static const struct argp_option option_table[] = {
    {"machine", 'm', "NAME", 0, "Machine: a name of configs/machines or a YAML path", 0},
    {"override", KEY_OVERRIDE, "KEY=VALUE", 0, "Set one number of the machine, as sm.count=120", 0},
    {"engine", KEY_ENGINE, "NAME", 0, "analytic (default) or event", 0},
    {"json", 'j', 0, 0, "Print JSON: a line a row, with its line number", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    predict_options *o = state->input;
    switch (key) {
    case 'm':
        o->machine = value;
        break;
    case KEY_ENGINE:
        o->engine = value;
        break;
    case KEY_OVERRIDE:
        if (o->override_count == SETUP_OVERRIDES_MAX)
            return EINVAL;
        o->overrides[o->override_count++] = value;
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (o->file)
            return EINVAL; /* one file at a time */
        o->file = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* The columns that are added; an input that has them already gets fresh values. */
static const char *const added[] = {"predicted_us", "lower_us", "upper_us", "bound", "extrapolated"};
enum { ADDED = sizeof added / sizeof added[0] };

typedef struct prediction_run {
    const predict_options *options;
    const ensemble *ensemble;
    row_reader *reader;
    FILE *out; /* a temporary file: nothing is printed before the whole input has been read */
    size_t rows, unsupported;
    const char *first_unsupported; /* why */
    arena memory;
} prediction_run;

static row_output output_of(const prediction_run *run) {
    return (row_output){.out = run->out, .reader = run->reader, .added = added, .added_count = ADDED};
}

/* A number of microseconds; blank when it is not known. */
static void write_us(FILE *out, double time_s) {
    if (!isnan(time_s))
        fprintf(out, "%.6g", time_s * US_PER_S);
    putc(',', out);
}

static void write_csv(const prediction_run *run, const operator_row *row, const row_interval *p) {
    row_output output = output_of(run);
    row_output_fields(&output, row);
    if (!p) {
        fputs(",,,,\n", run->out);
        return;
    }
    write_us(run->out, p->prediction.time_s);
    write_us(run->out, p->lower_s);
    write_us(run->out, p->upper_s);
    fprintf(run->out, "%s,%d\n", bound_name(p->prediction.bound), p->extrapolated);
}

static status write_json(const prediction_run *run, const operator_row *row, const row_interval *p, error *err) {
    json_writer w = json_writer_to_file(run->out, JSON_LINES);
    char shape[256];
    op_shape_text(&row->op, shape, sizeof shape);
    json_object_begin(&w, NULL);
    json_integer(&w, "line", row->line);
    json_text(&w, "op", p ? op_info_get(row->op.kind)->name : NULL);
    json_text(&w, "shape", p ? shape : NULL);
    json_number(&w, "measured_us", row->measured_s * US_PER_S);
    json_number(&w, "predicted_us", p ? p->prediction.time_s * US_PER_S : NAN);
    json_number(&w, "lower_us", p ? p->lower_s * US_PER_S : NAN);
    json_number(&w, "upper_us", p ? p->upper_s * US_PER_S : NAN);
    json_text(&w, "bound", p ? bound_name(p->prediction.bound) : NULL);
    if (p)
        json_bool(&w, "extrapolated", p->extrapolated);
    if (!p)
        json_text(&w, "not_predicted", row->unsupported);
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

static status predict_rows(prediction_run *run, error *err) {
    row_output output = output_of(run);
    if (!run->options->json)
        row_output_header(&output);
    for (;;) {
        const operator_row *row;
        status result = row_reader_next(run->reader, &row, err);
        if (result != STATUS_OK || !row)
            return result;
        if (row->empty)
            return row_reader_empty_error(run->reader, err);
        row_interval p = {0};
        if (!row->unsupported)
            p = predict_row_interval(row, run->ensemble);
        else if (run->unsupported++ == 0)
            run->first_unsupported = arena_strdup(&run->memory, row->unsupported);
        run->rows++;
        if (run->options->json)
            result = write_json(run, row, row->unsupported ? NULL : &p, err);
        else
            write_csv(run, row, row->unsupported ? NULL : &p);
        if (result != STATUS_OK)
            return result;
    }
}

static status copy_to_stdout(FILE *from, error *err) {
    char buffer[64 * 1024];
    size_t bytes;
    if (fflush(from) != 0 || ferror(from) || fseek(from, 0, SEEK_SET) != 0)
        return error_set(err, STATUS_ENVIRONMENT, "cannot write a temporary file");
    while ((bytes = fread(buffer, 1, sizeof buffer, from)) > 0)
        fwrite(buffer, 1, bytes, stdout);
    return ferror(from) ? error_set(err, STATUS_ENVIRONMENT, "cannot read a temporary file") : STATUS_OK;
}

/* The machine as named, then overridden. */
static status load_machine(arena *a, const predict_options *o, ensemble *e, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, command_config_dir(), o->machine, &m, NULL, err);
    for (size_t i = 0; i < o->override_count && result == STATUS_OK; i++)
        result = machine_override(&m, o->overrides[i], err);
    if (result == STATUS_OK)
        result = machine_check(&m, err);
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &m, &c, err);
    return result == STATUS_OK ? ensemble_fill(a, command_config_dir(), &m, &c, e, err) : result;
}

static status predict(arena *a, const predict_options *o, error *err) {
    ensemble *e = ARENA_NEW(a, ensemble);
    source_map sources = {0};
    prediction_run run = {.options = o, .ensemble = e};
    status result = load_machine(a, o, e, err);
    if (result == STATUS_OK)
        result = ensemble_set_engine(e, o->engine, err);
    if (result == STATUS_OK)
        result = sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, err);
    if (result == STATUS_OK)
        result = row_reader_open(o->file, &sources, &run.reader, err);
    if (result == STATUS_OK && !(run.out = tmpfile()))
        result = error_set(err, STATUS_ENVIRONMENT, "cannot create a temporary file");
    if (result == STATUS_OK)
        result = predict_rows(&run, err);
    if (result == STATUS_OK)
        result = copy_to_stdout(run.out, err);
    if (result == STATUS_OK && run.unsupported > 0 && o->level != MESSAGES_QUIET)
        fprintf(stderr, "%zu of %zu rows have no prediction: %s\n", run.unsupported, run.rows, run.first_unsupported);
    if (result == STATUS_OK && o->level == MESSAGES_VERBOSE)
        fprintf(stderr, "%zu rows of %s on %s, configurations of %s\n", run.rows, o->file, o->machine,
                command_config_dir());
    if (run.out)
        fclose(run.out);
    row_reader_close(run.reader);
    sources_free(&sources);
    arena_free(&run.memory);
    return result;
}

status command_predict(int argc, char **argv, error *err) {
    static const char doc[] =
        "Predicts operator rows: a CSV in, the same CSV with predicted_us, lower_us, upper_us and "
        "bound out.\v"
        "example: ingot predict rows.csv --machine h200-sxm";
    predict_options o = {0};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "ROWS.csv", .doc = doc};
    status result = command_parse_level(&parser, argc, argv, &o, &o.level, err);
    if (result != STATUS_OK)
        return result;
    if (!o.file || !o.machine)
        return error_set(err, STATUS_BAD_INPUT, "ingot predict: give a file of rows and --machine; see --help");
    arena a = {0};
    result = predict(&a, &o, err);
    arena_free(&a);
    return result;
}
