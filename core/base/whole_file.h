/* Writing a file so that it is whole or absent: to PATH.partial, renamed when everything is written. What is no regular
 * file (a device, a pipe, a link) is written where it is. All failures are STATUS_ENVIRONMENT and name PATH. */
#ifndef INGOT_WHOLE_FILE_H
#define INGOT_WHOLE_FILE_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whole_file whole_file;

/* A path that ends in .gz is packed. End with close or abandon; *out is NULL after an error. */
status whole_file_open(const char *path, whole_file **out, error *err);

/* Where to write. Errors need no looking after: close tells them, and `status` those so far. */
FILE *whole_file_stream(whole_file *f);
status whole_file_status(const whole_file *f, error *err);

/* A file that was there is replaced, or left as it was when any write failed. Frees `f`. */
status whole_file_close(whole_file *f, error *err);

/* Leaves the path as it was. NULL is fine. */
void whole_file_abandon(whole_file *f);

/* All of it at once. */
status whole_file_write(const char *path, const char *bytes, size_t count, error *err);

/* Whether the path's folder is there and may be written to: to be asked before work is spent on the file. */
status whole_file_possible(const char *path, error *err);

#ifdef __cplusplus
}
#endif
#endif
