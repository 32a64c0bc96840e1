#include "reports/chrome_trace.h"

#include "core/base/json_writer.h"
#include "core/base/si.h"
#include "core/base/whole_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct chrome_trace {
    json_writer w;
    whole_file *file;
};

void chrome_trace_abandon(chrome_trace *c) {
    if (!c)
        return;
    json_writer_free(&c->w);
    whole_file_abandon(c->file);
    free(c);
}

status chrome_trace_open(const char *path, const char *device, chrome_trace **out, error *err) {
    *out = NULL;
    whole_file *file;
    status result = whole_file_open(path, &file, err);
    if (result != STATUS_OK)
        return result;
    chrome_trace *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->file = file;
    c->w = json_writer_to_file(whole_file_stream(file), JSON_PRETTY);
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
    json_writer_finish(&c->w, NULL); /* whose failure is the file's */
    status result = whole_file_close(c->file, err);
    free(c);
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
