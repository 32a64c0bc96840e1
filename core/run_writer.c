/* Run files: gzip JSON lines written beside their final name and renamed when whole. */
#include "core/timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct run_writer {
    gzFile file;
    char *path, *partial_path;
};

static const char PARTIAL_SUFFIX[] = ".partial";

void run_writer_abandon(run_writer *writer) {
    if (!writer)
        return;
    if (writer->file)
        gzclose(writer->file);
    if (writer->partial_path)
        unlink(writer->partial_path);
    free(writer->path);
    free(writer->partial_path);
    free(writer);
}

status run_writer_open(const char *path, const char *header_json, run_writer **out, error *err) {
    *out = NULL;
    run_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        abort();
    size_t length = strlen(path);
    writer->path = strdup(path);
    writer->partial_path = malloc(length + sizeof PARTIAL_SUFFIX);
    if (!writer->path || !writer->partial_path)
        abort();
    memcpy(writer->partial_path, path, length);
    memcpy(writer->partial_path + length, PARTIAL_SUFFIX, sizeof PARTIAL_SUFFIX);
    writer->file = gzopen(writer->partial_path, "wb");
    if (!writer->file) {
        status result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot write: %s", path, strerror(errno));
        run_writer_abandon(writer);
        return result;
    }
    if (gzputs(writer->file, header_json) < 0 || gzputc(writer->file, '\n') < 0) {
        status result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot write", path);
        run_writer_abandon(writer);
        return result;
    }
    *out = writer;
    return STATUS_OK;
}

static status write_interval(void *context, const interval *item, error *err) {
    run_writer *writer = context;
    /* Identifiers come from graphs, which hold plain words only: nothing needs escaping. */
    int written = gzprintf(writer->file,
                           "{\"phase\":\"%s\",\"step\":%lld,\"layer\":%lld,\"op\":\"%s\",\"category\":\"%s\","
                           "\"rank\":%d,\"stream\":%d,\"lane\":\"%s\",\"start_s\":%.9g,\"duration_s\":%.9g}\n",
                           item->phase, (long long)item->step, (long long)item->layer, item->op_id,
                           op_category_name(item->category), item->rank, item->stream,
                           item->lane == LANE_GPU ? "gpu" : "host", item->start_s, item->duration_s);
    if (written <= 0)
        return error_set(err, STATUS_ENVIRONMENT, "%s: cannot write", writer->path);
    return STATUS_OK;
}

timeline_sink run_writer_sink(run_writer *writer) {
    return (timeline_sink){.emit = write_interval, .context = writer};
}

status run_writer_close(run_writer *writer, error *err) {
    int closed = gzclose(writer->file);
    writer->file = NULL;
    status result = STATUS_OK;
    if (closed != Z_OK)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot write: disk full?", writer->path);
    else if (rename(writer->partial_path, writer->path) != 0)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot rename: %s", writer->path, strerror(errno));
    if (result == STATUS_OK) {
        free(writer->partial_path);
        writer->partial_path = NULL; /* nothing left to remove */
    }
    run_writer_abandon(writer);
    return result;
}
