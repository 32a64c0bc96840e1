/* Events between streams: recorded behind an operator that one on another stream depends on, and waited for there. The
 * same calls fork and join a capture, so that a CUDA graph gets the branches too. */
#include "kernels/gpu_streams.h"

#include <algorithm>

int32_t stream_of(const gpu_streams *s, const graph_node *node) {
    return node->stream % s->count;
}

static int32_t streams_named(const graph *g) {
    int32_t most = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            most = std::max(most, g->phases[p].nodes[n].stream);
    return std::min<int32_t>(most + 1, GPU_STREAMS_MAX);
}

static status make_event(std::vector<cudaEvent_t> *events, error *err) {
    cudaEvent_t event = nullptr;
    status result = gpu_check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making events", err);
    if (result == STATUS_OK)
        events->push_back(event);
    return result;
}

status streams_open(gpu_context *context, const graph *g, gpu_streams *out, error *err) {
    out->count = streams_named(g);
    out->at[0] = context->stream;
    status result = STATUS_OK;
    for (int32_t i = 1; i < out->count && result == STATUS_OK; i++)
        result = gpu_check(cudaStreamCreateWithFlags(&out->at[i], cudaStreamNonBlocking), "making streams", err);
    for (int32_t i = 0; i < out->count && result == STATUS_OK; i++)
        result = make_event(&out->last_of, err);
    return result;
}

void streams_close(gpu_streams *s) {
    for (int32_t i = 1; i < s->count; i++)
        if (s->at[i])
            cudaStreamDestroy(s->at[i]);
    for (cudaEvent_t event : s->events)
        cudaEventDestroy(event);
    for (cudaEvent_t event : s->last_of)
        cudaEventDestroy(event);
}

status streams_plan(gpu_streams *s, const graph_view *view, error *err) {
    if (s->count == 1)
        return STATUS_OK;
    s->awaited.assign(view->count, false);
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        for (size_t d = 0; d < flat->dependency_count; d++) {
            size_t other = flat->dependencies[d];
            if (stream_of(s, view->ops[other].node) != stream_of(s, flat->node))
                s->awaited[other] = true;
        }
    }
    while (s->events.size() < view->count)
        if (make_event(&s->events, err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
    return STATUS_OK;
}

gpu_status streams_before(gpu_streams *s, const graph_view *view, size_t i) {
    if (s->count == 1)
        return 0;
    const flat_op *flat = &view->ops[i];
    int32_t own = stream_of(s, flat->node);
    gpu_status code = 0;
    for (size_t d = 0; d < flat->dependency_count && code == 0; d++) {
        size_t other = flat->dependencies[d];
        if (stream_of(s, view->ops[other].node) != own)
            code = cudaStreamWaitEvent(s->at[own], s->events[other], 0);
    }
    return code;
}

gpu_status streams_after(gpu_streams *s, const graph_view *view, size_t i) {
    if (s->count == 1)
        return 0;
    int32_t own = stream_of(s, view->ops[i].node);
    s->busy[own] = own > 0;
    return s->awaited[i] ? cudaEventRecord(s->events[i], s->at[own]) : 0;
}

gpu_status streams_join(gpu_streams *s) {
    gpu_status code = 0;
    for (int32_t i = 1; i < s->count && code == 0; i++) {
        if (!s->busy[i])
            continue;
        s->busy[i] = false;
        code = cudaEventRecord(s->last_of[static_cast<size_t>(i)], s->at[i]);
        if (code == 0)
            code = cudaStreamWaitEvent(s->at[0], s->last_of[static_cast<size_t>(i)], 0);
    }
    return code;
}
