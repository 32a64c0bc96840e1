/* ingot simulate: one workload on one machine. */
#include "cli/command.h"
#include "cli/graph_json.h"
#include "cli/setup_arguments.h"
#include "cli/simulate_print.h"
#include "core/base/json_writer.h"
#include "core/base/si.h"
#include "core/scenario_file.h"
#include "sim/explore/ensemble.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct simulate_options {
    setup_options common;
    const char *timeline, *save_scenario, *save_graph;
    int64_t distribution; /* requests to draw; 0: none */
    bool batch_max;
    int64_t timeline_steps;
    bool json, ops;
    message_level level;
    argument_failure failure;
} simulate_options;

enum {
    KEY_EXACT = 256,
    KEY_TIMELINE,
    KEY_TIMELINE_STEPS,
    KEY_ENGINE,
    KEY_LENGTH,
    KEY_SEED,
    KEY_SCENARIO,
    KEY_SAVE_SCENARIO,
    KEY_SAVE_GRAPH,
    KEY_DISTRIBUTION,
    KEY_THERMAL,
    KEY_ZEROS
};
enum { REQUESTS_DEFAULT = 200 };

static const struct argp_option option_table[] = {
    {"machine", 'm', "NAME", 0, "Machine: a name of configs/machines or a YAML path", 0},
    {"override", SETUP_KEY_OVERRIDE, "KEY=VALUE", 0, "Set one number of the machine, as sm.count=120", 0},
    {"workload", 'w', "MODEL/TASK", 0, "Workload, as codellama-34b/humaneval", 0},
    {"preset", 'p', "NAME", 0, "Levers, as ingot list presets has them (default compile)", 0},
    {"set", 's', "LEVER=VALUE", 0, "Set one lever over the preset, as weights=int8", 0},
    {"batch", 'b', "N", 0, "Sequences (default 1), or max: as many as fit", 0},
    {"prompt", 'P', "N", 0, "Prompt tokens a sequence, instead of the task's", 0},
    {"steps", SETUP_KEY_STEPS, "N", 0, "Decode steps, instead of the task's", 0},
    {"statistic", SETUP_KEY_STATISTIC, "NAME", 0, "Of the task's lengths: mean (default), p50, p90, p99, min, max", 0},
    {"length", KEY_LENGTH, "NAME=N", 0, "Fix any length that the task states, as units=400", 0},
    {"distribution", KEY_DISTRIBUTION, "N", OPTION_ARG_OPTIONAL,
     "Draw N requests (200) from the task's lengths: mean, p50, p90, p99", 0},
    {"seed", KEY_SEED, "N", 0, "Of everything that is drawn (default 0)", 0},
    {"scenario", KEY_SCENARIO, "FILE", 0, "Lengths and outcomes of a scenario file, instead of drawn ones", 0},
    {"save-scenario", KEY_SAVE_SCENARIO, "FILE", 0, "Write the scenario that is simulated", 0},
    {"save-graph", KEY_SAVE_GRAPH, "FILE", 0, "Write the graph as JSON, with what autoquant picked", 0},
    {"host", 'H', "NAME", 0, "Host profile, instead of the one that goes with the levers", 0},
    {"engine", KEY_ENGINE, "NAME", 0, "analytic (default), event or roofline", 0},
    {"thermal", KEY_THERMAL, "NAME", 0,
     "Clock under the power limit: by the run's duration (default), burst or sustained", 0},
    {"zeros", KEY_ZEROS, "FRACTION", 0, "Of operands that are zeros and switch less (default 0)", 0},
    {"exact-steps", KEY_EXACT, 0, 0, "Evaluate every decode step instead of interpolating", 0},
    {"ops", 'o', 0, 0, "Print a row an operator", 0},
    {"timeline", KEY_TIMELINE, "FILE", 0, "Write a run file (.run.jsonl.gz) with an interval an operator", 0},
    {"timeline-steps", KEY_TIMELINE_STEPS, "N", 0, "Steps of each phase in the timeline (default: all)", 0},
    {"json", 'j', 0, 0, "Print JSON", 0},
    {0},
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    simulate_options *o = state->input;
    setup_options *c = &o->common;
    o->batch_max |= key == 'b' && strcmp(value, "max") == 0;
    if (setup_argument(c, key, key == 'b' && o->batch_max ? "1" : value, &o->failure))
        return 0;
    switch (key) {
    case KEY_LENGTH:
        argument_append(&o->failure, "length", value, c->lengths, &c->length_count, SETUP_OVERRIDES_MAX);
        break;
    case KEY_DISTRIBUTION:
        o->distribution = value ? argument_whole(&o->failure, "distribution", value, 1) : REQUESTS_DEFAULT;
        break;
    case KEY_SEED:
        c->request.seed = (uint64_t)argument_whole(&o->failure, "seed", value, 0);
        break;
    case KEY_SCENARIO:
        c->scenario = value;
        break;
    case KEY_SAVE_SCENARIO:
        o->save_scenario = value;
        break;
    case KEY_SAVE_GRAPH:
        o->save_graph = value;
        break;
    case KEY_ENGINE:
        c->engine = value;
        break;
    case KEY_THERMAL:
        c->thermal = value;
        break;
    case KEY_ZEROS:
        c->zeros_frac = argument_number(&o->failure, "zeros", value, 0, 1);
        break;
    case KEY_EXACT:
        c->exact_steps = true;
        break;
    case KEY_TIMELINE:
        o->timeline = argument_output(&o->failure, "timeline", value, run_endings);
        break;
    case KEY_TIMELINE_STEPS:
        o->timeline_steps = argument_whole(&o->failure, "timeline-steps", value, 1);
        break;
    case 'o':
        o->ops = true;
        break;
    case 'j':
        o->json = true;
        break;
    case ARGP_KEY_ARG:
        return EINVAL;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static status write_timeline(const simulate_options *o, const setup *s, error *err) {
    json_writer w = json_writer_to_buffer(JSON_LINES);
    json_object_begin(&w, NULL);
    json_integer(&w, "schema", 1);
    json_text(&w, "machine", s->machine.name);
    json_text(&w, "workload", s->workload.name);
    json_text(&w, "host", s->host.name);
    json_text(&w, "engine", engine_name(s->options.kind));
    json_object_begin(&w, "scenario");
    for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++)
        json_number(&w, scenario_variable_name((scenario_variable)v), s->scenario.values[v]);
    json_object_end(&w);
    json_object_end(&w);
    char *header = json_writer_take_text(&w);
    run_writer *writer = NULL;
    status result = run_writer_open(o->timeline, header, &writer, err);
    free(header);
    if (result != STATUS_OK)
        return result;
    result = engine_timeline(&s->graph, &s->scenario, &s->block, &s->options, o->timeline_steps,
                             run_writer_sink(writer), err);
    if (result == STATUS_OK)
        return run_writer_close(writer, err);
    run_writer_abandon(writer);
    return result;
}

static status save_scenario(arena *a, const simulate_options *o, const setup *s, error *err) {
    scenario_file file = {s->workload.name, levers_text(a, &s->levers), s->scenario};
    return scenario_save(o->save_scenario, &file, err);
}

static status find_batch(arena *a, const simulate_options *o, setup *s, error *err) {
    batch_limit limit;
    status result = requests_largest_batch(a, &s->request, s, &limit, err);
    if (result != STATUS_OK)
        return result;
    s->request.batch = limit.batch;
    if (o->level != MESSAGES_QUIET)
        fprintf(stderr,
                "batch %lld is the largest that fits, limited by %s: one more takes weights %.1f GB, KV %.1f GB and "
                "activations %.1f GB of %.1f GB\n",
                (long long)limit.batch, limit.limited_by, limit.next.weight_bytes / BYTES_PER_GB,
                limit.next.kv_bytes / BYTES_PER_GB, limit.next.activation_bytes / BYTES_PER_GB,
                limit.capacity_bytes / BYTES_PER_GB);
    return STATUS_OK;
}

static status find_interval(arena *a, const setup *s, const engine_result *r, const node_totals *nodes,
                            latency_interval *out, error *err) {
    ensemble *e = ARENA_NEW(a, ensemble);
    status result = ensemble_fill(a, command_config_dir(), &s->machine, &s->calibration, e, err);
    out->extrapolated = e->other_machine;
    if (result == STATUS_OK)
        result =
            ensemble_latency(a, &s->graph, &s->scenario, &s->options, e, r, nodes, &out->lower_s, &out->upper_s, err);
    return result;
}

static status simulate(arena *a, const simulate_options *o, setup *s, error *err) {
    status result = setup_load(a, &o->common, s, err);
    if (result != STATUS_OK)
        return result;
    if (o->level == MESSAGES_VERBOSE)
        fprintf(stderr, "machine %s, calibration %s of %s, host %s: configurations of %s\n", s->machine.name,
                s->calibration.name, s->calibration.date, s->host.name, command_config_dir());
    if (o->batch_max)
        result = find_batch(a, o, s, err);
    if (result == STATUS_OK && o->save_scenario)
        result = save_scenario(a, o, s, err);
    if (result == STATUS_OK && o->save_graph)
        result = graph_save(a, s, o->save_graph, err);
    if (result != STATUS_OK)
        return result;
    engine_result r;
    request_distribution drawn = {0};
    node_totals *nodes = ARENA_ARRAY(a, node_totals, engine_node_count(&s->graph));
    result = engine_run(&s->graph, &s->scenario, &s->block, &s->options, a, &r, nodes, err);
    if (result != STATUS_OK)
        return result;
    if (r.fits[0] == 0)
        return error_set(err, STATUS_NEGATIVE, "%s does not fit %s: needs %.1f GB of %.1f GB", s->workload.name,
                         s->machine.name, r.memory.total_bytes / BYTES_PER_GB,
                         s->machine.hbm.capacity_bytes / BYTES_PER_GB);
    if (o->distribution > 0)
        result = requests_distribution(s, &s->request, o->distribution, &drawn, err);
    if (result == STATUS_OK && o->timeline)
        result = write_timeline(o, s, err);
    latency_interval range;
    if (result == STATUS_OK)
        result = find_interval(a, s, &r, nodes, &range, err);
    if (result != STATUS_OK)
        return result;
    if (o->json)
        return simulate_json(a, s, &r, nodes, &range, &drawn, err);
    simulate_text(a, s, &r, &range);
    if (o->distribution > 0)
        distribution_print(&drawn);
    if (o->ops)
        simulate_ops(s, nodes);
    return STATUS_OK;
}

status command_simulate(int argc, char **argv, error *err) {
    static const char doc[] =
        "One workload on one machine: latency, idle, energy, memory.\v"
        "example: ingot simulate --machine h200-sxm --workload codellama-34b/humaneval --preset baseline";
    simulate_options o = {
        .common = setup_arguments_default("compile"),
        .failure = {.err = err},
    };
    const struct argp parser = {.options = option_table, .parser = parse_option, .doc = doc};
    status result = command_parse_level(&parser, argc, argv, &o, &o.level, err);
    if (result != STATUS_OK)
        return result;
    if (o.failure.status != STATUS_OK)
        return o.failure.status;
    if (!o.common.machine || !o.common.workload)
        return error_set(err, STATUS_BAD_INPUT, "ingot simulate: give --machine and --workload; see --help");
    if (o.common.scenario && (o.batch_max || o.distribution > 0))
        return error_set(err, STATUS_BAD_INPUT, "--scenario fixes the batch and its lengths: leave out %s",
                         o.batch_max ? "--batch max" : "--distribution");
    arena a = {0};
    setup *s = ARENA_NEW(&a, setup);
    result = simulate(&a, &o, s, err);
    arena_free(&a);
    return result;
}
