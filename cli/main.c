#include "cli/command.h"

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
    {"fidelity", "ingot fidelity", command_fidelity,
     "every measurement at hand against predictions, and each term's worth"},
    {"calibrate", "ingot calibrate", command_calibrate, "fits the engine's parameters to measured rows"},
    {"sweep", "ingot sweep", command_sweep, "machine variants x levers x workloads, and their Pareto front"},
    {"compare", "ingot compare", command_compare, "two designs on the same request: how much, how sure, why and where"},
    {"trace", "ingot trace", command_trace, "recorded and simulated traces: import, export, what-if"},
    {"run", "ingot run", command_run, "a workload's graph on this GPU, recorded"},
    {"bench", "ingot bench", command_bench, "operator rows and ceilings, timed on this GPU"},
    {"detect", "ingot detect", command_detect, "this GPU as a machine description"},
    {"report", "ingot report", command_report, "a sweep's store as an HTML or Markdown page"},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

const char *command_config_dir(void) {
    const char *directory = getenv("INGOT_CONFIG_DIR");
    return directory && *directory ? directory : INGOT_SOURCE_DIR "/configs";
}

int command_finish(status code) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ingot: cannot write the result: %s\n", strerror(errno));
        return STATUS_ENVIRONMENT;
    }
    return (int)code;
}

static void print_help(void) {
    puts("usage: ingot COMMAND [OPTION...]\n\nA GPU simulator and hardware co-design explorer for multimodal "
         "generation inference.\n\ncommands:");
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    puts("\nEvery command takes --help, which shows an example, -q (errors only), -v (files read, time taken) and, "
         "where a "
         "program\nreads its result, --json.\n\nexamples:\n"
         "  ingot list machines\n"
         "  ingot simulate --machine h200-sxm --workload codellama-34b/humaneval --preset baseline\n"
         "  ingot predict rows.csv --machine h200-sxm\n"
         "  ingot validate validate/measured/h200-sxm/codellama-7b-pytorch.jsonl --machine h200-sxm\n"
         "  ingot sweep configs/sweeps/demo.yaml --store demo.db --report demo.html\n"
         "  ingot report demo.db --output demo.md\n\n"
         "exit: 0 success, 1 the answer is no (does not fit, does not apply), 2 bad usage or input, 3 this computer "
         "lacks "
         "something");
}

int main(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("ingot " INGOT_VERSION);
        return command_finish(STATUS_OK);
    }
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_help();
        return command_finish(STATUS_OK);
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
        return command_finish(code);
    }
    fprintf(stderr, "ingot: unknown command '%.40s'; see ingot --help\n", argv[1]);
    return STATUS_BAD_INPUT;
}
