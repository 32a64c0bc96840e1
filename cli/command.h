/* Subcommands: one row each in main.c, one file each beside it. */
#ifndef INGOT_COMMAND_H
#define INGOT_COMMAND_H

#include "core/base/arena.h"
#include "core/base/error.h"

/* Runs a subcommand; argv[0] is its full name ("ingot list"). Prints its result to stdout; a status other than
 * STATUS_OK leaves the one line that main prints to stderr in *err. */
typedef status command_function(int argc, char **argv, error *err);

command_function command_bench;
command_function command_calibrate;
command_function command_compare;
command_function command_detect;
command_function command_fidelity;
command_function command_list;
command_function command_predict;
command_function command_report;
command_function command_run;
command_function command_simulate;
command_function command_sweep;
command_function command_trace;
command_function command_validate;

/* Options by argp. Bad usage is one line that names the argument; --help prints and ends the program. A parser's own
 * function returns EINVAL for an argument that it cannot take, and prints nothing. */
struct argp;
status command_parse(const struct argp *parser, int argc, char **argv, void *input, error *err);

/* How much a command says on stderr: every command takes -q and -v. */
typedef enum message_level {
    MESSAGES_QUIET = -1, /* errors only */
    MESSAGES_NORMAL,     /* and what the user should know of the result; progress on a terminal */
    MESSAGES_VERBOSE,    /* and which files were read, how long it took */
} message_level;

/* command_parse that tells the level. */
status command_parse_level(const struct argp *parser, int argc, char **argv, void *input, message_level *level,
                           error *err);

/* The command as it was given, arguments quoted where a shell needs it, for reports to repeat. */
const char *command_text(arena *a, int argc, char **argv);

/* The exit code, once the result is flushed: a full disk or a closed pipe shows only then, and a result that did not
 * arrive is a failure. */
int command_finish(status code);

/* Where configs/ lies: $INGOT_CONFIG_DIR, else the source tree the program was built from. */
const char *command_config_dir(void);

#endif
