/* SeamlessM4T's graphs against the counts that its published code and the paper's profiles give. */
#include "workloads/seamless.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

typedef struct fixture {
    arena memory;
    workload w;
    scenario s;
    graph g;
} fixture;

static void set_up(fixture *f, const char *name, const char *lever_text, int64_t batch) {
    error err = {0};
    levers l;
    cr_assert_eq(levers_parse(lever_text, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIGS, name, &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = batch, .decode_steps = -1, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &l, &f->g, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(graph_check(&f->g, &f->s, &err), STATUS_OK, "%s", err.text);
}

static graph_view view_of(fixture *f, const char *phase) {
    for (size_t i = 0; i < f->g.phase_count; i++)
        if (strcmp(f->g.phases[i].name, phase) == 0)
            return graph_at(&f->g, i, &f->s, 0, &f->memory);
    cr_assert(false, "no phase %s", phase);
    return (graph_view){0};
}

/* Totals over the operators of one kind. */
typedef struct totals {
    size_t count;
    double flops, weight_bytes, moved_bytes;
} totals;

static totals totals_of(fixture *f, const char *phase, op_kind kind) {
    graph_view view = view_of(f, phase);
    totals sum = {0};
    for (size_t i = 0; i < view.count; i++) {
        if (view.ops[i].op.kind != kind)
            continue;
        op_work work = op_work_of(&view.ops[i].op);
        bool product = kind == OP_gemm && view.ops[i].op.as.gemm.activations_only;
        sum.count++;
        sum.flops += work.flops;
        sum.weight_bytes += product ? 0 : work.weight_bytes;
        sum.moved_bytes += work.read_bytes + work.write_bytes;
    }
    return sum;
}

static void expect_close(double value, double wanted, double within, const char *what) {
    cr_expect_float_eq(value / wanted, 1, within, "%s: %g, %g wanted", what, value, wanted);
}

/* Published to three digits (one half of the last one is the tolerance). */
Test(seamless, blocks_have_their_published_sizes) {
    fixture f = {0};
    set_up(&f, "seamless-m4t-v2/s-s", "baseline", 1);
    seamless_sizes size = seamless_sizes_of(&f.w.shape);
    const struct {
        const char *name;
        double value, published, digit;
    } blocks[] = {
        {"speech encoder", size.speech_encoder, 580e6, 1e6},
        {"adaptor", size.adaptor, 54.5e6, 0.1e6},
        {"text encoder", size.text_encoder, 503e6, 1e6},
        {"text decoder", size.text_decoder, 604e6, 1e6},
        {"shared embedding", size.embedding, 262e6, 1e6},
        {"T2U encoder", size.t2u_encoder, 126e6, 1e6},
        {"T2U decoder's embeddings", size.t2u_embeddings, 22e6, 1e6},
        {"vocoder", size.vocoder, 19.2e6, 0.1e6},
        {"vocoder's units", size.vocoder_embedding, 12.8e6, 0.1e6},
    };
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        cr_expect(blocks[i].value - blocks[i].published > -blocks[i].digit &&
                      blocks[i].value - blocks[i].published < blocks[i].digit,
                  "%s: %.2f million", blocks[i].name, blocks[i].value / 1e6);
    /* The layers alone have the published 113 million; its duration predictor another million. */
    cr_expect_float_eq(size.t2u_decoder, 113e6 + 1e6, 1e6, "%.2f million", size.t2u_decoder / 1e6);
    /* 2.3 billion in all, as its name says. */
    expect_close(f.w.shape.parameters, 2.3e9, 0.01, "parameters");
    arena_free(&f.memory);
}

Test(seamless, a_step_reads_its_weights_once) {
    fixture f = {0};
    set_up(&f, "seamless-m4t-v2/s-t", "sdpa", 1);
    double step = totals_of(&f, "decode", OP_gemm).weight_bytes;
    expect_close(step, 1.632e9, 1e-3, "steady step");
    expect_close(totals_of(&f, "prefill", OP_gemm).weight_bytes, 1.732e9, 1e-3, "with the source's keys and values");
    cr_expect_eq(f.s.values[SCENARIO_BEAM_ROWS], 5);
    arena_free(&f.memory);
}

Test(seamless, caches_are_reordered_at_reserved_capacity) {
    const struct {
        const char *name;
        double bytes;
    } tasks[] = {{"seamless-m4t-v2/s-t", 1.07e9}, {"seamless-m4t-v2/t-t", 0.26e9}};
    for (size_t i = 0; i < 2; i++) {
        fixture f = {0};
        set_up(&f, tasks[i].name, "baseline", 1);
        totals moved = totals_of(&f, "decode", OP_kv_reorder);
        cr_expect_eq(moved.count, 96);
        expect_close(moved.moved_bytes, tasks[i].bytes, 5e-3 * (i == 0 ? 1 : 4), tasks[i].name);
        arena_free(&f.memory);
    }
    fixture f = {0};
    set_up(&f, "seamless-m4t-v2/s-t", "baseline beam_reorder=indirect", 1);
    cr_expect_eq(totals_of(&f, "decode", OP_kv_reorder).count, 0);
    arena_free(&f.memory);
}

Test(seamless, the_vocoder_convolves_97_times) {
    static const char *const texts[] = {"baseline", "compile", "compile flavour=ingot"};
    for (size_t i = 0; i < 3; i++) {
        fixture f = {0};
        set_up(&f, "seamless-m4t-v2/s-s", texts[i], 1);
        totals conv = totals_of(&f, "vocoder", OP_conv1d);
        cr_expect_eq(conv.count, 97, "%s: %zu", texts[i], conv.count);
        expect_close(conv.flops / f.s.values[SCENARIO_VOCODER_UNITS], 333e6, 3e-3, "FLOPs a unit");
        graph_view view = view_of(&f, "vocoder");
        const conv1d_params *last = NULL;
        for (size_t n = 0; n < view.count; n++)
            last = view.ops[n].op.kind == OP_conv1d ? &view.ops[n].op.as.conv1d : last;
        cr_expect_eq(conv1d_out_len(last), 320 * (int64_t)f.s.values[SCENARIO_VOCODER_UNITS]);
        arena_free(&f.memory);
    }
}

/* Logged pairs: frames in, tokens out (minimum, median, 99th percentile, maximum of the 643). */
Test(seamless, the_adaptor_keeps_an_eighth) {
    fixture f = {0};
    set_up(&f, "seamless-m4t-v2/s-t", "baseline", 1);
    static const double logged[][2] = {{179, 23}, {473, 60}, {713, 90}, {1037, 130}, {1464, 184}};
    for (size_t i = 0; i < sizeof logged / sizeof logged[0]; i++)
        cr_expect_eq(seamless_adaptor_length(f.w.shape.shape, logged[i][0]), logged[i][1], "%g frames", logged[i][0]);
    /* And the convolution itself gives what the encoder's later operators are told. */
    graph_view view = view_of(&f, "encode");
    for (size_t n = 0; n < view.count; n++)
        if (view.ops[n].op.kind == OP_conv1d && view.ops[n].op.as.conv1d.stride == 8)
            cr_expect_eq(conv1d_out_len(&view.ops[n].op.as.conv1d), (int64_t)f.s.values[SCENARIO_SOURCE_TOKENS]);
    arena_free(&f.memory);
}

Test(seamless, requests_are_searched_one_after_the_other) {
    fixture one = {0}, eight = {0}, own = {0};
    set_up(&one, "seamless-m4t-v2/s-t", "sdpa", 1);
    set_up(&eight, "seamless-m4t-v2/s-t", "sdpa", 8);
    set_up(&own, "seamless-m4t-v2/s-t", "compile flavour=ingot", 8);
    size_t waits = totals_of(&one, "decode", OP_sync).count;
    cr_expect_eq(totals_of(&one, "decode", OP_topk).count, 1);
    cr_expect_eq(totals_of(&eight, "decode", OP_topk).count, 8);
    cr_expect_eq(totals_of(&eight, "decode", OP_sync).count, 8 * waits);
    cr_expect_eq(totals_of(&own, "decode", OP_topk).count, 1);
    cr_expect_eq(totals_of(&own, "decode", OP_sync).count, 0);
    arena_free(&one.memory);
    arena_free(&eight.memory);
    arena_free(&own.memory);
}

Test(seamless, the_compiled_step_attends_to_whole_caches) {
    fixture f = {0};
    set_up(&f, "seamless-m4t-v2/t-t", "compile", 2);
    graph_view view = view_of(&f, "decode");
    size_t self = 0, cross = 0, captured = 0, launches = 0;
    for (size_t n = 0; n < view.count; n++) {
        captured += view.ops[n].node->captured;
        launches += view.ops[n].node->launches_graph;
        if (view.ops[n].op.kind != OP_attention)
            continue;
        self += view.ops[n].op.as.attention.kv_len == 1024;
        cross += view.ops[n].op.as.attention.kv_len == 256;
    }
    cr_expect_eq(self, 24);
    cr_expect_eq(cross, 24);
    cr_expect_eq(launches, 1);
    cr_expect(captured > 24 * 10 && captured < view.count);
    arena_free(&f.memory);
}

Test(seamless, what_does_not_apply_says_why) {
    fixture f = {0};
    error err = {0};
    levers l;
    graph g;
    set_up(&f, "seamless-m4t-v2/s-t", "sdpa", 1);
    cr_assert_eq(levers_parse("compile flavour=fairseq2", &l, &err), STATUS_OK);
    cr_expect_eq(workload_build(&f.memory, &f.w, &l, &g, &err), STATUS_NEGATIVE);
    cr_expect(strstr(err.text, "not applicable: "), "%s", err.text);
    f.w.task = NULL;
    cr_assert_eq(levers_parse("sdpa", &l, &err), STATUS_OK);
    cr_expect_eq(workload_build(&f.memory, &f.w, &l, &g, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "name a task"), "%s", err.text);
    arena_free(&f.memory);
}
