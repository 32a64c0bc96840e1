/* Run files: JSON lines, packed where the name says so. */
#include "core/timeline.h"

#include "core/base/whole_file.h"

#include <stdio.h>
#include <stdlib.h>

const char *const run_endings[] = {".run.jsonl.gz", ".run.jsonl", NULL};

struct run_writer {
    whole_file *file;
};

void run_writer_abandon(run_writer *writer) {
    if (!writer)
        return;
    whole_file_abandon(writer->file);
    free(writer);
}

status run_writer_open(const char *path, const char *header_json, run_writer **out, error *err) {
    *out = NULL;
    whole_file *file;
    status result = whole_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    fprintf(whole_file_stream(file), "%s\n", header_json);
    *out = calloc(1, sizeof **out);
    if (!*out)
        abort();
    (*out)->file = file;
    return STATUS_OK;
}

static status write_interval(void *context, const interval *item, error *err) {
    run_writer *writer = context;
    /* Identifiers come from graphs, which hold plain words only: nothing needs escaping. */
    fprintf(whole_file_stream(writer->file),
            "{\"phase\":\"%s\",\"step\":%lld,\"layer\":%lld,\"op\":\"%s\",\"category\":\"%s\","
            "\"rank\":%d,\"stream\":%d,\"lane\":\"%s\",\"start_s\":%.9g,\"duration_s\":%.9g}\n",
            item->phase, (long long)item->step, (long long)item->layer, item->op_id, op_category_name(item->category),
            item->rank, item->stream, item->lane == LANE_GPU ? "gpu" : "host", item->start_s, item->duration_s);
    return whole_file_status(writer->file, err); /* no need to go on where the disk is full */
}

timeline_sink run_writer_sink(run_writer *writer) {
    return (timeline_sink){.emit = write_interval, .context = writer};
}

status run_writer_close(run_writer *writer, error *err) {
    status result = whole_file_close(writer->file, err);
    free(writer);
    return result;
}
