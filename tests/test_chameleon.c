/* Chameleon's graphs against the counts that its published code gives. */
#include "workloads/vqgan.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <string.h>

static const char CONFIGS[] = INGOT_SOURCE_DIR "/configs";

typedef struct fixture {
    arena memory;
    workload w;
    scenario s;
    graph g;
} fixture;

static void set_up(fixture *f, const char *name, const char *lever_text) {
    error err = {0};
    levers l;
    cr_assert_eq(levers_parse(lever_text, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, CONFIGS, name, &f->w, &err), STATUS_OK, "%s", err.text);
    workload_request request = {.batch = 2, .decode_steps = -1, .statistic = "mean"};
    cr_assert_eq(workload_scenario(&f->memory, &f->w, &request, &l, &f->s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&f->memory, &f->w, &l, &f->g, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(graph_check(&f->g, &f->s, &err), STATUS_OK, "%s", err.text);
}

static const graph_phase *phase_named(const graph *g, const char *name, size_t *index) {
    for (*index = 0; *index < g->phase_count; ++*index)
        if (strcmp(g->phases[*index].name, name) == 0)
            return &g->phases[*index];
    cr_assert(false, "no phase %s", name);
    return NULL;
}

/* FLOPs of tensor cores in a phase's first step. */
static double tensor_flops(fixture *f, const char *phase) {
    size_t index;
    phase_named(&f->g, phase, &index);
    graph_view view = graph_at(&f->g, index, &f->s, 0, &f->memory);
    double flops = 0;
    for (size_t i = 0; i < view.count; i++) {
        op_work work = op_work_of(&view.ops[i].op);
        flops += work.tensor_flops ? work.flops : 0;
    }
    return flops;
}

Test(chameleon, the_tokenizer_works_as_much_as_published) {
    fixture f = {0};
    set_up(&f, "chameleon-7b/i-t", "compile");
    cr_expect_float_eq(tensor_flops(&f, "image_encode") / 2 / (550e9 + 4.3e9), 1, 5e-3);
    fixture t = {0};
    set_up(&t, "chameleon-7b/t-i", "compile");
    cr_expect_float_eq(tensor_flops(&t, "image_decode") / 2 / 1005e9, 1, 5e-3);
    /* 27 and 39 million, and the codebook of 8192 x 256. */
    cr_expect_float_eq(vqgan_parameter_count() / (27e6 + 39e6 + 2.1e6), 1, 0.02);
    arena_free(&f.memory);
    arena_free(&t.memory);
}

Test(chameleon, models_have_their_parameters) {
    static const struct {
        const char *name;
        double parameters, gemm_bytes;
    } published[] = {{"chameleon-7b", 7.013e9, 13.49e9}, {"chameleon-34b", 34.293e9, 67.51e9}};
    for (size_t i = 0; i < 2; i++) {
        fixture f = {0};
        error err = {0};
        cr_assert_eq(workload_find(&f.memory, CONFIGS, published[i].name, &f.w, &err), STATUS_OK, "%s", err.text);
        cr_expect_float_eq(f.w.shape.parameters / published[i].parameters, 1, 1e-3);
        cr_expect_float_eq(2 * model_gemm_weight_count(&f.w.shape) / published[i].gemm_bytes, 1, 1e-3);
        arena_free(&f.memory);
    }
}

/* Weights read and rows multiplied by the layers' matrices in a decode step. */
static void decode_products(fixture *f, double *weight_bytes, double *qkv_rows) {
    size_t index;
    phase_named(&f->g, "decode", &index);
    graph_view view = graph_at(&f->g, index, &f->s, 0, &f->memory);
    *weight_bytes = *qkv_rows = 0;
    for (size_t i = 0; i < view.count; i++) {
        *weight_bytes += view.ops[i].op.kind == OP_gemm ? op_work_of(&view.ops[i].op).weight_bytes : 0;
        if (view.ops[i].op.kind == OP_gemm && strncmp(view.ops[i].node->id, "qkv", 3) == 0)
            *qkv_rows += (double)view.ops[i].op.as.gemm.m;
    }
}

Test(chameleon, guidance_triples_the_rows_or_doubles_the_forwards) {
    static const struct {
        const char *levers;
        double forwards, rows;
    } modes[] = {{"compile cfg_mode=none", 1, 1},
                 {"compile cfg_mode=batched_3x", 1, 3},
                 {"compile cfg_mode=sequential_2x", 2, 2}};
    for (size_t i = 0; i < 3; i++) {
        fixture f = {0};
        set_up(&f, "chameleon-34b/t-i", modes[i].levers);
        double bytes, rows;
        decode_products(&f, &bytes, &rows);
        cr_expect_float_eq(bytes / (modes[i].forwards * 67.51e9), 1, 1e-3, "%s", modes[i].levers);
        cr_expect_eq(rows, 48 * 2 * modes[i].rows, "%s", modes[i].levers);
        cr_expect_float_eq(f.g.weight_bytes / (2 * 34.293e9 + 4 * vqgan_parameter_count()), 1, 1e-3,
                           "weights are stored once");
        /* A cache for every sequence: prompt and 1,024 tokens of each request. */
        double tokens = 2 * (14 + 1024), unit = 192 * 1024;
        graph_memory held = graph_memory_of(&f.g, &f.s);
        cr_expect_float_eq(held.kv_bytes / (modes[i].rows * tokens * unit), 1, 0.01, "%s", modes[i].levers);
        arena_free(&f.memory);
    }
}

/* The 34B's norms follow attention and FFN; the 7B's precede them. Both norm each head. */
Test(chameleon, norms_stand_where_the_models_have_them) {
    for (int large = 0; large < 2; large++) {
        fixture f = {0};
        set_up(&f, large ? "chameleon-34b/i-t" : "chameleon-7b/i-t", "compile");
        size_t index, norm = 0, qkv = 0, head_norms = 0;
        const graph_phase *decode = phase_named(&f.g, "decode", &index);
        for (size_t n = 0; n < decode->node_count; n++) {
            if (strcmp(decode->nodes[n].id, "norm1") == 0)
                norm = n;
            if (strcmp(decode->nodes[n].id, "qkv") == 0)
                qkv = n;
            head_norms += decode->nodes[n].op.kind == OP_layernorm;
        }
        cr_expect_eq(norm > qkv, large == 1);
        cr_expect_eq(head_norms, 2);
        arena_free(&f.memory);
    }
}

/* What the authors' profiles imply (workloads/llama_meta.c): 30 small kernels of norms a layer that move at most 53
 * bytes an element, heads repeated over the whole reserved cache whatever the step. */
Test(chameleon, the_authors_graph_moves_what_their_profiles_say) {
    static const double LAYERS = 48, BATCH = 2, HEADS_BYTES = 64 * 128 * 2, ATTENDED = 2048;
    fixture f = {0};
    set_up(&f, "chameleon-34b/i-t", "sdpa");
    for (int prefill = 0; prefill < 2; prefill++) {
        size_t index, norms = 0;
        phase_named(&f.g, prefill ? "prefill" : "decode", &index);
        graph_view view = graph_at(&f.g, index, &f.s, 0, &f.memory);
        double norm_bytes = 0, written = 0, attended = 0;
        for (size_t i = 0; i < view.count; i++) {
            op_work work = op_work_of(&view.ops[i].op);
            bool norm = view.ops[i].node->category == CATEGORY_NORM;
            norms += norm;
            norm_bytes += norm ? work.read_bytes + work.write_bytes : 0;
            written += strstr(view.ops[i].node->id, "_repeat") ? work.write_bytes : 0;
            attended += view.ops[i].op.kind == OP_attention ? (double)view.ops[i].op.as.attention.kv_len : 0;
        }
        double elements = BATCH * (prefill ? 1030 : 1) * 8192 * LAYERS;
        cr_expect_eq(norms, 30 * 48 + 6);
        cr_expect(norm_bytes / elements < 58 && norm_bytes / elements > 50, "%g", norm_bytes / elements);
        cr_expect_float_eq(written / (LAYERS * BATCH * 2 * ATTENDED * HEADS_BYTES), 1, 1e-9);
        cr_expect_eq(attended, LAYERS * ATTENDED);
    }
    arena_free(&f.memory);
}

/* A model without a task, and ingot's own executor, attend over what there is. */
Test(chameleon, other_flavours_attend_over_what_is_cached) {
    fixture f = {0};
    set_up(&f, "chameleon-34b/i-t", "all");
    size_t index;
    phase_named(&f.g, "decode", &index);
    graph_view view = graph_at(&f.g, index, &f.s, 0, &f.memory);
    for (size_t i = 0; i < view.count; i++)
        if (view.ops[i].op.kind == OP_attention)
            cr_expect_eq(view.ops[i].op.as.attention.kv_len, 1031);
    arena_free(&f.memory);
    fixture llama = {0};
    error err = {0};
    levers l;
    workload_request request = {.batch = 1, .prompt_tokens = 100, .decode_steps = 10, .statistic = "mean"};
    cr_assert_eq(levers_parse("sdpa flavour=meta kv_cache=static", &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&llama.memory, CONFIGS, "llama-2-7b", &llama.w, &err), STATUS_OK);
    cr_assert_eq(workload_scenario(&llama.memory, &llama.w, &request, &l, &llama.s, &err), STATUS_OK);
    cr_expect_eq(workload_build(&llama.memory, &llama.w, &l, &llama.g, &err), STATUS_NEGATIVE);
    arena_free(&llama.memory);
}
