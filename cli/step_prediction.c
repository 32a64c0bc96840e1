#include "cli/step_prediction.h"

#include "cli/setup.h"

#include <math.h>
#include <string.h>

/* The levers that reproduce what was run: all three ran Hugging Face's operators. */
static const struct {
    const char *lever, *levers;
} lever_table_of_steps[] = {
    {"eager", "baseline"},
    {"sdpa", "sdpa"},
    {"compile", "compile flavour=hf"},
};
enum { STEP_LEVERS = sizeof lever_table_of_steps / sizeof lever_table_of_steps[0] };

static const char *levers_of(const measured_step *step) {
    for (size_t i = 0; i < STEP_LEVERS; i++)
        if (strcmp(lever_table_of_steps[i].lever, step->lever) == 0)
            return lever_table_of_steps[i].levers;
    return NULL;
}

static double host_calls_of(const graph *g, size_t phase, const scenario *s) {
    double calls = 0;
    for (size_t i = 0; i < g->phases[phase].segment_count; i++) {
        const graph_segment *segment = &g->phases[phase].segments[i];
        for (size_t n = 0; n < segment->node_count; n++)
            calls += (double)graph_segment_repetitions(segment, s) *
                     g->phases[phase].nodes[segment->first_node + n].host_calls;
    }
    return calls;
}

/* Wall of the step's phase with another cost a host call. */
static status wall_at(arena *a, const setup *s, size_t phase, double call_s, double *wall_s, error *err) {
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = setup_run_with_call(a, s, call_s, r, err);
    *wall_s = r->phases[phase].latency_s[0];
    return result;
}

static status predict(arena *a, const setup *s, step_prediction *p, error *err) {
    bool decode = strcmp(p->measured->phase, "decode") == 0;
    size_t phase = decode ? 1 : 0;
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = engine_run(&s->graph, &s->scenario, &s->block, &s->options, a, r, NULL, err);
    if (result == STATUS_OK)
        result = wall_at(a, s, phase, s->host.call_low_s, &p->wall_low_s, err);
    if (result == STATUS_OK)
        result = wall_at(a, s, phase, s->host.call_high_s, &p->wall_high_s, err);
    if (result != STATUS_OK)
        return result;
    p->busy_s = r->phases[phase].busy_s[0];
    p->wall_s = r->phases[phase].latency_s[0];
    p->kernels = r->phases[phase].launches[0];
    p->host_calls = host_calls_of(&s->graph, phase, &s->scenario);
    double launches_s = p->kernels * s->block.host_launch_s[0] * s->host.launch_scale_ratio;
    /* The implied cost holds only where the host, not the GPU, sets the wall. */
    bool host_bound = !s->graph.phases[phase].captured && p->measured->wall_s > 2 * p->measured->busy_s;
    p->implied_call_s = host_bound ? (p->measured->wall_s - launches_s) / p->host_calls : NAN;
    return STATUS_OK;
}

static status load(arena *a, const measured_step *step, const char *machine_name, const char *preset, setup *s,
                   error *err) {
    bool decode = strcmp(step->phase, "decode") == 0;
    /* The first decode step sees the prompt and its own token. */
    int64_t prompt = decode ? step->kv_len - 1 : step->prompt_tokens;
    setup_options o = {
        .machine = machine_name,
        .workload = step->model,
        .preset = preset,
        .engine = "analytic",
        .request = {.batch = step->batch, .prompt_tokens = prompt, .decode_steps = decode ? 1 : 0, .statistic = "mean"},
    };
    return setup_load(a, &o, s, err);
}

static status predict_one(arena *a, const step_table *table, size_t i, const char *machine_name, step_prediction *p,
                          error *err) {
    const measured_step *step = &table->steps[i];
    *p = (step_prediction){.measured = step, .levers = levers_of(step)};
    if (!p->levers)
        return error_at(err, table->path, step->line, 1, "unknown lever '%.40s' (known: eager, sdpa, compile)",
                        step->lever);
    p->name = arena_printf(a, "%s %s %s, batch %lld, prompt %lld", step->model, step->lever, step->phase,
                           (long long)step->batch, (long long)step->prompt_tokens);
    setup *s = ARENA_NEW(a, setup);
    error inner = {""};
    status result = load(a, step, machine_name, p->levers, s, &inner);
    if (result == STATUS_OK)
        result = predict(a, s, p, &inner);
    return result == STATUS_OK ? result : error_at(err, table->path, step->line, 1, "%s", inner.text);
}

static void add_range(double value, double *low, double *high) {
    if (isnan(value))
        return;
    *low = isnan(*low) || value < *low ? value : *low;
    *high = isnan(*high) || value > *high ? value : *high;
}

static void score_steps(arena *a, step_scores *out) {
    double *predicted = ARENA_ARRAY(a, double, out->count), *measured = ARENA_ARRAY(a, double, out->count);
    for (size_t i = 0; i < out->count; i++) {
        predicted[i] = out->steps[i].busy_s;
        measured[i] = out->steps[i].measured->busy_s;
    }
    out->busy = score_of(predicted, measured, NULL, NULL, out->count);
    for (size_t i = 0; i < out->count; i++) {
        predicted[i] = out->steps[i].kernels;
        measured[i] = out->steps[i].measured->kernels;
    }
    out->kernels = score_of(predicted, measured, NULL, NULL, out->count);
    size_t graphs = 0;
    out->call_low_s = out->call_high_s = out->kernel_low_s = out->kernel_high_s = NAN;
    for (size_t i = 0; i < out->count; i++) {
        const step_prediction *p = &out->steps[i];
        add_range(p->implied_call_s, &out->call_low_s, &out->call_high_s);
        if (!isnan(p->implied_call_s))
            add_range(p->measured->wall_s / p->kernels, &out->kernel_low_s, &out->kernel_high_s);
        if (strcmp(p->measured->lever, "compile") == 0) {
            predicted[graphs] = p->wall_s;
            measured[graphs++] = p->measured->wall_s;
        }
    }
    out->graph_wall = score_of(predicted, measured, NULL, NULL, graphs);
}

status steps_predict(arena *a, const step_table *table, const char *machine_name, step_scores *out, error *err) {
    *out = (step_scores){.steps = ARENA_ARRAY(a, step_prediction, table->count + 1), .count = table->count};
    for (size_t i = 0; i < table->count; i++) {
        status result = predict_one(a, table, i, machine_name, &out->steps[i], err);
        if (result != STATUS_OK)
            return result;
    }
    if (out->count > 0)
        score_steps(a, out);
    return STATUS_OK;
}
