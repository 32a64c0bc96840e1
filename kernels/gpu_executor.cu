/* Runs a graph step by step: graph_at's view in its order, on the streams that its nodes name, in one allocation. A
 * step is issued operator by operator, or captured into a CUDA graph and replayed. Lengths are parameters of the
 * operators, so each step is captured anew, outside the measured time. */
#include "kernels/gpu_executor_private.h"

#include "core/base/clock.h"
#include "kernels/counters.h"
#include "kernels/gpu_memory.h"
#include "kernels/variant.h"

#include <algorithm>
#include <math.h>

/* ---- opening ---- */

static size_t gathered_bytes(const op_views *views) {
    size_t bytes = 0;
    for (size_t i = 0; i < views->count; i++)
        bytes += executor_packed_bytes(&views->at[i]);
    return bytes;
}

/* Chooses algorithms for a view's operators, and tells how much scratch memory they need. */
static status prepare_view(gpu_executor *x, const graph_view *view, error *err) {
    for (size_t i = 0; i < view->count; i++) {
        const op *o = &view->ops[i].op;
        op_views views;
        memory_plan_views(x->plan, &view->ops[i], &views);
        if (views.count == 0 || executor_copies_from_host(o))
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
    x->gather_bytes = executor_aligned(x->gather_bytes);
    x->workspace_bytes = executor_aligned(x->workspace_bytes);
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

/* ---- one step ---- */

/* Scratch memory follows the longest step seen: a split reduction may want more in the middle than at the ends. */
static status grow_scratch(gpu_executor *x, const graph_view *view, error *err) {
    size_t before = x->gather_bytes + x->workspace_bytes;
    status result = prepare_view(x, view, err);
    x->gather_bytes = executor_aligned(x->gather_bytes);
    x->workspace_bytes = executor_aligned(x->workspace_bytes);
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

/* A run beside what the variant of the GPU runs in the background. */
static status run_beside_background(gpu_executor *x, const graph_view *view, cudaGraphExec_t replay, timed_run *out,
                                    error *err) {
    status result = variant_run_begins(x->context, err);
    if (result == STATUS_OK)
        result = executor_run_once(x, view, replay, out, err);
    variant_run_ends(x->context);
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
    status result = executor_run_once(step->x, step->view, step->replay, &ignored, &err);
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
    status warmed = executor_run_once(x, view, replay, &warm_up, err);
    if (warmed != STATUS_OK)
        return warmed;
    double begin_s = clock_now_s(), begin_j = telemetry_read(x->context).energy_j;
    for (timed_run &run : runs) {
        status result = run_beside_background(x, view, replay, &run, err);
        if (result != STATUS_OK)
            return result;
    }
    times->repeated_s = clock_now_s() - begin_s;
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
        result = executor_capture(x, &view, &captured, err);
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
        result = executor_record(x, &view, captured, times, err);
    if (replay)
        cudaGraphExecDestroy(replay);
    if (captured)
        cudaGraphDestroy(captured);
    return result;
}
