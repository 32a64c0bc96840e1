/* Writing a file so that it is whole or absent: to PATH.partial, renamed when everything is on disk. */
#ifndef INGOT_WHOLE_FILE_H
#define INGOT_WHOLE_FILE_H

#include "core/base/error.h"

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A file that was there is replaced, or left as it was when this fails (STATUS_ENVIRONMENT). */
status whole_file_write(const char *path, const char *bytes, size_t count, error *err);

#ifdef __cplusplus
}
#endif
#endif
