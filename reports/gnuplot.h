/* Runs gnuplot as a child process, without a shell. */
#ifndef INGOT_GNUPLOT_H
#define INGOT_GNUPLOT_H

#include "core/base/error.h"

#include <stddef.h>

/* Feeds `script` to gnuplot's standard input and returns what it printed (malloc'd, NUL-terminated). The user's own
 * gnuplot settings are not read. STATUS_ENVIRONMENT when gnuplot is not installed or fails, with its message. */
status gnuplot_run(const char *script, size_t script_bytes, char **output, error *err);

#endif
