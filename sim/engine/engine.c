#include "sim/engine/engine_private.h"
#include "sim/engine/event.h"
#include "sim/engine/overlap.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const char *const engine_names[ENGINE_COUNT] = {
    [ENGINE_ROOFLINE] = "roofline", [ENGINE_ANALYTIC] = "analytic", [ENGINE_EVENT] = "event"};

const char *engine_name(engine_kind kind) {
    assert(kind < ENGINE_COUNT);
    return engine_names[kind];
}

status engine_parse(const char *name, engine_kind *out, error *err) {
    for (int kind = 0; kind < ENGINE_COUNT; kind++) {
        if (strcmp(engine_names[kind], name) == 0) {
            *out = (engine_kind)kind;
            return STATUS_OK;
        }
    }
    return error_set(err, STATUS_BAD_INPUT, "unknown engine '%.40s' (known: roofline, analytic, event)", name);
}

/* ---- one phase ---- */

/* A node's standing while a phase is evaluated. */
typedef struct node_state {
    op o;
    cost_block cost; /* at the highest clock */
    op_power power;
    lanes time_s; /* at the clock of the step */
} node_state;

typedef struct phase_run {
    const graph *g;
    size_t index; /* of the phase */
    const graph_phase *phase;
    const scenario *s;
    const machine_block *machines;
    const engine_options *options;
    node_cost *costs;       /* one a node */
    node_state *states;     /* one a node */
    double *layers;         /* repetitions of each node's segment */
    overlap_node *branches; /* one a node where streams fork; NULL: nowhere, or the engine places CTAs itself */
    int64_t steps;
} phase_run;

static bool dimensions_vary_with_layer(const graph_node *node) {
    for (size_t d = 0; d < node->dim_count; d++)
        if (node->dims[d].value.per_layer != 0)
            return true;
    return false;
}

static void evaluate_nodes(phase_run *run, int64_t step, bool only_varying) {
    for (size_t n = 0; n < run->phase->node_count; n++) {
        const graph_node *node = &run->phase->nodes[n];
        assert(!dimensions_vary_with_layer(node)); /* a folded layer stands for all: graphs unroll what differs */
        bool shared = run->branches && overlap_is_branch(node); /* its time was changed */
        if (only_varying && !node_varies_with_step(node) && !shared)
            continue;
        node_state *state = &run->states[n];
        engine_cost_node(run->g, run->phase, node, run->s, step, 0, run->machines, run->options, &state->o,
                         &state->cost, &run->costs[n]);
    }
    if (run->branches)
        overlap_credit(run->branches, run->phase->node_count, run->machines);
    for (size_t n = 0; n < run->phase->node_count; n++) {
        const graph_node *node = &run->phase->nodes[n];
        node_state *state = &run->states[n];
        bool shared = run->branches && overlap_is_branch(node);
        if (run->costs[n].launches && (!only_varying || node_varies_with_step(node) || shared))
            state->power = engine_power_of(&state->o, &state->cost, run->machines, run->options);
    }
}

static thermal_mode thermal_of(const engine_options *options) {
    return options->kind == ENGINE_ROOFLINE ? THERMAL_BURST : options->thermal;
}

/* What one step took. `category_s` counts where kernels overlap; otherwise each kernel's time is its category's. */
typedef struct step_result {
    step_clocks clocks;
    step_power power;
    step_clock clock;
    bool overlaps;
    lanes category_s[CATEGORY_COUNT];
} step_result;

double engine_stages(const graph *g) {
    return g->stages > 1 ? g->stages : 1;
}

void engine_add_clocks(const graph *g, const step_clocks *clocks, const step_power *power, const step_clock *clock,
                       double weight, const machine_block *machines, phase_totals *totals) {
    double ranks = g->ranks > 1 ? g->ranks : 1, stages = engine_stages(g);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double wall_s = clocks->host_s[i] > clocks->gpu_s[i] ? clocks->host_s[i] : clocks->gpu_s[i];
        totals->latency_s[i] += weight * wall_s;
        totals->busy_s[i] += weight * clocks->busy_s[i];
        totals->starved_s[i] += weight * clocks->starved_s[i];
        totals->gap_s[i] += weight * clocks->gap_s[i];
        totals->waiting_s[i] += weight * (wall_s - clocks->gpu_s[i]);
        totals->category_s[CATEGORY_IDLE][i] += weight * (wall_s - clocks->busy_s[i]);
        totals->clocks[i] += weight * wall_s / clock->stretch[i];
        double step_j = power_step_j(power, clock, wall_s, clocks->busy_s[i] / stages, machines, i);
        totals->energy_j[i] += weight * ranks * stages * step_j;
    }
}

/* Adds one step's totals, `weight` times. */
static void add_step(const phase_run *run, const step_result *step, double weight, phase_totals *totals) {
    for (size_t n = 0; n < run->phase->node_count; n++) {
        const node_state *state = &run->states[n];
        if (!run->costs[n].launches)
            continue;
        double times = weight * run->layers[n];
        double *category = totals->category_s[run->phase->nodes[n].category];
        for (size_t i = 0; i < MACHINE_LANES; i++) {
            category[i] += step->overlaps ? 0 : times * state->time_s[i];
            totals->launches[i] += times * state->cost.launches[i];
        }
    }
    for (int c = 0; c < CATEGORY_COUNT && step->overlaps; c++)
        for (size_t i = 0; i < MACHINE_LANES; i++)
            totals->category_s[c][i] += weight * step->category_s[c][i];
    engine_add_clocks(run->g, &step->clocks, &step->power, &step->clock, weight, run->machines, totals);
}

static void add_nodes(const phase_run *run, size_t phase_index, double weight, node_totals *nodes) {
    for (size_t n = 0; n < run->phase->node_count; n++) {
        const node_state *state = &run->states[n];
        op_work work = op_work_of(&state->o);
        double times = weight * run->layers[n];
        node_totals *node = &nodes[n];
        node->node = &run->phase->nodes[n];
        node->phase = phase_index;
        node->count += times;
        node->time_s += times * state->time_s[0];
        node->launches += times * state->cost.launches[0];
        node->flops += times * work.flops;
        node->weight_bytes += times * work.weight_bytes;
        node->read_bytes += times * work.read_bytes;
        node->write_bytes += times * work.write_bytes;
        node->hbm_bytes += times * state->cost.hbm_bytes[0];
        node->bound = state->cost.bound[0];
        node->last = state->o;
    }
}

/* Kernels of several streams side by side: every layer written out. */
static void run_overlapping(const phase_run *run, int64_t at, const lanes launch_latency_s, step_result *step) {
    arena memory = {0};
    graph_view view = graph_at(run->g, run->index, run->s, at, &memory);
    const cost_block **blocks = ARENA_ARRAY(&memory, const cost_block *, run->phase->node_count);
    for (size_t n = 0; n < run->phase->node_count; n++) {
        blocks[n] = &run->states[n].cost;
        if (!step->clock.throttles || !run->costs[n].launches)
            continue;
        cost_block *slower = ARENA_NEW(&memory, cost_block);
        *slower = run->states[n].cost;
        power_stretch(&step->clock, &run->states[n].power, slower);
        blocks[n] = slower;
    }
    event_step_lanes(&view, run->costs, blocks, run->machines, run->options->memory, launch_latency_s, &step->clocks,
                     step->category_s);
    arena_free(&memory);
}

static void schedule_step(const phase_run *run, int64_t at, step_result *step) {
    lanes launch_latency_s;
    step->clocks = (step_clocks){0};
    step_clocks *clocks = &step->clocks;
    engine_step_start(run->phase, run->machines, run->options, clocks->host_s, launch_latency_s);
    if (step->overlaps) {
        run_overlapping(run, at, launch_latency_s, step);
        return;
    }
    for (size_t i = 0; i < run->phase->segment_count; i++) {
        const graph_segment *segment = &run->phase->segments[i];
        schedule_segment(&run->costs[segment->first_node], segment->node_count,
                         graph_segment_repetitions(segment, run->s), launch_latency_s, clocks);
    }
}

/* Every node's time at the step's clock. */
static void set_times(phase_run *run, const step_clock *clock) {
    for (size_t n = 0; n < run->phase->node_count; n++) {
        node_state *state = &run->states[n];
        for (size_t i = 0; i < MACHINE_LANES; i++)
            state->time_s[i] = state->cost.time_s[i] + power_longer_s(&state->power, clock, i);
        memcpy(run->costs[n].busy_s, state->time_s, sizeof(lanes));
    }
}

void engine_solve_clock(const graph *g, const step_clocks *clocks, int64_t steps, thermal_mode mode,
                        const machine_block *machines, step_power *power, step_clock *out) {
    lanes wall_s, duration_s;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        power->busy_s[i] = clocks->busy_s[i] / engine_stages(g); /* streams may overlap */
        wall_s[i] = clocks->host_s[i] > clocks->gpu_s[i] ? clocks->host_s[i] : clocks->gpu_s[i];
        duration_s[i] = wall_s[i] * (double)steps;
    }
    power_solve(power, wall_s, duration_s, mode, machines, out);
}

/* Once at the highest clock, and again where the power limit does not let it last. */
static void run_step(phase_run *run, int64_t at, step_result *step) {
    *step = (step_result){.overlaps = run->options->kind == ENGINE_EVENT && event_phase_overlaps(run->phase),
                          .clock = step_clock_full()};
    set_times(run, &step->clock);
    schedule_step(run, at, step);
    for (size_t n = 0; n < run->phase->node_count; n++)
        if (run->costs[n].launches)
            power_add(&run->states[n].power, run->states[n].time_s, run->layers[n] / engine_stages(run->g),
                      &step->power);
    engine_solve_clock(run->g, &step->clocks, run->steps, thermal_of(run->options), run->machines, &step->power,
                       &step->clock);
    if (!step->clock.throttles)
        return;
    set_times(run, &step->clock);
    schedule_step(run, at, step);
}

/* Steps are evaluated at a few evenly spaced points and interpolated linearly between: times grow with the cache's
 * length almost linearly, so five points keep the sum within 0.5 % of every step (tested). */
enum { STEP_SAMPLES = 5 };

/* The weight of sample k of `count` at steps `at`, so that weighted values sum to the interpolant over all steps. */
static void sample_weights(const int64_t *at, size_t count, double *weights) {
    memset(weights, 0, count * sizeof *weights);
    for (size_t k = 0; k + 1 < count; k++) {
        /* Steps at[k] .. at[k+1]-1; the last segment also takes its end. */
        double n = (double)(at[k + 1] - at[k]);
        weights[k] += (n + 1) / 2;
        weights[k + 1] += (n - 1) / 2;
    }
    weights[count - 1] += 1;
}

size_t engine_sample_steps(int64_t steps, bool exact, arena *memory, int64_t **at, double **weights) {
    size_t count = exact || steps <= STEP_SAMPLES ? (size_t)steps : STEP_SAMPLES;
    *at = ARENA_ARRAY(memory, int64_t, count);
    *weights = ARENA_ARRAY(memory, double, count);
    for (size_t k = 0; k < count; k++)
        (*at)[k] = count > 1 ? (int64_t)llround((double)k * (double)(steps - 1) / (double)(count - 1)) : 0;
    sample_weights(*at, count, *weights);
    return count;
}

static void run_phase(phase_run *run, size_t phase_index, int64_t steps, arena *memory, phase_totals *totals,
                      node_totals *nodes) {
    bool varies = false;
    for (size_t n = 0; n < run->phase->node_count; n++)
        varies |= node_varies_with_step(&run->phase->nodes[n]);
    int64_t *at;
    double *weights;
    size_t samples = engine_sample_steps(varies ? steps : 1, run->options->exact_steps, memory, &at, &weights);
    for (size_t k = 0; k < samples; k++) {
        evaluate_nodes(run, at[k], k > 0);
        step_result step;
        run_step(run, at[k], &step);
        double weight = varies ? weights[k] : (double)steps;
        add_step(run, &step, weight, totals);
        if (nodes)
            add_nodes(run, phase_index, weight, nodes);
    }
}

/* ---- the whole request ---- */

size_t engine_node_count(const graph *g) {
    size_t count = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        count += g->phases[p].node_count;
    return count;
}

/* NULL where nothing overlaps, or where the event engine places the CTAs. */
static overlap_node *prepare_branches(const phase_run *run, arena *memory) {
    bool forks = false;
    for (size_t n = 0; n < run->phase->node_count; n++)
        forks |= run->phase->nodes[n].dependency_count > 1;
    if (!forks || run->options->kind == ENGINE_EVENT)
        return NULL;
    overlap_node *branches = ARENA_ARRAY(memory, overlap_node, run->phase->node_count);
    for (size_t n = 0; n < run->phase->node_count; n++)
        branches[n] = (overlap_node){&run->phase->nodes[n], &run->states[n].o, &run->states[n].cost};
    return branches;
}

static phase_run prepare_phase(const graph *g, size_t index, const scenario *s, const machine_block *machines,
                               const engine_options *options, arena *memory) {
    const graph_phase *phase = &g->phases[index];
    phase_run run = {.g = g, .index = index, .phase = phase, .s = s, .machines = machines, .options = options};
    run.steps = (int64_t)s->values[phase->steps];
    run.costs = ARENA_ARRAY(memory, node_cost, phase->node_count);
    run.states = ARENA_ARRAY(memory, node_state, phase->node_count);
    run.layers = ARENA_ARRAY(memory, double, phase->node_count);
    for (size_t i = 0; i < phase->segment_count; i++)
        for (size_t n = 0; n < phase->segments[i].node_count; n++)
            run.layers[phase->segments[i].first_node + n] = (double)graph_segment_repetitions(&phase->segments[i], s);
    run.branches = prepare_branches(&run, memory);
    return run;
}

step_clock engine_step_clock(const graph *g, size_t phase, const scenario *s, int64_t step,
                             const machine_block *machines, const engine_options *options, arena *memory) {
    phase_run run = prepare_phase(g, phase, s, machines, options, memory);
    step_result result;
    evaluate_nodes(&run, step, false);
    run_step(&run, step, &result);
    return result.clock;
}

status engine_run(const graph *g, const scenario *s, const machine_block *machines, const engine_options *given,
                  arena *memory, engine_result *out, node_totals *nodes, error *err) {
    engine_options with_picks = *given, *options = &with_picks;
    if (!options->picks)
        options->picks = engine_pick(g, s, machines, options, memory);
    *out = (engine_result){.phase_count = g->phase_count};
    if (g->phase_count == 0 || g->phase_count > ENGINE_PHASES_MAX)
        return error_set(err, STATUS_BAD_INPUT, "%s: %zu phases", g->name, g->phase_count);
    if (nodes)
        memset(nodes, 0, engine_node_count(g) * sizeof *nodes);
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        int64_t steps = (int64_t)s->values[phase->steps];
        if (steps > 0) {
            phase_run run = prepare_phase(g, p, s, machines, options, memory);
            run_phase(&run, p, steps, memory, &out->phases[p], nodes);
        }
        if (nodes)
            nodes += phase->node_count;
    }
    engine_fill_memory(g, s, machines, options->picks, out);
    engine_sum_phases(g, s, machines, out);
    return STATUS_OK;
}
