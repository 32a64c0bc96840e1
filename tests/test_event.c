/* The event engine: where it must agree with the closed form, where it must not, and laws of what kernels share. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "sim/engine/event.h"
#include "sim/explore/row_prediction.h"
#include "validate/sources.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";

static const host_profile fast_host = {.name = "fast", .launch_scale_ratio = 1e-3};
static const host_profile slow_host = {.name = "slow", .call_s = 3e-6, .launch_scale_ratio = 1};

typedef struct fixture {
    arena memory;
    machine m;
    machine_block block;
    hbm_efficiency tables[MACHINE_LANES];
    workload w;
    scenario s;
    graph g;
} fixture;

static void set_machine(fixture *f, const char *name) {
    error err = {0};
    calibration c;
    cr_assert_eq(machine_load(&f->memory, CONFIG_DIR, name, &f->m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(&f->memory, CONFIG_DIR, &f->m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&f->m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(&f->block, machines, calibrations, 1);
    cr_assert_eq(hbm_streams_of(&f->m, &f->tables[0], &err), STATUS_OK, "%s", err.text);
    for (size_t i = 1; i < MACHINE_LANES; i++)
        f->tables[i] = f->tables[0];
}

static void set_graph(fixture *f, const char *name, const char *preset, int64_t steps) {
    error err = {0};
    levers l;
    cr_assert_eq(levers_preset(preset, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIG_DIR, name, &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = 1, .prompt_tokens = 154, .decode_steps = steps, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &l, &f->g, &err), STATUS_OK, "%s", err.text);
}

static engine_result run(fixture *f, engine_kind kind, const host_profile *host, bool exact) {
    engine_options options = {.kind = kind, .host = host, .memory = f->tables, .exact_steps = exact};
    engine_result r;
    cr_assert_eq(engine_run(&f->g, &f->s, &f->block, &options, &f->memory, &r, NULL, NULL), STATUS_OK);
    return r;
}

/* ---- against the closed form ---- */

/* A grid that does not end in a full wave, or a mix of reads and writes that the device turns round for: the two things
 * that a kernel alone may differ by. */
static bool may_differ(const cta_work *w, const event_machine *on) {
    double waves = w->ctas / on->sms / w->slots_per_sm;
    bool tail = waves > 1 && waves - floor(waves) > 1e-9;
    bool mixed =
        w->hbm_bytes > 0 && w->hbm_write_frac > 0 && w->hbm_write_frac < 1 &&
        hbm_stream_s(on->memory, w->hbm_bytes * (1 - w->hbm_write_frac), w->hbm_bytes * w->hbm_write_frac) > w->hbm_s;
    return tail || mixed;
}

typedef struct tally {
    size_t count, differing;
} tally;

static void compare_node(fixture *f, const graph_node *node, tally *t) {
    static const double WITHIN = 0.05;
    cost_block closed, simulated;
    op o = node_op_at(node, &f->s, 0, 0);
    cost_analytic(&o, RESIDENCY_PREDECESSORS, &f->block, &closed);
    cost_event(&o, RESIDENCY_PREDECESSORS, &f->block, f->tables, &simulated);
    if (closed.time_s[0] <= 0)
        return;
    t->count++;
    double difference = simulated.time_s[0] / closed.time_s[0] - 1;
    if (fabs(difference) <= WITHIN)
        return;
    t->differing++;
    event_machine on = event_machine_of(&f->block, f->tables, 0);
    cr_expect(may_differ(&simulated.ctas[0], &on), "%s on %s: %+.1f %% and no reason", node->id, f->m.name,
              100 * difference);
}

Test(event, agrees_with_the_closed_form_where_nothing_contends) {
    static const char *const names[] = {"h200-sxm", "h100-sxm", "a100-sxm-80gb", "l40s", "b200-sxm"};
    static const char *const models[] = {"codellama-7b", "codellama-34b", "llama-3.1-70b"};
    static const char *const presets[] = {"baseline", "sdpa", "compile"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        tally t = {0};
        for (size_t m = 0; m < 3; m++)
            for (size_t p = 0; p < 3; p++) {
                fixture f = {0};
                set_machine(&f, names[n]);
                set_graph(&f, models[m], presets[p], 3);
                for (size_t phase = 0; phase < f.g.phase_count; phase++)
                    for (size_t i = 0; i < f.g.phases[phase].node_count; i++)
                        compare_node(&f, &f.g.phases[phase].nodes[i], &t);
                arena_free(&f.memory);
            }
        cr_expect_gt(t.count, 200);
        cr_expect_lt((double)t.differing, 0.1 * (double)t.count, "%s: %zu of %zu", names[n], t.differing, t.count);
    }
}

/* ---- one kernel ---- */

static const event_machine plain = {.sms = 100, .hbm_peak_bytes_per_s = 1e12};

/* Blocks of 1 us of SM time. */
static cta_work blocks(double ctas, double slots) {
    return (cta_work){.ctas = ctas, .slots_per_sm = slots, .shared_s = 1e-6};
}

static double alone(cta_work w) {
    return event_alone_s(&plain, &w);
}

Test(event, waves_are_whole) {
    cr_expect_float_eq(alone(blocks(100, 1)), 1e-6, 1e-12);
    cr_expect_float_eq(alone(blocks(101, 1)), 2e-6, 1e-12);
    cr_expect_float_eq(alone(blocks(200, 1)), 2e-6, 1e-12);
    cr_expect_float_eq(alone(blocks(10, 1)), 1e-6, 1e-12, "a small grid takes as long as a full wave");
    cr_expect_float_eq(alone(blocks(200, 2)), 2e-6, 1e-12, "two residents share their SM");
    cr_expect_float_eq(alone(blocks(150, 2)), 2e-6, 1e-12, "the SMs with two residents end last");
    cr_expect_float_eq(alone(blocks(1e6, 1)), 1e4 * 1e-6, 1e-9, "long grids go in groups");
}

Test(event, memory_and_cache_bound_what_they_bound) {
    cta_work w = blocks(100, 1);
    w.hbm_s = 5e-6, w.hbm_bytes = 4e6;
    cr_expect_float_eq(alone(w), 5e-6, 1e-12);
    w.exposed_frac = 0.5;
    cr_expect_float_eq(alone(w), 5e-6 + 0.5e-6, 1e-12, "half of the shorter side is not hidden");
    w.l2_s = 7e-6, w.l2_in_loop = true, w.exposed_frac = 0;
    cr_expect_float_eq(alone(w), 7e-6, 1e-12);
    w.hbm_bytes = 10e6; /* the device moves 1e6 bytes a microsecond */
    cr_expect_float_eq(alone(w), 10e-6, 1e-12);
    w.before_s = 1e-6, w.after_s = 2e-6;
    cr_expect_float_eq(alone(w), 13e-6, 1e-12);
}

/* ---- kernels side by side ---- */

static double together(const cta_work *a, const cta_work *b, double *first_end_s) {
    event_chip chip = {.machine = plain};
    event_kernel kernels[] = {{.work = a}, {.work = b}};
    event_chip_add(&chip, &kernels[0]);
    event_chip_add(&chip, &kernels[1]);
    while (chip.kernel_count > 0)
        event_chip_advance(&chip);
    *first_end_s = fmin(kernels[0].end_s, kernels[1].end_s);
    return fmax(kernels[0].end_s, kernels[1].end_s);
}

Test(event, small_grids_run_beside_each_other) {
    cta_work half = blocks(50, 1), full = blocks(100, 1);
    double first_s;
    cr_expect_float_eq(together(&half, &half, &first_s), 1e-6, 1e-12, "two halves fit at once");
    cr_expect_float_eq(together(&full, &full, &first_s), 2e-6, 1e-12, "two full grids follow each other");
    cr_expect_float_eq(first_s, 1e-6, 1e-12);
    cr_expect_float_eq(together(&full, &half, &first_s), 2e-6, 1e-12);
    cta_work ragged = blocks(150, 1); /* leaves half the SMs in its second wave */
    cr_expect_float_eq(together(&ragged, &half, &first_s), 2e-6, 1e-12, "a tail is filled by the other stream");
}

Test(event, kernels_share_memory_and_no_more_than_it_gives) {
    cta_work w = blocks(50, 1);
    w.hbm_s = 10e-6, w.hbm_bytes = 8e6; /* 0.8 of the pin rate alone */
    double first_s;
    cr_expect_float_eq(together(&w, &w, &first_s), 16e-6, 1e-12, "together they reach the pin rate");
    cta_work small = w;
    small.hbm_s = 1e-6, small.hbm_bytes = 0.8e6;
    double last_s = together(&w, &small, &first_s);
    cr_expect(last_s > 10e-6 && last_s < 11e-6);
    cr_expect(first_s > 1e-6 && first_s <= 1.6e-6 + 1e-12, "%g", first_s);
}

Test(event, residents_of_one_sm_conserve_its_time) {
    cta_work w = blocks(100, 2); /* half of the slots: both grids are resident on the same SMs */
    double first_s;
    cr_expect_float_eq(together(&w, &w, &first_s), 2e-6, 1e-12);
}

/* ---- steps ---- */

/* The flat step of one stream is the folded engine's. */
Test(event, one_stream_is_the_folded_schedule) {
    const host_profile *hosts[] = {&fast_host, &slow_host};
    static const char *const presets[] = {"baseline", "compile"};
    for (size_t h = 0; h < 4; h++) {
        fixture f = {0};
        set_machine(&f, "h200-sxm");
        set_graph(&f, "codellama-7b", presets[h / 2], 1);
        engine_options options = {.kind = ENGINE_EVENT, .host = hosts[h % 2], .memory = f.tables};
        engine_result folded = run(&f, ENGINE_EVENT, hosts[h % 2], true);
        for (size_t p = 0; p < f.g.phase_count; p++) {
            graph_view view = graph_at(&f.g, p, &f.s, 0, &f.memory);
            event_op *ops = ARENA_ARRAY(&f.memory, event_op, view.count);
            for (size_t i = 0; i < view.count; i++) {
                cost_block *cost = ARENA_NEW(&f.memory, cost_block);
                node_cost node;
                op picked;
                engine_cost_node(&f.g, view.phase, view.ops[i].node, &f.s, 0, view.ops[i].layer, &f.block, &options,
                                 &picked, cost, &node);
                ops[i] = event_op_of(&view.ops[i], &node, cost, 0);
            }
            lanes host_s, latency_s;
            engine_step_start(view.phase, &f.block, &options, host_s, latency_s);
            event_machine on = event_machine_of(&f.block, f.tables, 0);
            event_step_totals t;
            event_step(&on, ops, view.count, host_s[0], latency_s[0], &f.memory, &t);
            const phase_totals *expected = &folded.phases[p];
            double wall_s = fmax(t.host_s, t.gpu_s);
            cr_expect(fabs(wall_s / expected->latency_s[0] - 1) < 1e-9, "%s: %.12g flat, %.12g folded", presets[h / 2],
                      wall_s, expected->latency_s[0]);
            cr_expect(fabs(t.busy_s / expected->busy_s[0] - 1) < 1e-9);
            cr_expect(fabs(t.gap_s - expected->gap_s[0]) < 1e-9 * wall_s);
            cr_expect(fabs(t.starved_s - expected->starved_s[0]) < 1e-6 * wall_s);
        }
        arena_free(&f.memory);
    }
}

/* Puts the decode phase's key and value projections on streams of their own beside the query's. */
static size_t split_projections(fixture *f) {
    graph_phase *decode = &f->g.phases[f->g.phase_count - 1];
    size_t moved = 0;
    for (size_t n = 2; n + 1 < decode->node_count; n++) {
        graph_node *q = &decode->nodes[n - 2], *k = &decode->nodes[n - 1], *v = &decode->nodes[n];
        if (q->op.kind != OP_gemm || k->op.kind != OP_gemm || v->op.kind != OP_gemm || n < 3)
            continue;
        int32_t before = (int32_t)n - 3, first = (int32_t)n - 2;
        q->dependencies[0] = k->dependencies[0] = v->dependencies[0] = before;
        q->dependency_count = k->dependency_count = v->dependency_count = 1;
        k->stream = 1, v->stream = 2;
        graph_node *next = &decode->nodes[n + 1];
        for (int32_t d = 0; d < 3; d++)
            next->dependencies[d] = first + d;
        next->dependency_count = 3;
        moved++;
        n += 3;
    }
    return moved;
}

typedef struct collected {
    double end_s, last_start_s[2];
    size_t streams[3];
} collected;

static status collect(void *context, const interval *item, error *err) {
    (void)err;
    collected *c = context;
    c->end_s = fmax(c->end_s, item->start_s + item->duration_s);
    cr_expect_geq(item->start_s, c->last_start_s[item->lane] * (1 - 1e-12), "intervals come in order of start");
    c->last_start_s[item->lane] = item->start_s;
    if (item->lane == LANE_GPU)
        c->streams[item->stream]++;
    return STATUS_OK;
}

Test(event, streams_overlap_small_grids_within_what_memory_gives) {
    fixture f = {0};
    set_machine(&f, "h200-sxm");
    set_graph(&f, "codellama-7b", "sdpa", 4);
    double serial_s = run(&f, ENGINE_EVENT, &fast_host, true).phases[1].latency_s[0];
    cr_assert_gt(split_projections(&f), 0);
    engine_result r = run(&f, ENGINE_EVENT, &fast_host, true);
    double overlapped_s = r.phases[1].latency_s[0], floor_s = 4 * 13.2e9 / f.m.hbm.bandwidth_bytes_per_s;
    cr_expect_lt(overlapped_s, serial_s * (1 - 1e-3), "three projections at once: %g, serial %g", overlapped_s,
                 serial_s);
    cr_expect_gt(overlapped_s, floor_s);
    double sum_s = 0;
    for (size_t p = 0; p < r.phase_count; p++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            sum_s += r.phases[p].category_s[c][0];
    cr_expect(fabs(sum_s / r.latency_s[0] - 1) < 1e-9, "shared instants count once");
    /* the closed form knows no streams */
    cr_expect_float_eq(run(&f, ENGINE_ANALYTIC, &fast_host, true).phases[1].latency_s[0], serial_s, 0.05 * serial_s);
    engine_options options = {.kind = ENGINE_EVENT, .host = &fast_host, .memory = f.tables};
    collected c = {0};
    timeline_sink sink = {.emit = collect, .context = &c};
    cr_assert_eq(engine_timeline(&f.g, &f.s, &f.block, &options, 0, sink, NULL), STATUS_OK);
    cr_expect(fabs(c.end_s / r.latency_s[0] - 1) < 1e-9, "%g in the timeline, %g in totals", c.end_s, r.latency_s[0]);
    cr_expect(c.streams[1] > 0 && c.streams[2] > 0);
    arena_free(&f.memory);
}

Test(event, five_steps_stand_for_all_within_one_percent) {
    fixture f = {0};
    set_machine(&f, "h200-sxm");
    set_graph(&f, "codellama-7b", "sdpa", 700);
    double sampled = run(&f, ENGINE_EVENT, &fast_host, false).latency_s[0];
    double exact = run(&f, ENGINE_EVENT, &fast_host, true).latency_s[0];
    cr_expect(fabs(sampled / exact - 1) < 0.01, "%g against %g", sampled, exact);
    arena_free(&f.memory);
}

Test(event, a_timeline_of_one_stream_ends_with_the_totals) {
    fixture f = {0};
    set_machine(&f, "h200-sxm");
    set_graph(&f, "codellama-7b", "compile", 2);
    engine_options options = {.kind = ENGINE_EVENT, .host = &fast_host, .memory = f.tables};
    collected c = {0};
    timeline_sink sink = {.emit = collect, .context = &c};
    cr_assert_eq(engine_timeline(&f.g, &f.s, &f.block, &options, 0, sink, NULL), STATUS_OK);
    cr_expect(fabs(c.end_s / run(&f, ENGINE_EVENT, &fast_host, true).latency_s[0] - 1) < 1e-9);
    arena_free(&f.memory);
}

Test(event, lanes_do_not_mix) {
    fixture f = {0};
    set_machine(&f, "h200-sxm");
    machine fewer = f.m;
    fewer.sm.count = 78;
    calibration c = calibration_priors();
    const machine *machines[] = {&f.m, &fewer};
    const calibration *calibrations[] = {&c, &c};
    op o = {.kind = OP_gemm,
            .as.gemm = {.m = 154, .n = 11008, .k = 4096, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16}};
    machine_block both, single;
    cost_block two, one;
    machine_block_fill(&both, machines, calibrations, 2);
    cost_event(&o, RESIDENCY_COLD, &both, f.tables, &two);
    for (size_t i = 0; i < 2; i++) {
        machine_block_fill(&single, machines + i, calibrations, 1);
        cost_event(&o, RESIDENCY_COLD, &single, f.tables, &one);
        cr_expect_eq(two.time_s[i], one.time_s[0]);
    }
    cr_expect_eq(two.time_s[2], two.time_s[1], "unused lanes follow the last");
    arena_free(&f.memory);
}

/* ---- against measured rows ---- */

/* Mean absolute errors on held-out rows of a public table, where it is at hand. */
static bool errors_of(fixture *f, const char *file, double *closed, double *simulated, size_t *count) {
    error err = {0};
    source_map sources = {0};
    row_table table = {0};
    char path[512];
    snprintf(path, sizeof path, INGOT_SOURCE_DIR "/../shared/measured/%s", file);
    FILE *there = fopen(path, "r");
    if (!there)
        return false;
    fclose(there);
    cr_assert_eq(sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(rows_load(path, &sources, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK, "%s", err.text);
    *closed = *simulated = 0, *count = 0;
    for (size_t i = 0; i < table.count; i++) {
        const operator_row *row = &table.rows[i];
        if (row->unsupported || row->empty || !(row->measured_s > 0) || !row_is_held(row))
            continue;
        *closed += fabs(predict_row(row, &f->block).time_s / row->measured_s - 1);
        *simulated += fabs(predict_row_event(row, &f->block, f->tables).time_s / row->measured_s - 1);
        ++*count;
    }
    *closed /= (double)*count, *simulated /= (double)*count;
    rows_free(&table);
    sources_free(&sources);
    return true;
}

Test(event, is_as_accurate_as_the_closed_form_on_measured_rows) {
    static const double NO_WORSE = 0.001; /* of the mean error: a tenth of a point */
    static const char *const files[] = {"h200_sxm-gemm.csv", "h200_sxm-attention.csv"};
    fixture f = {0};
    set_machine(&f, "h200-sxm");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        double closed, simulated;
        size_t count;
        if (!errors_of(&f, files[i], &closed, &simulated, &count)) {
            arena_free(&f.memory);
            cr_skip_test("no public rows at ../shared/measured");
        }
        cr_expect_leq(simulated, closed + NO_WORSE, "%s, %zu rows: %.4f against %.4f", files[i], count, simulated,
                      closed);
    }
    arena_free(&f.memory);
}
