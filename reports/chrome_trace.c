#include "reports/chrome_trace.h"

#include "core/base/json_writer.h"
#include "core/base/si.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

struct chrome_trace {
    json_writer w;
    FILE *file;
    char *path, *partial_path;
};

static const char PARTIAL_SUFFIX[] = ".partial";

static ssize_t gzip_write(void *cookie, const char *bytes, size_t count) {
    return gzwrite(cookie, bytes, (unsigned)count);
}

static int gzip_close(void *cookie) {
    return gzclose(cookie) == Z_OK ? 0 : -1;
}

static FILE *open_for(const char *partial_path, const char *path) {
    size_t length = strlen(path);
    if (length < 3 || strcmp(path + length - 3, ".gz") != 0)
        return fopen(partial_path, "w");
    gzFile packed = gzopen(partial_path, "wb");
    if (!packed)
        return NULL;
    FILE *file = fopencookie(packed, "w", (cookie_io_functions_t){.write = gzip_write, .close = gzip_close});
    if (!file)
        gzclose(packed);
    return file;
}

static void release(chrome_trace *c) {
    json_writer_free(&c->w);
    free(c->path);
    free(c->partial_path);
    free(c);
}

void chrome_trace_abandon(chrome_trace *c) {
    if (!c)
        return;
    if (c->file)
        fclose(c->file);
    unlink(c->partial_path);
    release(c);
}

status chrome_trace_open(const char *path, const char *device, chrome_trace **out, error *err) {
    *out = NULL;
    chrome_trace *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->path = strdup(path);
    c->partial_path = malloc(strlen(path) + sizeof PARTIAL_SUFFIX);
    if (!c->path || !c->partial_path)
        abort();
    strcpy(c->partial_path, path);
    strcat(c->partial_path, PARTIAL_SUFFIX);
    c->file = open_for(c->partial_path, path);
    if (!c->file) {
        status result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot write: %s", path, strerror(errno));
        release(c);
        return result;
    }
    c->w = json_writer_to_file(c->file, JSON_PRETTY);
    json_writer *w = &c->w;
    json_object_begin(w, NULL);
    json_integer(w, "schemaVersion", 1);
    json_text(w, "displayTimeUnit", "ms");
    json_array_begin(w, "deviceProperties");
    json_object_begin(w, NULL);
    json_integer(w, "id", 0);
    json_text(w, "name", device);
    json_object_end(w);
    json_array_end(w);
    json_object_begin(w, "distributedInfo"); /* Holistic Trace Analysis asks for a rank */
    json_integer(w, "rank", 0);
    json_integer(w, "world_size", 1);
    json_object_end(w);
    json_array_begin(w, "traceEvents");
    *out = c;
    return STATUS_OK;
}

status chrome_trace_close(chrome_trace *c, error *err) {
    json_array_end(&c->w);
    json_object_end(&c->w);
    status result = json_writer_finish(&c->w, err);
    int closed = fclose(c->file);
    c->file = NULL;
    if (result == STATUS_OK && closed != 0)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot write: %s", c->path, strerror(errno));
    if (result == STATUS_OK && rename(c->partial_path, c->path) != 0)
        result = error_set(err, STATUS_ENVIRONMENT, "%s: cannot rename: %s", c->path, strerror(errno));
    if (result != STATUS_OK)
        unlink(c->partial_path);
    release(c);
    return result;
}

/* ---- events ---- */

static void begin(json_writer *w, const char *ph, const char *name, int pid, int tid, double at_s) {
    json_object_begin(w, NULL);
    json_text(w, "ph", ph);
    json_text(w, "name", name);
    json_integer(w, "pid", pid);
    json_integer(w, "tid", tid);
    json_number(w, "ts", at_s * US_PER_S);
}

static void name_thing(json_writer *w, const char *what, int pid, int tid, const char *name) {
    begin(w, "M", what, pid, tid, 0);
    json_object_begin(w, "args");
    json_text(w, "name", name);
    json_object_end(w);
    json_object_end(w);
}

void chrome_trace_process(chrome_trace *c, int pid, const char *name) {
    name_thing(&c->w, "process_name", pid, 0, name);
}

void chrome_trace_thread(chrome_trace *c, int pid, int tid, const char *name) {
    name_thing(&c->w, "thread_name", pid, tid, name);
}

void chrome_trace_event(chrome_trace *c, const chrome_event *e) {
    json_writer *w = &c->w;
    bool on_gpu = strcmp(e->category, "kernel") == 0 || strncmp(e->category, "gpu_mem", strlen("gpu_mem")) == 0;
    begin(w, "X", e->name, e->pid, e->tid, e->start_s);
    json_text(w, "cat", e->category);
    json_number(w, "dur", e->duration_s * US_PER_S);
    json_object_begin(w, "args");
    if (e->correlation != 0)
        json_integer(w, "correlation", e->correlation);
    if (on_gpu) {
        json_integer(w, "device", 0);
        json_integer(w, "stream", e->tid);
    }
    if (e->op_class)
        json_text(w, "category", e->op_class);
    if (e->phase) {
        json_text(w, "phase", e->phase);
        json_integer(w, "step", e->step);
        json_integer(w, "layer", e->layer);
    }
    json_object_end(w);
    json_object_end(w);
}

static void flow_half(json_writer *w, const char *ph, int64_t id, int pid, int tid, double at_s) {
    begin(w, ph, "ac2g", pid, tid, at_s);
    json_text(w, "cat", "ac2g");
    json_integer(w, "id", id);
    if (*ph == 'f')
        json_text(w, "bp", "e"); /* binds to the event that encloses it */
    json_object_end(w);
}

void chrome_trace_flow(chrome_trace *c, int64_t id, int from_pid, int from_tid, double from_s, int to_pid, int to_tid,
                       double to_s) {
    flow_half(&c->w, "s", id, from_pid, from_tid, from_s);
    flow_half(&c->w, "f", id, to_pid, to_tid, to_s);
}

void chrome_trace_counter(chrome_trace *c, int pid, const char *name, double at_s, double value) {
    begin(&c->w, "C", name, pid, 0, at_s);
    json_object_begin(&c->w, "args");
    json_number(&c->w, name, value);
    json_object_end(&c->w);
    json_object_end(&c->w);
}
