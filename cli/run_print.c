#include "cli/run_print.h"

#include "core/base/si.h"

#include <math.h>
#include <stdio.h>

typedef struct phase_summary {
    size_t steps;
    double wall_s, least_s, most_s, issue_s, busy_s, recorded_wall_s; /* sums over steps */
    double repeated_s, repeated_j, clock_hz; /* of all steps' unrecorded runs; the last clock */
    const char *recorder;
    gpu_counters counters; /* sums over steps too */
} phase_summary;

/* Board power over a phase's unrecorded runs; NaN where each step's were too short for the board's counter, which may
 * lag 0.1 s. */
static double board_power_w(const phase_summary *sum) {
    static const double LEAST_S = 1;
    return sum->repeated_s >= LEAST_S * (double)sum->steps ? sum->repeated_j / sum->repeated_s : NAN;
}

static phase_summary summarise(const run_result *r, size_t phase) {
    phase_summary sum = {0};
    for (size_t i = 0; i < r->count; i++) {
        const gpu_step_times *t = &r->steps[i].times;
        if (r->steps[i].phase != phase)
            continue;
        sum.steps++;
        sum.wall_s += t->wall_s;
        sum.least_s += t->least_s;
        sum.most_s += t->most_s;
        sum.issue_s += t->issue_s;
        sum.busy_s += t->busy_s;
        sum.recorded_wall_s += t->recorded_wall_s;
        sum.repeated_s += t->repeated_s;
        sum.repeated_j += t->repeated_j;
        sum.clock_hz = t->repeated_clock_hz;
        sum.recorder = t->recorder;
        sum.counters.dram_read_bytes += t->counters.dram_read_bytes;
        sum.counters.dram_write_bytes += t->counters.dram_write_bytes;
        sum.counters.l2_bytes += t->counters.l2_bytes;
    }
    return sum;
}

static bool is_emulated(const gpu_run_options *o) {
    return o->dispatch_s_per_call > 0 || o->launch_s > 0;
}

void run_header_json(json_writer *w, arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu) {
    json_integer(w, "schema", 1);
    gpu_environment_json(w, gpu, o->argc, o->argv);
    json_text(w, "workload", o->common.workload);
    json_text(w, "levers", levers_text(a, &s->levers));
    json_number(w, "layers", s->work.shape.layers);
    json_object_begin(w, "scenario");
    json_integer(w, "seed", (int64_t)s->scenario.seed);
    for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++)
        json_number(w, scenario_variable_name((scenario_variable)v), s->scenario.values[v]);
    json_object_end(w);
    run_picks_json(w, &s->picks);
    json_text(w, "launch", o->options.mode == GPU_LAUNCH_GRAPH ? "graph" : "eager");
    json_number(w, "emulated_dispatch_s_per_call", o->options.dispatch_s_per_call);
    json_number(w, "emulated_launch_s", o->options.launch_s);
}

status run_print_json(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu, const run_result *r,
                      const run_check *check, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    run_header_json(&w, a, o, s, gpu);
    json_number(&w, "memory_bytes", r->memory_bytes);
    json_number(&w, "activation_bytes", (double)s->plan.activation_bytes);
    json_number(&w, "activation_bytes_without_sharing", (double)s->plan.activation_bytes_apart);
    json_number(&w, "energy_j", r->after.energy_j - r->before.energy_j);
    gpu_telemetry_json(&w, "after", &r->after);
    json_array_begin(&w, "phases");
    for (size_t p = 0; p < s->graph.phase_count; p++) {
        phase_summary sum = summarise(r, p);
        double steps = (double)sum.steps;
        json_object_begin(&w, NULL);
        json_text(&w, "name", s->graph.phases[p].name);
        json_number(&w, "steps", steps);
        json_number(&w, "step_wall_s", sum.wall_s / steps);
        json_number(&w, "step_least_s", sum.least_s / steps);
        json_number(&w, "step_most_s", sum.most_s / steps);
        json_number(&w, "step_issue_s", sum.issue_s / steps);
        json_number(&w, "step_gpu_busy_s", sum.busy_s / steps);
        json_number(&w, "step_recorded_wall_s", sum.recorded_wall_s / steps);
        json_number(&w, "board_power_w", board_power_w(&sum));
        json_number(&w, "sm_clock_hz", sum.clock_hz);
        json_number(&w, "step_dram_read_bytes", sum.counters.dram_read_bytes / steps);
        json_number(&w, "step_dram_write_bytes", sum.counters.dram_write_bytes / steps);
        json_number(&w, "step_l2_bytes", sum.counters.l2_bytes / steps);
        json_text(&w, "recorder", sum.recorder);
        json_object_end(&w);
    }
    json_array_end(&w);
    if (o->check) {
        json_object_begin(&w, "check");
        json_number(&w, "steps", (double)check->steps);
        json_number(&w, "largest_error", check->largest_error);
        json_number(&w, "allowed_error", check->allowed_error);
        json_number(&w, "eager_graph_differing_bytes", (double)check->differing_bytes);
        json_number(&w, "eager_graph_compared_bytes", (double)check->compared_bytes);
        json_object_end(&w);
    }
    json_object_end(&w);
    return json_writer_finish(&w, err);
}

void run_print_text(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu, const run_result *r,
                    const run_check *check) {
    printf("%s, %s on %s, %s%s\n", o->common.workload, levers_text(a, &s->levers), gpu->info.name,
           o->options.mode == GPU_LAUNCH_GRAPH ? "CUDA Graph" : "eager",
           is_emulated(&o->options) ? ", host cost EMULATED" : "");
    if (gpu->actual.sm_count != gpu->info.sm_count || gpu->variant.sm_count > 0)
        printf("variant: %d SMs (%s)\n", gpu->actual.sm_count, gpu->actual.sm_method);
    if (gpu->actual.l2_set_aside_bytes > 0)
        printf("variant: %.1f MB of L2 set aside\n", gpu->actual.l2_set_aside_bytes / BYTES_PER_MB);
    const gpu_memory_rates *alone = &gpu->actual.alone, *left = &gpu->actual.left;
    if (gpu->actual.resident_blocks > 0)
        printf("variant: read %.3g of %.3g TB/s, write %.3g of %.3g; L2 %.3g of %.3g TB/s, %.3g of %.3g MB\n",
               left->read_bytes_per_s / BYTES_PER_TB, alone->read_bytes_per_s / BYTES_PER_TB,
               left->write_bytes_per_s / BYTES_PER_TB, alone->write_bytes_per_s / BYTES_PER_TB,
               left->l2_read_bytes_per_s / BYTES_PER_TB, alone->l2_read_bytes_per_s / BYTES_PER_TB,
               left->l2_bytes / BYTES_PER_MB, alone->l2_bytes / BYTES_PER_MB);
    printf("memory %.3f GB (activations %.3f MB, %.3f MB without sharing); energy %.3g J; SM %.0f MHz\n",
           r->memory_bytes / BYTES_PER_GB, (double)s->plan.activation_bytes / BYTES_PER_MB,
           (double)s->plan.activation_bytes_apart / BYTES_PER_MB, r->after.energy_j - r->before.energy_j,
           r->after.sm_clock_hz / HZ_PER_MHZ);
    printf("%-10s %6s %12s %12s %12s %12s %7s  recorder\n", "phase", "steps", "ms a step", "least", "issue", "GPU busy",
           "idle %");
    for (size_t p = 0; p < s->graph.phase_count; p++) {
        phase_summary sum = summarise(r, p);
        double scale = MS_PER_S / (double)sum.steps;
        if (!phase_is_bound(&s->graph.phases[p]))
            printf("%-10s not run: it has no kernels yet\n", s->graph.phases[p].name);
        if (sum.steps > 0)
            printf("%-10s %6zu %12.4f %12.4f %12.4f %12.4f %7.2f  %s\n", s->graph.phases[p].name, sum.steps,
                   sum.wall_s * scale, sum.least_s * scale, sum.issue_s * scale, sum.busy_s * scale,
                   100 * (1 - sum.busy_s / sum.wall_s), sum.recorder);
    }
    for (size_t p = 0; p < s->graph.phase_count; p++) {
        phase_summary sum = summarise(r, p);
        if (board_power_w(&sum) > 0)
            printf("%-10s %.0f W of board power over %.2f s of unrecorded runs, SM %.0f MHz at their end\n",
                   s->graph.phases[p].name, board_power_w(&sum), sum.repeated_s, sum.clock_hz / HZ_PER_MHZ);
    }
    for (size_t p = 0; o->options.counters && p < s->graph.phase_count; p++) {
        phase_summary sum = summarise(r, p);
        double scale = 1 / (double)sum.steps / BYTES_PER_GB;
        if (sum.steps > 0)
            printf("%-10s counted a step: %.4g GB read from memory, %.4g GB written, %.4g GB through L2\n",
                   s->graph.phases[p].name, sum.counters.dram_read_bytes * scale, sum.counters.dram_write_bytes * scale,
                   sum.counters.l2_bytes * scale);
    }
    if (o->check)
        printf("check: %zu steps, logits off by %.3g (allowed %.3g); eager and CUDA Graph differ in %zu of %zu bytes\n",
               check->steps, check->largest_error, check->allowed_error, check->differing_bytes, check->compared_bytes);
}

/* Autoquant stores weights in 16 bits at most. */
void run_print_plan(arena *a, const run_arguments *o, const run_setup *s) {
    const memory_plan *layout = &s->plan;
    printf("%s, %s, %.0f layers: %s%.3f GB of weights, %.3f GB of caches, %.3f MB of activations\n", o->common.workload,
           levers_text(a, &s->levers), s->work.shape.layers, levers_autoquant(&s->levers) ? "at most " : "",
           (double)layout->weight_bytes / BYTES_PER_GB, (double)layout->cache_bytes / BYTES_PER_GB,
           (double)layout->activation_bytes / BYTES_PER_MB);
    for (size_t p = 0; p < s->graph.phase_count; p++) {
        const graph_phase *phase = &s->graph.phases[p];
        int64_t steps = (int64_t)s->scenario.values[phase->steps];
        arena scratch = {0};
        if (!phase_is_bound(phase))
            printf("%-10s not run: it has no kernels yet\n", phase->name);
        else if (steps > 0)
            printf("%-10s %6lld steps of %zu operators\n", phase->name, (long long)steps,
                   graph_at(&s->graph, p, &s->scenario, 0, &scratch).count);
        arena_free(&scratch);
    }
}
