/* Steps of several forwards through the CPU reference executor: speculation computes what plain decoding does, and
 * guidance runs two that do not touch each other. */
#include "kernels/executor.h"
#include "kernels/ref/encode.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCABULARY = 101, BATCH = 2, STEPS = 9, PROMPT = 11, ROWS_MAX = BATCH * 8 };

/* Some 20 operators in a row round their results to bf16, 2^-8 relative, independently: see cli/run_check.c. */
static const double BF16_BOUND = 2 * 4.6 * 0x1p-8;

typedef struct fixture {
    arena memory;
    workload work;
    levers levers;
    scenario scenario;
    graph graph;
    memory_plan plan;
    executor x;
} fixture;

static void open_model(fixture *f, const char *file, bool image, const char *lever_text, int64_t batch) {
    *f = (fixture){0};
    error err = {0};
    workload_request request = {
        .batch = batch, .prompt_tokens = PROMPT, .decode_steps = STEPS, .statistic = "mean", .seed = 5};
    const char *path = arena_printf(&f->memory, "%s/tests/data/%s", INGOT_SOURCE_DIR, file);
    cr_assert_eq(levers_parse(lever_text, &f->levers, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_find(&f->memory, INGOT_SOURCE_DIR "/configs", path, &f->work, &err), STATUS_OK, "%s",
                 err.text);
    if (image)
        f->work.task = &f->work.shape.tasks[0];
    cr_assert_eq(workload_scenario(&f->memory, &f->work, &request, &f->levers, &f->scenario, &err), STATUS_OK, "%s",
                 err.text);
    cr_assert_eq(workload_build(&f->memory, &f->work, &f->levers, &f->graph, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(graph_check(&f->graph, &f->scenario, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(memory_plan_make(&f->memory, &f->graph, &f->scenario, &f->plan, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(ref_executor_open(&f->plan, &f->x, &err), STATUS_OK, "%s", err.text);
}

static void close_model(fixture *f) {
    f->x.close(f->x.self);
    arena_free(&f->memory);
}

static size_t phase_named(const fixture *f, const char *name) {
    for (size_t p = 0; p < f->graph.phase_count; p++)
        if (strcmp(f->graph.phases[p].name, name) == 0)
            return p;
    cr_assert_fail("no phase %s", name);
    return 0;
}

static void step(fixture *f, const char *phase, int64_t number) {
    error err = {0};
    cr_assert_eq(f->x.step(f->x.self, phase_named(f, phase), number, &err), STATUS_OK, "%s", err.text);
}

static void read_register(fixture *f, const char *name, size_t first, data_type type, int64_t count, double *out) {
    error err = {0};
    unsigned char bytes[ROWS_MAX * VOCABULARY * 4];
    double element_bytes = dtype_bytes(type);
    for (size_t r = 0; r < f->graph.register_count; r++) {
        if (strcmp(f->graph.registers[r].name, name) != 0)
            continue;
        size_t place = f->plan.register_offset_bytes[r] + (size_t)((double)first * element_bytes);
        cr_assert_eq(f->x.read(f->x.self, place, (size_t)((double)count * element_bytes), bytes, &err), STATUS_OK);
        decode_row(type, bytes, count, out);
        return;
    }
    cr_assert_fail("no register %s", name);
}

static double difference(const double *a, const double *b) {
    double off = 0, size = 0;
    for (size_t i = 0; i < VOCABULARY; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    cr_assert_gt(size, 0.0);
    return sqrt(off / size);
}

/* Drafts fill the first layers' caches, the verification the others' and all logits: at every position they are those
 * of plain decoding, whatever was drafted before and thrown away. */
static void compare_speculation(const char *plain_levers, const char *levers_text, int64_t batch, int64_t drafts) {
    static double plain[STEPS][BATCH * VOCABULARY], round[ROWS_MAX * VOCABULARY];
    fixture f;
    open_model(&f, "tiny-llama.yaml", false, plain_levers, batch);
    step(&f, "prefill", 0);
    for (int64_t s = 0; s < STEPS; s++) {
        step(&f, "decode", s);
        read_register(&f, "logits", 0, DTYPE_bf16, batch * VOCABULARY, plain[s]);
    }
    close_model(&f);
    open_model(&f, "tiny-llama.yaml", false, levers_text, batch);
    step(&f, "prefill", 0);
    size_t compared = 0;
    for (int64_t r = 0; r < (int64_t)f.scenario.values[SCENARIO_DECODE_STEPS]; r++) {
        step(&f, "decode", r);
        read_register(&f, "logits", 0, DTYPE_bf16, batch * (drafts + 1) * VOCABULARY, round);
        int64_t first = (int64_t)scenario_progress(&f.scenario, r);
        for (int64_t i = 0; i < batch * (drafts + 1); i++) {
            int64_t sequence = i / (drafts + 1), token = i % (drafts + 1);
            if (first + token >= STEPS)
                continue;
            double off = difference(round + i * VOCABULARY, plain[first + token] + sequence * VOCABULARY);
            cr_expect_lt(off, BF16_BOUND, "%s: round %lld, sequence %lld, token %lld", levers_text, (long long)r,
                         (long long)sequence, (long long)token);
            compared++;
        }
    }
    cr_expect_geq(compared, (size_t)(STEPS * batch));
    close_model(&f);
}

Test(forwards, speculation_computes_what_plain_decoding_does) {
    compare_speculation("compile flavour=ingot", "compile flavour=ingot speculate=layerskip(1,3,0.6)", 1, 3);
    compare_speculation("compile flavour=ingot", "compile flavour=ingot speculate=layerskip(1,3,0.6)", BATCH, 3);
}

Test(forwards, speculation_without_fused_norms_too) {
    compare_speculation("compile flavour=ingot fuse=none",
                        "compile flavour=ingot fuse=none speculate=layerskip(1,2,0.5)", BATCH, 2);
}

static void decode_all(const char *levers_text, double (*logits)[BATCH * VOCABULARY]) {
    fixture f;
    open_model(&f, "tiny-llama.yaml", false, levers_text, BATCH);
    step(&f, "prefill", 0);
    for (int64_t s = 0; s < STEPS; s++) {
        step(&f, "decode", s);
        read_register(&f, "logits", 0, DTYPE_bf16, BATCH * VOCABULARY, logits[s]);
    }
    close_model(&f);
}

/* ---- caches that keep some tokens ---- */

enum { KEPT_FIRST = 3, KEPT_LAST = PROMPT + 1 - KEPT_FIRST, KEY_COLUMNS = 32 };

/* A window that is never full changes nothing; a full one holds the first tokens and the last: the first layer's keys
 * are functions of a token and its position alone, so that they say which. */
Test(forwards, a_window_keeps_the_first_and_the_last_tokens) {
    static double whole[STEPS][BATCH * VOCABULARY], wide[STEPS][BATCH * VOCABULARY];
    static double all[(PROMPT + STEPS) * KEY_COLUMNS], kept[(KEPT_FIRST + KEPT_LAST) * KEY_COLUMNS];
    decode_all("compile flavour=ingot", whole);
    decode_all("compile flavour=ingot kv_keep=window(4,96)", wide);
    cr_expect_eq(memcmp(whole, wide, sizeof whole), 0);
    const char *const texts[] = {"compile flavour=ingot", "compile flavour=ingot kv_keep=window(3,9)"};
    for (size_t t = 0; t < 2; t++) {
        fixture f;
        open_model(&f, "tiny-llama.yaml", false, texts[t], 1);
        step(&f, "prefill", 0);
        for (int64_t s = 0; s < STEPS; s++)
            step(&f, "decode", s);
        read_register(&f, "keys", 0, DTYPE_bf16,
                      t == 0 ? (PROMPT + STEPS) * KEY_COLUMNS : (int64_t)(sizeof kept / sizeof kept[0]),
                      t == 0 ? all : kept);
        close_model(&f);
    }
    for (int64_t token = 0; token < PROMPT + STEPS; token++) {
        bool first = token < KEPT_FIRST, last = token >= PROMPT + STEPS - KEPT_LAST, found = false;
        for (int64_t row = 0; row < KEPT_FIRST + KEPT_LAST; row++)
            found =
                found || memcmp(all + token * KEY_COLUMNS, kept + row * KEY_COLUMNS, KEY_COLUMNS * sizeof *all) == 0;
        cr_expect_eq(found, first || last, "token %lld", (long long)token);
    }
}

/* fp16 rounds finer than bf16, and is the same model otherwise: weights begin as the same numbers. */
Test(forwards, a_model_in_fp16_is_the_same_model) {
    static double bf16[STEPS][BATCH * VOCABULARY], fp16[BATCH * VOCABULARY];
    static const char *const texts[] = {"compile flavour=ingot weights=fp16", "compile flavour=ingot activations=fp16"};
    decode_all("compile flavour=ingot", bf16);
    for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        fixture f;
        open_model(&f, "tiny-llama.yaml", false, texts[t], BATCH);
        step(&f, "prefill", 0);
        for (int64_t s = 0; s < STEPS; s++) {
            step(&f, "decode", s);
            read_register(&f, "logits", 0, DTYPE_fp16, BATCH * VOCABULARY, fp16);
            cr_expect_lt(difference(fp16, bf16[s]), BF16_BOUND, "%s: step %lld", texts[t], (long long)s);
        }
        close_model(&f);
    }
}

/* ---- a draft model ---- */

/* `speculate=draft` with the small model of the tests, whose path is too long for a column of text. */
static const char *drafting(arena *a, const char *preset, int64_t drafts, double acceptance) {
    return arena_printf(a, "%s speculate=draft(%s/tests/data/tiny-draft.yaml,%lld,%g)", preset, INGOT_SOURCE_DIR,
                        (long long)drafts, acceptance);
}

/* Whatever another model drafts, the verification's logits are those of plain decoding. */
Test(forwards, a_draft_model_leaves_the_target_as_it_is) {
    static const char *const presets[] = {"compile flavour=ingot", "compile flavour=ingot fuse=none",
                                          "compile flavour=ingot kv_cache=paged(4)"};
    arena a = {0};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++)
        for (int64_t batch = 1; batch <= BATCH; batch++)
            compare_speculation(presets[i], drafting(&a, presets[i], 3, 0.6), batch, 3);
    compare_speculation("compile flavour=ingot kv_dtype=int8",
                        drafting(&a, "compile flavour=ingot kv_dtype=int8", 2, 0.6), BATCH, 2);
    arena_free(&a);
}

enum { DRAFTED_MAX = 2 * STEPS };

/* Logits of a round's last draft, by the position that it stands at, counted from the prompt's end. */
static size_t draft_all(const char *levers_text, int64_t drafts, bool *seen, double (*logits)[BATCH * VOCABULARY]) {
    fixture f;
    size_t accepted_all = 0;
    memset(seen, 0, DRAFTED_MAX * sizeof *seen);
    open_model(&f, "tiny-llama.yaml", false, levers_text, BATCH);
    step(&f, "prefill", 0);
    for (int64_t r = 0; r < (int64_t)f.scenario.values[SCENARIO_DECODE_STEPS]; r++) {
        int64_t first = (int64_t)scenario_progress(&f.scenario, r);
        int64_t next = (int64_t)scenario_progress(&f.scenario, r + 1), at = first + drafts - 1;
        step(&f, "decode", r);
        read_register(&f, "draft_logits", 0, DTYPE_bf16, BATCH * VOCABULARY, logits[at]);
        seen[at] = true;
        accepted_all += next - first == drafts + 1;
    }
    close_model(&f);
    return accepted_all;
}

/* A draft model's cache holds every token before, also after a round that rejected nothing: its drafts are those of
 * plain decoding with it, which is what rounds of one draft that is never accepted come to. */
Test(forwards, a_draft_model_computes_what_it_does_alone) {
    static double alone[DRAFTED_MAX][BATCH * VOCABULARY], ahead[DRAFTED_MAX][BATCH * VOCABULARY];
    static const char *const presets[] = {"compile flavour=ingot", "compile flavour=ingot fuse=none"};
    arena a = {0};
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        bool seen[DRAFTED_MAX], seen_alone[DRAFTED_MAX];
        draft_all(drafting(&a, presets[i], 1, 0), 1, seen_alone, alone);
        size_t accepted_all = draft_all(drafting(&a, presets[i], 3, 1), 3, seen, ahead), compared = 0;
        cr_assert_geq(accepted_all, (size_t)2); /* or nothing had to catch up */
        for (int64_t at = 0; at < DRAFTED_MAX; at++) {
            for (int64_t sequence = 0; sequence < BATCH && seen[at] && seen_alone[at]; sequence++, compared++)
                cr_expect_lt(difference(ahead[at] + sequence * VOCABULARY, alone[at] + sequence * VOCABULARY),
                             BF16_BOUND, "%s: token %lld of sequence %lld", presets[i], (long long)at,
                             (long long)sequence);
        }
        cr_expect_geq(compared, (size_t)2 * BATCH);
    }
    arena_free(&a);
}

/* Guidance runs a second forward with a prompt and caches of its own, and leaves the first as it is without. */
Test(forwards, guidance_keeps_its_forwards_apart) {
    enum { KEYS = (PROMPT + STEPS) * 64 };
    static double alone[KEYS], first[KEYS], second[KEYS], logits[2][BATCH * VOCABULARY];
    fixture f;
    open_model(&f, "tiny-chameleon.yaml", true, "compile flavour=ingot cfg_mode=none", BATCH);
    for (int64_t s = -1; s < 3; s++)
        step(&f, s < 0 ? "prefill" : "decode", s < 0 ? 0 : s);
    read_register(&f, "keys", 0, DTYPE_bf16, KEYS, alone);
    read_register(&f, "logits", 0, DTYPE_bf16, BATCH * VOCABULARY, logits[0]);
    close_model(&f);
    open_model(&f, "tiny-chameleon.yaml", true, "compile flavour=ingot cfg_mode=sequential_2x", BATCH);
    for (int64_t s = -1; s < 3; s++)
        step(&f, s < 0 ? "prefill" : "decode", s < 0 ? 0 : s);
    read_register(&f, "keys", 0, DTYPE_bf16, KEYS, first);
    read_register(&f, "keys_uncond", 0, DTYPE_bf16, KEYS, second);
    read_register(&f, "logits", 0, DTYPE_bf16, BATCH * VOCABULARY, logits[1]); /* the second forward's: the last */
    close_model(&f);
    cr_expect_eq(memcmp(alone, first, sizeof first), 0);
    cr_expect_neq(memcmp(alone, second, sizeof second), 0);
    cr_expect_gt(difference(logits[1], logits[0]), 0.1);
}

/* Where keys lie changes nothing: not a bit differs, in caches of any type. */
Test(forwards, a_paged_cache_is_the_same_cache) {
    static double whole[STEPS][BATCH * VOCABULARY], paged[STEPS][BATCH * VOCABULARY];
    const char *const types[] = {"bf16", "int8"};
    for (size_t t = 0; t < 2; t++) {
        char text[128];
        snprintf(text, sizeof text, "compile flavour=ingot kv_dtype=%s", types[t]);
        decode_all(text, whole);
        snprintf(text, sizeof text, "compile flavour=ingot kv_dtype=%s kv_cache=paged(4)", types[t]);
        decode_all(text, paged);
        cr_expect_eq(memcmp(whole, paged, sizeof whole), 0, "%s", types[t]);
    }
}

Test(forwards, speculation_over_pages_too) {
    compare_speculation("compile flavour=ingot", "compile flavour=ingot kv_cache=paged(4) speculate=layerskip(1,3,0.6)",
                        BATCH, 3);
}

static const flat_op *op_named(const graph_view *view, const char *id) {
    for (size_t i = 0; i < view->count; i++)
        if (strcmp(view->ops[i].node->id, id) == 0)
            return &view->ops[i];
    cr_assert_fail("no %s", id);
    return NULL;
}

/* The mix finds each condition's scores in its block. */
Test(forwards, guidance_mixes_what_both_wrote) {
    fixture f;
    op_views one, two, mix;
    open_model(&f, "tiny-chameleon.yaml", true, "compile flavour=ingot cfg_mode=sequential_2x", BATCH);
    graph_view view = graph_at(&f.graph, phase_named(&f, "decode"), &f.scenario, 1, &f.memory);
    memory_plan_views(&f.plan, op_named(&view, "logits_cast"), &one);
    memory_plan_views(&f.plan, op_named(&view, "logits_cast.uncond"), &two);
    memory_plan_views(&f.plan, op_named(&view, "cfg_mix"), &mix);
    const tensor_view *a = &one.at[OPERAND_copy_destination], *b = &two.at[OPERAND_copy_destination];
    const tensor_view *both = &mix.at[OPERAND_cfg_mix_logits];
    cr_expect_eq(both->item.blocks, 2);
    cr_expect_eq(a->offset_bytes, both->offset_bytes);
    cr_expect_eq(b->offset_bytes, both->offset_bytes + (size_t)both->block_stride * sizeof(float));
    close_model(&f);
}
