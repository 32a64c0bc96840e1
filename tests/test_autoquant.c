/* Autoquant: the fastest stored form of each weight, its memory, and types in 8 bits. */
#include "core/graph_picks.h"
#include "tests/lever_fixture.h"

static double latency_of(const char *levers_text, int64_t batch, int64_t prompt, const char *machine_name) {
    lever_fixture f = lever_set_up("codellama-7b", levers_text, batch, prompt, 40);
    double latency_s = lever_run(&f, machine_name).latency_s[0];
    arena_free(&f.memory);
    return latency_s;
}

Test(autoquant, is_never_slower_than_any_candidate) {
    static const char *const candidates[] = {"compile", "compile weights=int8",
                                             "compile weights=int8 activations=int8"};
    static const struct {
        int64_t batch, prompt;
        const char *machine;
    } cases[] = {{1, 64, "h200-sxm"}, {1, 2000, "a100-sxm-80gb"}, {32, 512, "a100-sxm-80gb"}, {256, 64, "h200-sxm"}};
    for (size_t i = 0; i < 4; i++) {
        double picked_s = latency_of("autoquant", cases[i].batch, cases[i].prompt, cases[i].machine);
        for (size_t c = 0; c < 3; c++)
            cr_expect_leq(picked_s,
                          latency_of(candidates[c], cases[i].batch, cases[i].prompt, cases[i].machine) * (1 + 1e-9),
                          "batch %lld: %s is faster", (long long)cases[i].batch, candidates[c]);
    }
}

Test(autoquant, memory_follows_the_pick) {
    lever_fixture half = lever_set_up("codellama-7b", "compile", 1, 100, 200);
    lever_fixture eight = lever_set_up("codellama-7b", "compile weights=int8", 1, 100, 200);
    lever_fixture f = lever_set_up("codellama-7b", "autoquant", 1, 100, 200);
    /* One sequence is bound by weights: every matrix is stored in 8 bits. */
    cr_expect_float_eq(lever_run(&f, "h200-sxm").memory.weight_bytes, eight.g.weight_bytes, 1);
    cr_expect_eq(f.g.weight_bytes, half.g.weight_bytes); /* unresolved: as published */
    arena_free(&half.memory);
    arena_free(&eight.memory);
    arena_free(&f.memory);
}

Test(autoquant, a_weight_is_stored_once) {
    static const host_profile host = {.name = "fast", .launch_scale_ratio = 1e-3};
    lever_fixture f = lever_set_up("codellama-7b", "autoquant speculate=layerskip(8,3,0.5)", 8, 2000, 30);
    error err = {0};
    machine m;
    calibration c = calibration_priors();
    cr_assert_eq(machine_load(&f.memory, INGOT_SOURCE_DIR "/configs", "h200-sxm", &m, NULL, &err), STATUS_OK);
    const machine *machines[] = {&m};
    const calibration *calibrations[] = {&c};
    machine_block *block = ARENA_NEW(&f.memory, machine_block);
    machine_block_fill(block, machines, calibrations, 1);
    engine_options options = {.kind = ENGINE_ANALYTIC, .host = &host};
    const engine_picks *picks = engine_pick(&f.g, &f.s, block, &options, &f.memory);
    cr_assert_not_null(picks);
    graph resolved = engine_resolved(&f.g, picks, 0, &f.memory);
    for (size_t p = 0; p < 2; p++)
        for (size_t n = 0; n < resolved.phases[p].node_count; n++) {
            const graph_node *node = &resolved.phases[p].nodes[n];
            cr_assert_eq(node->alternative_count, 0);
            if (strncmp(node->id, "gate_up", 7) != 0)
                continue;
            for (size_t k = 0; k < resolved.phases[0].node_count; k++) {
                const graph_node *first = &resolved.phases[0].nodes[k];
                if (strcmp(first->id, "gate_up") == 0)
                    cr_expect_eq(node->op.as.gemm.weights_dtype, first->op.as.gemm.weights_dtype, "%s", node->id);
            }
        }
    arena_free(&f.memory);
}

Test(autoquant, activations_in_8_bits_quantise_first) {
    lever_fixture f = lever_set_up("codellama-7b", "compile weights=int8 activations=int8", 1, 100, 20);
    graph_view view = graph_at(&f.g, 1, &f.s, 0, &f.memory);
    for (size_t i = 0; i < view.count; i++) {
        if (view.ops[i].op.kind != OP_gemm)
            continue;
        cr_assert_eq(view.ops[i].op.as.gemm.dtype, DTYPE_int8);
        cr_assert(view.ops[i].op.as.gemm.dynamic_quantise);
    }
    arena_free(&f.memory);
}

/* Candidates that are asked for join the default list, and only then. */
Test(autoquant, fp8_and_int4_are_tried_when_asked) {
    static const struct {
        const char *text;
        size_t count;
        data_type last;
    } cases[] = {{"compile weights=autoquant", 2, DTYPE_int8},
                 {"compile weights=autoquant-int4", 3, DTYPE_int4},
                 {"compile weights=autoquant-fp8", 3, DTYPE_fp8}};
    for (size_t i = 0; i < 3; i++) {
        lever_fixture f = lever_set_up("codellama-7b", cases[i].text, 1, 100, 20);
        const graph_phase *decode = &f.g.phases[1];
        for (size_t n = 0; n < decode->node_count; n++) {
            if (decode->nodes[n].op.kind != OP_gemm)
                continue;
            cr_assert_eq(decode->nodes[n].alternative_count, cases[i].count);
            cr_assert_eq(decode->nodes[n].alternatives[cases[i].count - 1].as.gemm.weights_dtype, cases[i].last);
        }
        arena_free(&f.memory);
    }
}

Test(autoquant, takes_what_a_run_picked) {
    lever_fixture f = lever_set_up("codellama-7b", "autoquant flavour=ingot", 4, 100, 8);
    const graph_phase *decode = &f.g.phases[1];
    size_t n = 0;
    while (n < decode->node_count && strcmp(decode->nodes[n].id, "qkv") != 0)
        n++;
    cr_assert_lt(n, decode->node_count);
    cr_assert_gt(decode->nodes[n].alternative_count, 0);
    weight_pick pick = weight_pick_of(&decode->nodes[n], 1), unknown = pick;
    unknown.weights_dtype = DTYPE_nvfp4;
    cr_expect_eq(graph_take_pick(&f.g, &unknown), 0);
    cr_expect_eq(graph_take_pick(&f.g, &pick), 2); /* prefill and decode */
    for (size_t p = 0; p < 2; p++)
        for (size_t i = 0; i < f.g.phases[p].node_count; i++) {
            const graph_node *node = &f.g.phases[p].nodes[i];
            if (strcmp(node_weight_name(node), "qkv") != 0)
                continue;
            cr_expect_eq(node->op.as.gemm.weights_dtype, pick.weights_dtype);
            cr_expect_eq(node->alternative_count, 0);
        }
    arena_free(&f.memory);
}
