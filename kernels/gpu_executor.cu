/* Runs a graph step by step: graph_at's view in its order, on the streams that its nodes name, in one allocation. A
 * step is issued operator by operator, or captured into a CUDA graph and replayed. Lengths are parameters of the
 * operators, so each step is captured anew, outside the measured time. */
#include "kernels/gpu_executor.h"

#include "kernels/counters.h"
#include "kernels/gpu_memory.h"
#include "kernels/gpu_streams.h"
#include "kernels/recorder.h"
#include "kernels/variant.h"

#include <algorithm>
#include <cuda_runtime.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vector>

struct gpu_executor {
    gpu_context *context;
    const memory_plan *plan;
    gpu_run_options options;
    char *memory;  /* the plan's */
    char *scratch; /* a stream's behind the other's: gathered rows, then the launchers' workspace */
    size_t gather_bytes, workspace_bytes;
    gpu_streams streams;
    char *staged; /* pinned: the inputs, from `staged_offset` of the plan on; steps copy some of them themselves */
    size_t staged_offset;
    const char *why; /* operators have no times */
    arena step_memory;
    std::vector<gpu_op_time> times;
    std::vector<op_views> views;
    std::vector<cudaEvent_t> events; /* where CUPTI is not: one before each operator and one after the last */
};

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

static void spin(double seconds) {
    if (seconds <= 0)
        return;
    double end = now_s() + seconds;
    while (now_s() < end)
        ;
}

/* ---- opening ---- */

static size_t aligned(size_t bytes) {
    const size_t alignment = MEMORY_ALIGNMENT;
    return (bytes + alignment - 1) / alignment * alignment;
}

static bool is_from_host(const op *o) {
    return o->kind == OP_copy && o->as.copy.direction == copy_direction_to_device;
}

static size_t packed_bytes(const tensor_view *v) {
    return v->present && v->gathered ? aligned(static_cast<size_t>(operand_bytes(&v->item))) : 0;
}

static size_t gathered_bytes(const op_views *views) {
    size_t bytes = 0;
    for (size_t i = 0; i < views->count; i++)
        bytes += packed_bytes(&views->at[i]);
    return bytes;
}

/* Chooses algorithms for a view's operators, and tells how much scratch memory they need. */
static status prepare_view(gpu_executor *x, const graph_view *view, error *err) {
    for (size_t i = 0; i < view->count; i++) {
        const op *o = &view->ops[i].op;
        op_views views;
        memory_plan_views(x->plan, &view->ops[i], &views);
        if (views.count == 0 || is_from_host(o))
            continue;
        if (!gpu_launcher_of(o->kind))
            return error_set(err, STATUS_NEGATIVE, "%s: %s has no kernel yet", view->ops[i].node->id,
                             op_info_get(o->kind)->name);
        gpu_preparer *prepare = gpu_preparer_of(o->kind);
        gpu_status code = prepare ? prepare(x->context, o, nullptr) : 0;
        if (code != 0)
            return gpu_check(code, view->ops[i].node->id, err);
        gpu_workspace *bytes = gpu_workspace_of(o->kind);
        x->workspace_bytes = std::max(x->workspace_bytes, bytes ? bytes(o, nullptr) : 0);
        x->gather_bytes = std::max(x->gather_bytes, gathered_bytes(&views));
    }
    return STATUS_OK;
}

static status prepare_steps(gpu_executor *x, error *err) {
    const graph *g = x->plan->graph;
    status result = STATUS_OK;
    for (size_t p = 0; p < g->phase_count && result == STATUS_OK; p++) {
        int64_t steps = static_cast<int64_t>(x->plan->scenario->values[g->phases[p].steps]);
        const int64_t ends[] = {0, steps - 1};
        for (int i = 0; i < 2 && steps > 0 && phase_is_bound(&g->phases[p]) && result == STATUS_OK; i++) {
            arena scratch = {};
            graph_view view = graph_at(g, p, x->plan->scenario, ends[i], &scratch);
            result = prepare_view(x, &view, err);
            arena_free(&scratch);
        }
    }
    x->gather_bytes = aligned(x->gather_bytes);
    x->workspace_bytes = aligned(x->workspace_bytes);
    return result;
}

void executor_close(gpu_executor *x) {
    if (!x)
        return;
    cudaFree(x->memory);
    cudaFree(x->scratch);
    cudaFreeHost(x->staged);
    streams_close(&x->streams);
    for (cudaEvent_t event : x->events)
        cudaEventDestroy(event);
    arena_free(&x->step_memory);
    delete x;
}

static size_t scratch_bytes_of(const gpu_executor *x) {
    return (x->gather_bytes + x->workspace_bytes) * static_cast<size_t>(x->streams.count);
}

static status allocate(gpu_executor *x, error *err) {
    size_t scratch_bytes = scratch_bytes_of(x);
    status result = gpu_check(cudaMalloc(&x->memory, x->plan->total_bytes), "allocating the model's memory", err);
    if (result == STATUS_OK && scratch_bytes > 0)
        result = gpu_check(cudaMalloc(&x->scratch, scratch_bytes), "allocating scratch memory", err);
    x->staged_offset = x->plan->weight_bytes + x->plan->cache_bytes;
    if (result == STATUS_OK && x->plan->input_bytes > 0)
        result = gpu_check(cudaHostAlloc(reinterpret_cast<void **>(&x->staged), x->plan->input_bytes, 0),
                           "allocating inputs", err);
    if (result == STATUS_OK) /* caches, inputs and activations; the zeros among them stay */
        result = gpu_check(cudaMemsetAsync(x->memory + x->plan->weight_bytes, 0,
                                           x->plan->total_bytes - x->plan->weight_bytes, x->context->stream),
                           "clearing memory", err);
    return result == STATUS_OK ? gpu_fill_weights(x->context, x->plan, x->memory, err) : result;
}

status executor_open(gpu_context *context, const memory_plan *plan, const gpu_run_options *options, gpu_executor **out,
                     error *err) {
    *out = nullptr;
    gpu_executor *x = new gpu_executor();
    x->context = context;
    x->plan = plan;
    x->options = *options;
    x->why = "not asked for";
    status result = streams_open(context, plan->graph, &x->streams, err);
    if (result == STATUS_OK)
        result = prepare_steps(x, err);
    if (result == STATUS_OK)
        result = allocate(x, err);
    if (result != STATUS_OK) {
        executor_close(x);
        return result;
    }
    *out = x;
    return STATUS_OK;
}

double executor_memory_bytes(const gpu_executor *x) {
    return static_cast<double>(x->plan->total_bytes + scratch_bytes_of(x));
}

status executor_read(gpu_executor *x, size_t offset_bytes, size_t bytes, void *out, error *err) {
    return gpu_check(cudaMemcpy(out, x->memory + offset_bytes, bytes, cudaMemcpyDeviceToHost), "reading memory", err);
}

/* ---- issuing ---- */

/* Rows that lie apart, or blocks of rows that do, one behind the other to `to`. */
static gpu_status gather(gpu_executor *x, const tensor_view *v, char *to, gpu_stream stream) {
    operand piece = v->item, row_apart = v->item, block_apart = v->item;
    bool by_block = v->row_stride == v->item.cols || v->item.rows == 1;
    piece.cols = by_block ? v->item.rows * v->item.cols : v->item.cols;
    row_apart.cols = by_block ? v->block_stride : v->row_stride;
    block_apart.cols = v->block_stride;
    int64_t pieces = by_block ? v->item.blocks : v->item.rows, blocks = by_block ? 1 : v->item.blocks;
    size_t piece_bytes = static_cast<size_t>(operand_row_bytes(&piece));
    gpu_status code = 0;
    for (int64_t b = 0; b < blocks && code == 0; b++)
        code = cudaMemcpy2DAsync(to + static_cast<size_t>(b * pieces) * piece_bytes, piece_bytes,
                                 x->memory + v->offset_bytes +
                                     static_cast<size_t>(b) * static_cast<size_t>(operand_row_bytes(&block_apart)),
                                 static_cast<size_t>(operand_row_bytes(&row_apart)), piece_bytes,
                                 static_cast<size_t>(pieces), cudaMemcpyDeviceToDevice, stream);
    return code;
}

/* Inputs that a step copies itself lie ready in host memory, at their place in the plan. */
static gpu_status copy_from_host(gpu_executor *x, const tensor_view *v, gpu_stream stream) {
    operand row_apart = v->item;
    row_apart.cols = v->row_stride;
    size_t pitch = static_cast<size_t>(operand_row_bytes(&row_apart));
    return cudaMemcpy2DAsync(x->memory + v->offset_bytes, pitch, x->staged + (v->offset_bytes - x->staged_offset),
                             pitch, static_cast<size_t>(operand_row_bytes(&v->item)), static_cast<size_t>(v->item.rows),
                             cudaMemcpyHostToDevice, stream);
}

static gpu_status launch_op(gpu_executor *x, const flat_op *flat, const op_views *views) {
    int32_t number = stream_of(&x->streams, flat->node);
    gpu_stream stream = x->streams.at[number];
    char *scratch = x->scratch + static_cast<size_t>(number) * (x->gather_bytes + x->workspace_bytes);
    if (views->count == 0)
        return 0; /* the host's: every step is waited for at its end */
    if (is_from_host(&flat->op))
        return copy_from_host(x, &views->at[OPERAND_copy_destination], stream);
    gpu_operands operands = {};
    operands.context = x->context;
    char *packed = scratch;
    for (size_t i = 0; i < views->count; i++) {
        const tensor_view *v = &views->at[i];
        if (!v->present)
            continue;
        operands.at[i] = {x->memory + v->offset_bytes, v->row_stride, v->block_stride};
        if (v->gathered) {
            gpu_status code = gather(x, v, packed, stream);
            if (code != 0)
                return code;
            operands.at[i] = {packed, v->packed_row_stride, v->item.rows * v->item.cols};
            packed += packed_bytes(v);
        }
    }
    return gpu_launcher_of(flat->op.kind)(&flat->op, nullptr, &operands, scratch + x->gather_bytes, stream);
}

static gpu_status issue_op(gpu_executor *x, const graph_view *view, size_t i) {
    gpu_status code = streams_before(&x->streams, view, i);
    if (code == 0)
        code = launch_op(x, &view->ops[i], &x->views[i]);
    if (code == 0)
        code = streams_after(&x->streams, view, i);
    return code == 0 && i + 1 == view->count ? streams_join(&x->streams) : code;
}

/* All operators of a step; `counting` asks how many nodes a capture has after each. */
static status issue_step(gpu_executor *x, const graph_view *view, bool emulate, bool counting, double begin_s,
                         error *err) {
    size_t nodes_before = 0;
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        gpu_op_time *time = &x->times[i];
        time->issue_s = now_s() - begin_s;
        if (emulate)
            spin(flat->node->host_calls * x->options.dispatch_s_per_call + x->options.launch_s);
        gpu_status code = issue_op(x, view, i);
        time->issue_end_s = now_s() - begin_s;
        if (code != 0)
            return gpu_check(code, flat->node->id, err);
        if (counting) {
            cudaStreamCaptureStatus capture;
            cudaGraph_t captured = nullptr;
            size_t nodes = 0;
            cudaStreamGetCaptureInfo(x->context->stream, &capture, nullptr, &captured, nullptr, nullptr, nullptr);
            if (captured)
                cudaGraphGetNodes(captured, nullptr, &nodes);
            time->kernels = static_cast<int32_t>(nodes - nodes_before);
            nodes_before = nodes;
        }
    }
    return STATUS_OK;
}

/* The step as a CUDA graph; counts each operator's kernels on the way. */
static status capture_step(gpu_executor *x, const graph_view *view, cudaGraph_t *out, error *err) {
    *out = nullptr;
    status result = gpu_check(cudaStreamBeginCapture(x->context->stream, cudaStreamCaptureModeThreadLocal),
                              "beginning a capture", err);
    if (result != STATUS_OK)
        return result;
    result = issue_step(x, view, false, true, now_s(), err);
    gpu_status ended = cudaStreamEndCapture(x->context->stream, out);
    if (result == STATUS_OK)
        result = gpu_check(ended, "ending a capture", err);
    cudaGetLastError();
    return result;
}

/* ---- one step ---- */

/* Scratch memory follows the longest step seen: a split reduction may want more in the middle than at the ends. */
static status grow_scratch(gpu_executor *x, const graph_view *view, error *err) {
    size_t before = x->gather_bytes + x->workspace_bytes;
    status result = prepare_view(x, view, err);
    x->gather_bytes = aligned(x->gather_bytes);
    x->workspace_bytes = aligned(x->workspace_bytes);
    if (result != STATUS_OK || x->gather_bytes + x->workspace_bytes == before)
        return result;
    cudaFree(x->scratch);
    x->scratch = nullptr;
    return gpu_check(cudaMalloc(&x->scratch, scratch_bytes_of(x)), "allocating scratch memory", err);
}

static status fill_inputs(gpu_executor *x, bool prefill, int64_t step, error *err) {
    const graph *g = x->plan->graph;
    status result = STATUS_OK;
    for (size_t r = 0; r < g->register_count && result == STATUS_OK; r++) {
        size_t bytes = x->plan->register_bytes[r];
        if (!register_is_input(g->registers[r].kind) || bytes == 0)
            continue;
        char *values = x->staged + (x->plan->register_offset_bytes[r] - x->staged_offset);
        memory_plan_input(x->plan, r, prefill, step, reinterpret_cast<int32_t *>(values));
        result =
            gpu_check(cudaMemcpy(x->memory + x->plan->register_offset_bytes[r], values, bytes, cudaMemcpyHostToDevice),
                      "filling inputs", err);
    }
    return result;
}

typedef struct timed_run {
    double wall_s, issue_s;
} timed_run;

/* Issues or replays a step once and waits. */
static status run_alone(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, timed_run *out, error *err) {
    double begin = now_s();
    status result;
    if (replay) {
        spin(x->options.launch_s);
        result = gpu_check(cudaGraphLaunch(replay, x->context->stream), "replaying a graph", err);
    } else {
        result = issue_step(x, view, true, false, begin, err);
    }
    out->issue_s = now_s() - begin;
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(x->context->stream), "running a step", err);
    out->wall_s = now_s() - begin;
    return result;
}

/* The same beside what the variant of the GPU runs in the background. */
static status run_once(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, timed_run *out, error *err) {
    status result = variant_run_begins(x->context, err);
    if (result == STATUS_OK)
        result = run_alone(x, view, replay, out, err);
    variant_run_ends(x->context);
    return result;
}

static double union_s(const activity *records, size_t count) {
    uint64_t busy_ns = 0, end_ns = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = std::max(records[i].start_ns, end_ns);
        if (records[i].end_ns > start)
            busy_ns += records[i].end_ns - start;
        end_ns = std::max(end_ns, records[i].end_ns);
    }
    return static_cast<double>(busy_ns) * 1e-9;
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
        t->start_s = (static_cast<double>(first->start_ns) - static_cast<double>(begin_ns)) * 1e-9;
        t->duration_s = static_cast<double>(last->end_ns - first->start_ns) * 1e-9;
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
        result = run_alone(x, view, replay, &traced, err);
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
        gpu_status code = issue_op(x, view, i);
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
        x->times[i].start_s = start_ms * 1e-3;
        x->times[i].duration_s = x->times[i].busy_s = own_ms * 1e-3;
        times->busy_s += own_ms * 1e-3;
    }
    return result;
}

/* One more run with tracing on, which slows it down; a graph is instantiated again so that CUPTI sees its nodes. */
static status record(gpu_executor *x, const graph_view *view, cudaGraph_t captured, gpu_step_times *times, error *err) {
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

typedef struct counted_step {
    gpu_executor *x;
    const graph_view *view;
    cudaGraphExec_t replay;
} counted_step;

static gpu_status run_counted(void *data) {
    counted_step *step = static_cast<counted_step *>(data);
    timed_run ignored;
    error err;
    status result = run_alone(step->x, step->view, step->replay, &ignored, &err);
    return result == STATUS_OK ? 0 : static_cast<gpu_status>(cudaErrorLaunchFailure);
}

static status count(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, gpu_step_times *times,
                    error *err) {
    counted_step step = {x, view, replay};
    return counters_measure(x->context, run_counted, &step, &times->counters, err);
}

static status measure(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, gpu_step_times *times,
                      error *err) {
    int32_t repeats = std::max(1, x->options.repeats);
    std::vector<timed_run> runs(static_cast<size_t>(repeats));
    timed_run warm_up; /* loads every kernel */
    status warmed = run_alone(x, view, replay, &warm_up, err);
    if (warmed != STATUS_OK)
        return warmed;
    double begin_s = now_s(), begin_j = telemetry_read(x->context).energy_j;
    for (timed_run &run : runs) {
        status result = run_once(x, view, replay, &run, err);
        if (result != STATUS_OK)
            return result;
    }
    times->repeated_s = now_s() - begin_s;
    gpu_telemetry end = telemetry_read(x->context);
    times->repeated_j = end.energy_j - begin_j;
    times->repeated_clock_hz = end.sm_clock_hz;
    std::sort(runs.begin(), runs.end(), [](const timed_run &a, const timed_run &b) { return a.wall_s < b.wall_s; });
    times->wall_s = runs[runs.size() / 2].wall_s;
    times->issue_s = runs[runs.size() / 2].issue_s;
    times->least_s = runs.front().wall_s;
    times->most_s = runs.back().wall_s;
    return STATUS_OK;
}

status executor_step(gpu_executor *x, size_t phase, int64_t step, gpu_step_times *times, error *err) {
    const graph *g = x->plan->graph;
    gpu_step_times ignored;
    times = times ? times : &ignored;
    arena_free(&x->step_memory);
    x->step_memory = arena{};
    graph_view view = graph_at(g, phase, x->plan->scenario, step, &x->step_memory);
    gpu_op_time unknown = {0, 0, NAN, NAN, NAN, 0};
    x->times.assign(view.count, unknown);
    x->views.resize(view.count);
    for (size_t i = 0; i < view.count; i++)
        memory_plan_views(x->plan, &view.ops[i], &x->views[i]);
    *times = gpu_step_times{};
    times->busy_s = times->recorded_wall_s = NAN;
    times->counters = {NAN, NAN, NAN};
    times->recorder = x->why;
    times->count = view.count;
    times->ops = x->times.data();
    status result = grow_scratch(x, &view, err);
    if (result == STATUS_OK)
        result = streams_plan(&x->streams, &view, err);
    if (result == STATUS_OK)
        result = fill_inputs(x, g->phases[phase].steps == SCENARIO_ONE, step, err);
    cudaGraph_t captured = nullptr;
    cudaGraphExec_t replay = nullptr;
    bool as_graph = x->options.mode == GPU_LAUNCH_GRAPH;
    if (result == STATUS_OK && (as_graph || x->options.record))
        result = capture_step(x, &view, &captured, err);
    if (result == STATUS_OK && as_graph)
        result = gpu_check(cudaGraphInstantiate(&replay, captured, 0), "making a graph", err);
    if (result == STATUS_OK && replay)
        result = gpu_check(cudaGraphUpload(replay, x->context->stream), "uploading a graph", err);
    if (result == STATUS_OK)
        result = gpu_check(cudaStreamSynchronize(x->context->stream), "starting a step", err);
    if (result == STATUS_OK)
        result = measure(x, &view, replay, times, err);
    if (result == STATUS_OK && x->options.counters)
        result = count(x, &view, replay, times, err);
    if (result == STATUS_OK && x->options.record)
        result = record(x, &view, captured, times, err);
    if (replay)
        cudaGraphExecDestroy(replay);
    if (captured)
        cudaGraphDestroy(captured);
    return result;
}
