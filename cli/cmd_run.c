/* ingot run: a workload's own graph on this GPU, recorded. */
#include "cli/command.h"
#include "cli/run_print.h"
#include "core/base/si.h"

#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static status open_run_file(arena *a, const run_arguments *o, const run_setup *s, const gpu_setup *gpu,
                            run_writer **out, error *err) {
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_object_begin(&w, NULL);
    run_header_json(&w, a, o, s, gpu);
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
        result = run_print_json(a, o, s, gpu, &r, &check, err);
    else
        run_print_text(a, o, s, gpu, &r, &check);
    bool wrong = o->check && (!(check.largest_error <= check.allowed_error) || check.differing_bytes > 0);
    if (result == STATUS_OK && wrong)
        return error_set(err, STATUS_NEGATIVE, "%s: the GPU's numbers are not the reference's", o->common.workload);
    return result;
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
            run_print_plan(&a, &o, s);
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
