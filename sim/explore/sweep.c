#include "sim/explore/sweep.h"

#include "hwmodels/area.h"
#include "hwmodels/gpu_cost.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
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
        .point_count = s->point_count,
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

/* Products such as 6 stacks * (6.4e12 / 4.8e12) miss the whole number by rounding; nothing real is this near to one. */
static double snap_to_whole(double value) {
    static const double RELATIVE = 1e-12;
    double whole = round(value);
    return fabs(value - whole) <= RELATIVE * fabs(value) ? whole : value;
}

machine sweep_variant(const sweep *s, int64_t index, double *knobs) {
    int64_t per_machine = s->variant_count * (int64_t)s->case_count;
    const machine *base = &s->machines[index / per_machine].base;
    machine m = *base;
    int64_t rest = index % s->variant_count;
    for (size_t k = s->knob_count; k-- > 0;) {
        const sweep_knob *knob = &s->knobs[k];
        double base_value = machine_get(base, knob->key);
        double value = knob->values[rest % (int64_t)knob->count];
        rest /= (int64_t)knob->count;
        if (knob->relative)
            value = snap_to_whole(value * base_value);
        machine_set(&m, knob->key, value);
        for (size_t t = 0; t < knob->tied_count; t++)
            machine_set(&m, knob->tied[t], snap_to_whole(machine_get(base, knob->tied[t]) * (value / base_value)));
        knobs[k] = value;
    }
    return m;
}

/* A point's reason lives as long as the slot that its thread filled. */
typedef struct result_slot {
    store_point point;
    error reason;
    status failure;
} result_slot;

static void fill_numbers(const engine_result *r, size_t lane, const machine *m, store_point *p) {
    p->latency_s = r->latency_s[lane];
    p->ttft_s = r->ttft_s[lane];
    p->tpot_s = r->tpot_s[lane];
    p->gpu_busy_s = r->busy_s[lane];
    p->gpu_idle_s = r->idle_s[lane];
    p->energy_j = r->energy_j[lane];
    p->area_m2 = area_of(m).total_m2;
    p->cost_usd = gpu_cost_of(m).total_usd;
    p->peak_memory_bytes = r->memory_bytes[lane];
    for (size_t phase = 0; phase < r->phase_count; phase++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            p->category_s[c] += r->phases[phase].category_s[c][lane];
}

/* Variants of one case, at most MACHINE_LANES neighbours. */
typedef struct point_block {
    int64_t first;
    size_t count;
} point_block;

static const sweep_case *case_of(const sweep *s, int64_t index) {
    return &s->cases[index / s->variant_count % (int64_t)s->case_count];
}

static const sweep_machine *machine_of(const sweep *s, int64_t index) {
    return &s->machines[index / (s->variant_count * (int64_t)s->case_count)];
}

static void begin_point(const sweep *s, int64_t index, machine *variant, result_slot *slot) {
    const sweep_case *c = case_of(s, index);
    slot->failure = STATUS_OK;
    slot->point = (store_point){.index = index,
                                .machine = machine_of(s, index)->base.name,
                                .workload = c->workload,
                                .levers = c->levers,
                                .batch = c->batch};
    *variant = sweep_variant(s, index, slot->point.knobs);
    if (c->not_applicable) {
        static const char said[] = "not applicable: "; /* by those that know the workload, not by mere exclusions */
        bool again = strncmp(c->not_applicable, said, sizeof said - 1) == 0;
        snprintf(slot->reason.text, sizeof slot->reason.text, "%s%s", again ? "" : said, c->not_applicable);
        slot->point.reason = slot->reason.text;
    } else if (machine_check(variant, &slot->reason) != STATUS_OK ||
               engine_check_links(&c->graph, variant, &slot->reason) != STATUS_OK) {
        slot->point.reason = slot->reason.text;
    }
}

/* One engine run. Lanes whose machine makes no sense repeat the base machine, so that no lane computes nonsense. */
static void run_block(const sweep *s, const point_block *block, result_slot *slots) {
    machine variants[MACHINE_LANES];
    const machine *machines[MACHINE_LANES];
    const calibration *fitted[MACHINE_LANES];
    const sweep_case *c = case_of(s, block->first);
    bool any = false;
    for (size_t i = 0; i < block->count; i++) {
        begin_point(s, block->first + (int64_t)i, &variants[i], &slots[i]);
        machines[i] = slots[i].point.reason ? &machine_of(s, block->first)->base : &variants[i];
        fitted[i] = &machine_of(s, block->first)->fitted;
        any |= slots[i].point.reason == NULL;
    }
    if (!any)
        return;
    arena memory = {0};
    machine_block *lanes_of = ARENA_NEW(&memory, machine_block);
    engine_result *r = ARENA_NEW(&memory, engine_result);
    machine_block_fill(lanes_of, machines, fitted, block->count);
    engine_options options = {.kind = s->engine, .host = &c->host};
    error err = {""};
    status result = engine_run(&c->graph, &c->scenario, lanes_of, &options, &memory, r, NULL, &err);
    for (size_t i = 0; i < block->count; i++) {
        result_slot *slot = &slots[i];
        if (slot->point.reason)
            continue;
        if (result != STATUS_OK) {
            slot->failure = result;
            slot->reason = err;
        } else if (r->fits[i] == 0) {
            error_set(&slot->reason, STATUS_NEGATIVE, "needs %.1f GB, has %.1f GB", r->memory_bytes[i] / 1e9,
                      variants[i].hbm.capacity_bytes / 1e9);
            slot->point.reason = slot->reason.text;
        } else {
            fill_numbers(r, i, &variants[i], &slot->point);
        }
    }
    arena_free(&memory);
}

/* ---- the run ---- */

/* Blocks are computed a batch at a time: enough to keep every thread busy, small enough that results waiting for the
 * store stay within a few megabytes. */
enum { BATCH_BLOCKS = 256 };

/* The next blocks that hold a missing point. Blocks begin at multiples of MACHINE_LANES within a case, so that which
 * machines share a block does not depend on what is there already. */
static size_t next_blocks(const sweep *s, const unsigned char *done, int64_t *at, point_block *blocks) {
    size_t count = 0;
    while (*at < s->point_count && count < BATCH_BLOCKS) {
        int64_t variant = *at % s->variant_count;
        int64_t size = s->variant_count - variant;
        size = size < MACHINE_LANES ? size : MACHINE_LANES;
        bool missing = false;
        for (int64_t i = 0; i < size; i++)
            missing |= !done[*at + i];
        if (missing)
            blocks[count++] = (point_block){*at, (size_t)size};
        *at += size;
    }
    return count;
}

static status put_blocks(const point_block *blocks, size_t count, const result_slot *slots, const unsigned char *done,
                         store *points, int64_t *computed, error *err) {
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < blocks[b].count; i++) {
            const result_slot *slot = &slots[b * MACHINE_LANES + i];
            if (slot->failure != STATUS_OK)
                return error_set(err, slot->failure, "%s", slot->reason.text);
            if (done[blocks[b].first + (int64_t)i])
                continue;
            status result = store_put(points, &slot->point, err);
            if (result != STATUS_OK)
                return result;
            (*computed)++;
        }
    }
    return STATUS_OK;
}

status sweep_run(const sweep *s, store *points, const sweep_options *options, int64_t *computed, error *err) {
    *computed = 0;
    arena memory = {0};
    unsigned char *done = ARENA_ARRAY(&memory, unsigned char, (size_t)s->point_count);
    point_block *blocks = ARENA_ARRAY(&memory, point_block, BATCH_BLOCKS);
    result_slot *slots = ARENA_ARRAY(&memory, result_slot, (size_t)BATCH_BLOCKS * MACHINE_LANES);
    int threads = options->threads > 0 ? options->threads : omp_get_num_procs();
    int64_t at = 0;
    status result = store_done(points, done, s->point_count, err);
    while (result == STATUS_OK && at < s->point_count) {
        size_t count = next_blocks(s, done, &at, blocks);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
        for (size_t b = 0; b < count; b++)
            run_block(s, &blocks[b], &slots[b * MACHINE_LANES]);
        result = put_blocks(blocks, count, slots, done, points, computed, err);
        if (result == STATUS_OK && options->progress)
            options->progress(options->progress_context, at, s->point_count);
    }
    if (result == STATUS_OK)
        result = store_flush(points, err);
    else
        store_flush(points, NULL); /* what was computed before the failure is kept */
    arena_free(&memory);
    return result;
}
