/* The options that say what is simulated, for commands that take them among their own. */
#ifndef INGOT_SETUP_ARGUMENTS_H
#define INGOT_SETUP_ARGUMENTS_H

#include "cli/arguments.h"
#include "cli/setup.h"

#include <argp.h>

enum { SETUP_KEY_FIRST = 1024, SETUP_KEY_STEPS = SETUP_KEY_FIRST, SETUP_KEY_OVERRIDE, SETUP_KEY_STATISTIC };

/* Rows of an option table, in group 2. */
#define SETUP_ARGUMENTS                                                                                                \
    {0, 0, 0, 0, "What is simulated:", 2},                                                                             \
        {"machine", 'm', "NAME", 0, "Machine: a name of configs/machines or a YAML path", 2},                          \
        {"override", SETUP_KEY_OVERRIDE, "KEY=VALUE", 0, "Set one number of the machine, as sm.count=120", 2},         \
        {"workload", 'w', "MODEL/TASK", 0, "Workload, as codellama-34b/humaneval", 2},                                 \
        {"preset", 'p', "NAME", 0, "Levers: baseline, sdpa, compile, ...", 2},                                         \
        {"set", 's', "LEVER=VALUE", 0, "Set one lever over the preset, as weights=int8", 2},                           \
        {"batch", 'b', "N", 0, "Sequences (default 1)", 2},                                                            \
        {"prompt", 'P', "N", 0, "Prompt tokens a sequence, instead of the task's", 2},                                 \
        {"steps", SETUP_KEY_STEPS, "N", 0, "Decode steps, instead of the task's", 2},                                  \
        {"statistic", SETUP_KEY_STATISTIC, "NAME", 0, "Of the task's lengths: mean (default), p50, ...", 2}, {         \
        "host", 'H', "NAME", 0, "Host profile, instead of the one that goes with the levers", 2                        \
    }

/* Defaults: the analytic engine, one sequence, the task's lengths. */
setup_options setup_arguments_default(const char *preset);

/* Takes one option; false when it is none of these. */
bool setup_argument(setup_options *o, int key, const char *value, argument_failure *failure);

#endif
