#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct command {
    const char *name;
    command_function *run;
    const char *summary;
} command;

static const command commands[] = {
    {"list", command_list, "what can be asked for: operators"},
    {"simulate", command_simulate, "one workload on one machine"},
    {"validate", command_validate, "measured operator rows against predictions"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const char *command_config_dir(void) {
    const char *directory = getenv("INGOT_CONFIG_DIR");
    return directory && *directory ? directory : INGOT_SOURCE_DIR "/configs";
}

static void print_help(void) {
    puts("usage: ingot COMMAND [OPTION...]\n\nA GPU simulator and hardware co-design explorer for multimodal "
         "generation inference.\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\noptions:\n  --help     this text\n  --version  the version\n\nexample: ingot simulate --machine h200-sxm "
         "--workload codellama-34b/humaneval");
}

/* A full disk or a closed pipe shows only when the buffer is flushed: a result that did not arrive is a failure. */
static int finish(status code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ingot: cannot write the result: %s\n", strerror(errno));
        return STATUS_ENVIRONMENT;
    }
    return (int)code;
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
        status code = commands[i].run(argc - 1, argv + 1, &err);
        if (code != STATUS_OK)
            fprintf(stderr, "%s\n", err.text);
        return finish(code);
    }
    fprintf(stderr, "ingot: unknown command '%.40s'; see ingot --help\n", argv[1]);
    return STATUS_BAD_INPUT;
}
