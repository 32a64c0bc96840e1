/* The memory plan: registers that share memory are never alive together, weights and caches have places of their own,
 * and operands see what was meant. */
#include "core/dataflow.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    arena memory;
    workload work;
    levers levers;
    scenario scenario;
    graph graph;
    memory_plan plan;
} fixture;

static status make(fixture *f, const char *model_name, const char *lever_text, int64_t batch, error *err) {
    *f = (fixture){0};
    workload_request request = {.batch = batch, .prompt_tokens = 21, .decode_steps = 5, .statistic = "mean", .seed = 7};
    status result = levers_parse(lever_text, &f->levers, err);
    if (result == STATUS_OK)
        result = workload_find(&f->memory, INGOT_SOURCE_DIR "/configs", model_name, &f->work, err);
    if (result == STATUS_OK)
        result = workload_scenario(&f->memory, &f->work, &request, &f->levers, &f->scenario, err);
    if (result == STATUS_OK)
        result = workload_build(&f->memory, &f->work, &f->levers, &f->graph, err);
    if (result == STATUS_OK)
        result = memory_plan_make(&f->memory, &f->graph, &f->scenario, &f->plan, err);
    return result;
}

static const char *const lever_texts[] = {
    "compile flavour=ingot",
    "compile flavour=ingot fuse=maximal",
    "compile flavour=ingot fuse=none",
    "sdpa flavour=ingot kv_cache=static weights=int8",
    "compile flavour=ingot kv_dtype=int8",
    "compile flavour=ingot kv_cache=paged(16)",
};
static const char *const model_names[] = {"codellama-34b", "chameleon-7b", "chameleon-34b"};
enum { MODEL_NAMES = sizeof model_names / sizeof model_names[0] };
enum { LEVER_TEXTS = sizeof lever_texts / sizeof lever_texts[0] };

/* A shadow of the activations, a register number for every aligned block: whoever writes leaves its number, and whoever
 * reads must find its register's own. */
static size_t count_clobbered(const fixture *f, size_t phase, int64_t step) {
    const memory_plan *plan = &f->plan;
    size_t blocks = plan->total_bytes / MEMORY_ALIGNMENT, clobbered = 0;
    int *owner = calloc(blocks, sizeof *owner);
    arena scratch = {0};
    graph_view view = graph_at(&f->graph, phase, &f->scenario, step, &scratch);
    for (size_t i = 0; i < view.count; i++) {
        for (int writing = 0; writing < 2; writing++) {
            operand_list list;
            operands_of(&view.ops[i].op, &list);
            for (size_t j = 0; j < list.count; j++) {
                int32_t reg = view.ops[i].node->operands ? view.ops[i].node->operands[j].reg : REGISTER_NONE;
                if (reg == REGISTER_NONE || !operand_present(&list.at[j]) ||
                    f->graph.registers[reg].kind != REGISTER_ACTIVATION || list.at[j].written != (writing == 1))
                    continue;
                if (view.ops[i].layer == 0 && view.ops[i].node->operands[j].first_reg != REGISTER_NONE)
                    continue;
                size_t first = plan->register_offset_bytes[reg] / MEMORY_ALIGNMENT;
                for (size_t b = 0; b < plan->register_bytes[reg] / MEMORY_ALIGNMENT; b++) {
                    if (writing)
                        owner[first + b] = reg + 1;
                    else
                        clobbered += owner[first + b] != reg + 1;
                }
            }
        }
    }
    arena_free(&scratch);
    free(owner);
    return clobbered;
}

Test(memory_plan, registers_that_share_are_never_alive_together) {
    for (size_t l = 0; l < LEVER_TEXTS * MODEL_NAMES; l++) {
        fixture f;
        error err = {0};
        const char *levers_used = lever_texts[l % LEVER_TEXTS], *model_used = model_names[l / LEVER_TEXTS];
        cr_assert_eq(make(&f, model_used, levers_used, 3, &err), STATUS_OK, "%s, %s: %s", model_used, levers_used,
                     err.text);
        cr_expect_lt(f.plan.activation_bytes, f.plan.activation_bytes_apart, "%s", levers_used);
        for (size_t p = 0; p < f.graph.phase_count; p++)
            cr_expect_eq(count_clobbered(&f, p, 0), (size_t)0, "%s, %s", model_used, levers_used);
        arena_free(&f.memory);
    }
}

/* The model's own count of its parameters, and 256-byte alignment a tensor on top. */
Test(memory_plan, weights_are_the_models) {
    fixture f;
    error err = {0};
    cr_assert_eq(make(&f, "codellama-7b", "compile flavour=ingot", 1, &err), STATUS_OK, "%s", err.text);
    double rotary_bytes = 0;
    for (size_t i = 0; i < f.plan.weight_count; i++)
        if (f.plan.weights[i].fill.rotary)
            rotary_bytes += (double)f.plan.weights[i].layer_stride_bytes * (double)f.plan.weights[i].layers;
    cr_expect_float_eq((double)f.plan.weight_bytes - rotary_bytes, f.graph.weight_bytes, 1e-4 * f.graph.weight_bytes);
    cr_expect_geq((double)f.plan.cache_bytes, f.graph.kv_bytes_per_token * (21 + 5));
    arena_free(&f.memory);
}

/* A draft model's weights and caches come on top of the model's own, in its own widths; activations share memory. */
Test(memory_plan, a_draft_model_has_its_own) {
    fixture alone, small, both;
    error err = {0};
    cr_assert_eq(make(&alone, "codellama-34b", "compile flavour=ingot", 3, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(make(&small, "codellama-7b", "compile flavour=ingot", 3, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(make(&both, "codellama-34b", "compile flavour=ingot speculate=draft(codellama-7b,3,0.7)", 3, &err),
                 STATUS_OK, "%s", err.text);
    cr_expect_eq(both.plan.weight_count, alone.plan.weight_count + small.plan.weight_count);
    cr_expect_eq(both.plan.weight_bytes, alone.plan.weight_bytes + small.plan.weight_bytes);
    double tokens = (double)both.plan.cache_tokens;
    cr_expect_eq((double)both.plan.cache_bytes,
                 3 * tokens * (alone.graph.kv_bytes_per_token + small.graph.kv_bytes_per_token));
    cr_expect_lt(both.plan.activation_bytes, both.plan.activation_bytes_apart);
    for (size_t p = 0; p < both.graph.phase_count; p++)
        cr_expect_eq(count_clobbered(&both, p, 0), (size_t)0);
    for (size_t i = 0; i < both.plan.weight_count; i++) { /* Code Llama's base; every weight's bits are its name's */
        const plan_weight *w = &both.plan.weights[i];
        cr_expect(!w->fill.rotary || w->fill.theta == 1e6);
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(w->stream, both.plan.weights[j].stream);
        for (size_t j = 0; j < alone.plan.weight_count; j++)
            if (strcmp(w->node, alone.plan.weights[j].node) == 0 &&
                strcmp(w->operand_name, alone.plan.weights[j].operand_name) == 0)
                cr_expect_eq(w->stream, alone.plan.weights[j].stream);
    }
    arena_free(&alone.memory);
    arena_free(&small.memory);
    arena_free(&both.memory);
}

static void expect_views_inside(const fixture *f, size_t phase, int64_t step) {
    arena scratch = {0};
    graph_view view = graph_at(&f->graph, phase, &f->scenario, step, &scratch);
    for (size_t i = 0; i < view.count; i++) {
        op_views views;
        memory_plan_views(&f->plan, &view.ops[i], &views);
        for (size_t j = 0; j < views.count; j++) {
            const tensor_view *v = &views.at[j];
            if (!v->present) {
                cr_expect(!operand_present(&v->item) || v->item.optional, "%s %s", view.ops[i].node->id, v->item.name);
                continue;
            }
            operand last = v->item;
            last.cols += (v->item.blocks - 1) * v->block_stride + (v->item.rows - 1) * v->row_stride;
            if (v->item.role != ROLE_STATE || v->item.blocks > 1)
                cr_expect_leq(v->offset_bytes + (size_t)operand_row_bytes(&last), f->plan.total_bytes);
            cr_expect_eq(v->offset_bytes % 4, (size_t)0, "%s %s", view.ops[i].node->id, v->item.name);
            if (v->item.role == ROLE_WEIGHT || v->item.strided)
                cr_expect_eq(v->offset_bytes % 16, (size_t)0, "%s %s", view.ops[i].node->id, v->item.name);
        }
    }
    arena_free(&scratch);
}

/* Every operand that an operator has lies inside the memory, to its last row. */
Test(memory_plan, views_stay_inside) {
    static const char *const texts[] = {"compile flavour=ingot", "compile flavour=ingot speculate=layerskip(8,3,0.7)",
                                        "compile flavour=ingot speculate=draft(llama-2-7b,3,0.7)"};
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        fixture f;
        error err = {0};
        cr_assert_eq(make(&f, "codellama-7b", texts[t], 2, &err), STATUS_OK, "%s", err.text);
        for (size_t p = 0; p < f.graph.phase_count; p++)
            expect_views_inside(&f, p, p == 0 ? 0 : (int64_t)f.scenario.values[SCENARIO_DECODE_STEPS] - 1);
        arena_free(&f.memory);
    }
}

/* Positions go on from the prompt, and every sequence has its own part of the cache. */
Test(memory_plan, inputs_follow_the_scenario) {
    fixture f;
    error err = {0};
    cr_assert_eq(make(&f, "codellama-7b", "compile flavour=ingot", 2, &err), STATUS_OK, "%s", err.text);
    int32_t values[2 * 21];
    for (size_t r = 0; r < f.graph.register_count; r++) {
        register_kind kind = f.graph.registers[r].kind;
        if (!register_is_input(kind) || f.plan.register_bytes[r] == 0)
            continue;
        memory_plan_input(&f.plan, r, true, 0, values);
        if (kind == REGISTER_POSITIONS)
            cr_expect(values[0] == 0 && values[20] == 20 && values[21] == 0);
        if (kind == REGISTER_SLOTS)
            cr_expect(values[20] == 20 && values[21] == f.plan.cache_tokens);
        if (kind == REGISTER_PROMPT)
            cr_expect(values[0] >= 0 && values[0] < 32016);
        memory_plan_input(&f.plan, r, false, 3, values);
        if (kind == REGISTER_POSITIONS)
            cr_expect(values[0] == 24 && values[1] == 24);
        if (kind == REGISTER_SLOTS)
            cr_expect(values[1] == f.plan.cache_tokens + 24);
    }
    arena_free(&f.memory);
}

/* Branches on two streams may run at once: neither writes over what the other still reads or has written. */
Test(memory_plan, branches_do_not_share_memory) {
    fixture f;
    error err = {0};
    cr_assert_eq(make(&f, "codellama-7b", "compile flavour=ingot fuse=none streams=2", 3, &err), STATUS_OK, "%s",
                 err.text);
    size_t gate = 0, up = 0;
    const graph_phase *decode = &f.graph.phases[1];
    for (size_t n = 0; n < decode->node_count; n++) {
        gate = strcmp(decode->nodes[n].id, "gate") == 0 ? n : gate;
        up = strcmp(decode->nodes[n].id, "up") == 0 ? n : up;
    }
    cr_assert(gate > 0 && up > 0 && decode->nodes[gate].stream != decode->nodes[up].stream);
    const operand_binding *a = decode->nodes[gate].operands, *b = decode->nodes[up].operands;
    int32_t written[] = {a[OPERAND_gemm_out].reg, b[OPERAND_gemm_out].reg}, read = a[OPERAND_gemm_a].reg;
    for (size_t i = 0; i < 2; i++) {
        int32_t others[] = {read, written[1 - i]};
        for (size_t k = 0; k < 2; k++) {
            size_t first = f.plan.register_offset_bytes[written[i]], other = f.plan.register_offset_bytes[others[k]];
            cr_expect(first + f.plan.register_bytes[written[i]] <= other ||
                      other + f.plan.register_bytes[others[k]] <= first);
        }
    }
    arena_free(&f.memory);
}

/* What executors cannot run says why, in terms of what was asked for. */
Test(memory_plan, what_is_predicted_only_says_so) {
    static const struct {
        const char *workload, *levers, *part;
    } cases[] = {
        {"codellama-7b", "baseline", "flavour=hf is predicted only: executors run flavour=ingot"},
        {"codellama-7b", "compile", "flavour=gptfast is predicted only"},
        {"chameleon-7b", "compile", "flavour=gptfast is predicted only"},
        {"codellama-7b", "compile flavour=ingot tp=2", "tp, pp and ep"},
        {"codellama-7b", "compile flavour=ingot pp=2", "tp, pp and ep"},
        {"codellama-7b", "compile flavour=ingot kv_keep=topk(64)", "kv_keep=topk is predicted only"},
        {"codellama-7b", "compile flavour=ingot kv_keep=window(4,8)", "21 tokens does not fit in the 12 that are kept"},
        {"codellama-7b", "compile flavour=ingot weights=fp8", "activations=fp8"},
        {INGOT_SOURCE_DIR "/tests/data/hf/mixtral-8x7b/config.json", "compile flavour=ingot", "mixtures of experts"},
        {"seamless-m4t-v2/s-s", "compile flavour=ingot", "seamless-m4t-v2 is predicted only"},
        {"seamless-m4t-v2/t-t", "compile flavour=ingot", "seamless-m4t-v2 is predicted only"},
        {"hstu/h-a", "compile flavour=ingot", "hstu is predicted only"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fixture f;
        error err = {0};
        cr_expect_eq(make(&f, cases[i].workload, cases[i].levers, 1, &err), STATUS_BAD_INPUT, "%s, %s: %s",
                     cases[i].workload, cases[i].levers, err.text);
        cr_expect_not_null(strstr(err.text, cases[i].part), "%s", err.text);
        arena_free(&f.memory);
    }
}

/* What stands around an operator agrees with what the executor does: packed operands are the gathered views, and the
 * operator before is the flat order's. */
Test(dataflow, context_of_operators_is_the_executors) {
    fixture f;
    error err;
    cr_assert_eq(make(&f, "chameleon-7b", "compile flavour=ingot", 3, &err), STATUS_OK, "%s", err.text);
    size_t packed = 0, streamed = 0;
    for (size_t p = 0; p < f.graph.phase_count; p++) {
        if (!phase_is_bound(&f.graph.phases[p]))
            continue;
        graph_view view = graph_at(&f.graph, p, &f.scenario, 0, &f.memory);
        for (size_t i = 1; i < view.count; i++) {
            const flat_op *flat = &view.ops[i];
            op o = graph_op_at(&f.graph, view.phase, flat->node, 0, &f.scenario, 0, flat->layer);
            op_views views;
            memory_plan_views(&f.plan, flat, &views);
            double gathered = 0;
            for (size_t j = 0; j < views.count; j++)
                gathered += views.at[j].present && views.at[j].gathered ? (double)operand_bytes(&views.at[j].item) : 0;
            cr_expect_eq(o.packed_bytes, o.own ? gathered : 0, "%s: %g, not %g", flat->node->id, o.packed_bytes,
                         gathered);
            packed += gathered > 0;
            op_work before = op_work_of(&view.ops[i - 1].op);
            if (o.streamed_bytes > 0 && flat->layer > 0) {
                cr_expect_eq(o.streamed_bytes, before.weight_bytes + before.read_bytes, "%s", flat->node->id);
                streamed++;
            }
        }
    }
    cr_expect(packed > 0 && streamed > 0);
    arena_free(&f.memory);
}
