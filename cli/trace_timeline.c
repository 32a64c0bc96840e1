#include "cli/trace_timeline.h"

#include "cli/trace_counters.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HOST_TID = 1, FIRST_STREAM = 7 /* PyTorch's default stream, which readers expect */ };

int64_t timeline_first_correlation(int gpu_pid) {
    return (int64_t)(gpu_pid / PIDS_A_TIMELINE) * CORRELATIONS_A_TIMELINE;
}

void timeline_name_processes(chrome_trace *out, int gpu_pid, const char *kind, const char *gpu, const char *host) {
    char name[256];
    snprintf(name, sizeof name, "%s: GPU %s", kind, gpu);
    chrome_trace_process(out, gpu_pid, name);
    chrome_trace_thread(out, gpu_pid, FIRST_STREAM, "stream 7");
    snprintf(name, sizeof name, "%s: host %s", kind, host);
    chrome_trace_process(out, gpu_pid + 1, name);
    chrome_trace_thread(out, gpu_pid + 1, HOST_TID, "issuing thread");
}

static void close_step(timeline_export *x) {
    if (!x->any_step)
        return;
    char name[64];
    snprintf(name, sizeof name, "ProfilerStep#%lld", (long long)x->step_number++);
    chrome_event mark = {.category = "user_annotation",
                         .name = name,
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = x->step_start_s,
                         .duration_s = x->step_end_s - x->step_start_s,
                         .phase = x->phase,
                         .step = x->step};
    chrome_trace_event(x->out, &mark);
}

/* Behind the last step: an empty mark, since Holistic Trace Analysis leaves out whatever the last mark covers. */
void timeline_close(timeline_export *x) {
    static const double MARK_S = 1e-6;
    close_step(x);
    x->step_start_s = x->step_end_s;
    x->step_end_s += MARK_S;
    close_step(x);
}

static void open_step(timeline_export *x, const interval *item) {
    if (x->any_step && x->step == item->step && strcmp(x->phase, item->phase) == 0)
        return;
    close_step(x);
    x->any_step = true;
    x->phase = item->phase;
    x->step = item->step;
    x->step_start_s = item->start_s;
    x->step_end_s = item->start_s;
    x->graph_correlation = 0;
    x->has_host = false;
}

static chrome_event event_of(const timeline_export *x, const interval *item, const char *category) {
    bool gpu = item->lane == LANE_GPU;
    return (chrome_event){.category = category,
                          .name = item->op_id,
                          .pid = gpu ? x->gpu_pid : x->host_pid,
                          .tid = gpu ? FIRST_STREAM + item->stream : HOST_TID,
                          .start_s = item->start_s,
                          .duration_s = item->duration_s,
                          .op_class = op_category_name(item->category),
                          .phase = item->phase,
                          .step = item->step,
                          .layer = item->layer};
}

/* The call at the end of the host's work for an operator, from which the kernel's arrow starts. */
static void write_launch(timeline_export *x, const chrome_event *kernel, int64_t correlation) {
    double length_s = fmin(x->launch_s, x->host.duration_s);
    chrome_event call = {.category = "cuda_runtime",
                         .name = "cudaLaunchKernel",
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = x->host.start_s + x->host.duration_s - length_s,
                         .duration_s = length_s,
                         .correlation = correlation};
    chrome_trace_event(x->out, &call);
    chrome_trace_flow(x->out, correlation, call.pid, call.tid, call.start_s, kernel->pid, kernel->tid, kernel->start_s);
}

/* Kernels without host work of their own were captured: one graph launch a step, in front of the first of them. */
static void write_graph_launch(timeline_export *x, const chrome_event *kernel) {
    x->graph_correlation = x->next_correlation++;
    chrome_event call = {.category = "cuda_runtime",
                         .name = "cudaGraphLaunch",
                         .pid = x->host_pid,
                         .tid = HOST_TID,
                         .start_s = kernel->start_s - x->launch_s,
                         .duration_s = x->launch_s,
                         .correlation = x->graph_correlation};
    if (call.start_s < x->step_start_s)
        x->step_start_s = call.start_s;
    chrome_trace_event(x->out, &call);
    chrome_trace_flow(x->out, x->graph_correlation, call.pid, call.tid, call.start_s, kernel->pid, kernel->tid,
                      kernel->start_s);
}

/* ---- counters ---- */

static const graph_node *find_node(const graph *g, const interval *item, const graph_phase **phase) {
    for (size_t p = 0; p < g->phase_count; p++) {
        if (strcmp(g->phases[p].name, item->phase) != 0)
            continue;
        *phase = &g->phases[p];
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (strcmp(g->phases[p].nodes[n].id, item->op_id) == 0)
                return &g->phases[p].nodes[n];
    }
    return NULL;
}

static void write_counters(timeline_export *x, const interval *item) {
    const graph_phase *phase;
    const graph_node *node = x->s ? find_node(&x->s->graph, item, &phase) : NULL;
    if (node)
        counters_write(x->out, x->gpu_pid, x->s,
                       &(counted_kernel){.phase = phase,
                                         .node = node,
                                         .step = item->step,
                                         .layer = item->layer,
                                         .start_s = item->start_s,
                                         .duration_s = item->duration_s,
                                         .share = 1});
}

status timeline_take_interval(void *context, const interval *item, error *err) {
    (void)err;
    timeline_export *x = context;
    open_step(x, item);
    x->step_end_s = fmax(x->step_end_s, item->start_s + item->duration_s);
    if (item->lane == LANE_HOST) {
        chrome_event host_op = event_of(x, item, "cpu_op");
        chrome_trace_event(x->out, &host_op);
        x->host = *item;
        x->has_host = true;
        return STATUS_OK;
    }
    chrome_event kernel = event_of(x, item, "kernel");
    char name[256]; /* tells its category to whoever reads names alone */
    snprintf(name, sizeof name, "%s (%s)", item->op_id, op_category_name(item->category));
    kernel.name = name;
    bool launched = x->has_host && strcmp(x->host.op_id, item->op_id) == 0 && x->host.layer == item->layer;
    if (launched) {
        kernel.correlation = x->next_correlation++;
        write_launch(x, &kernel, kernel.correlation);
        x->has_host = false;
    } else {
        if (x->graph_correlation == 0)
            write_graph_launch(x, &kernel);
        kernel.correlation = x->graph_correlation;
    }
    chrome_trace_event(x->out, &kernel);
    write_counters(x, item);
    return STATUS_OK;
}
