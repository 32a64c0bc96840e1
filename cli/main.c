#include "cli/command.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct command {
    const char *name;
    char *full_name; /* as argv[0] */
    command_function *run;
    const char *summary;
} command;

static const command commands[] = {
    {"list", "ingot list", command_list, "what can be asked for: machines, workloads, levers, operators"},
    {"simulate", "ingot simulate", command_simulate, "one workload on one machine"},
    {"predict", "ingot predict", command_predict, "operator rows"},
    {"validate", "ingot validate", command_validate, "measured operator rows and steps against predictions"},
    {"sweep", "ingot sweep", command_sweep, "machine variants x levers x workloads, and their Pareto front"},
    {"report", "ingot report", command_report, "a sweep's store as an HTML or Markdown page"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const char *command_config_dir(void) {
    const char *directory = getenv("INGOT_CONFIG_DIR");
    return directory && *directory ? directory : INGOT_SOURCE_DIR "/configs";
}

/* A full disk or a closed pipe shows only when the buffer is flushed: a result that did not arrive is a failure. */
static int finish(status code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ingot: cannot write the result: %s\n", strerror(errno));
        return STATUS_ENVIRONMENT;
    }
    return (int)code;
}

status command_parse(const struct argp *parser, int argc, char **argv, void *input, error *err) {
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-?") == 0) {
            argp_help(parser, stdout, ARGP_HELP_STD_HELP, argv[0]);
            exit(finish(STATUS_OK));
        }
    }
    int next = 1;
    if (argp_parse(parser, argc, argv, ARGP_SILENT, &next, input) == 0)
        return STATUS_OK;
    const char *argument = argv[next > 1 ? next - 1 : 1];
    return error_set(err, STATUS_BAD_INPUT, "%s: cannot take '%.60s'; see %s --help", argv[0], argument, argv[0]);
}

static void print_help(void) {
    puts("usage: ingot COMMAND [OPTION...]\n\nA GPU simulator and hardware co-design explorer for multimodal "
         "generation inference.\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\noptions:\n  --help     this text\n  --version  the version\n\nexample: ingot simulate --machine h200-sxm "
         "--workload codellama-34b/humaneval");
}

int main(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("ingot " INGOT_VERSION);
        return finish(STATUS_OK);
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help();
        return finish(STATUS_OK);
    }
    if (argc < 2) {
        fputs("ingot: no command given; see ingot --help\n", stderr);
        return STATUS_BAD_INPUT;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, argv[1]) != 0)
            continue;
        error err = {0};
        argv[1] = commands[i].full_name;
        status code = commands[i].run(argc - 1, argv + 1, &err);
        if (code != STATUS_OK)
            fprintf(stderr, "%s\n", err.text);
        return finish(code);
    }
    fprintf(stderr, "ingot: unknown command '%.40s'; see ingot --help\n", argv[1]);
    return STATUS_BAD_INPUT;
}
