/* ingot compare: two designs on the same request. */
#include "cli/command.h"
#include "cli/compare_print.h"
#include "cli/report_comparison.h"
#include "cli/setup_arguments.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

enum { KEY_ENGINE = 256 };

typedef struct compare_options {
    setup_options common;
    const char *designs[2];
    size_t design_count;
    const char *output, *command; /* a report, and how it was asked for */
    bool json;
    message_level level;
    argument_failure failure;
} compare_options;

static const struct argp_option option_table[] = {
    {"workload", 'w', "MODEL/TASK", 0, "Workload, as codellama-34b/humaneval", 0},
    {"preset", 'p', "NAME", 0, "Levers of a design that names none (default compile)", 0},
    {"set", 's', "LEVER=VALUE", 0, "Set one lever of both, over their presets", 0},
    {"batch", 'b', "N", 0, "Sequences (default 1)", 0},
    {"prompt", 'P', "N", 0, "Prompt tokens a sequence, instead of the task's", 0},
    {"steps", SETUP_KEY_STEPS, "N", 0, "Decode steps, instead of the task's", 0},
    {"statistic", SETUP_KEY_STATISTIC, "NAME", 0, "Of the task's lengths: mean (default), p50, ...", 0},
    {"host", 'H', "NAME", 0, "Host profile of both, instead of those that go with the levers", 0},
    {"engine", KEY_ENGINE, "NAME", 0, "analytic (default) or roofline", 0},
    {"json", 'j', 0, 0, "Print JSON", 0},
    {"output", 'o', "FILE", 0, "Write a report: FILE.html, .md, .csv or .json", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    compare_options *o = state->input;
    switch (key) {
    case KEY_ENGINE:
        o->common.engine = value;
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case 'o':
        o->output = argument_output(&o->failure, "output", value, document_endings);
        return 0;
    case ARGP_KEY_ARG:
        if (o->design_count == 2)
            return EINVAL;
        o->designs[o->design_count++] = value;
        return 0;
    default:
        return setup_argument(&o->common, key, value, &o->failure) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

/* "MACHINE", or "MACHINE:LEVERS" with levers as a preset and settings: "h200-sxm:compile weights=int8". */
static status load_design(arena *a, const compare_options *o, const char *text, setup *out, error *err) {
    setup_options options = o->common;
    const char *colon = strrchr(text, ':');
    options.machine = colon ? arena_printf(a, "%.*s", (int)(colon - text), text) : text;
    if (colon)
        options.preset = colon + 1;
    return setup_load(a, &options, out, err);
}

static compared_design label(arena *a, const setup *s, const setup *other) {
    bool same_machine = strcmp(s->machine.name, other->machine.name) == 0;
    const char *software = levers_text(a, &s->levers);
    bool same_levers = strcmp(software, levers_text(a, &other->levers)) == 0;
    const char *text = same_levers    ? s->machine.name
                       : same_machine ? software
                                      : arena_printf(a, "%s:%s", s->machine.name, software);
    return (compared_design){text, s};
}

static comparison_design design_of(arena *a, const setup *s) {
    return (comparison_design){
        .machine = &s->machine,
        .calibration = &s->calibration,
        .graph = &s->graph,
        .scenario = &s->scenario,
        .options = &s->options,
        .software = arena_printf(a, "%s, %s", levers_text(a, &s->levers), s->host.name),
    };
}

static status compare(arena *a, const compare_options *o, error *err) {
    setup *setups[2];
    for (size_t i = 0; i < 2; i++) {
        setups[i] = ARENA_NEW(a, setup);
        status result = load_design(a, o, o->designs[i], setups[i], err);
        if (result != STATUS_OK)
            return result;
    }
    if (setups[0]->options.kind == ENGINE_EVENT)
        return error_set(err, STATUS_BAD_INPUT, "--engine: causes are found with the analytic or the roofline engine");
    comparison_design designs[2] = {design_of(a, setups[0]), design_of(a, setups[1])};
    comparison *c = ARENA_NEW(a, comparison);
    status result = compare_designs(a, command_config_dir(), &designs[0], &designs[1], c, err);
    if (result != STATUS_OK)
        return result;
    compared_design left = label(a, setups[0], setups[1]), right = label(a, setups[1], setups[0]);
    if (o->output) {
        report_document *document = report_comparison(a, &left, &right, c, o->command);
        result = document_write(document, o->output, err);
        if (result != STATUS_OK)
            return result;
    }
    if (o->json)
        return compare_json(a, &left, &right, c, err);
    compare_text(a, &left, &right, c);
    return STATUS_OK;
}

status command_compare(int argc, char **argv, error *err) {
    static const char doc[] =
        "Two designs on the same request: how much faster one is, how sure that is, why, and where. A design is a "
        "machine, or MACHINE:LEVERS.\v"
        "examples:\n"
        "ingot compare h100-sxm h200-sxm --workload codellama-34b/humaneval\n"
        "ingot compare h200-sxm:compile \"h200-sxm:compile weights=int8\" --workload codellama-7b/humaneval";
    compare_options o = {.common = setup_arguments_default("compile"), .failure = {.err = err}};
    const struct argp parser = {
        .options = option_table, .parser = parse_option, .args_doc = "DESIGN DESIGN", .doc = doc};
    arena a = {0};
    o.command = command_text(&a, argc, argv); /* before argp sorts the arguments */
    status result = command_parse_level(&parser, argc, argv, &o, &o.level, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result == STATUS_OK && (o.design_count < 2 || !o.common.workload))
        result = error_set(err, STATUS_BAD_INPUT, "ingot compare: give two designs and --workload; see --help");
    if (result == STATUS_OK)
        result = compare(&a, &o, err);
    arena_free(&a);
    return result;
}
