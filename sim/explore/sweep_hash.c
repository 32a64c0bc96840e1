/* A sweep's identity: whether a store holds this sweep's points. */
#include "core/base/hash.h"
#include "sim/explore/sweep_private.h"

#include <string.h>

static uint64_t hash_number(uint64_t state, double value) {
    return hash_fnv1a64(state, &value, sizeof value);
}

static uint64_t hash_string(uint64_t state, const char *text) {
    return text ? hash_fnv1a64(state, text, strlen(text) + 1) : hash_fnv1a64(state, "", 1);
}

static uint64_t hash_dim(uint64_t state, const node_dim *dim) {
    const dim_expression *e = &dim->value;
    const double numbers[] = {e->constant, e->per_step, e->per_layer, e->per_variable, e->variable, e->most};
    state = hash_string(state, dim->param->name);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        state = hash_number(state, numbers[i]);
    return state;
}

static uint64_t hash_op(uint64_t state, const op *o) {
    const op_info *info = op_info_get(o->kind);
    state = hash_string(state, info->name);
    for (size_t i = 0; i < info->param_count; i++)
        state = hash_number(state, op_param_get(o, &info->params[i]));
    return state;
}

static uint64_t hash_graph(uint64_t state, const graph *g) {
    state = hash_number(hash_number(state, g->weight_bytes), g->kv_bytes_per_token);
    state = hash_number(hash_number(state, g->ranks), g->stages);
    for (size_t i = 0; i < g->state_count; i++)
        state = hash_number(hash_number(state, g->states[i].unit_bytes), g->states[i].units);
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        const double flags[] = {phase->captured, phase->first_output, phase->per_output, phase->steps};
        for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
            state = hash_number(state, flags[i]);
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            state = hash_op(hash_string(state, node->id), &node->op);
            state = hash_number(hash_number(state, node->stream), node->weights_shared);
            for (size_t i = 0; i < node->dependency_count; i++)
                state = hash_number(state, node->dependencies[i]);
            for (size_t i = 0; i < node->alternative_count; i++)
                state = hash_op(state, &node->alternatives[i]);
            for (size_t i = 0; i < node->dim_count; i++)
                state = hash_dim(state, &node->dims[i]);
            state = hash_number(hash_number(state, node->host_calls), node->launches);
            state = hash_number(hash_number(state, node->captured), node->launches_graph);
        }
        for (size_t i = 0; i < g->phases[p].segment_count; i++) {
            const graph_segment *segment = &g->phases[p].segments[i];
            state = hash_number(hash_number(state, (double)segment->layers), segment->repeats);
        }
    }
    return state;
}

uint64_t sweep_hash(const sweep *s, const char *version) {
    uint64_t state = hash_string(HASH_FNV1A64_BASIS, version);
    state = hash_string(hash_number(hash_number(state, s->engine), (double)s->seed), s->host);
    size_t count;
    for (size_t m = 0; m < s->machine_count; m++) {
        const machine_key *keys = machine_keys(&count);
        for (size_t i = 0; i < count; i++)
            state = hash_number(state, machine_get(&s->machines[m].base, &keys[i]));
        keys = calibration_keys(&count);
        for (size_t i = 0; i < count; i++)
            state = hash_number(state, calibration_get(&s->machines[m].fitted, &keys[i]));
        state = hash_number(hash_string(state, s->machines[m].base.name), s->machines[m].base.generation);
    }
    for (size_t c = 0; c < s->case_count; c++) {
        const sweep_case *one = &s->cases[c];
        state = hash_string(hash_string(hash_string(state, one->workload), one->levers), one->not_applicable);
        for (int v = 0; v < SCENARIO_VARIABLE_COUNT; v++)
            state = hash_number(state, one->scenario.values[v]);
        for (int64_t step = 0; step <= (int64_t)one->scenario.values[SCENARIO_DECODE_STEPS]; step++)
            state = one->scenario.progress ? hash_number(state, one->scenario.progress[step]) : state;
        state = hash_number(hash_number(state, one->host.call_s), one->host.step_s);
        state = hash_graph(hash_number(state, one->host.launch_scale_ratio), &one->graph);
    }
    for (size_t k = 0; k < s->knob_count; k++) {
        const sweep_knob *knob = &s->knobs[k];
        state = hash_number(hash_string(state, knob->key->path), knob->relative);
        for (size_t i = 0; i < knob->tied_count; i++)
            state = hash_string(state, knob->tied[i]->path);
        for (size_t i = 0; i < knob->count; i++)
            state = hash_number(state, knob->values[i]);
    }
    for (size_t i = 0; i < s->derived_count; i++)
        state = formula_hash(&s->derived[i].value, hash_string(state, s->derived[i].key->path));
    for (size_t i = 0; i < s->constraint_count; i++) {
        state = formula_hash(&s->constraints[i].left, hash_number(state, s->constraints[i].at_least));
        state = formula_hash(&s->constraints[i].right, state);
    }
    for (size_t w = 0; s->weights && w < s->workload_count; w++)
        state = hash_number(state, s->weights[w]);
    return state;
}
