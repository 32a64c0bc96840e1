/* ingot list: what can be asked for. Every listing is a table whose columns serve both the text and the JSON. */
#include "cli/command.h"
#include "cli/list_rows.h"
#include "core/base/config.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct listing {
    const char *what, *text;
    list_function *fill;
} listing;

static const listing listings[] = {
    {"machines", "GPUs that are described in configs/machines", list_machines},
    {"workloads", "models and their tasks", list_workloads},
    {"levers", "what --set changes about how a workload runs", list_levers},
    {"presets", "bundles of levers", list_presets},
    {"hosts", "software in front of the GPU", list_hosts},
    {"engines", "ways to predict a time", list_engines},
    {"memories", "timing tables of memory standards", list_memories},
    {"ops", "operators of the models, by id, with the tests that launch their kernels", list_ops},
    {"kinds", "operator kinds", list_kinds},
};
enum { LISTING_COUNT = sizeof listings / sizeof listings[0] };

typedef struct list_command {
    const listing *of;
    bool json;
    error *err;
    status failure;
} list_command;

static const struct argp_option option_table[] = {{"json", 'j', 0, 0, "Print JSON", 0}, {0}};

static status unknown_listing(const char *word, error *err) {
    const char *names[LISTING_COUNT];
    for (size_t i = 0; i < LISTING_COUNT; i++)
        names[i] = listings[i].what;
    const char *nearest = config_nearest(word, names, LISTING_COUNT);
    return error_set(err, STATUS_BAD_INPUT, "ingot list: cannot list '%.40s'%s%s; see --help", word,
                     nearest ? "; did you mean " : "", nearest ? nearest : "");
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
    list_command *o = state->input;
    switch (key) {
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        if (o->of)
            return EINVAL; /* one thing at a time */
        for (size_t i = 0; i < LISTING_COUNT; i++)
            if (strcmp(listings[i].what, value) == 0)
                o->of = &listings[i];
        if (!o->of && o->failure == STATUS_OK)
            o->failure = unknown_listing(value, o->err);
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

status command_list(int argc, char **argv, error *err) {
    static const char doc[] =
        "What can be asked for. WHAT is machines, workloads, levers, presets, hosts, engines, memories, ops or kinds.\v"
        "example: ingot list machines";
    list_command o = {.err = err};
    const struct argp parser = {.options = option_table, .parser = parse_option, .args_doc = "WHAT", .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = o.failure;
    if (result != STATUS_OK)
        return result;
    if (!o.of)
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot list: list what? (known: machines, workloads, levers, presets, hosts, engines, "
                         "memories, ops, kinds)");
    arena a = {0};
    list_table table = {.memory = &a};
    result = o.of->fill(&table, err);
    if (result == STATUS_OK)
        result = o.json ? list_print_json(&table, err) : list_print_text(&table);
    arena_free(&a);
    return result;
}
