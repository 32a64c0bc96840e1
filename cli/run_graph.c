#include "cli/run_graph.h"

#include <math.h>

typedef struct running {
    const memory_plan *plan;
    timeline_sink *sink;
    double clock_s;
} running;

static status emit_lane(const running *r, const graph_view *view, const gpu_step_times *times, timeline_lane lane,
                        error *err) {
    for (size_t i = 0; i < view->count; i++) {
        const gpu_op_time *t = &times->ops[i];
        double start = lane == LANE_GPU ? t->start_s : t->issue_s;
        double duration = lane == LANE_GPU ? t->duration_s : t->issue_end_s - t->issue_s;
        if (isnan(start) || isnan(duration))
            continue;
        interval item = {
            .phase = view->phase->name,
            .op_id = view->ops[i].node->id,
            .category = view->ops[i].node->category,
            .step = view->step,
            .layer = view->ops[i].layer,
            .stream = view->ops[i].node->stream,
            .lane = lane,
            .start_s = r->clock_s + start,
            .duration_s = duration,
        };
        status result = r->sink->emit(r->sink->context, &item, err);
        if (result != STATUS_OK)
            return result;
    }
    return STATUS_OK;
}

static status emit_step(const running *r, size_t phase, int64_t step, const gpu_step_times *times, error *err) {
    arena scratch = {0};
    graph_view view = graph_at(r->plan->graph, phase, r->plan->scenario, step, &scratch);
    status result = emit_lane(r, &view, times, LANE_HOST, err);
    if (result == STATUS_OK)
        result = emit_lane(r, &view, times, LANE_GPU, err);
    arena_free(&scratch);
    return result;
}

static status run_steps(running *r, const gpu_api *api, gpu_executor *x, run_result *out, error *err) {
    const graph *g = r->plan->graph;
    for (size_t p = 0; p < g->phase_count; p++) {
        int64_t steps = (int64_t)r->plan->scenario->values[g->phases[p].steps];
        for (int64_t s = 0; s < steps && phase_is_bound(&g->phases[p]); s++) {
            if (out->count == RUN_STEPS_MAX)
                return error_set(err, STATUS_BAD_INPUT, "more than %d steps", RUN_STEPS_MAX);
            run_step *step = &out->steps[out->count++];
            *step = (run_step){.phase = p, .step = s, .start_s = r->clock_s};
            status result = api->executor_step(x, p, s, &step->times, err);
            if (result == STATUS_OK && r->sink)
                result = emit_step(r, p, s, &step->times, err);
            if (result != STATUS_OK)
                return result;
            step->times.ops = NULL;
            bool recorded = !isnan(step->times.recorded_wall_s);
            r->clock_s += recorded ? step->times.recorded_wall_s : step->times.wall_s;
        }
    }
    return STATUS_OK;
}

status run_graph(arena *a, const gpu_setup *gpu, const memory_plan *layout, const gpu_run_options *options,
                 timeline_sink *sink, run_result *out, error *err) {
    *out = (run_result){.steps = ARENA_ARRAY(a, run_step, RUN_STEPS_MAX)};
    gpu_executor *x = NULL;
    running r = {.plan = layout, .sink = sink};
    status result = gpu->api->executor_open(gpu->context, layout, options, &x, err);
    if (result != STATUS_OK)
        return result;
    out->memory_bytes = gpu->api->executor_memory_bytes(x);
    out->before = gpu->api->telemetry(gpu->context);
    result = run_steps(&r, gpu->api, x, out, err);
    out->after = gpu->api->telemetry(gpu->context);
    gpu->api->executor_close(x);
    return result;
}
