/* ingot report: what sweeps, measurements and the paper's tasks say, as a page or as data. */
#include "cli/command.h"
#include "cli/report_input.h"
#include "cli/report_paper.h"
#include "cli/report_validation.h"
#include "cli/setup_arguments.h"
#include "core/base/clock.h"
#include "core/base/text.h"
#include "validate/trace_run.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { OUTPUTS_MAX = 8, INPUTS_MAX = 8 };

typedef struct report_command {
    setup_options common;
    const char *inputs[INPUTS_MAX];
    size_t input_count;
    const char *outputs[OUTPUTS_MAX];
    size_t output_count;
    const char *command; /* as it was given */
    argument_failure failure;
} report_command;

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "FILE.html, .md, .csv or .json; may be repeated (default: Markdown on standard output)",
     0},
    SETUP_ARGUMENTS,
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    report_command *o = state->input;
    if (setup_argument(&o->common, key, value, &o->failure))
        return 0;
    switch (key) {
    case 'o':
        argument_append(&o->failure, "output", argument_output(&o->failure, "output", value, document_endings),
                        o->outputs, &o->output_count, OUTPUTS_MAX);
        break;
    case ARGP_KEY_ARG:
        if (o->input_count == INPUTS_MAX)
            return EINVAL;
        o->inputs[o->input_count++] = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static status append_store(arena *a, const report_command *o, const char *path, const char *part,
                           report_document *document, error *err) {
    store_manifest *manifest = ARENA_NEW(a, store_manifest);
    store *points = NULL;
    status result = store_open(path, a, manifest, &points, err);
    if (result == STATUS_OK)
        result = report_store_append(a, points, manifest, o->common.workload, part, document, err);
    status closed = store_close(points, result == STATUS_OK ? err : NULL);
    return result == STATUS_OK ? closed : result;
}

static bool is_trace(const char *path) {
    return text_ends_with(path, ".json") || text_ends_with(path, ".json.gz") || text_ends_with(path, ".sqlite") ||
           trace_is_run(path);
}

static status append_input(arena *a, const report_command *o, const char *path, const char *part,
                           report_document *document, error *err) {
    bool rows = text_ends_with(path, ".csv"), steps = !trace_is_run(path) && text_ends_with(path, ".jsonl");
    if (!is_trace(path) && !rows && !steps)
        return append_store(a, o, path, part, document, err);
    if (!o->common.machine)
        return error_set(err, STATUS_BAD_INPUT, "ingot report: %s needs --machine, where it was measured", path);
    if (rows)
        return report_rows_append(a, path, o->common.machine, part, document, err);
    if (steps)
        return report_steps_append(a, path, o->common.machine, part, document, err);
    return report_trace_append(a, path, &o->common, part, document, err);
}

/* Behind the sweep's command, where there is one of a single store. */
static void add_command(arena *a, const report_command *o, report_document *document) {
    report_section *last = document->section_count > 0 ? &document->sections[document->section_count - 1] : NULL;
    if (o->input_count == 1 && last && last->code)
        last->code = arena_printf(a, "%s\n%s", last->code, o->command);
    else
        document_section(document, "report-command", "Make this report again")->code = o->command;
}

/* A document of the inputs; with several, each section says which it is about. */
static status build(arena *a, const report_command *o, report_document **out, error *err) {
    if (o->input_count == 1 && strcmp(o->inputs[0], "paper") == 0)
        return report_paper(a, out, err);
    report_document *document = document_new(a, "ingot report");
    document->date = arena_strdup(a, clock_date().text);
    document->version = INGOT_VERSION;
    status result = STATUS_OK;
    for (size_t i = 0; i < o->input_count && result == STATUS_OK; i++) {
        const char *slash = strrchr(o->inputs[i], '/');
        const char *name = slash ? slash + 1 : o->inputs[i];
        result = append_input(a, o, o->inputs[i], o->input_count > 1 ? name : NULL, document, err);
    }
    if (result == STATUS_OK)
        add_command(a, o, document);
    *out = document;
    return result;
}

static status write_all(arena *a, const report_command *o, error *err) {
    report_document *document;
    status result = build(a, o, &document, err);
    for (size_t i = 0; i < o->output_count && result == STATUS_OK; i++)
        result = document_write(document, o->outputs[i], err);
    if (result == STATUS_OK && o->output_count == 0)
        document_markdown(stdout, document);
    return result;
}

status command_report(int argc, char **argv, error *err) {
    static const char doc[] =
        "Writes what sweeps (their stores), measured rows, steps, traces and runs say, several together if given, as a "
        "self-contained HTML page, Markdown, CSV or JSON; `paper` stands for the paper's characterisation.\v"
        "example: ingot report demo.db -o demo.html -o demo.md";
    arena a = {0};
    report_command o = {.common = setup_arguments_default("baseline"), .failure = {.err = err}};
    o.command = command_text(&a, argc, argv);
    const struct argp parser = {
        .options = option_table, .parser = parse_option, .args_doc = "STORE | MEASURED | paper ...", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK && o.failure.status != STATUS_OK)
        result = o.failure.status;
    if (result == STATUS_OK && o.input_count == 0)
        result =
            error_set(err, STATUS_BAD_INPUT, "ingot report: give a store, something measured, or paper; see --help");
    if (result == STATUS_OK)
        result = write_all(&a, &o, err);
    arena_free(&a);
    return result;
}
