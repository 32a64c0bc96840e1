#include "cli/setup.h"

#include "cli/command.h"
#include "core/scenario_file.h"

#include <string.h>

static status load_machine(arena *a, const setup_options *o, setup *out, error *err) {
    status result = machine_load(a, command_config_dir(), o->machine, &out->machine, NULL, err);
    for (size_t i = 0; i < o->machine_override_count && result == STATUS_OK; i++)
        result = machine_override(&out->machine, o->machine_overrides[i], err);
    if (result == STATUS_OK)
        result = machine_check(&out->machine, err);
    if (result == STATUS_OK)
        result = calibration_load(a, command_config_dir(), &out->machine, &out->calibration, err);
    if (result != STATUS_OK)
        return result;
    const machine *machines[] = {&out->machine};
    const calibration *calibrations[] = {&out->calibration};
    machine_block_fill(&out->block, machines, calibrations, 1);
    return STATUS_OK;
}

static status load_levers(const setup_options *o, setup *out, error *err) {
    status result = levers_parse(o->preset, &out->levers, err);
    for (size_t i = 0; i < o->lever_override_count && result == STATUS_OK; i++)
        result = levers_set(&out->levers, o->lever_overrides[i], err);
    return result;
}

static status load_memory(setup *out, error *err) {
    status result = hbm_streams_of(&out->machine, &out->memory[0], err);
    for (size_t i = 1; i < MACHINE_LANES; i++)
        out->memory[i] = out->memory[0];
    out->options.memory = out->memory;
    return result;
}

/* A file's, or what the request asks for. */
static status make_scenario(arena *a, const setup_options *o, setup *out, error *err) {
    request_length *fixed = ARENA_ARRAY(a, request_length, o->length_count + 1);
    out->request = o->request;
    out->request.fixed = fixed;
    status result = STATUS_OK;
    for (size_t i = 0; i < o->length_count && result == STATUS_OK; i++)
        result = workload_read_length(a, &out->workload, o->lengths[i], &fixed[out->request.fixed_count++], err);
    if (result != STATUS_OK)
        return result;
    if (!o->scenario)
        return workload_scenario(a, &out->workload, &out->request, &out->levers, &out->scenario, err);
    scenario_file file;
    result = scenario_load(a, o->scenario, &file, err);
    if (result == STATUS_OK && strcmp(file.workload, out->workload.name) != 0)
        return error_set(err, STATUS_BAD_INPUT, "%s: drawn for %s, not %s", o->scenario, file.workload,
                         out->workload.name);
    out->scenario = file.scenario;
    return result;
}

/* Whether the file's rounds are those of the levers, and its numbers make a graph. */
static status check_scenario(const char *path, const setup *s, error *err) {
    levers resolved;
    status result = workload_levers(&s->workload, &s->levers, &resolved, err);
    bool speculates = resolved.speculate != SPECULATE_NONE && s->scenario.values[SCENARIO_DECODE_STEPS] > 0;
    if (result == STATUS_OK && speculates != (s->scenario.progress != NULL))
        return error_set(err, STATUS_BAD_INPUT, "%s: %s", path,
                         speculates ? "holds no progress, which speculation needs"
                                    : "holds the progress of speculation, which the levers leave out");
    error inner = {""};
    if (result == STATUS_OK && graph_check(&s->graph, &s->scenario, &inner) != STATUS_OK)
        return error_set(err, STATUS_BAD_INPUT, "%s: %s", path, inner.text);
    return result;
}

status setup_load(arena *a, const setup_options *o, setup *out, error *err) {
    *out = (setup){0};
    status result = load_machine(a, o, out, err);
    if (result == STATUS_OK)
        result = load_levers(o, out, err);
    if (result == STATUS_OK)
        result = workload_find(a, command_config_dir(), o->workload, &out->workload, err);
    if (result == STATUS_OK)
        result = make_scenario(a, o, out, err);
    if (result == STATUS_OK)
        result = workload_build(a, &out->workload, &out->levers, &out->graph, err);
    if (result == STATUS_OK && o->scenario)
        result = check_scenario(o->scenario, out, err);
    if (result == STATUS_OK)
        result = engine_check_links(&out->graph, &out->machine, err);
    if (result == STATUS_OK)
        result = host_load(a, command_config_dir(), o->host ? o->host : levers_host(&out->levers), &out->host, err);
    if (result == STATUS_OK)
        result = engine_parse(o->engine, &out->options.kind, err);
    if (result == STATUS_OK && o->thermal)
        result = thermal_parse(o->thermal, &out->options.thermal, err);
    if (result == STATUS_OK && out->options.kind == ENGINE_EVENT)
        result = load_memory(out, err);
    out->options.host = &out->host;
    out->options.exact_steps = o->exact_steps;
    out->options.zeros_frac = o->zeros_frac;
    return result;
}

status setup_run_with_call(arena *a, const setup *s, double call_s, engine_result *out, error *err) {
    host_profile host = s->host;
    host.call_s = call_s;
    engine_options options = s->options;
    options.host = &host;
    return engine_run(&s->graph, &s->scenario, &s->block, &options, a, out, NULL, err);
}
