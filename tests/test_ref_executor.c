/* The CPU reference executor on a whole (tiny) model: facts that hold whatever the weights. */
#include "kernels/executor.h"
#include "kernels/ref/encode.h"
#include "kernels/ref/ref.h"
#include "workloads/workload.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VOCABULARY = 101, BATCH = 2, STEPS_MAX = 8 };

/* Logits of every step of a run: [step][sequence][token]. */
typedef struct run {
    size_t steps;
    double logits[STEPS_MAX][BATCH * VOCABULARY];
} run;

static size_t logits_offset(const graph *g, const memory_plan *layout) {
    for (size_t r = 0; r < g->register_count; r++)
        if (strcmp(g->registers[r].name, "logits") == 0)
            return layout->register_offset_bytes[r];
    cr_assert_fail("no logits");
    return 0;
}

static void run_model(const char *lever_text, int64_t batch, int64_t prompt, int64_t steps, run *out) {
    arena a = {0};
    workload work;
    levers l;
    scenario s;
    graph g;
    memory_plan layout;
    executor x;
    error err = {0};
    workload_request request = {
        .batch = batch, .prompt_tokens = prompt, .decode_steps = steps, .statistic = "mean", .seed = 3};
    cr_assert_eq(levers_parse(lever_text, &l, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(
        workload_find(&a, INGOT_SOURCE_DIR "/configs", INGOT_SOURCE_DIR "/tests/data/tiny-llama.yaml", &work, &err),
        STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_scenario(&a, &work, &request, &l, &s, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(workload_build(&a, &work, &l, &g, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(memory_plan_make(&a, &g, &s, &layout, &err), STATUS_OK, "%s", err.text);
    cr_assert_eq(ref_executor_open(&layout, &x, &err), STATUS_OK, "%s", err.text);
    *out = (run){0};
    for (size_t p = 0; p < g.phase_count; p++) {
        for (int64_t step = 0; step < (int64_t)s.values[g.phases[p].steps]; step++) {
            unsigned char bytes[BATCH * VOCABULARY * 2];
            size_t used = (size_t)batch * VOCABULARY * 2;
            cr_assert_eq(x.step(x.self, p, step, &err), STATUS_OK, "%s", err.text);
            cr_assert_eq(x.read(x.self, logits_offset(&g, &layout), used, bytes, &err), STATUS_OK);
            decode_row(DTYPE_bf16, bytes, batch * VOCABULARY, out->logits[out->steps++]);
        }
    }
    x.close(x.self);
    arena_free(&a);
}

static double relative_difference(const double *a, const double *b, size_t count) {
    double off = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    cr_assert_gt(size, 0.0);
    return sqrt(off / size);
}

/* Some 20 operators in a row round their results to bf16, 2^-8 relative, independently: see cli/run_check.c. */
static const double BF16_BOUND = 2 * 4.6 * 0x1p-8;

static void skip_without_references(void) {
    const op_kind needed[] = {OP_gemm, OP_attention, OP_rope, OP_embedding, OP_rmsnorm, OP_activation, OP_sample};
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!ref_function_of(needed[i]))
            cr_skip_test("%s has no reference yet", op_info_get(needed[i])->name);
}

/* An 8-bit cache changes what decode steps attend to by its rounding, and nothing else. */
Test(ref_executor, a_wide_cache_and_a_narrow_one_agree_but_for_its_levels) {
    skip_without_references();
    static run wide, narrow;
    run_model("compile flavour=ingot", BATCH, 9, 3, &wide);
    run_model("compile flavour=ingot kv_dtype=fp8", BATCH, 9, 3, &narrow);
    cr_assert_eq(wide.steps, (size_t)4);
    /* The prompt attends to its own keys, in 16 bits either way: not a bit differs. */
    cr_expect_eq(relative_difference(narrow.logits[0], wide.logits[0], BATCH * VOCABULARY), 0);
    for (size_t i = 1; i < wide.steps; i++) {
        double off = relative_difference(narrow.logits[i], wide.logits[i], BATCH * VOCABULARY);
        cr_expect(off > 0 && off < 0x1p-3, "step %zu: %g", i, off); /* E4M3 rounds by up to 2^-4 */
    }
}

/* Sequences of a batch do not see one another: a batch of one is the batch's first sequence. */
Test(ref_executor, sequences_do_not_see_one_another) {
    skip_without_references();
    static run one, two;
    run_model("compile flavour=ingot", 1, 9, 0, &one);
    run_model("compile flavour=ingot", BATCH, 9, 0, &two);
    cr_expect_lt(relative_difference(one.logits[0], two.logits[0], VOCABULARY), BF16_BOUND);
    cr_expect_gt(relative_difference(one.logits[0], two.logits[0] + VOCABULARY, VOCABULARY), 0.1);
}

/* Naive attention and flash attention are one function. */
Test(ref_executor, attention_backends_agree) {
    skip_without_references();
    static run flash, naive;
    run_model("compile flavour=ingot", BATCH, 9, 3, &flash);
    run_model("compile flavour=ingot attention=naive", BATCH, 9, 3, &naive);
    for (size_t i = 0; i < flash.steps; i++)
        cr_expect_lt(relative_difference(naive.logits[i], flash.logits[i], BATCH * VOCABULARY), BF16_BOUND);
}

Test(ref_executor, logits_are_of_order_one) {
    skip_without_references();
    static run r;
    run_model("compile flavour=ingot", BATCH, 9, 2, &r);
    for (size_t i = 0; i < r.steps; i++) {
        double squares = 0;
        for (size_t v = 0; v < BATCH * VOCABULARY; v++)
            squares += r.logits[i][v] * r.logits[i][v];
        cr_expect(squares / (BATCH * VOCABULARY) > 0.3 && squares / (BATCH * VOCABULARY) < 3, "step %zu: %g", i,
                  squares / (BATCH * VOCABULARY));
    }
}
