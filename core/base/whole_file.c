#include "core/base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char PARTIAL_SUFFIX[] = ".partial";

/* errno of the first failure, or 0. */
static int write_all(int file, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(file, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno;
        bytes += written;
        count -= (size_t)written;
    }
    return 0;
}

status whole_file_write(const char *path, const char *bytes, size_t count, error *err) {
    char *partial = malloc(strlen(path) + sizeof PARTIAL_SUFFIX);
    if (!partial)
        abort();
    stpcpy(stpcpy(partial, path), PARTIAL_SUFFIX);
    int file = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    int failure = file < 0 ? errno : write_all(file, bytes, count);
    if (file >= 0 && close(file) != 0 && failure == 0)
        failure = errno;
    if (failure == 0 && rename(partial, path) != 0)
        failure = errno;
    if (failure != 0 && file >= 0)
        unlink(partial);
    free(partial);
    if (failure != 0)
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot write: %s", path, strerror(failure));
    return STATUS_OK;
}
