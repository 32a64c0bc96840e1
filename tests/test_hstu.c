/* HSTU's graphs against the counts that follow from the paper's two stages. */
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <string.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

typedef struct fixture {
    arena memory;
    workload w;
    scenario s;
    graph g;
    graph_view view;
} fixture;

static void set_up(fixture *f, const char *lever_text, int64_t batch) {
    error err = {0};
    levers l;
    cr_assert_eq(levers_parse(lever_text, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIGS, "hstu/h-a", &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = batch, .decode_steps = -1, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &l, &f->g, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(graph_check(&f->g, &f->s, &err), STATUS_OK, "%s", err.text);
    f->view = graph_at(&f->g, 0, &f->s, 0, &f->memory);
}

/* Layers' projections, without the networks before and after them. */
static double linear_flops(const fixture *f) {
    double flops = 0;
    for (size_t i = 0; i < f->view.count; i++) {
        const char *id = f->view.ops[i].node->id;
        if (strstr(id, "_uvqk") || strstr(id, "_output"))
            flops += f->view.ops[i].op.kind == OP_gemm ? op_work_of(&f->view.ops[i].op).flops : 0;
    }
    return flops;
}

/* Both products of attention over the pairs that causality leaves. */
static double attention_flops(const fixture *f) {
    double flops = 0;
    for (size_t i = 0; i < f->view.count; i++) {
        if (f->view.ops[i].op.kind != OP_attention)
            continue;
        const attention_params *p = &f->view.ops[i].op.as.attention;
        cr_expect(p->causal && p->score == attention_score_silu && p->q_len == p->kv_len);
        double pairs = (double)p->q_len * ((double)p->q_len + 1) / 2;
        flops += 4 * (double)p->batch * (double)p->heads * (double)p->head_dim * pairs;
    }
    return flops;
}

Test(hstu, a_sample_costs_what_its_lengths_say) {
    static const char *const texts[] = {"sdpa", "compile", "compile flavour=ingot"};
    for (size_t i = 0; i < 3; i++) {
        fixture f = {0};
        set_up(&f, texts[i], 4);
        cr_expect_float_eq(linear_flops(&f) / 4 / 96.3e9, 1, 1e-3, "%s: %g", texts[i], linear_flops(&f) / 4);
        cr_expect_float_eq(attention_flops(&f) / 4 / 117.5e9, 1, 1e-3, "%s: %g", texts[i], attention_flops(&f) / 4);
        arena_free(&f.memory);
    }
}

Test(hstu, the_research_code_writes_every_pair) {
    fixture f = {0};
    set_up(&f, "baseline", 2);
    cr_expect_float_eq(linear_flops(&f) / 2 / 96.3e9, 1, 1e-3);
    size_t products = 0;
    double flops = 0, score_bytes = 0;
    for (size_t i = 0; i < f.view.count; i++) {
        const op *o = &f.view.ops[i].op;
        cr_expect_neq(o->kind, OP_attention);
        if (o->kind == OP_gemm && o->as.gemm.activations_only) {
            products++;
            flops += op_work_of(o).flops;
        }
        if (strcmp(f.view.ops[i].node->id, "history_score_silu") == 0)
            score_bytes = op_work_of(o).write_bytes;
    }
    cr_expect_eq(products, 2 * 14);
    cr_expect_float_eq(flops / 2 / (2 * 117.5e9), 1, 1e-3, "no causal saving"); /* all pairs */
    double length = f.s.values[SCENARIO_HISTORY];
    cr_expect_eq(score_bytes, 2 * 4 * length * length * 4, "[batch, heads, N, N] in 32 bits");
    arena_free(&f.memory);
}

Test(hstu, fourteen_layers_in_two_stages) {
    fixture f = {0};
    set_up(&f, "sdpa", 1);
    size_t history = 0, recent = 0;
    for (size_t i = 0; i < f.view.count; i++)
        if (f.view.ops[i].op.kind == OP_attention) {
            history += f.view.ops[i].op.as.attention.q_len == 4814;
            recent += f.view.ops[i].op.as.attention.q_len == 2028;
        }
    cr_expect_eq(history, 3);
    cr_expect_eq(recent, 11);
    arena_free(&f.memory);
}
