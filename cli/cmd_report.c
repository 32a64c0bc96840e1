/* ingot report: a sweep's store as a page. */
#include "cli/command.h"
#include "cli/report_input.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>

enum { OUTPUTS_MAX = 8 };

typedef struct report_command {
    const char *store_path, *workload;
    const char *outputs[OUTPUTS_MAX];
    size_t output_count;
} report_command;

static const struct argp_option option_table[] = {
    {"output", 'o', "FILE", 0, "FILE.html, or FILE.md for Markdown; may be repeated", 0},
    {"workload", 'w', "MODEL/TASK", 0, "Which of the store's workloads (default: its first)", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    report_command *o = state->input;
    switch (key) {
    case 'o':
        if (o->output_count == OUTPUTS_MAX)
            return EINVAL;
        o->outputs[o->output_count++] = value;
        break;
    case 'w':
        o->workload = value;
        break;
    case ARGP_KEY_ARG:
        if (o->store_path)
            return EINVAL; /* one store at a time */
        o->store_path = value;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

status command_report(int argc, char **argv, error *err) {
    static const char doc[] = "Writes a sweep's store as a self-contained HTML page, or as Markdown.\v"
                              "example: ingot report demo.db -o demo.html -o demo.md";
    report_command o = {0};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "STORE", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result != STATUS_OK)
        return result;
    if (!o.store_path || o.output_count == 0)
        return error_set(err, STATUS_BAD_INPUT, "ingot report: give a store and --output; see --help");
    arena a = {0};
    store_manifest manifest;
    store *points = NULL;
    result = store_open(o.store_path, &a, &manifest, &points, err);
    for (size_t i = 0; i < o.output_count && result == STATUS_OK; i++)
        result = report_of_store(&a, points, &manifest, o.workload, o.outputs[i], err);
    status closed = store_close(points, result == STATUS_OK ? err : NULL);
    arena_free(&a);
    return result == STATUS_OK ? closed : result;
}
