/* The cache's levers: element type, what is kept, pages. */
#include "tests/lever_fixture.h"

#include <stdio.h>

static double state_bytes(const lever_fixture *f) {
    return f->g.states[0].unit_bytes * f->s.values[f->g.states[0].units];
}

/* Keys and values that a decode step's attention reads: queries are as many bytes as results. */
static double cache_read_bytes(lever_fixture *f) {
    op_work work = lever_work(f, 1, 0, OP_attention);
    return work.read_bytes - work.write_bytes;
}

Test(kv_levers, narrow_types_shrink_the_cache_and_what_is_read) {
    static const struct {
        const char *type;
        double ratio; /* of 128 x 16 bits; integers bring a 16-bit scale a vector */
    } cases[] = {{"fp8", 0.5}, {"int8", (128.0 + 2) / 256}, {"int4", (64.0 + 2) / 256}};
    lever_fixture half = lever_set_up("codellama-7b", "compile", 2, 500, 100);
    for (size_t i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "compile kv_dtype=%s", cases[i].type);
        lever_fixture f = lever_set_up("codellama-7b", text, 2, 500, 100);
        cr_expect_float_eq(state_bytes(&f) / state_bytes(&half), cases[i].ratio, 1e-9, "%s", text);
        cr_expect_float_eq(cache_read_bytes(&f) / cache_read_bytes(&half), cases[i].ratio, 1e-9, "%s", text);
        cr_expect_lt(lever_run(&f, "h200-sxm").latency_s[0], lever_run(&half, "h200-sxm").latency_s[0]);
        arena_free(&f.memory);
    }
    arena_free(&half.memory);
}

Test(kv_levers, a_window_caps_memory_and_reads) {
    lever_fixture f = lever_set_up("codellama-7b", "compile kv_keep=window(4,252)", 2, 500, 100);
    cr_expect_eq(state_bytes(&f), 2 * 256 * f.g.kv_bytes_per_token);
    cr_expect_float_eq(cache_read_bytes(&f), 2 * 256 * f.g.kv_bytes_per_token, 1);
    lever_fixture wide = lever_set_up("codellama-7b", "compile kv_keep=window(4,4092)", 2, 500, 100);
    lever_fixture full = lever_set_up("codellama-7b", "compile", 2, 500, 100);
    cr_expect_eq(state_bytes(&wide), state_bytes(&full)); /* wider than the request: nothing is lost or gained */
    cr_expect_eq(cache_read_bytes(&wide), cache_read_bytes(&full));
    lever_fixture ingot = lever_set_up("codellama-7b", "compile flavour=ingot kv_keep=window(4,508)", 1, 500, 100);
    graph_view view = graph_at(&ingot.g, 1, &ingot.s, 3, &ingot.memory); /* 504 keys */
    for (size_t i = 0; i < view.count; i++)
        if (view.ops[i].op.kind == OP_attention)
            cr_assert_eq(view.ops[i].op.as.attention.kv_len, 504);
    view = graph_at(&ingot.g, 1, &ingot.s, 50, &ingot.memory);
    for (size_t i = 0; i < view.count; i++)
        if (view.ops[i].op.kind == OP_attention)
            cr_assert_eq(view.ops[i].op.as.attention.kv_len, 512);
    arena_free(&f.memory);
    arena_free(&wide.memory);
    arena_free(&full.memory);
    arena_free(&ingot.memory);
}

Test(kv_levers, topk_pays_for_its_scores) {
    lever_fixture window = lever_set_up("codellama-34b", "compile kv_keep=window(0,256)", 1, 600, 100);
    lever_fixture topk = lever_set_up("codellama-34b", "compile kv_keep=topk(256)", 1, 600, 100);
    cr_expect_eq(state_bytes(&topk), state_bytes(&window));
    cr_expect_eq(lever_count(&topk, 1, OP_topk), 48); /* one a layer */
    cr_expect_eq(lever_count(&window, 1, OP_topk), 0);
    cr_expect_eq(lever_count(&topk, 0, OP_kv_concat), 2 * 48);
    /* The scores again: 2 * keys * head_dim FLOPs a query head and layer. */
    double extra = lever_work(&topk, 1, 0, OP_gemm).flops - lever_work(&window, 1, 0, OP_gemm).flops;
    cr_expect_eq(extra, 2.0 * 256 * 128 * 64 * 48);
    cr_expect_gt(lever_run(&topk, "h200-sxm").latency_s[0], lever_run(&window, "h200-sxm").latency_s[0]);
    arena_free(&window.memory);
    arena_free(&topk.memory);
}

Test(kv_levers, pages_are_whole) {
    lever_fixture f = lever_set_up("codellama-7b", "compile kv_cache=paged(64)", 3, 500, 100);
    cr_expect_eq(state_bytes(&f), 3 * 640 * f.g.kv_bytes_per_token); /* 600 held, ten pages */
    lever_fixture exact = lever_set_up("codellama-7b", "compile kv_cache=paged(1)", 3, 500, 100);
    cr_expect_eq(state_bytes(&exact), 3 * 600 * f.g.kv_bytes_per_token);
    cr_expect_eq(lever_count(&f, 1, OP_copy), 1); /* the table */
    /* Paged attention reads what is there, not what is reserved. */
    cr_expect_float_eq(cache_read_bytes(&f), 3 * 501 * f.g.kv_bytes_per_token, 1);
    arena_free(&f.memory);
    arena_free(&exact.memory);
}
