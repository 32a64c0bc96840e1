#include "sim/explore/sweep_private.h"

#include "sim/explore/evaluate.h"

#include <assert.h>
#include <math.h>
#include <omp.h>
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

/* Variants of one case, at most MACHINE_LANES neighbours. */
typedef struct point_block {
    int64_t first;
    size_t count;
} point_block;

/* A thread's share of the blocks: its worker, and the first failure. */
typedef struct run_thread {
    evaluate_worker *worker;
    status failure;
    error reason;
} run_thread;

static void run_block(const sweep *s, const point_block *block, run_thread *thread, evaluated *slots) {
    double knobs[MACHINE_LANES * STORE_KNOBS_MAX];
    size_t case_index = (size_t)(block->first / s->variant_count % (int64_t)s->case_count);
    size_t machine_index = (size_t)(block->first / (s->variant_count * (int64_t)s->case_count));
    for (size_t i = 0; i < block->count; i++)
        sweep_knobs_at(s, block->first + (int64_t)i, &knobs[i * s->knob_count]);
    error err;
    status result = evaluate_knobs(thread->worker, machine_index, case_index, knobs, block->count, slots, &err);
    if (result != STATUS_OK && thread->failure == STATUS_OK) {
        thread->failure = result;
        thread->reason = err;
    }
    for (size_t i = 0; i < block->count; i++)
        slots[i].point.index = block->first + (int64_t)i;
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

static status put_blocks(const point_block *blocks, size_t count, const evaluated *slots, const unsigned char *done,
                         store *points, int64_t *computed, error *err) {
    for (size_t b = 0; b < count; b++) {
        for (size_t i = 0; i < blocks[b].count; i++) {
            if (done[blocks[b].first + (int64_t)i])
                continue;
            status result = store_put(points, &slots[b * MACHINE_LANES + i].point, err);
            if (result != STATUS_OK)
                return result;
            (*computed)++;
        }
    }
    return STATUS_OK;
}

static status run_blocks(const sweep *s, const point_block *blocks, size_t count, run_thread *threads, int thread_count,
                         evaluated *slots, error *err) {
#pragma omp parallel for schedule(dynamic) num_threads(thread_count)
    for (size_t b = 0; b < count; b++)
        run_block(s, &blocks[b], &threads[omp_get_thread_num()], &slots[b * MACHINE_LANES]);
    for (int t = 0; t < thread_count; t++)
        if (threads[t].failure != STATUS_OK)
            return error_set(err, threads[t].failure, "%s", threads[t].reason.text);
    return STATUS_OK;
}

status sweep_run(const sweep *s, store *points, const sweep_options *options, int64_t *computed, error *err) {
    *computed = 0;
    arena memory = {0};
    unsigned char *done = ARENA_ARRAY(&memory, unsigned char, (size_t)s->point_count);
    point_block *blocks = ARENA_ARRAY(&memory, point_block, BATCH_BLOCKS);
    evaluated *slots = ARENA_ARRAY(&memory, evaluated, (size_t)BATCH_BLOCKS * MACHINE_LANES);
    int thread_count = options->threads > 0 ? options->threads : omp_get_num_procs();
    run_thread *threads = ARENA_ARRAY(&memory, run_thread, (size_t)thread_count);
    evaluator *e = evaluator_new(s);
    for (int t = 0; t < thread_count; t++)
        threads[t].worker = evaluate_worker_new(e);
    int64_t at = 0;
    status result = store_done(points, done, s->point_count, err);
    while (result == STATUS_OK && at < s->point_count) {
        size_t count = next_blocks(s, done, &at, blocks);
        result = run_blocks(s, blocks, count, threads, thread_count, slots, err);
        if (result == STATUS_OK)
            result = put_blocks(blocks, count, slots, done, points, computed, err);
        if (result == STATUS_OK && options->progress)
            options->progress(options->progress_context, at, s->point_count);
    }
    if (result == STATUS_OK)
        result = store_flush(points, err);
    else
        store_flush(points, NULL); /* what was computed before the failure is kept */
    for (int t = 0; t < thread_count; t++)
        evaluate_worker_free(threads[t].worker);
    evaluator_free(e);
    arena_free(&memory);
    return result;
}
