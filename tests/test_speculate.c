/* Speculation: what is drawn, what a round does, and what it may cost. */
#include "tests/lever_fixture.h"

#include <stdio.h>

static double expected_tokens(double acceptance, int drafts) {
    double sum = 1;
    for (int i = 1; i <= drafts; i++)
        sum += pow(acceptance, i);
    return sum;
}

Test(speculate, rounds_yield_one_and_the_sum_of_powers) {
    static const double acceptances[] = {0.3, 0.7, 0.9};
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "compile speculate=layerskip(8,4,%g)", acceptances[i]);
        enum { TOKENS = 15000 };
        lever_fixture f = lever_set_up("codellama-7b", text, 1, 100, TOKENS);
        double rounds = f.s.values[SCENARIO_DECODE_STEPS];
        double expected = expected_tokens(acceptances[i], 4);
        /* Standard deviation of a round is below 2 tokens: 3 sigma of the mean over 3,000 rounds is 0.11. */
        cr_expect_float_eq(TOKENS / rounds, expected, 0.11, "%g tokens a round, %g expected", TOKENS / rounds,
                           expected);
        cr_expect_eq(scenario_progress(&f.s, (int64_t)rounds), TOKENS);
        for (int64_t round = 0; round < (int64_t)rounds; round++)
            cr_assert_lt(scenario_progress(&f.s, round), scenario_progress(&f.s, round + 1));
        arena_free(&f.memory);
    }
}

Test(speculate, certain_acceptance_is_exact) {
    lever_fixture all = lever_set_up("codellama-7b", "compile speculate=layerskip(8,4,1)", 3, 100, 500);
    cr_expect_eq(all.s.values[SCENARIO_DECODE_STEPS], 100); /* 4 drafts and the verifier's own */
    lever_fixture none = lever_set_up("codellama-7b", "compile speculate=layerskip(8,4,0)", 3, 100, 500);
    cr_expect_eq(none.s.values[SCENARIO_DECODE_STEPS], 500);
    arena_free(&all.memory);
    arena_free(&none.memory);
}

Test(speculate, the_slowest_sequence_ends_the_batch) {
    lever_fixture one = lever_set_up("codellama-7b", "layerskip", 1, 100, 400);
    lever_fixture many = lever_set_up("codellama-7b", "layerskip", 16, 100, 400);
    cr_expect_gt(many.s.values[SCENARIO_DECODE_STEPS], one.s.values[SCENARIO_DECODE_STEPS]);
    arena_free(&one.memory);
    arena_free(&many.memory);
}

/* D drafts read E layers and the head, the last draft's catch-up E layers, verification the rest and the head. */
Test(speculate, layerskip_reads_the_weights_of_its_passes) {
    lever_fixture plain = lever_set_up("codellama-7b", "compile", 1, 100, 50);
    lever_fixture f = lever_set_up("codellama-7b", "compile speculate=layerskip(8,6,0.7)", 1, 100, 50);
    double step = lever_work(&plain, 1, 0, OP_gemm).weight_bytes;
    double head = 4096.0 * 32000 * 2, layer = (step - head) / 32;
    double expected = 6 * (8 * layer + head) + 8 * layer + 24 * layer + head;
    cr_expect_float_eq(lever_work(&f, 1, 0, OP_gemm).weight_bytes / expected, 1, 1e-9);
    cr_expect_float_eq(f.g.weight_bytes / plain.g.weight_bytes, 1, 1e-9); /* nothing is stored twice */
    cr_expect_eq(lever_count(&f, 1, OP_accept), 1);
    arena_free(&plain.memory);
    arena_free(&f.memory);
}

Test(speculate, keys_grow_within_a_round) {
    lever_fixture f = lever_set_up("codellama-7b", "layerskip flavour=ingot speculate=layerskip(8,2,1)", 1, 100, 50);
    graph_view view = graph_at(&f.g, 1, &f.s, 3, &f.memory); /* 9 tokens done */
    for (size_t i = 0; i < view.count; i++) {
        if (view.ops[i].op.kind != OP_attention)
            continue;
        const attention_params *p = &view.ops[i].op.as.attention;
        const char *pass = strchr(view.ops[i].node->id, '.') + 1;
        bool verifies = strcmp(pass, "verify") == 0;
        int64_t keys = strcmp(pass, "draft1") == 0 ? 110 : strcmp(pass, "draft2") == 0 ? 111 : 112;
        cr_assert_eq(p->kv_len, keys, "%s: %lld keys", view.ops[i].node->id, (long long)p->kv_len);
        cr_assert_eq(p->q_len, verifies ? 3 : 1);
        cr_assert_eq(p->causal, verifies);
    }
    arena_free(&f.memory);
}

Test(speculate, drafts_that_are_never_accepted_cost_time) {
    lever_fixture plain = lever_set_up("codellama-7b", "compile", 1, 100, 50);
    lever_fixture none = lever_set_up("codellama-7b", "compile speculate=layerskip(8,6,0)", 1, 100, 50);
    lever_fixture all = lever_set_up("codellama-7b", "compile speculate=layerskip(8,6,1)", 1, 100, 50);
    double plain_s = lever_run(&plain, "h200-sxm").latency_s[0];
    cr_expect_gt(lever_run(&none, "h200-sxm").latency_s[0], plain_s);
    cr_expect_lt(lever_run(&all, "h200-sxm").latency_s[0], plain_s);
    arena_free(&plain.memory);
    arena_free(&none.memory);
    arena_free(&all.memory);
}

Test(speculate, a_draft_model_brings_its_weights_and_cache) {
    lever_fixture plain = lever_set_up("codellama-34b", "compile", 1, 100, 50);
    lever_fixture small = lever_set_up("codellama-7b", "compile", 1, 100, 50);
    lever_fixture f = lever_set_up("codellama-34b", "compile speculate=draft(codellama-7b,5,0.8)", 1, 100, 50);
    cr_expect_float_eq(f.g.weight_bytes, plain.g.weight_bytes + small.g.weight_bytes, 1);
    cr_expect_eq(f.g.state_count, 2);
    cr_expect_eq(f.g.states[1].unit_bytes, small.g.kv_bytes_per_token);
    double expected =
        5 * lever_work(&small, 1, 0, OP_gemm).weight_bytes + lever_work(&plain, 1, 0, OP_gemm).weight_bytes;
    cr_expect_float_eq(lever_work(&f, 1, 0, OP_gemm).weight_bytes / expected, 1, 1e-9);
    arena_free(&plain.memory);
    arena_free(&small.memory);
    arena_free(&f.memory);
}

Test(speculate, refusals_say_why) {
    static const struct {
        const char *workload, *levers, *part;
    } cases[] = {
        {"chameleon-7b", "layerskip", "no LayerSkip checkpoint of chameleon-7b"},
        {"llama-3.1-8b", "layerskip", "no LayerSkip checkpoint"},
        {"llama-3.1-8b", "compile speculate=draft(llama-2-7b)", "llama-3.1-8b has 128256"},
        {"codellama-7b", "compile speculate=layerskip(32)", "none is left behind layer 32"},
        {"chameleon-7b", "compile speculate=draft(chameleon-7b)", "decoders of plain text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        error err = lever_refusal(cases[i].workload, cases[i].levers);
        cr_expect(strstr(err.text, "not applicable: ") && strstr(err.text, cases[i].part), "%s", err.text);
    }
    lever_fixture f = lever_set_up("chameleon-7b", "compile speculate=auto", 1, 100, 10); /* auto means none there */
    cr_expect_eq(lever_count(&f, 1, OP_accept), 0);
    arena_free(&f.memory);
}
