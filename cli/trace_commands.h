/* Subcommands of `ingot trace`, one file each. */
#ifndef INGOT_TRACE_COMMANDS_H
#define INGOT_TRACE_COMMANDS_H

#include "cli/command.h"

command_function trace_import;
command_function trace_export;
command_function trace_what_if;

#endif
