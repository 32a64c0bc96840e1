/* A workload under levers on one machine, for tests of what levers do. */
#ifndef INGOT_LEVER_FIXTURE_H
#define INGOT_LEVER_FIXTURE_H

#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

typedef struct lever_fixture {
    arena memory;
    workload w;
    levers l;
    scenario s;
    graph g;
} lever_fixture;

static inline status lever_try(lever_fixture *f, const char *name, const char *text, workload_request request,
                               error *err) {
    cr_assert_eq(levers_parse(text, &f->l, err), STATUS_OK, "%s", err->text);
    cr_assert_eq(workload_find(&f->memory, INGOT_SOURCE_DIR "/configs", name, &f->w, err), STATUS_OK, "%s", err->text);
    status result = workload_scenario(&f->memory, &f->w, &request, &f->l, &f->s, err);
    if (result == STATUS_OK)
        result = workload_build(&f->memory, &f->w, &f->l, &f->g, err);
    return result == STATUS_OK ? graph_check(&f->g, &f->s, err) : result;
}

/* `batch` sequences of `prompt` tokens and `steps` more. */
static inline lever_fixture lever_set_up(const char *name, const char *text, int64_t batch, int64_t prompt,
                                         int64_t steps) {
    lever_fixture f = {0};
    error err = {0};
    workload_request request = {
        .batch = batch, .prompt_tokens = prompt, .decode_steps = steps, .statistic = "mean", .seed = 1};
    cr_assert_eq(lever_try(&f, name, text, request, &err), STATUS_OK, "%s %s: %s", name, text, err.text);
    return f;
}

/* One line that says why a workload refuses levers. */
static inline error lever_refusal(const char *name, const char *text) {
    lever_fixture f = {0};
    error err = {0};
    workload_request request = {.batch = 1, .prompt_tokens = 100, .decode_steps = 20, .statistic = "mean"};
    cr_expect_eq(lever_try(&f, name, text, request, &err), STATUS_NEGATIVE, "%s %s: %s", name, text, err.text);
    arena_free(&f.memory);
    return err;
}

/* Sum over one step of a phase of what operators of a kind (or OP_KIND_COUNT: all) do. */
static inline op_work lever_work(lever_fixture *f, size_t phase, int64_t step, op_kind kind) {
    graph_view view = graph_at(&f->g, phase, &f->s, step, &f->memory);
    op_work sum = {0};
    for (size_t i = 0; i < view.count; i++) {
        if (kind != OP_KIND_COUNT && view.ops[i].op.kind != kind)
            continue;
        op_work work = op_work_of(&view.ops[i].op);
        sum.flops += work.flops;
        sum.weight_bytes += work.weight_bytes;
        sum.read_bytes += work.read_bytes;
        sum.write_bytes += work.write_bytes;
    }
    return sum;
}

static inline size_t lever_count(lever_fixture *f, size_t phase, op_kind kind) {
    graph_view view = graph_at(&f->g, phase, &f->s, 0, &f->memory);
    size_t count = 0;
    for (size_t i = 0; i < view.count; i++)
        count += view.ops[i].op.kind == kind;
    return count;
}

/* Lane 0 is the machine with its calibration. The host costs next to nothing. */
static inline engine_result lever_run(lever_fixture *f, const char *machine_name) {
    static const host_profile host = {.name = "fast", .launch_scale_ratio = 1e-3};
    error err = {0};
    machine m;
    calibration c;
    cr_assert_eq(machine_load(&f->memory, INGOT_SOURCE_DIR "/configs", machine_name, &m, NULL, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(calibration_load(&f->memory, INGOT_SOURCE_DIR "/configs", &m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block *block = ARENA_NEW(&f->memory, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    engine_options options = {.kind = ENGINE_ANALYTIC, .host = &host};
    engine_result r;
    cr_assert_eq(engine_run(&f->g, &f->s, block, &options, &f->memory, &r, NULL, &err), STATUS_OK, "%s", err.text);
    return r;
}

#endif
