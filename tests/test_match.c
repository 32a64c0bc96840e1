/* Matching traces to graphs: our own H200 traces against the model that ran and against others; made-up traces whose
 * every answer is known. */
#include "validate/match.h"
#include "validate/trace_run.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRACES INGOT_SOURCE_DIR "/validate/measured/h200-sxm/traces/codellama-7b-"

typedef struct fixture {
    arena memory;
    workload workload;
    levers levers;
    scenario scenario;
    graph graph;
    trace trace;
    classified *classes;
    trace_match match;
    graph_view view;
} fixture;

static void build(fixture *f, const char *name, const char *preset, int64_t prompt) {
    error err = {0};
    workload_request request = {.batch = 1, .prompt_tokens = prompt, .decode_steps = 1, .statistic = "mean"};
    cr_assert_eq(levers_parse(preset, &f->levers, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, INGOT_SOURCE_DIR "/configs", name, &f->workload, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(workload_scenario(&f->memory, &f->workload, &request, &f->levers, &f->scenario, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(workload_build(&f->memory, &f->workload, &f->levers, &f->graph, &err), STATUS_OK, "%s", err.text);
}

static size_t phase_named(const graph *g, const char *name) {
    for (size_t p = 0; p < g->phase_count; p++)
        if (strcmp(g->phases[p].name, name) == 0)
            return p;
    cr_assert_fail("no phase %s", name);
    return 0;
}

static void match(fixture *f, const char *path, const char *phase) {
    error err = {0};
    cr_assert_eq(trace_read(path, false, &f->trace, &err), STATUS_OK, "%s", err.text);
    f->classes = trace_classify(&f->trace);
    cr_assert_eq(trace_match_phase(&f->memory, &f->trace, f->classes, &f->graph, phase_named(&f->graph, phase),
                                   &f->scenario, &f->match, &f->view, &err),
                 STATUS_OK, "%s", err.text);
}

static void done(fixture *f) {
    free(f->classes);
    trace_free(&f->trace);
    arena_free(&f->memory);
}

static const struct {
    const char *file, *preset, *phase;
    int64_t prompt;
    size_t gemms_a_layer; /* products with weights */
} measured[] = {
    {TRACES "eager-decode.json.gz", "baseline", "decode", 169, 7},
    {TRACES "sdpa-prefill.json.gz", "sdpa", "prefill", 154, 7},
    {TRACES "compile-decode.json.gz", "compile flavour=hf", "decode", 169, 7},
};
enum { MEASURED_COUNT = sizeof measured / sizeof measured[0] };

Test(match, measured_traces_match_what_ran) {
    for (size_t i = 0; i < MEASURED_COUNT; i++) {
        fixture f = {0};
        error err = {0};
        build(&f, "codellama-7b", measured[i].preset, measured[i].prompt);
        match(&f, measured[i].file, measured[i].phase);
        cr_expect(match_time_frac(&f.match) >= 0.95, "%s: %g", measured[i].file, match_time_frac(&f.match));
        cr_expect(match_op_frac(&f.match) >= 0.95, "%s: %g", measured[i].file, match_op_frac(&f.match));
        cr_expect_eq(match_check(&f.match, &f.view, &err), STATUS_OK, "%s", err.text);
        done(&f);
    }
}

/* By layer and kind: each weight of each layer is one product a step, and each layer attends once. */
Test(match, every_layer_has_its_products) {
    for (size_t i = 0; i < MEASURED_COUNT; i++) {
        fixture f = {0};
        build(&f, "codellama-7b", measured[i].preset, measured[i].prompt);
        match(&f, measured[i].file, measured[i].phase);
        size_t products[32] = {0};
        for (size_t e = 0; e < f.trace.gpu_count; e++) {
            if (f.match.op_of[e] == TRACE_NONE || !(f.classes[e].traits & TRAIT_GEMM))
                continue;
            const flat_op *flat = &f.view.ops[f.match.op_of[e]];
            if (flat->op.kind == OP_gemm && !flat->op.as.gemm.activations_only && strcmp(flat->node->id, "head") != 0)
                products[flat->layer]++;
        }
        for (size_t layer = 0; layer < 32; layer++)
            cr_expect_eq(products[layer], measured[i].gemms_a_layer * f.trace.step_count, "%s: layer %zu: %zu",
                         measured[i].file, layer, products[layer]);
        done(&f);
    }
}

/* Time is neither lost nor counted twice: matched and unmatched events add up. */
Test(match, time_is_conserved) {
    fixture f = {0};
    build(&f, "codellama-7b", "baseline", 169);
    match(&f, measured[0].file, "decode");
    double ops_s = 0, unmatched_s = 0;
    for (size_t j = 0; j < f.match.op_count; j++)
        ops_s += f.match.ops[j].time_s;
    for (size_t e = 0; e < f.trace.gpu_count; e++)
        unmatched_s += f.match.op_of[e] == TRACE_NONE ? (double)f.trace.gpu[e].duration_ns * 1e-9 : 0;
    cr_expect_float_eq(ops_s, f.match.matched_s, 1e-12);
    cr_expect_float_eq(ops_s + unmatched_s, f.match.time_s, 1e-12);
    done(&f);
}

Test(match, other_models_do_not_match) {
    static const char *const others[] = {"codellama-13b", "codellama-34b", "llama-2-70b"};
    for (size_t i = 0; i < MEASURED_COUNT; i++)
        for (size_t k = 0; k < 3; k++) {
            fixture f = {0};
            error err = {0};
            build(&f, others[k], measured[i].preset, measured[i].prompt);
            match(&f, measured[i].file, measured[i].phase);
            cr_expect_eq(match_check(&f.match, &f.view, &err), STATUS_NEGATIVE, "%s as %s", measured[i].file,
                         others[k]);
            cr_expect(strstr(err.text, "does not run this graph"), "%s", err.text);
            done(&f);
        }
}

/* A decode step's launches are too small for a prefill of 154 tokens, and the other way round. */
Test(match, phases_are_told_apart_by_size) {
    fixture f = {0}, g = {0};
    build(&f, "codellama-7b", "sdpa", 154);
    match(&f, measured[1].file, "prefill");
    build(&g, "codellama-7b", "sdpa", 154);
    match(&g, measured[1].file, "decode");
    cr_expect(match_quality(&f.match) > 1.5 * match_quality(&g.match), "%g %g", match_quality(&f.match),
              match_quality(&g.match));
    error err = {0};
    cr_expect_eq(match_check(&g.match, &g.view, &err), STATUS_NEGATIVE);
    done(&f);
    done(&g);
}

/* ---- made-up traces ---- */

/* A kernel that does what an operator asks for, named after PyTorch's. */
static const char *kernel_of(const op *o) {
    switch (o->kind) {
    case OP_gemm:
        return "nvjet_sm90_tst_64x8_64x16_2x1_v_bz_TNT";
    case OP_attention:
        return "cudnn_generated_fort_native_sdpa_sm90_flash_fprop";
    case OP_embedding:
        return "at::native::indexSelectSmallIndex<bf16>";
    case OP_rmsnorm:
        return "triton_red_fused_mean_mul_pow_rsqrt_1";
    case OP_rope:
        return "triton_poi_fused_cat_cos_mul_sin_2";
    case OP_kv_append:
        return "triton_poi_fused_index_copy_3";
    case OP_activation:
        return "triton_poi_fused_mul_silu_4";
    case OP_add:
        return "at::native::vectorized_elementwise_kernel<8, CUDAFunctor_add<bf16>>";
    case OP_sample:
        return "at::native::reduce_kernel<512, ArgMaxOps<float>>";
    default:
        return "mystery_kernel";
    }
}

static char *made_up(const graph_view *view, int64_t skipped_layer, bool strangers) {
    char *path = strdup("/tmp/ingot_match_XXXXXX");
    FILE *file = fdopen(mkstemp(path), "w");
    fputs("[", file);
    double at_us = 0;
    for (size_t j = 0; j < view->count; j++) {
        if (view->ops[j].layer == skipped_layer && view->ops[j].layer > 0)
            continue;
        if (strangers && j % 10 == 5) {
            fprintf(file,
                    "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"stranger\",\"pid\":0,\"tid\":7,\"ts\":%.3f,"
                    "\"dur\":0.5},",
                    at_us);
            at_us += 1;
        }
        fprintf(file, "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"%s\",\"pid\":0,\"tid\":7,\"ts\":%.3f,\"dur\":2},",
                kernel_of(&view->ops[j].op), at_us);
        at_us += 3;
    }
    fprintf(file, "{\"ph\":\"M\",\"name\":\"process_name\"}]");
    fclose(file);
    return path;
}

/* One kernel an operator, in order, with strangers between: each goes where it came from, and no stranger does. */
Test(match, strangers_stay_unmatched) {
    fixture f = {0};
    build(&f, "llama-2-7b", "compile", 100);
    size_t phase = phase_named(&f.graph, "decode");
    graph_view view = graph_at(&f.graph, phase, &f.scenario, 0, &f.memory);
    char *path = made_up(&view, -1, true);
    match(&f, path, "decode");
    cr_assert_eq(f.trace.step_count, 1);
    size_t next = 0;
    for (size_t e = 0; e < f.trace.gpu_count; e++) {
        if (strcmp(trace_name(&f.trace, f.trace.gpu[e].name), "stranger") == 0) {
            cr_expect_eq(f.match.op_of[e], TRACE_NONE);
            continue;
        }
        cr_expect_eq(f.match.op_of[e], next, "event %zu: %u, not %zu", e, f.match.op_of[e], next);
        next++;
    }
    cr_expect_eq(next, view.count);
    unlink(path);
    free(path);
    done(&f);
}

Test(match, a_missing_layer_is_missed) {
    fixture f = {0};
    build(&f, "llama-2-7b", "compile", 100);
    graph_view view = graph_at(&f.graph, phase_named(&f.graph, "decode"), &f.scenario, 0, &f.memory);
    char *path = made_up(&view, 7, false);
    match(&f, path, "decode");
    cr_expect_eq(f.match.launching_count - f.match.found_count,
                 f.graph.phases[phase_named(&f.graph, "decode")].segments[1].node_count, "one layer of 32");
    unlink(path);
    free(path);
    done(&f);
}

Test(match, recorded_shapes_decide) {
    op right = {.kind = OP_gemm, .as.gemm = {.m = 3, .n = 64, .k = 32, .batch = 1}};
    op wrong = right;
    wrong.as.gemm.n = 65;
    static const char *const recorded[] = {
        "[[3,32],[32,64]]",           /* mm */
        "[[64],[3,32],[32,64],[],[]]" /* addmm */
    };
    static const char *const callers[] = {"aten::mm", "aten::addmm"};
    for (size_t i = 0; i < 2; i++) {
        char *path = strdup("/tmp/ingot_match_XXXXXX");
        FILE *file = fdopen(mkstemp(path), "w");
        fprintf(file,
                "[{\"ph\":\"X\",\"cat\":\"cpu_op\",\"name\":\"%s\",\"pid\":1,\"tid\":1,\"ts\":0,\"dur\":9,"
                "\"args\":{\"Input Dims\":%s}},{\"ph\":\"X\",\"cat\":\"cuda_runtime\",\"name\":\"cudaLaunchKernel\","
                "\"pid\":1,\"tid\":1,\"ts\":1,\"dur\":2,\"args\":{\"correlation\":5}},{\"ph\":\"X\",\"cat\":\"kernel\","
                "\"name\":\"nvjet_x\",\"pid\":0,\"tid\":7,\"ts\":5,\"dur\":2,\"args\":{\"correlation\":5}}]",
                callers[i], recorded[i]);
        fclose(file);
        trace t;
        error err = {0};
        cr_assert_eq(trace_read(path, false, &t, &err), STATUS_OK, "%s", err.text);
        match_event e = {.traits = TRAIT_GEMM};
        match_read_shape(&t, &t.gpu[0], &e);
        cr_expect_eq(e.m, 3);
        cr_expect_eq(e.n, 64);
        cr_expect_eq(e.k, 32);
        cr_expect_eq(match_fit(&e, &right), 1);
        cr_expect_eq(match_fit(&e, &wrong), 0);
        trace_free(&t);
        unlink(path);
        free(path);
    }
}

/* ---- our own runs ---- */

/* Two steps whose operators run in the reverse of the graph's order: identity, not order, decides. */
Test(match, runs_match_by_identity) {
    fixture f = {0};
    error err = {0};
    build(&f, "llama-2-7b", "compile", 100);
    size_t phase = phase_named(&f.graph, "decode");
    graph_view view = graph_at(&f.graph, phase, &f.scenario, 0, &f.memory);
    run r = {.header = {"h200-sxm", "llama-2-7b", "c-runner"},
             .intervals = ARENA_ARRAY(&f.memory, interval, 2 * view.count + 1)};
    for (int64_t step = 0; step < 2; step++)
        for (size_t j = view.count; j-- > 0;) {
            if (!match_op_launches(&view.ops[j].op))
                continue;
            r.intervals[r.count] = (interval){.phase = "decode",
                                              .op_id = view.ops[j].node->id,
                                              .step = step,
                                              .layer = view.ops[j].layer,
                                              .lane = LANE_GPU,
                                              .start_s = 1e-5 * (double)r.count,
                                              .duration_s = 1e-9 * (double)(j + 1)};
            r.count++;
        }
    r.intervals[r.count++] = (interval){
        .phase = "decode", .op_id = "unheard_of", .step = 1, .lane = LANE_GPU, .start_s = 1, .duration_s = 1e-9};
    cr_assert_eq(trace_from_run(&r, "made-up", "decode", &f.trace, &err), STATUS_OK, "%s", err.text);
    cr_expect_eq(f.trace.step_count, 2);
    trace_match_run(&f.memory, &f.trace, &r, &f.graph, phase, &f.scenario, &f.match, &f.view);
    for (size_t j = 0; j < view.count; j++)
        if (match_op_launches(&view.ops[j].op)) {
            cr_expect_eq(f.match.ops[j].events, 2);
            cr_expect_float_eq(f.match.ops[j].time_s, 2e-9 * (double)(j + 1), 1e-15);
        }
    cr_expect_eq(f.match.found_count, f.match.launching_count);
    cr_expect_float_eq(f.match.time_s - f.match.matched_s, 1e-9, 1e-15, "the unheard-of operator");
    cr_expect_eq(trace_from_run(&r, "made-up", "prefill", &f.trace, &err), STATUS_BAD_INPUT);
    done(&f);
}
