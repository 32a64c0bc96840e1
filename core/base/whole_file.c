#include "core/base/whole_file.h"

#include "core/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static const char PARTIAL_SUFFIX[] = ".partial";

struct whole_file {
    FILE *stream;
    int file;
    gzFile packed; /* between the two, or NULL */
    char *path;
    char *partial; /* NULL: the path itself is written */
    int failure;   /* errno of the first write that failed */
};

/* ---- the stream: one of our own, since stdio forgets why a write failed ---- */

/* Bytes written: fewer than `count` where that failed, as fopencookie wants it told. */
static ssize_t put(void *cookie, const char *bytes, size_t count) {
    whole_file *f = cookie;
    size_t done = 0;
    while (done < count) {
        errno = 0;
        const char *rest = bytes + done;
        ssize_t written =
            f->packed ? gzwrite(f->packed, rest, (unsigned)(count - done)) : write(f->file, rest, count - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            f->failure = f->failure ? f->failure : errno ? errno : EIO;
            break;
        }
        done += (size_t)written;
    }
    return (ssize_t)done;
}

static int end(void *cookie) {
    whole_file *f = cookie;
    return (f->packed ? gzclose(f->packed) == Z_OK : close(f->file) == 0) ? 0 : -1;
}

static bool open_stream(whole_file *f) {
    f->file = open(f->partial ? f->partial : f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (f->file < 0)
        return false;
    if (text_ends_with(f->path, ".gz") && !(f->packed = gzdopen(f->file, "wb")))
        abort(); /* as arena_alloc */
    f->stream = fopencookie(f, "w", (cookie_io_functions_t){.write = put, .close = end});
    if (!f->stream)
        abort();
    return true;
}

/* ---- the file ---- */

static status cannot_write(const char *path, int failure, error *err) {
    return error_set(err, STATUS_ENVIRONMENT, "%.900s: cannot write: %s", path, strerror(failure));
}

static void release(whole_file *f) {
    free(f->path);
    free(f->partial);
    free(f);
}

static status fail(whole_file *f, int failure, error *err) {
    status result = cannot_write(f->path, failure, err);
    release(f);
    return result;
}

static bool is_replaceable(const char *path) {
    struct stat info;
    return lstat(path, &info) != 0 || S_ISREG(info.st_mode);
}

status whole_file_open(const char *path, whole_file **out, error *err) {
    *out = NULL;
    whole_file *f = calloc(1, sizeof *f);
    if (!f || !(f->path = strdup(path)))
        abort();
    if (is_replaceable(path)) {
        f->partial = malloc(strlen(path) + sizeof PARTIAL_SUFFIX);
        if (!f->partial)
            abort();
        stpcpy(stpcpy(f->partial, path), PARTIAL_SUFFIX);
    }
    if (!open_stream(f))
        return fail(f, errno, err);
    *out = f;
    return STATUS_OK;
}

FILE *whole_file_stream(whole_file *f) {
    return f->stream;
}

status whole_file_status(const whole_file *f, error *err) {
    return f->failure ? cannot_write(f->path, f->failure, err) : STATUS_OK;
}

void whole_file_abandon(whole_file *f) {
    if (!f)
        return;
    fclose(f->stream);
    if (f->partial)
        unlink(f->partial);
    release(f);
}

status whole_file_close(whole_file *f, error *err) {
    errno = 0;
    if (fclose(f->stream) != 0 && f->failure == 0)
        f->failure = errno ? errno : EIO;
    if (f->failure == 0 && f->partial && rename(f->partial, f->path) != 0)
        f->failure = errno;
    if (f->failure != 0) {
        if (f->partial)
            unlink(f->partial);
        return fail(f, f->failure, err);
    }
    release(f);
    return STATUS_OK;
}

status whole_file_write(const char *path, const char *bytes, size_t count, error *err) {
    whole_file *f;
    status result = whole_file_open(path, &f, err);
    if (result != STATUS_OK)
        return result;
    fwrite(bytes, 1, count, f->stream);
    return whole_file_close(f, err);
}

status whole_file_possible(const char *path, error *err) {
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return cannot_write(path, EISDIR, err);
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder)
        abort();
    int failure = access(folder, W_OK) == 0 ? 0 : errno;
    free(folder);
    return failure ? cannot_write(path, failure, err) : STATUS_OK;
}
