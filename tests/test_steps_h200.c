/* Steps of Code Llama 7B under PyTorch 2.11 on an H200 (validate/measured/h200-sxm): kernels by kind against what its
 * traces hold, and kernel time row by row. */
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "validate/steps.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const char SHIPPED[] = INGOT_SOURCE_DIR "/validate/measured/h200-sxm/codellama-7b-pytorch.jsonl";
static const host_profile no_host = {.name = "none", .launch_scale_ratio = 1e-3};

enum { LAYERS = 32 };

/* Kernels of one phase, by what launches them. `extra`: beyond one a node. */
typedef struct kernel_kinds {
    double all, gemms, gemm_extra, attentions, attention_extra, busy_s;
} kernel_kinds;

static levers levers_of(const char *lever) {
    levers l;
    error err = {0};
    const char *text = strcmp(lever, "eager") == 0  ? "baseline"
                       : strcmp(lever, "sdpa") == 0 ? "sdpa"
                                                    : "compile flavour=hf";
    cr_assert_eq(levers_parse(text, &l, &err), STATUS_OK, "%s", err.text);
    return l;
}

static void fill_block(arena *a, machine_block *block) {
    error err = {0};
    machine m;
    calibration c;
    cr_assert_eq(machine_load(a, CONFIG_DIR, "h200-sxm", &m, NULL, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(calibration_load(a, CONFIG_DIR, &m, &c, &err), STATUS_OK, "%s", err.text);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block_fill(block, machines, calibrations, 1);
}

static void add_kind(kernel_kinds *k, const node_totals *node) {
    double extra = node->launches - node->count;
    if (node->node->op.kind == OP_gemm) {
        k->gemms += node->count;
        k->gemm_extra += extra;
    } else if (node->node->op.kind == OP_attention) {
        k->attentions += node->count;
        k->attention_extra += extra;
    }
}

/* `tokens`: the prompt of a prefill, the keys of a decode step. */
static kernel_kinds kinds_of(const char *lever, bool decode, int64_t batch, int64_t tokens) {
    arena a = {0};
    error err = {0};
    machine_block *block = ARENA_NEW(&a, machine_block);
    fill_block(&a, block);
    levers l = levers_of(lever);
    workload w;
    scenario s;
    graph g;
    workload_request request = {
        .batch = batch, .prompt_tokens = decode ? tokens - 1 : tokens, .decode_steps = decode, .statistic = "mean"};
    cr_assert_eq(workload_find(&a, CONFIG_DIR, "codellama-7b", &w, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_scenario(&a, &w, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&a, &w, &l, &g, &err), STATUS_OK, "%s", err.text);
    engine_options options = {.kind = ENGINE_ANALYTIC, .host = &no_host};
    engine_result r;
    size_t count = engine_node_count(&g);
    node_totals *nodes = ARENA_ARRAY(&a, node_totals, count);
    cr_assert_eq(engine_run(&g, &s, block, &options, &a, &r, nodes, &err), STATUS_OK, "%s", err.text);
    kernel_kinds k = {.all = r.phases[decode].launches[0], .busy_s = r.phases[decode].busy_s[0]};
    for (size_t i = 0; i < count; i++)
        if (nodes[i].node && nodes[i].phase == (size_t)decode) /* phases without steps are left out */
            add_kind(&k, &nodes[i]);
    arena_free(&a);
    return k;
}

/* Of one token's products, those with 4,096 outputs (q, k, v, o, down) are split and followed by a reduction. */
Test(steps_h200, decode_splits_the_narrow_products) {
    static const char *const names[] = {"eager", "sdpa", "compile"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        kernel_kinds k = kinds_of(names[i], true, 1, 170);
        cr_expect_eq(k.gemm_extra, 5.0 * LAYERS, "%s: %g", names[i], k.gemm_extra);
        cr_expect_eq(k.gemms, (strcmp(names[i], "eager") == 0 ? 9.0 : 7.0) * LAYERS + 1);
    }
}

/* Products of many tokens clear a counter of tiles first where they take more than one wave: none of 154 tokens, gate,
 * up and the logits of 1,024, all of 8,192. cuDNN clears a workspace in every prefill. */
Test(steps_h200, prefill_clears_counters) {
    static const struct {
        int64_t batch, prompt;
        double gemms;
    } cases[] = {{1, 154, 0}, {1, 1024, 2 * LAYERS + 1}, {8, 154, 2 * LAYERS + 1}, {8, 1024, 7 * LAYERS + 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        kernel_kinds k = kinds_of("sdpa", false, cases[i].batch, cases[i].prompt);
        cr_expect_eq(k.gemm_extra, cases[i].gemms, "%lld x %lld: %g", (long long)cases[i].batch,
                     (long long)cases[i].prompt, k.gemm_extra);
        cr_expect_eq(k.attention_extra, LAYERS);
    }
}

/* cuDNN splits 1,040 keys of one sequence over more blocks and combines them; not 170, and not those of eight. */
Test(steps_h200, decode_attention_splits_long_caches) {
    cr_expect_eq(kinds_of("sdpa", true, 1, 170).attention_extra, 0);
    cr_expect_eq(kinds_of("sdpa", true, 1, 1040).attention_extra, LAYERS);
    cr_expect_eq(kinds_of("sdpa", true, 8, 1040).attention_extra, 0);
    cr_expect_eq(kinds_of("compile", true, 1, 218).attention_extra, 0);
}

/* Every measured row: kernels within 3 %, kernel time within 20 %, of compiled steps within 5 %. */
Test(steps_h200, every_row_within_its_bars) {
    static const double KERNELS_FRAC = 0.03, BUSY_FRAC = 0.2, COMPILED_FRAC = 0.05;
    step_table table;
    error err = {0};
    cr_assert_eq(steps_load(SHIPPED, &table, &err), STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < table.count; i++) {
        const measured_step *row = &table.steps[i];
        bool decode = strcmp(row->phase, "decode") == 0, compiled = strcmp(row->lever, "compile") == 0;
        kernel_kinds k = kinds_of(row->lever, decode, row->batch, decode ? row->kv_len : row->prompt_tokens);
        cr_expect(fabs(k.all / row->kernels - 1) < KERNELS_FRAC, "line %d: %g kernels, measured %g", row->line, k.all,
                  row->kernels);
        cr_expect(fabs(k.busy_s / row->busy_s - 1) < (compiled ? COMPILED_FRAC : BUSY_FRAC),
                  "line %d: busy %g ms, measured %g", row->line, k.busy_s * 1e3, row->busy_s * 1e3);
    }
    steps_free(&table);
}
