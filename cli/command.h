/* Subcommands: one row each in main.c, one file each beside it. */
#ifndef INGOT_COMMAND_H
#define INGOT_COMMAND_H

#include "core/base/error.h"

/* Runs a subcommand; argv[0] is its name. Prints its result to stdout; a status other than STATUS_OK leaves the one
 * line that main prints to stderr in *err. */
typedef status command_function(int argc, char **argv, error *err);

command_function command_list;
command_function command_simulate;
command_function command_validate;

/* Where configs/ lies: $INGOT_CONFIG_DIR, else the source tree the program was built from. */
const char *command_config_dir(void);

#endif
