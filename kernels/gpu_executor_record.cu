/* Times of a step's operators: CUPTI's records of one more run, or events around each where CUPTI is not. */
#include "kernels/gpu_executor_private.h"

#include "core/base/si.h"
#include "kernels/recorder.h"
#include "kernels/variant.h"

#include <algorithm>

static double union_s(const activity *records, size_t count) {
    uint64_t busy_ns = 0, end_ns = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = std::max(records[i].start_ns, end_ns);
        if (records[i].end_ns > start)
            busy_ns += records[i].end_ns - start;
        end_ns = std::max(end_ns, records[i].end_ns);
    }
    return static_cast<double>(busy_ns) * S_PER_NS;
}

/* On one stream, records lie in the order of the capture; on several, only what they come to is told. */
static void assign_records(gpu_executor *x, const activity *records, size_t count, uint64_t begin_ns,
                           gpu_step_times *times) {
    size_t expected = 0;
    for (size_t i = 0; i < times->count; i++)
        expected += static_cast<size_t>(x->times[i].kernels);
    times->busy_s = union_s(records, count);
    if (x->streams.count > 1) {
        times->recorder = "cupti: operators on several streams are not told apart";
        return;
    }
    if (expected != count) {
        times->recorder = "cupti: not as many records as kernels were captured";
        return;
    }
    times->recorder = "cupti";
    size_t next = 0;
    for (size_t i = 0; i < times->count; i++) {
        gpu_op_time *t = &x->times[i];
        size_t own = static_cast<size_t>(t->kernels);
        if (own == 0)
            continue;
        const activity *first = &records[next], *last = &records[next + own - 1];
        t->start_s = (static_cast<double>(first->start_ns) - static_cast<double>(begin_ns)) * S_PER_NS;
        t->duration_s = static_cast<double>(last->end_ns - first->start_ns) * S_PER_NS;
        t->busy_s = union_s(first, own);
        next += own;
    }
}

static status record_with_cupti(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, gpu_step_times *times,
                                error *err) {
    timed_run traced;
    recorder_clear();
    status result = variant_run_begins(x->context, err);
    uint64_t begin_ns = recorder_now_ns();
    if (result == STATUS_OK)
        result = executor_run_once(x, view, replay, &traced, err);
    variant_run_ends(x->context);
    if (result != STATUS_OK)
        return result;
    times->recorded_wall_s = traced.wall_s;
    size_t count = 0;
    const activity *records = recorder_take(&count);
    while (count > 0 && records->start_ns < begin_ns) { /* background traffic began before */
        records++;
        count--;
    }
    assign_records(x, records, count, begin_ns, times);
    return STATUS_OK;
}

/* Events around each operator: they cost a little time between kernels, and a graph cannot be looked into. */
static status record_with_events(gpu_executor *x, const graph_view *view, gpu_step_times *times, error *err) {
    while (x->events.size() <= view->count) {
        cudaEvent_t event;
        status made = gpu_check(cudaEventCreate(&event), "making events", err);
        if (made != STATUS_OK)
            return made;
        x->events.push_back(event);
    }
    cudaEventRecord(x->events[0], x->context->stream);
    for (size_t i = 0; i < view->count; i++) {
        gpu_status code = executor_issue_op(x, view, i);
        if (code != 0)
            return gpu_check(code, view->ops[i].node->id, err);
        cudaEventRecord(x->events[i + 1], x->context->stream);
    }
    status result = gpu_check(cudaStreamSynchronize(x->context->stream), "recording a step", err);
    times->busy_s = 0;
    times->recorder = "events";
    for (size_t i = 0; i < view->count && result == STATUS_OK; i++) {
        float start_ms = 0, own_ms = 0;
        cudaEventElapsedTime(&start_ms, x->events[0], x->events[i]);
        result = gpu_check(cudaEventElapsedTime(&own_ms, x->events[i], x->events[i + 1]), "recording a step", err);
        x->times[i].start_s = start_ms * S_PER_MS;
        x->times[i].duration_s = x->times[i].busy_s = own_ms * S_PER_MS;
        times->busy_s += own_ms * S_PER_MS;
    }
    return result;
}

/* One more run with tracing on, which slows it down; a graph is instantiated again so that CUPTI sees its nodes. */
status executor_record(gpu_executor *x, const graph_view *view, cudaGraph_t captured, gpu_step_times *times,
                       error *err) {
    bool as_graph = x->options.mode == GPU_LAUNCH_GRAPH;
    bool traced = recorder_start(&x->why);
    times->recorder = x->why;
    if (!traced && x->streams.count > 1)
        return STATUS_OK; /* events on one stream would say nothing of the others */
    if (!traced)
        return as_graph ? STATUS_OK : record_with_events(x, view, times, err);
    cudaGraphExec_t replay = nullptr;
    status result = STATUS_OK;
    if (as_graph)
        result = gpu_check(cudaGraphInstantiate(&replay, captured, 0), "making a graph", err);
    if (result == STATUS_OK)
        result = record_with_cupti(x, view, replay, times, err);
    if (replay)
        cudaGraphExecDestroy(replay);
    recorder_stop();
    return result;
}
