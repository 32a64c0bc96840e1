/* Derived keys of a sweep: machine keys that follow others by a formula. */
#include "sim/explore/sweep_private.h"

#include <math.h>
#include <string.h>

enum { TABLE_MACHINE, TABLE_BASE };

static bool find_key(const void *context, const char *name, bool base, formula_variable *out) {
    (void)context;
    const machine_key *key = machine_key_find(name);
    if (key)
        *out = (formula_variable){base ? TABLE_BASE : TABLE_MACHINE, key->offset};
    return key != NULL;
}

static bool is_moved(const sweep *s, const machine_key *key) {
    for (size_t k = 0; k < s->knob_count; k++) {
        if (s->knobs[k].key == key)
            return true;
        for (size_t t = 0; t < s->knobs[k].tied_count; t++)
            if (s->knobs[k].tied[t] == key)
                return true;
    }
    return false;
}

static bool reads(const sweep_derived *one, const machine_key *key) {
    return formula_reads(&one->value, (formula_variable){TABLE_MACHINE, key->offset});
}

/* Whether a derived key is placed already, or reads one that is not. */
static bool waits(const sweep *s, const bool *taken, size_t at) {
    bool wait = taken[at];
    for (size_t i = 0; i < s->derived_count && !wait; i++)
        wait = !taken[i] && reads(&s->derived[at], s->derived[i].key);
    return wait;
}

/* Puts each behind those that it reads. */
static status sort_derived(const config_node *derive, sweep *out, error *err) {
    sweep_derived sorted[SWEEP_DERIVED_MAX];
    bool taken[SWEEP_DERIVED_MAX] = {false};
    for (size_t count = 0; count < out->derived_count; count++) {
        size_t next = 0;
        while (next < out->derived_count && waits(out, taken, next))
            next++;
        if (next == out->derived_count) {
            for (next = 0; taken[next]; next++)
                ;
            return CONFIG_ERROR(derive->keys[next], err, "%s follows itself, directly or by way of others",
                                derive->keys[next]->text);
        }
        taken[next] = true;
        sorted[count] = out->derived[next];
    }
    memcpy(out->derived, sorted, out->derived_count * sizeof *sorted);
    return STATUS_OK;
}

/* On the base machines every formula must give what its key may be: a slip in a unit shows here. */
static status check_bases(const config_node *derive, const sweep *s, error *err) {
    for (size_t m = 0; m < s->machine_count; m++) {
        const machine *base = &s->machines[m].base;
        machine variant = *base;
        sweep_derive(s, base, &variant);
        for (size_t i = 0; i < derive->count; i++) {
            const machine_key *key = machine_key_find(derive->keys[i]->text);
            double value = machine_get(&variant, key);
            if (!(value >= key->min && value <= key->max))
                return CONFIG_ERROR(derive->values[i], err, "%s is %g on %s: must be from %g to %g", key->path, value,
                                    base->name, key->min, key->max);
        }
    }
    return STATUS_OK;
}

status sweep_load_derived(arena *a, const config_node *derive, sweep *out, error *err) {
    if (!derive)
        return STATUS_OK;
    if (derive->kind != CONFIG_MAPPING)
        return CONFIG_ERROR(derive, err, "derive must be a mapping of machine keys to formulas");
    if (derive->count > SWEEP_DERIVED_MAX)
        return CONFIG_ERROR(derive, err, "more than %d derived keys", SWEEP_DERIVED_MAX);
    size_t count;
    const char *const *names = sweep_key_names(a, &count);
    const formula_scope scope = {find_key, NULL, names, count};
    for (size_t i = 0; i < derive->count; i++) {
        sweep_derived *one = &out->derived[out->derived_count++];
        status result = sweep_find_key(derive->keys[i], derive->keys[i]->text, &one->key, err);
        if (result == STATUS_OK && is_moved(out, one->key))
            result = CONFIG_ERROR(derive->keys[i], err, "%s is moved by a knob already", one->key->path);
        if (result == STATUS_OK)
            result = formula_parse(a, derive->values[i], &scope, &one->value, err);
        if (result != STATUS_OK)
            return result;
    }
    status result = sort_derived(derive, out, err);
    return result == STATUS_OK ? check_bases(derive, out, err) : result;
}

void sweep_derive(const sweep *s, const machine *base, machine *m) {
    const void *const tables[] = {[TABLE_MACHINE] = m, [TABLE_BASE] = base};
    for (size_t i = 0; i < s->derived_count; i++)
        machine_set(m, s->derived[i].key, sweep_snap(formula_value(&s->derived[i].value, tables)));
}
