/* Options by argp, with those that every command takes: -q, -v, --help, --version. */
#include "cli/command.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST_GROUP = 99 }; /* of options in --help */

static const struct argp_option common_options[] = {
    {"quiet", 'q', 0, 0, "Print errors only, besides the result", LAST_GROUP},
    {"verbose", 'v', 0, 0, "Tell which files were read and how long it took", LAST_GROUP},
    {0},
};

typedef struct common_input {
    message_level *level;
    void *of_command;
    const char *argument; /* the last that is no option */
    int failed_at;        /* where argp stood when it gave up */
} common_input;

static error_t parse_common(int key, char *value, struct argp_state *state) {
    common_input *input = state->input;
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = input->of_command;
        return 0;
    case 'q':
        *input->level = MESSAGES_QUIET;
        return 0;
    case 'v':
        *input->level = MESSAGES_VERBOSE;
        return 0;
    case ARGP_KEY_ARG:
        input->argument = value;
        return ARGP_ERR_UNKNOWN; /* the command's own parser takes it */
    case ARGP_KEY_ERROR:
        input->failed_at = state->next;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* Whether one of the arguments is the word; those after "--" are not options. */
static bool asked(int argc, char **argv, const char *word) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], word) == 0)
            return true;
    return false;
}

status command_parse_level(const struct argp *parser, int argc, char **argv, void *input, message_level *level,
                           error *err) {
    struct argp of_command = *parser;
    of_command.doc = of_command.args_doc = NULL; /* the outer parser shows them */
    const struct argp_child children[] = {{&of_command, 0, NULL, 0}, {0}};
    const struct argp whole = {.options = common_options,
                               .parser = parse_common,
                               .args_doc = parser->args_doc,
                               .doc = parser->doc,
                               .children = children};
    common_input inputs = {level, input, NULL, 1};
    *level = MESSAGES_NORMAL;
    if (asked(argc, argv, "--help") || asked(argc, argv, "-?")) {
        argp_help(&whole, stdout, ARGP_HELP_STD_HELP, argv[0]);
        exit(command_finish(STATUS_OK));
    }
    if (asked(argc, argv, "--version")) {
        puts("ingot " INGOT_VERSION);
        exit(command_finish(STATUS_OK));
    }
    if (argp_parse(&whole, argc, argv, ARGP_SILENT, NULL, &inputs) == 0)
        return STATUS_OK;
    int next = inputs.failed_at;
    /* argp stands on an argument that it cannot take, and behind an option. */
    bool is_argument = next < argc && argv[next] == inputs.argument;
    const char *argument = argv[is_argument ? next : next > 1 ? next - 1 : 1];
    return error_set(err, STATUS_BAD_INPUT, "%s: cannot take '%.60s'; see %s --help", argv[0], argument, argv[0]);
}

status command_parse(const struct argp *parser, int argc, char **argv, void *input, error *err) {
    message_level level;
    return command_parse_level(parser, argc, argv, input, &level, err);
}

const char *command_text(arena *a, int argc, char **argv) {
    const char *text = argv[0];
    for (int i = 1; i < argc; i++)
        text = arena_printf(a, strpbrk(argv[i], " '\"$&;|<>*?()") ? "%s '%s'" : "%s %s", text, argv[i]);
    return text;
}
