#include "sim/explore/sweep_private.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- objectives ---- */

static const struct {
    const char *name, *text;
    size_t offset; /* in store_point */
} objectives[OBJECTIVE_COUNT] = {
    [OBJECTIVE_LATENCY] = {"latency_s", "latency", offsetof(store_point, latency_s)},
    [OBJECTIVE_TPOT] = {"tpot_s", "time a token", offsetof(store_point, tpot_s)},
    [OBJECTIVE_ENERGY] = {"energy_j", "energy", offsetof(store_point, energy_j)},
    [OBJECTIVE_AREA] = {"area_m2", "die area", offsetof(store_point, area_m2)},
    [OBJECTIVE_COST] = {"cost_usd", "cost", offsetof(store_point, cost_usd)},
};

const char *sweep_objective_name(sweep_objective objective) {
    assert(objective < OBJECTIVE_COUNT);
    return objectives[objective].name;
}

const char *sweep_objective_text(sweep_objective objective) {
    assert(objective < OBJECTIVE_COUNT);
    return objectives[objective].text;
}

double sweep_objective_of(sweep_objective objective, const store_point *point) {
    double value;
    assert(objective < OBJECTIVE_COUNT);
    memcpy(&value, (const char *)point + objectives[objective].offset, sizeof value);
    return value;
}

size_t sweep_objectives_parse(const char *text, sweep_objective *out) {
    size_t count = 0;
    while (*text && count < SWEEP_OBJECTIVES_MAX) {
        size_t length = strcspn(text, " ");
        for (int o = 0; o < OBJECTIVE_COUNT; o++)
            if (strlen(objectives[o].name) == length && strncmp(objectives[o].name, text, length) == 0)
                out[count++] = (sweep_objective)o;
        text += length + strspn(text + length, " ");
    }
    return count;
}

/* ---- points ---- */

store_manifest sweep_manifest(arena *a, const sweep *s) {
    store_manifest manifest = {
        .question = s->question,
        .config_hash = s->config_hash,
        .engine = engine_name(s->engine),
        .host = s->host ? s->host : "",
        .seed = s->seed,
        .point_count =
            s->point_count +
            (s->weights ? s->point_count / (int64_t)s->case_count * (int64_t)(s->batch_count * s->lever_count) : 0),
        .knob_count = s->knob_count,
        .objectives = "",
    };
    for (size_t o = 0; o < s->objective_count; o++)
        manifest.objectives =
            arena_printf(a, "%s%s%s", manifest.objectives, o > 0 ? " " : "", sweep_objective_name(s->objectives[o]));
    for (size_t k = 0; k < s->knob_count; k++) {
        manifest.knob_keys[k] = s->knobs[k].key->path;
        manifest.knob_base[k] = machine_get(&s->machines[0].base, s->knobs[k].key);
    }
    return manifest;
}

double sweep_snap(double value) {
    static const double RELATIVE = 1e-12;
    double whole = round(value);
    return fabs(value - whole) <= RELATIVE * fabs(value) ? whole : value;
}

machine sweep_machine_at(const sweep *s, size_t machine_index, const double *knobs) {
    const machine *base = &s->machines[machine_index].base;
    machine m = *base;
    for (size_t k = s->knob_count; k-- > 0;) {
        const sweep_knob *knob = &s->knobs[k];
        double base_value = machine_get(base, knob->key);
        machine_set(&m, knob->key, knobs[k]);
        for (size_t t = 0; t < knob->tied_count; t++)
            machine_set(&m, knob->tied[t], sweep_snap(machine_get(base, knob->tied[t]) * (knobs[k] / base_value)));
    }
    sweep_derive(s, base, &m);
    return m;
}

void sweep_knobs_at(const sweep *s, int64_t index, double *knobs) {
    const machine *base = &s->machines[index / (s->variant_count * (int64_t)s->case_count)].base;
    int64_t rest = index % s->variant_count;
    for (size_t k = s->knob_count; k-- > 0;) {
        const sweep_knob *knob = &s->knobs[k];
        double value = knob->values[rest % (int64_t)knob->count];
        rest /= (int64_t)knob->count;
        knobs[k] = knob->relative ? sweep_snap(value * machine_get(base, knob->key)) : value;
    }
}

machine sweep_variant(const sweep *s, int64_t index, double *knobs) {
    sweep_knobs_at(s, index, knobs);
    return sweep_machine_at(s, (size_t)(index / (s->variant_count * (int64_t)s->case_count)), knobs);
}
