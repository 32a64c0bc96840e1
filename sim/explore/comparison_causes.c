/* Causes: what the designs differ in is exchanged part by part, in every combination, eight at a time. */
#include "sim/explore/comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Parts of a machine by the beginnings of their keys; the first that fits counts. Capacity, area and cost take no time.
 */
static const struct part {
    const char *name, *prefixes[3];
} parts[] = {
    {NULL, {"hbm.capacity_bytes", "area.", "cost."}},
    {"memory bandwidth", {"hbm."}},
    {"number of SMs", {"sm.count", "sm.l2_bytes_per_clk"}},
    {"clocks", {"sm.clock_"}},
    {"arithmetic per SM", {"sm.tensor_", "sm.fp32_", "sm.sfu_"}},
    {"SM memories and limits", {"sm."}},
    {"L2 cache", {"l2."}},
    {"links", {"link."}},
    {"launch cost", {"host."}},
    {"power", {"power."}},
};
enum { PART_COUNT = sizeof parts / sizeof parts[0], PREFIXES_MAX = 3 };
static const char kernels_name[] = "library kernels", software_name[] = "software";

/* What a cause stands for: a part of the machine, or one of the two others. */
typedef enum cause_kind { CAUSE_PART, CAUSE_KERNELS, CAUSE_SOFTWARE } cause_kind;

typedef struct exchange {
    const comparison_design *a, *b;
    const machine_key *keys;
    size_t key_count;
    cause_kind kinds[COMPARISON_CAUSES_MAX];
    size_t parts[COMPARISON_CAUSES_MAX];
    size_t count;
} exchange;

static size_t part_of(const machine_key *key) {
    for (size_t p = 0; p < PART_COUNT; p++)
        for (size_t i = 0; i < PREFIXES_MAX && parts[p].prefixes[i]; i++)
            if (strncmp(key->path, parts[p].prefixes[i], strlen(parts[p].prefixes[i])) == 0)
                return p;
    return 0;
}

static bool kernels_differ(const comparison_design *a, const comparison_design *b) {
    if (a->machine->generation != b->machine->generation)
        return true;
    size_t count;
    const machine_key *keys = calibration_keys(&count);
    for (size_t k = 0; k < count; k++)
        if (calibration_get(a->calibration, &keys[k]) != calibration_get(b->calibration, &keys[k]))
            return true;
    return false;
}

static comparison_cause *add_cause(exchange *x, comparison *out, cause_kind kind, size_t part, const char *name) {
    x->kinds[x->count] = kind;
    x->parts[x->count++] = part;
    comparison_cause *cause = &out->causes[out->cause_count++];
    *cause = (comparison_cause){.name = name};
    return cause;
}

static void find_differences(exchange *x, comparison *out) {
    for (size_t p = 1; p < PART_COUNT; p++) {
        comparison_cause *cause = NULL;
        for (size_t k = 0; k < x->key_count; k++) {
            const machine_key *key = &x->keys[k];
            if (part_of(key) != p || machine_get(x->a->machine, key) == machine_get(x->b->machine, key))
                continue;
            if (!cause)
                cause = add_cause(x, out, CAUSE_PART, p, parts[p].name);
            if (cause->key_count < sizeof cause->keys / sizeof cause->keys[0])
                cause->keys[cause->key_count++] = key;
        }
    }
    if (kernels_differ(x->a, x->b))
        add_cause(x, out, CAUSE_KERNELS, 0, kernels_name);
    if (strcmp(x->a->software, x->b->software) != 0)
        add_cause(x, out, CAUSE_SOFTWARE, 0, software_name);
}

/* A's machine with the parts of `set` from B; returns whether kernels are B's. */
static bool exchanged(const exchange *x, size_t set, machine *m) {
    bool kernels = false;
    *m = *x->a->machine;
    for (size_t c = 0; c < x->count; c++) {
        if (!(set >> c & 1))
            continue;
        if (x->kinds[c] == CAUSE_KERNELS)
            kernels = true;
        for (size_t k = 0; x->kinds[c] == CAUSE_PART && k < x->key_count; k++)
            if (part_of(&x->keys[k]) == x->parts[c])
                machine_set(m, &x->keys[k], machine_get(x->b->machine, &x->keys[k]));
    }
    m->generation = kernels ? x->b->machine->generation : x->a->machine->generation;
    return kernels;
}

static bool software_of(const exchange *x, size_t set) {
    for (size_t c = 0; c < x->count; c++)
        if (x->kinds[c] == CAUSE_SOFTWARE)
            return set >> c & 1;
    return false;
}

/* Latencies of up to eight sets that share software and kernels. */
static status run_sets(arena *a, const exchange *x, const size_t *sets, size_t count, double *latency_s, error *err) {
    machine machines[MACHINE_LANES];
    const machine *machine_list[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    const comparison_design *software = software_of(x, sets[0]) ? x->b : x->a;
    for (size_t i = 0; i < count; i++) {
        bool kernels = exchanged(x, sets[i], &machines[i]);
        machine_list[i] = &machines[i];
        calibrations[i] = kernels ? x->b->calibration : x->a->calibration;
    }
    machine_block *block = ARENA_NEW(a, machine_block);
    machine_block_fill(block, machine_list, calibrations, count);
    engine_result *r = ARENA_NEW(a, engine_result);
    status result = engine_run(software->graph, software->scenario, block, software->options, a, r, NULL, err);
    for (size_t i = 0; result == STATUS_OK && i < count; i++)
        latency_s[sets[i]] = r->latency_s[i];
    return result;
}

/* Sets that share software and kernels go together: the lowest bits count other parts. */
static status run_all(arena *a, const exchange *x, double *latency_s, error *err) {
    size_t shared = 0;
    for (size_t c = 0; c < x->count; c++)
        shared += x->kinds[c] == CAUSE_PART;
    size_t run = (size_t)1 << shared, all = (size_t)1 << x->count;
    size_t sets[MACHINE_LANES];
    status result = STATUS_OK;
    for (size_t first = 0; first < all && result == STATUS_OK; first += run) {
        for (size_t i = 0; i < run && result == STATUS_OK; i += MACHINE_LANES) {
            size_t count = run - i < MACHINE_LANES ? run - i : MACHINE_LANES;
            for (size_t k = 0; k < count; k++)
                sets[k] = first + i + k;
            result = run_sets(a, x, sets, count, latency_s, err);
        }
    }
    return result;
}

/* |set|! (n - |set| - 1)! / n!, the share of orders in which just `set` goes before one more. */
static double order_share(size_t in_set, size_t n) {
    return exp(lgamma((double)in_set + 1) + lgamma((double)(n - in_set)) - lgamma((double)n + 1));
}

static int by_saving(const void *left, const void *right) {
    double l = fabs(((const comparison_cause *)left)->saved_s), r = fabs(((const comparison_cause *)right)->saved_s);
    return l < r ? 1 : l > r ? -1 : 0;
}

status comparison_find_causes(arena *a, const comparison_design *design_a, const comparison_design *design_b,
                              comparison *out, error *err) {
    exchange x = {.a = design_a, .b = design_b};
    x.keys = machine_keys(&x.key_count);
    find_differences(&x, out);
    size_t all = (size_t)1 << x.count;
    double *latency_s = ARENA_ARRAY(a, double, all);
    status result = run_all(a, &x, latency_s, err);
    if (result != STATUS_OK)
        return result;
    for (size_t c = 0; c < x.count; c++) {
        size_t bit = (size_t)1 << c;
        out->causes[c].alone_s = latency_s[0] - latency_s[bit];
        for (size_t set = 0; set < all; set++)
            if (!(set & bit))
                out->causes[c].saved_s +=
                    order_share((size_t)__builtin_popcountll(set), x.count) * (latency_s[set] - latency_s[set | bit]);
    }
    qsort(out->causes, out->cause_count, sizeof *out->causes, by_saving);
    return STATUS_OK;
}
