/* Costs of our own kernels: bounds, monotony, what the methods leave in L2, and the shipped rows that nothing was
 * fitted on. */
#include "core/scores.h"
#include "sim/explore/row_prediction.h"
#include "validate/rows.h"

#include <criterion/criterion.h>
#include <math.h>

#define CONFIGS INGOT_SOURCE_DIR "/configs"
#define SHIPPED INGOT_SOURCE_DIR "/validate/measured/h100-sxm"

static void load(arena *a, const char *name, machine_block *block) {
    error err;
    cr_assert_eq(load_machine_block(a, CONFIGS, name, block, &err), STATUS_OK, "%s", err.text);
}

static double time_of(const op *o, residency where, const machine_block *m) {
    cost_block cost;
    cost_analytic(o, where, m, &cost);
    return cost.time_s[0];
}

/* One of each form of our kernels, by a size. */
enum { FORMS = 9 };

static op form(int which, int64_t size) {
    op o = {.own = true};
    gemm_params product = {
        .m = size, .n = 4096, .k = 4096, .batch = 1, .dtype = DTYPE_bf16, .weights_dtype = DTYPE_bf16};
    attention_params attention = {.batch = 2,
                                  .heads = 32,
                                  .kv_heads = 8,
                                  .head_dim = 128,
                                  .q_len = 1,
                                  .kv_len = size,
                                  .dtype = DTYPE_bf16,
                                  .kv_dtype = DTYPE_bf16,
                                  .backend = attention_backend_ingot};
    switch (which) {
    case 0:
        o.kind = OP_add, o.as.add = (add_params){.rows = size, .cols = 4096, .dtype = DTYPE_bf16};
        break;
    case 1:
        o.kind = OP_rmsnorm, o.as.rmsnorm = (rmsnorm_params){.rows = size, .cols = 4096, .dtype = DTYPE_bf16};
        break;
    case 2:
        o.kind = OP_softmax, o.as.softmax = (softmax_params){.rows = size, .cols = 32000, .dtype = DTYPE_fp32};
        break;
    case 3:
        o.kind = OP_gemm, o.as.gemm = product;
        break;
    case 4:
        product.m = 1, product.n = 16 * size, product.weights_dtype = DTYPE_int8;
        o.kind = OP_gemm, o.as.gemm = product;
        break;
    case 5:
        product.m = 16 * size, product.dtype = product.weights_dtype = DTYPE_fp8;
        o.kind = OP_gemm, o.as.gemm = product;
        break;
    case 6:
        o.kind = OP_attention, o.as.attention = attention;
        break;
    case 7:
        attention.q_len = size, attention.causal = true;
        o.kind = OP_attention, o.as.attention = attention;
        break;
    default:
        o.kind = OP_rope;
        o.as.rope = (rope_params){
            .rows = size, .heads = 32, .kv_heads = 32, .head_dim = 128, .dtype = DTYPE_bf16, .kv_write = true};
    }
    return o;
}

static const int64_t sizes[] = {1, 7, 64, 500, 2048};
enum { SIZES = sizeof sizes / sizeof *sizes };

#define FORMS_AND_SIZES(f, s)                                                                                          \
    for (int f = 0; f < FORMS; f++)                                                                                    \
        for (int s = 0; s < SIZES; s++)

Test(cost_own, none_beats_the_datasheet) {
    static const char *const machines[] = {"h100-sxm", "a100-sxm-80gb", "l40s", "t4", "v100-sxm"};
    for (size_t n = 0; n < sizeof machines / sizeof *machines; n++) {
        arena a = {0};
        machine_block m;
        load(&a, machines[n], &m);
        FORMS_AND_SIZES(f, s) {
            op o = form(f, sizes[s]);
            op_work work = op_work_of(&o);
            double read_s = (work.weight_bytes + work.read_bytes) / m.hbm_bandwidth_bytes_per_s[0];
            double cold_s = time_of(&o, RESIDENCY_COLD, &m);
            cr_assert_geq(cold_s, read_s, "%s form %d size %ld", machines[n], f, (long)sizes[s]);
            double peak = m.peak_flops_per_s[work.flops_dtype][0];
            if (work.tensor_flops && peak > 0)
                cr_assert_geq(cold_s, work.flops / peak * (1 - 1e-12), "%s form %d", machines[n], f);
        }
        arena_free(&a);
    }
}

Test(cost_own, more_of_the_machine_is_never_slower) {
    arena a = {0};
    machine_block m;
    load(&a, "h100-sxm", &m);
    machine_block faster = m, clocked = m;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        faster.hbm_bandwidth_bytes_per_s[i] *= 1.3;
        clocked.sm_clock_max_hz[i] *= 1.1; /* latencies in clocks fall too */
    }
    FORMS_AND_SIZES(f, s) {
        op o = form(f, sizes[s]);
        double base_s = time_of(&o, RESIDENCY_COLD, &m) * (1 + 1e-12);
        cr_assert_leq(time_of(&o, RESIDENCY_COLD, &faster), base_s, "bandwidth, form %d size %ld", f, (long)sizes[s]);
        cr_assert_leq(time_of(&o, RESIDENCY_COLD, &clocked), base_s, "clock, form %d size %ld", f, (long)sizes[s]);
    }
    arena_free(&a);
}

/* A flush costs a cold operator more than its own reads; what fits L2 comes back faster. */
Test(cost_own, methods_leave_what_they_leave) {
    arena a = {0};
    machine_block m;
    load(&a, "h100-sxm", &m);
    op o = form(0, 512); /* 4 MB a tensor */
    double cold_s = time_of(&o, RESIDENCY_COLD, &m), steady_s = time_of(&o, RESIDENCY_REPEATED, &m);
    cr_assert_lt(steady_s, 0.7 * cold_s);
    machine_block clean = m;
    for (size_t i = 0; i < MACHINE_LANES; i++)
        clean.own_dirty_frac[i] = 0;
    cr_assert_lt(time_of(&o, RESIDENCY_COLD, &clean), cold_s);
    o = form(0, 65536); /* 537 MB a tensor: L2 is no help */
    cold_s = time_of(&o, RESIDENCY_COLD, &m), steady_s = time_of(&o, RESIDENCY_REPEATED, &m);
    cr_assert_float_eq(steady_s / cold_s, 1, 0.02);
    arena_free(&a);
}

/* The flag alone decides: the same shape through a library keeps its own cost. */
Test(cost_own, is_asked_for) {
    arena a = {0};
    machine_block m;
    load(&a, "h100-sxm", &m);
    op o = form(4, 256), other = o;
    other.own = false;
    cr_assert_neq(time_of(&o, RESIDENCY_COLD, &m), time_of(&other, RESIDENCY_COLD, &m));
    arena_free(&a);
}

static bool counts(const operator_row *row, bool attention) {
    bool is_attention = row->op.kind == OP_attention;
    return row_is_held(row) && row->op.own && row->op.kind != OP_gemm && is_attention == attention;
}

static double held_error(bool attention) {
    static const char *const files[] = {SHIPPED "/operators-cold.csv", SHIPPED "/operators-steady.csv"};
    arena a = {0};
    machine_block m;
    error err;
    source_map sources = {0};
    double sum = 0;
    size_t n = 0;
    load(&a, "h100-sxm", &m);
    cr_assert_eq(sources_load(INGOT_SOURCE_DIR "/validate/sources.csv", &sources, &err), STATUS_OK, "%s", err.text);
    for (size_t f = 0; f < sizeof files / sizeof *files; f++) {
        row_table table = {0};
        cr_assert_eq(rows_load(files[f], &sources, EMPTY_ROWS_SKIPPED, &table, &err), STATUS_OK, "%s", err.text);
        for (size_t i = 0; i < table.count; i++)
            if (counts(&table.rows[i], attention)) {
                sum += fabs(predict_row(&table.rows[i], &m).time_s / table.rows[i].measured_s - 1);
                n++;
            }
        rows_free(&table);
    }
    sources_free(&sources);
    arena_free(&a);
    cr_assert_gt(n, 50);
    return sum / (double)n;
}

Test(cost_own, held_rows) {
    cr_expect_leq(held_error(true), 0.08, "attention");
    cr_expect_leq(held_error(false), 0.10, "vector and norm");
}

/* ---- in a model ---- */

static op norm_of(int64_t rows, double streamed_bytes) {
    op o = {.kind = OP_rmsnorm, .own = true, .streamed_bytes = streamed_bytes};
    o.as.rmsnorm = (rmsnorm_params){.rows = rows, .cols = 4096, .dtype = DTYPE_bf16, .residual = true};
    return o;
}

Test(cost_own, streams_push_activations_out_of_l2) {
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, "h100-sxm", m);
    double before_s = 0;
    for (double streamed = 0; streamed < 300e6; streamed += 20e6) {
        op o = norm_of(512, streamed);
        double s = time_of(&o, RESIDENCY_PREDECESSORS, m);
        cr_expect_geq(s, before_s, "%.0f MB", streamed / 1e6);
        cr_expect_leq(s, time_of(&o, RESIDENCY_COLD, m), "%.0f MB", streamed / 1e6);
        before_s = s;
    }
    op hot = norm_of(512, 0), pushed = norm_of(512, 180e6);
    double bytes = 2 * 512 * 4096 * 2; /* both tensors come from device memory then, all but a rest */
    cost_block hot_cost, pushed_cost;
    cost_analytic(&hot, RESIDENCY_PREDECESSORS, m, &hot_cost);
    cost_analytic(&pushed, RESIDENCY_PREDECESSORS, m, &pushed_cost);
    double more = pushed_cost.hbm_bytes[0] - hot_cost.hbm_bytes[0];
    cr_expect(more > 0.8 * bytes && more <= bytes, "%.1f of %.1f MB", more / 1e6, bytes / 1e6);
    arena_free(&a);
}

Test(cost_own, packing_is_a_kernel_more) {
    arena a = {0};
    machine_block *m = ARENA_NEW(&a, machine_block);
    load(&a, "h100-sxm", m);
    op o = norm_of(512, 0), packed = o;
    packed.packed_bytes = 512 * 4096 * 2;
    cost_block alone, both;
    cost_analytic(&o, RESIDENCY_PREDECESSORS, m, &alone);
    cost_analytic(&packed, RESIDENCY_PREDECESSORS, m, &both);
    cr_expect_eq(both.launches[0], alone.launches[0] + 1);
    cr_expect_gt(both.time_s[0], alone.time_s[0] + packed.packed_bytes / m->hbm_bandwidth_bytes_per_s[0] / 2);
    cr_expect(!op_same(&o, &packed));
    arena_free(&a);
}
