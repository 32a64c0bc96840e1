/* ingot trace: what was recorded on a GPU, and what is predicted for one, as traces. */
#include "cli/trace_commands.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    char *full_name; /* as argv[0] */
    command_function *run;
    const char *summary;
} subcommands[] = {
    {"import", "ingot trace import", trace_import,
     "read a PyTorch (Kineto) trace: busy, idle and why, categories, steps"},
    {"summarise", "ingot trace summarise", trace_import, "the same as import"},
    {"export", "ingot trace export", trace_export, "write simulated, executed and recorded timelines as Chrome JSON"},
    {"what-if", "ingot trace what-if", trace_what_if,
     "replay a trace with faster, fused or captured kernels, or another GPU"},
};
enum { SUBCOMMAND_COUNT = sizeof subcommands / sizeof subcommands[0] };

static void print_help(void) {
    puts("usage: ingot trace SUBCOMMAND [OPTION...]\n\nsubcommands:");
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        printf("  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
    puts("\nexample: ingot trace import step.json.gz --json");
}

status command_trace(int argc, char **argv, error *err) {
    if (argc < 2)
        return error_set(err, STATUS_BAD_INPUT, "ingot trace: no subcommand given; see ingot trace --help");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0) {
        print_help();
        return STATUS_OK;
    }
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(subcommands[i].name, argv[1]) != 0)
            continue;
        argv[1] = subcommands[i].full_name;
        return subcommands[i].run(argc - 1, argv + 1, err);
    }
    return error_set(err, STATUS_BAD_INPUT, "ingot trace: unknown subcommand '%.40s'; see ingot trace --help", argv[1]);
}
