/* Several GPUs and several streams: shares, collectives, and what they may gain. */
#include "tests/lever_fixture.h"

#include <stdio.h>

static lever_fixture set(const char *name, const char *text) {
    return lever_set_up(name, text, 1, 200, 40);
}

Test(parallel, two_ranks_halve_products_weights_and_cache) {
    lever_fixture one = set("codellama-34b", "compile"), two = set("codellama-34b", "compile tp=2");
    for (size_t phase = 0; phase < 2; phase++) {
        op_work a = lever_work(&one, phase, 0, OP_gemm), b = lever_work(&two, phase, 0, OP_gemm);
        cr_expect_eq(b.flops, a.flops / 2);
        cr_expect_eq(b.weight_bytes, a.weight_bytes / 2);
    }
    cr_expect_eq(two.g.states[0].unit_bytes, one.g.states[0].unit_bytes / 2);
    cr_expect_float_eq(two.g.weight_bytes / one.g.weight_bytes, 0.5, 1e-4); /* norms are whole on both */
    cr_expect_eq(lever_count(&one, 1, OP_collective), 0);
    cr_expect_eq(lever_count(&two, 1, OP_collective), 2 * 48 + 2); /* a layer's two, embedding, logits */
    double one_s = lever_run(&one, "h200-sxm").tpot_s[0], two_s = lever_run(&two, "h200-sxm").tpot_s[0];
    cr_expect(two_s < one_s && two_s > one_s / 2, "%g and %g s a token", one_s, two_s);
    arena_free(&one.memory);
    arena_free(&two.memory);
}

Test(parallel, all_reduces_carry_the_hidden_states) {
    lever_fixture f = lever_set_up("llama-2-70b", "compile tp=8", 4, 200, 40);
    graph_view view = graph_at(&f.g, 1, &f.s, 0, &f.memory);
    for (size_t i = 0; i < view.count; i++) {
        if (view.ops[i].op.kind != OP_collective)
            continue;
        const collective_params *p = &view.ops[i].op.as.collective;
        bool logits = strcmp(view.ops[i].node->id, "logits_gather") == 0;
        cr_assert_eq(p->ranks, 8);
        cr_assert_eq(p->collective, logits ? collective_pattern_all_gather : collective_pattern_all_reduce);
        cr_assert_eq(p->bytes, logits ? 4 * 32000 * 2 : 4 * 8192 * 2);
    }
    arena_free(&f.memory);
}

Test(parallel, stages_share_memory_and_add_no_work) {
    lever_fixture one = set("llama-2-70b", "compile"), four = set("llama-2-70b", "compile pp=4");
    cr_expect_eq(lever_work(&four, 1, 0, OP_gemm).flops, lever_work(&one, 1, 0, OP_gemm).flops);
    cr_expect_eq(four.g.states[0].unit_bytes, one.g.states[0].unit_bytes / 4);
    /* A stage holds a quarter of the layers, and either the embedding or the head. */
    cr_expect(four.g.weight_bytes > one.g.weight_bytes / 4 && four.g.weight_bytes < one.g.weight_bytes / 4 * 1.02);
    cr_expect_eq(lever_count(&four, 1, OP_collective), 4); /* three sends on, one back */
    double one_s = lever_run(&one, "b300-sxm").latency_s[0], four_s = lever_run(&four, "b300-sxm").latency_s[0];
    cr_expect(four_s >= one_s && four_s < one_s * 1.02, "%g against %g s", four_s, one_s);
    arena_free(&one.memory);
    arena_free(&four.memory);
}

Test(parallel, energy_counts_every_gpu) {
    lever_fixture one = set("codellama-34b", "compile"), two = set("codellama-34b", "compile pp=2");
    cr_expect_gt(lever_run(&two, "h200-sxm").energy_j[0], lever_run(&one, "h200-sxm").energy_j[0] * 1.05);
    arena_free(&one.memory);
    arena_free(&two.memory);
}

Test(parallel, what_does_not_divide_is_refused) {
    static const struct {
        const char *workload, *levers, *part;
    } cases[] = {
        {"codellama-34b", "compile tp=3", "tp=3 does not divide the 64 heads"},
        {"codellama-34b", "compile ep=2", "no experts to split"},
        {"codellama-7b", "compile pp=64", "fewer than pp=64"},
        {"chameleon-7b", "compile tp=2", "decoders of plain text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error err = lever_refusal(cases[i].workload, cases[i].levers);
        cr_expect(strstr(err.text, cases[i].part), "%s", err.text);
    }
}

Test(parallel, a_machine_joins_so_many) {
    lever_fixture f = set("codellama-34b", "compile tp=16");
    machine m;
    error err = {0};
    cr_assert_eq(machine_load(&f.memory, INGOT_SOURCE_DIR "/configs", "h200-sxm", &m, NULL, &err), STATUS_OK);
    cr_expect_eq(engine_check_links(&f.g, &m, &err), STATUS_NEGATIVE);
    cr_expect(strstr(err.text, "needs 16 GPUs, h200-sxm joins 8"), "%s", err.text);
    arena_free(&f.memory);
}

/* Branches overlap, but never beyond what memory and tensor cores could do, and fused graphs have none. */
Test(parallel, streams_gain_between_nothing_and_the_roofline) {
    lever_fixture one = set("codellama-7b", "compile flavour=hf"),
                  three = set("codellama-7b", "compile flavour=hf streams=3");
    double one_s = lever_run(&one, "h200-sxm").tpot_s[0], three_s = lever_run(&three, "h200-sxm").tpot_s[0];
    cr_expect_lt(three_s, one_s);
    cr_expect_gt(three_s, lever_work(&three, 1, 0, OP_gemm).weight_bytes / 4.8e12);
    cr_expect_eq(lever_work(&three, 1, 0, OP_KIND_COUNT).flops, lever_work(&one, 1, 0, OP_KIND_COUNT).flops);
    engine_result r = lever_run(&three, "h200-sxm");
    double sum_s = 0;
    for (size_t p = 0; p < r.phase_count; p++)
        for (int c = 0; c < CATEGORY_COUNT; c++)
            sum_s += r.phases[p].category_s[c][0];
    cr_expect_float_eq(sum_s / r.latency_s[0], 1, 1e-9);
    lever_fixture fused = set("codellama-7b", "compile streams=3"), alone = set("codellama-7b", "compile");
    cr_expect_eq(lever_run(&fused, "h200-sxm").latency_s[0], lever_run(&alone, "h200-sxm").latency_s[0]);
    arena_free(&one.memory);
    arena_free(&three.memory);
    arena_free(&fused.memory);
    arena_free(&alone.memory);
}
