/* Graph facts of the Llama family against the models' published figures and kernel counts of real traces. */
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static arena memory;

static void forget(void) {
    arena_free(&memory);
}

TestSuite(workloads, .fini = forget);

static model load(const char *name) {
    model m;
    error err = {0};
    char path[512];
    snprintf(path, sizeof path, INGOT_SOURCE_DIR "/configs/workloads/%s.yaml", name);
    cr_assert_eq(model_load(&memory, path, &m, &err), STATUS_OK, "%s", err.text);
    return m;
}

static levers preset(const char *name) {
    levers l;
    error err = {0};
    cr_assert_eq(levers_preset(name, &l, &err), STATUS_OK, "%s", err.text);
    return l;
}

static graph build(const char *name, const levers *l) {
    workload *w = ARENA_NEW(&memory, workload);
    *w = (workload){.name = name, .shape = load(name)};
    graph g;
    error err = {0};
    cr_assert_eq(workload_build(&memory, w, l, &g, &err), STATUS_OK, "%s", err.text);
    return g;
}

static scenario request(int64_t batch, int64_t prompt, int64_t steps) {
    scenario s;
    cr_assert_eq(scenario_fixed(batch, prompt, steps + 1, 0, 1, &s, NULL), STATUS_OK);
    return s;
}

/* facts: parameters in all, GEMM weight bytes a token in 16 bits, KV bytes a token. */
static const struct {
    const char *name;
    double parameters, gemm_bytes, kv_bytes;
} published[] = {
    {"codellama-7b", 6.739e9, 13.21e9, 512 * 1024},    {"codellama-13b", 13.016e9, 25.70e9, 800 * 1024},
    {"codellama-34b", 33.744e9, 66.96e9, 192 * 1024},  {"llama-2-7b", 6.738e9, 13.21e9, 512 * 1024},
    {"llama-2-70b", 68.977e9, 137.43e9, 320 * 1024},   {"llama-3.1-8b", 8.030e9, 15.01e9, 128 * 1024},
    {"llama-3.1-70b", 70.554e9, 139.00e9, 320 * 1024},
};

static double gemm_weight_bytes_of_decode(const graph *g, const scenario *s) {
    arena scratch = {0};
    graph_view view = graph_at(g, 1, s, 0, &scratch);
    double bytes = 0;
    for (size_t i = 0; i < view.count; i++)
        if (view.ops[i].op.kind == OP_gemm)
            bytes += op_work_of(&view.ops[i].op).weight_bytes;
    arena_free(&scratch);
    return bytes;
}

Test(workloads, published_sizes_within_a_thousandth) {
    static const char *const presets[] = {"baseline", "sdpa", "compile"};
    scenario s = request(1, 154, 358);
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        for (size_t p = 0; p < 3; p++) {
            levers l = preset(presets[p]);
            graph g = build(published[i].name, &l);
            cr_expect(fabs(g.parameter_count / published[i].parameters - 1) < 1e-3, "%s: %g parameters",
                      published[i].name, g.parameter_count);
            double bytes = gemm_weight_bytes_of_decode(&g, &s);
            cr_expect(fabs(bytes / published[i].gemm_bytes - 1) < 1e-3, "%s %s: %g weight bytes", published[i].name,
                      presets[p], bytes);
            cr_expect_eq(g.kv_bytes_per_token, published[i].kv_bytes, "%s", published[i].name);
            cr_expect(fabs(g.weight_bytes - 2 * g.parameter_count) < 1, "%s: 16-bit weights", published[i].name);
            error err = {0};
            cr_expect_eq(graph_check(&g, &s, &err), STATUS_OK, "%s %s: %s", published[i].name, presets[p], err.text);
        }
    }
}

static size_t gpu_nodes_of_decode(const graph *g, const scenario *s) {
    arena scratch = {0};
    graph_view view = graph_at(g, 1, s, 0, &scratch);
    size_t count = 0;
    for (size_t i = 0; i < view.count; i++)
        count += view.ops[i].op.kind != OP_sync && view.ops[i].op.kind != OP_host_call;
    arena_free(&scratch);
    return count;
}

static double host_calls_of_decode(const graph *g, const scenario *s) {
    arena scratch = {0};
    graph_view view = graph_at(g, 1, s, 0, &scratch);
    double calls = 0;
    for (size_t i = 0; i < view.count; i++)
        calls += view.ops[i].node->host_calls;
    arena_free(&scratch);
    return calls;
}

/* PyTorch 2.11 traces of Code Llama 7B, a decode step: 1,663, 1,461 and 645 kernels, of which 160 are the reductions
 * of split-K products, which plans add; 5,676 and 4,655 framework calls. */
Test(workloads, kernels_of_a_decode_step_equal_the_traces) {
    scenario s = request(1, 154, 64);
    levers l = preset("baseline");
    graph g = build("codellama-7b", &l);
    cr_expect_eq(gpu_nodes_of_decode(&g, &s), 1503);
    cr_expect(fabs(host_calls_of_decode(&g, &s) / 5676 - 1) < 0.02, "%g", host_calls_of_decode(&g, &s));
    l = preset("sdpa");
    g = build("codellama-7b", &l);
    cr_expect_eq(gpu_nodes_of_decode(&g, &s), 1301);
    cr_expect(fabs(host_calls_of_decode(&g, &s) / 4655 - 1) < 0.02, "%g", host_calls_of_decode(&g, &s));
    l = preset("compile");
    cr_assert_eq(levers_set(&l, "flavour=hf", NULL), STATUS_OK);
    g = build("codellama-7b", &l);
    size_t compiled = gpu_nodes_of_decode(&g, &s);
    cr_expect(compiled >= 482 && compiled <= 488, "%zu nodes, 485 in the trace", compiled);
}

Test(workloads, keys_grow_by_one_a_step_and_static_caches_stay) {
    scenario s = request(2, 100, 50);
    levers l = preset("sdpa");
    graph g = build("codellama-7b", &l);
    arena scratch = {0};
    for (int64_t step = 0; step < 3; step++) {
        graph_view view = graph_at(&g, 1, &s, step, &scratch);
        for (size_t i = 0; i < view.count; i++)
            if (view.ops[i].op.kind == OP_attention)
                cr_assert_eq(view.ops[i].op.as.attention.kv_len, 101 + step);
    }
    l = preset("compile");
    g = build("codellama-7b", &l);
    graph_view view = graph_at(&g, 1, &s, 7, &scratch);
    for (size_t i = 0; i < view.count; i++)
        if (view.ops[i].op.kind == OP_attention)
            cr_assert_eq(view.ops[i].op.as.attention.kv_len, 152); /* 151 held, in multiples of 8 */
    arena_free(&scratch);
}

Test(workloads, flat_view_keeps_issue_order) {
    scenario s = request(1, 16, 4);
    levers l = preset("baseline");
    graph g = build("codellama-34b", &l);
    arena scratch = {0};
    graph_view view = graph_at(&g, 1, &s, 0, &scratch);
    for (size_t i = 1; i < view.count; i++)
        for (size_t d = 0; d < view.ops[i].dependency_count; d++)
            cr_assert_lt(view.ops[i].dependencies[d], i);
    arena_free(&scratch);
}

Test(workloads, quantised_weights_shrink_what_is_read) {
    scenario s = request(1, 16, 4);
    levers l = preset("compile");
    graph g = build("codellama-34b", &l);
    double half = gemm_weight_bytes_of_decode(&g, &s);
    cr_assert_eq(levers_set(&l, "weights=int8", NULL), STATUS_OK);
    g = build("codellama-34b", &l);
    double eight = gemm_weight_bytes_of_decode(&g, &s);
    cr_assert_eq(levers_set(&l, "weights=int4", NULL), STATUS_OK);
    g = build("codellama-34b", &l);
    double four = gemm_weight_bytes_of_decode(&g, &s);
    cr_expect(fabs(eight / half - 0.5) < 1e-3);                   /* and one scale a column */
    cr_expect(fabs(four / half - (0.25 + 2.0 / 128 / 2)) < 1e-6); /* and 2 bytes a group of 128 */
}

Test(workloads, levers_answer_in_one_line) {
    levers l = preset("compile");
    error err = {0};
    cr_expect_eq(levers_set(&l, "wieghts=int8", &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "did you mean weights"), "%s", err.text);
    cr_expect_eq(levers_set(&l, "weights=int9", &err), STATUS_BAD_INPUT);
    cr_expect_eq(levers_set(&l, "schedule=continuous", &err), STATUS_NEGATIVE);
    cr_expect_eq(levers_preset("autoqunat", &l, &err), STATUS_BAD_INPUT);
    cr_expect(strstr(err.text, "did you mean autoquant"), "%s", err.text);
    l = preset("compile");
    cr_assert_eq(levers_set(&l, "kv_cache=dynamic", &err), STATUS_OK);
    cr_expect_eq(levers_check(&l, &err), STATUS_NEGATIVE);
    l = preset("compile");
    cr_assert_eq(levers_set(&l, "weights=int8", &err), STATUS_OK);
    cr_expect_str_eq(levers_text(&memory, &l), "compile weights=int8");
    cr_expect_str_eq(levers_host(&l), "pytorch-compiled");
}
