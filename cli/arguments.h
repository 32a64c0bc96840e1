/* Values of options. A value that makes no sense is told once, by the option's name, when parsing is over: argp's own
 * parsers can only refuse without a reason. */
#ifndef INGOT_ARGUMENTS_H
#define INGOT_ARGUMENTS_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The first bad value; `err` is filled with it. Begins with STATUS_OK. */
typedef struct argument_failure {
    status status;
    error *err;
} argument_failure;

/* A value that was refused: "--OPTION: 'TEXT' is not WANTED". Later ones are dropped. */
void argument_refuse(argument_failure *f, const char *option, const char *text, const char *wanted);

/* A whole number of at least `low`; `low` when it is none. */
int64_t argument_whole(argument_failure *f, const char *option, const char *text, int64_t low);

/* The same, of at most `high`. */
int64_t argument_whole_within(argument_failure *f, const char *option, const char *text, int64_t low, int64_t high);

/* A number from `low` to `high`; `low` when it is none. */
double argument_number(argument_failure *f, const char *option, const char *text, double low, double high);

/* A file to write, which is borrowed: its name must end in one of `endings` (up to a NULL), which say its form, and its
 * folder must be there, so that this is known before work is spent. */
const char *argument_output(argument_failure *f, const char *option, const char *path, const char *const *endings);

/* Appends to a list of at most `capacity`; borrows the text. One too many is refused: "--OPTION: more than N of them".
 */
void argument_append(argument_failure *f, const char *option, const char *text, const char **list, size_t *count,
                     size_t capacity);

#endif
