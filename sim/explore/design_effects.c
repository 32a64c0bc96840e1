/* What matters to a design: elasticities about it, and how levers and hardware act together. */
#include "sim/explore/designs.h"

#include <math.h>
#include <string.h>

/* ---- elasticities ---- */

/* The knob's level at a design; levels rise or fall, so that the nearest value is taken. */
static size_t level_of(const sweep *s, const design *d, size_t k) {
    const sweep_knob *knob = &s->knobs[k];
    double base = knob->relative ? machine_get(&s->machines[d->machine_index].base, knob->key) : 1;
    size_t nearest = 0;
    for (size_t i = 1; i < knob->count; i++)
        if (fabs(knob->values[i] * base - d->knobs[k]) < fabs(knob->values[nearest] * base - d->knobs[k]))
            nearest = i;
    return nearest;
}

static double value_at(const sweep *s, const design *d, size_t k, size_t level) {
    const sweep_knob *knob = &s->knobs[k];
    return knob->values[level] * (knob->relative ? machine_get(&s->machines[d->machine_index].base, knob->key) : 1);
}

static double log_slope(double y_low, double y_high, double x_low, double x_high) {
    if (!(y_low > 0 && y_high > 0 && x_low > 0 && x_high > 0) || x_low == x_high)
        return NAN;
    return log(y_high / y_low) / log(x_high / x_low);
}

status design_elasticities(explorer *e, const sweep *s, const design *at, design_elasticity *out, error *err) {
    design around[2 * STORE_KNOBS_MAX];
    for (size_t k = 0; k < s->knob_count; k++) {
        size_t level = level_of(s, at, k), last = s->knobs[k].count - 1;
        const size_t ends[] = {level > 0 ? level - 1 : level, level < last ? level + 1 : level};
        for (size_t end = 0; end < 2; end++) {
            design *d = &around[2 * k + end];
            *d = (design){.index = -1,
                          .machine_index = at->machine_index,
                          .batch_index = at->batch_index,
                          .lever_index = at->lever_index};
            memcpy(d->knobs, at->knobs, sizeof d->knobs);
            d->knobs[k] = value_at(s, at, k, ends[end]);
        }
    }
    status result = explorer_evaluate_placed(e, around, 2 * s->knob_count, err);
    for (size_t k = 0; k < s->knob_count && result == STATUS_OK; k++) {
        const design *low = &around[2 * k], *high = low + 1;
        out[k].low = low->knobs[k];
        out[k].high = high->knobs[k];
        for (int m = 0; m < METRIC_COUNT; m++)
            out[k].of[m] = log_slope(low->values.of[m], high->values.of[m], out[k].low, out[k].high);
    }
    return result;
}

/* ---- interactions ---- */

static void ends_of(const sweep_knob *knob, double *low, double *high) {
    *low = *high = knob->values[0];
    for (size_t i = 1; i < knob->count; i++) {
        *low = fmin(*low, knob->values[i]);
        *high = fmax(*high, knob->values[i]);
    }
}

static void add_machine(arena *a, const sweep *s, size_t machine_index, size_t knob, double value,
                        interaction_table *out) {
    out->machines[out->machine_count++] =
        (interaction_machine){machine_index, knob, value, ARENA_ARRAY(a, design, s->lever_count)};
}

static status evaluate_machine(explorer *e, const sweep *s, size_t batch_index, interaction_machine *m, error *err) {
    const machine *base = &s->machines[m->machine_index].base;
    for (size_t l = 0; l < s->lever_count; l++) {
        design *d = &m->designs[l];
        *d = (design){.index = -1, .machine_index = m->machine_index, .batch_index = batch_index, .lever_index = l};
        for (size_t k = 0; k < s->knob_count; k++)
            d->knobs[k] = k == m->knob ? m->value : machine_get(base, s->knobs[k].key);
    }
    status result = STATUS_OK;
    for (size_t first = 0; first < s->lever_count && result == STATUS_OK; first += SEARCH_BATCH_MAX) {
        size_t left = s->lever_count - first;
        result =
            explorer_evaluate_placed(e, &m->designs[first], left < SEARCH_BATCH_MAX ? left : SEARCH_BATCH_MAX, err);
    }
    return result;
}

status design_interactions(arena *a, explorer *e, const sweep *s, size_t batch_index, interaction_table *out,
                           error *err) {
    *out = (interaction_table){0};
    out->machines = ARENA_ARRAY(a, interaction_machine, s->machine_count * (1 + 2 * s->knob_count));
    for (size_t m = 0; m < s->machine_count; m++) {
        const machine *base = &s->machines[m].base;
        add_machine(a, s, m, s->knob_count, 0, out);
        for (size_t k = 0; k < s->knob_count; k++) {
            double low, high, own = machine_get(base, s->knobs[k].key);
            ends_of(&s->knobs[k], &low, &high);
            if (s->knobs[k].relative)
                low *= own, high *= own;
            if (low != own)
                add_machine(a, s, m, k, low, out);
            if (high != own && high != low)
                add_machine(a, s, m, k, high, out);
        }
    }
    status result = STATUS_OK;
    for (size_t i = 0; i < out->machine_count && result == STATUS_OK; i++)
        result = evaluate_machine(e, s, batch_index, &out->machines[i], err);
    return result;
}
