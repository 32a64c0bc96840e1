/* ingot run: a workload's own graph on this GPU, recorded. */
#include "cli/command.h"
#include "cli/run_graph.h"
#include "cli/setup_arguments.h"
#include "core/base/si.h"
#include "workloads/workload.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct run_arguments {
    setup_options common; /* of which workload, levers and lengths are used */
    const char *output;
    int64_t layers; /* 0: the model's */
    gpu_run_options options;
    bool json, check, dry;
    gpu_variant variant;
    argument_failure failure;
    int argc;
    char **argv;
} run_arguments;

enum { KEY_LAYERS = 256, KEY_SEED, KEY_DISPATCH, KEY_LAUNCH, KEY_REPEATS, KEY_CHECK, KEY_COUNTERS, KEY_DRY_RUN };
enum { REPEATS_MAX = 1000 };

static const struct argp_option option_table[] = {
    {"workload", 'w', "MODEL/TASK", 0, "Workload, as codellama-7b/humaneval", 0},
    {"preset", 'p', "NAME", 0, "Levers; the flavour is ingot's own (default: compile)", 0},
    {"set", 's', "LEVER=VALUE", 0, "Set one lever over the preset, as launch=eager", 0},
    {"batch", 'b', "N", 0, "Sequences (default 1)", 0},
    {"prompt", 'P', "N", 0, "Prompt tokens a sequence, instead of the task's", 0},
    {"steps", SETUP_KEY_STEPS, "N", 0, "Decode steps, instead of the task's", 0},
    {"layers", KEY_LAYERS, "N", 0, "Only so many layers of the model, and of one that drafts for it", 0},
    {"seed", KEY_SEED, "N", 0, "Of weights and tokens (default 1)", 0},
    {"repeats", KEY_REPEATS, "N", 0, "Runs of each step; the median counts (default 5)", 0},
    {"emulate-dispatch-us", KEY_DISPATCH, "US", 0, "Host time spent for each framework call; emulated, eager only", 0},
    {"emulate-launch-us", KEY_LAUNCH, "US", 0, "Host time spent before each launch; emulated", 0},
    {"output", 'o', "FILE", 0, "Record every operator into a run file (.run.jsonl.gz)", 0},
    {"dry-run", KEY_DRY_RUN, 0, 0, "Say what would be run and the memory it takes; needs no GPU", 0},
    {"check", KEY_CHECK, 0, 0, "Compare with the CPU reference, and eager with CUDA Graph; exit 1 when they differ", 0},
    {"counters", KEY_COUNTERS, 0, 0, "Count the bytes that pass through memory and L2 (CUPTI), not operators' times",
     0},
    GPU_VARIANT_OPTIONS,
    {"json", 'j', 0, 0, "Print JSON", 0},
    {0},
};

static double seconds(argument_failure *f, const char *option, const char *text) {
    return argument_number(f, option, text, 0, INFINITY) * S_PER_US;
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
    run_arguments *o = state->input;
    if (setup_argument(&o->common, key, value, &o->failure))
        return 0;
    switch (key) {
    case 'o':
        o->output = argument_output(&o->failure, "output", value, run_endings);
        return 0;
    case 'j':
        o->json = true;
        return 0;
    case KEY_DRY_RUN:
        o->dry = true;
        return 0;
    case KEY_CHECK:
        o->check = true;
        return 0;
    case KEY_COUNTERS:
        o->options.counters = true;
        return 0;
    case KEY_LAYERS:
        o->layers = argument_whole(&o->failure, "layers", value, 1);
        return 0;
    case KEY_SEED:
        o->common.request.seed = (uint64_t)argument_whole(&o->failure, "seed", value, 0);
        return 0;
    case KEY_REPEATS:
        o->options.repeats = (int32_t)argument_whole_within(&o->failure, "repeats", value, 1, REPEATS_MAX);
        return 0;
    case KEY_DISPATCH:
        o->options.dispatch_s_per_call = seconds(&o->failure, "emulate-dispatch-us", value);
        return 0;
    case KEY_LAUNCH:
        o->options.launch_s = seconds(&o->failure, "emulate-launch-us", value);
        return 0;
    case ARGP_KEY_ARG:
        return EINVAL;
    default:
        return gpu_variant_argument(&o->variant, key, value, &o->failure) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

typedef struct run_setup {
    workload work;
    levers levers;
    scenario scenario;
    graph graph;
    memory_plan plan;
    run_picks picks; /* autoquant's */
} run_setup;

/* What stands in the way is said before anything is loaded or allocated. */
static status check_runnable(const run_arguments *o, const run_setup *s, error *err) {
    error why = {0};
    double steps = 0;
    if (graph_can_run(&s->graph, &s->scenario, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_INPUT, "ingot run: %.60s: %.800s", o->common.workload, why.text);
    for (size_t p = 0; p < s->graph.phase_count; p++)
        if (phase_is_bound(&s->graph.phases[p]))
            steps += s->scenario.values[s->graph.phases[p].steps];
    if (steps > RUN_STEPS_MAX)
        return error_set(err, STATUS_BAD_INPUT, "ingot run: %.60s: %.0f steps are more than %d; give --steps",
                         o->common.workload, steps, RUN_STEPS_MAX);
    return STATUS_OK;
}

static status load(arena *a, run_arguments *o, run_setup *s, error *err) {
    status result = levers_parse(o->common.preset, &s->levers, err);
    s->levers.flavour = FLAVOUR_INGOT;
    for (size_t i = 0; i < o->common.lever_override_count && result == STATUS_OK; i++)
        result = levers_set(&s->levers, o->common.lever_overrides[i], err);
    if (result == STATUS_OK)
        result = workload_find(a, command_config_dir(), o->common.workload, &s->work, err);
    if (result == STATUS_OK && o->layers > 0) {
        s->work.shape.layers = fmin(s->work.shape.layers, (double)o->layers);
        s->work.draft_layers_max = (double)o->layers;
    }
    if (result == STATUS_OK)
        result = workload_scenario(a, &s->work, &o->common.request, &s->levers, &s->scenario, err);
    if (result == STATUS_OK)
        result = workload_build(a, &s->work, &s->levers, &s->graph, err);
    if (result == STATUS_OK)
        result = graph_check(&s->graph, &s->scenario, err);
    if (result == STATUS_OK)
        result = check_runnable(o, s, err);
    o->options.mode = s->levers.launch == LAUNCH_GRAPH ? GPU_LAUNCH_GRAPH : GPU_LAUNCH_EAGER;
    /* A check is about numbers, not times; counting and tracing exclude each other. */
    o->options.record = (o->output || !o->check) && !o->options.counters;
    return result;
}

/* ---- results ---- */

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

static void header_members(json_writer *w, arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu) {
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

static status print_json(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu,
                         const run_result *r, const run_check *check, error *err) {
    json_writer w = json_writer_to_file(stdout, JSON_PRETTY);
    json_object_begin(&w, NULL);
    header_members(&w, a, o, s, gpu);
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

static void print_text(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu, const run_result *r,
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

static status open_run_file(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu,
                            run_writer **out, error *err) {
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_object_begin(&w, NULL);
    header_members(&w, a, o, s, gpu);
    json_object_end(&w);
    status result = json_writer_finish(&w, err);
    char *header = json_writer_take_text(&w);
    if (result == STATUS_OK)
        result = run_writer_open(o->output, header, out, err);
    free(header);
    return result;
}

static status run_and_print(arena *a, run_arguments *o, run_setup *s, const gpu_setup *gpu, error *err) {
    run_writer *writer = NULL;
    run_result r = {0};
    run_check check = {0};
    timeline_sink sink = {0};
    status result = o->output ? open_run_file(a, o, s, gpu, &writer, err) : STATUS_OK;
    if (writer)
        sink = run_writer_sink(writer);
    if (result == STATUS_OK && o->check)
        result = run_check_graph(gpu, &s->plan, &check, err);
    if (result == STATUS_OK)
        result = run_graph(a, gpu, &s->plan, &o->options, writer ? &sink : NULL, &r, err);
    if (result == STATUS_OK && writer)
        result = run_writer_close(writer, err);
    else
        run_writer_abandon(writer);
    if (result != STATUS_OK)
        return result;
    if (o->json)
        result = print_json(a, o, s, gpu, &r, &check, err);
    else
        print_text(a, o, s, gpu, &r, &check);
    bool wrong = o->check && (!(check.largest_error <= check.allowed_error) || check.differing_bytes > 0);
    if (result == STATUS_OK && wrong)
        return error_set(err, STATUS_NEGATIVE, "%s: the GPU's numbers are not the reference's", o->common.workload);
    return result;
}

/* Autoquant stores weights in 16 bits at most. */
static void print_plan(arena *a, const run_arguments *o, const run_setup *s) {
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

status command_run(int argc, char **argv, error *err) {
    static const char doc[] =
        "Runs a workload's graph on this GPU with random weights: the same operators, lengths and "
        "order as `ingot simulate --set flavour=ingot` predicts.\v"
        "example: ingot run --workload codellama-7b --prompt 218 --steps 8 -o 7b.run.jsonl.gz";
    run_arguments o = {.common = setup_arguments_default("compile"),
                       .options = {.repeats = 5},
                       .failure = {.err = err},
                       .argc = argc,
                       .argv = argv};
    o.common.request.seed = 1;
    const struct argp parser = {.options = option_table, .parser = parse_option, .doc = doc};
    status result = command_parse(&parser, argc, argv, &o, err);
    if (result == STATUS_OK)
        result = o.failure.status;
    if (result != STATUS_OK)
        return result;
    if (!o.common.workload)
        return error_set(err, STATUS_BAD_INPUT, "ingot run: give --workload; see --help");
    if (o.options.counters && o.output)
        return error_set(err, STATUS_BAD_INPUT, "ingot run: --counters excludes --output: operators are not timed");
    if (o.dry && (o.output || o.json || o.check || o.options.counters))
        return error_set(err, STATUS_BAD_INPUT,
                         "ingot run: --dry-run runs nothing: leave out --output, --json, --check and --counters");
    arena a = {0};
    run_setup *s = ARENA_NEW(&a, run_setup);
    gpu_setup gpu = {0};
    result = load(&a, &o, s, err);
    if (result == STATUS_OK && o.dry) {
        result = memory_plan_make(&a, &s->graph, &s->scenario, &s->plan, err);
        if (result == STATUS_OK)
            print_plan(&a, &o, s);
        arena_free(&a);
        return result;
    }
    if (result == STATUS_OK)
        result = gpu_setup_open(&o.variant, &gpu, err);
    if (result == STATUS_OK)
        result = run_autoquant(&a, &gpu, &s->graph, &s->scenario, &s->picks, err);
    if (result == STATUS_OK)
        result = memory_plan_make(&a, &s->graph, &s->scenario, &s->plan, err);
    if (result == STATUS_OK)
        result = run_and_print(&a, &o, s, &gpu, err);
    gpu_setup_close(&gpu);
    arena_free(&a);
    return result;
}
