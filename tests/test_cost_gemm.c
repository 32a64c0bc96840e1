/* The GEMM time model against bounds that follow from the machine and the shape alone. */
#include "core/plan_gemm_cutlass.h"
#include "sim/engine/cost.h"
#include "sim/engine/cost_method.h"

#include <criterion/criterion.h>
#include <math.h>

/* Round figures of an H200, so that the bounds below can be read off. */
static machine test_machine(void) {
    machine m = {.generation = GENERATION_HOPPER};
    m.sm.count = 132, m.sm.clock_max_hz = 1.98e9, m.sm.clock_tensor_hz = 1.83e9;
    m.sm.fp32_flops_per_clk = 256, m.sm.tensor_bf16_flops_per_clk = 4096, m.sm.tensor_fp16_flops_per_clk = 4096;
    m.sm.tensor_fp8_flops_per_clk = 8192, m.sm.tensor_int8_flops_per_clk = 8192;
    m.sm.max_ctas = 32, m.sm.max_threads = 2048, m.sm.registers = 65536, m.sm.shared_bytes = 233472;
    m.l2.bytes = 50e6, m.l2.near_latency_clk = 263, m.l2.bytes_per_clk = 4930;
    m.hbm.bandwidth_bytes_per_s = 4.8e12, m.hbm.latency_clk = 830;
    m.power.limit_w = 700, m.power.idle_w = 105, m.power.energy_per_fp16_flop_j = 1.2e-12;
    m.power.energy_per_hbm_byte_j = 122e-12, m.power.energy_per_l2_byte_j = 30e-12, m.power.voltage_slope_ratio = 0.7;
    return m;
}

static cost_block cost_on(const machine *m, const op *o, residency where) {
    calibration c = calibration_priors();
    const calibration *calibrations[] = {&c};
    machine_block block;
    machine_block_fill(&block, &m, calibrations, 1);
    cost_block out;
    cost_gemm(o, where, &block, &out);
    return out;
}

static op gemm(int64_t m, int64_t n, int64_t k, data_type dtype, data_type weights_dtype) {
    return (op){
        .kind = OP_gemm,
        .as.gemm = {.m = m, .n = n, .k = k, .batch = 1, .dtype = dtype, .weights_dtype = weights_dtype},
    };
}

/* A spread of shapes: every decade of each extent, even and odd. */
static const int64_t extents[] = {1, 8, 33, 257, 1000, 4096, 11008};
enum { EXTENTS = sizeof extents / sizeof *extents };

typedef void shape_check(const op *o);

static void each_shape(shape_check *check) {
    static const data_type types[][2] = {
        {DTYPE_bf16, DTYPE_bf16}, {DTYPE_fp8, DTYPE_fp8}, {DTYPE_bf16, DTYPE_int4}, {DTYPE_fp32, DTYPE_fp32}};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (size_t i = 0; i < EXTENTS; i++)
            for (size_t j = 0; j < EXTENTS; j++)
                for (size_t l = 0; l < EXTENTS; l++) {
                    op o = gemm(extents[i], extents[j], extents[l], types[t][0], types[t][1]);
                    check(&o);
                }
}

static void check_bounds(const op *o) {
    machine m = test_machine();
    cost_block cold = cost_on(&m, o, RESIDENCY_COLD);
    const gemm_params *g = &o->as.gemm;
    double per_clk = g->dtype == DTYPE_fp8 ? 8192 : g->dtype == DTYPE_fp32 ? 256 : 4096;
    double compute_s = 2.0 * (double)g->m * (double)g->n * (double)g->k / (132 * per_clk * 1.98e9);
    double operands = (double)g->m * (double)g->k * dtype_bytes(g->dtype) +
                      (double)g->n * (double)g->k * dtype_bytes(g->weights_dtype);
    cr_assert_geq(cold.time_s[0], compute_s);
    cr_assert_geq(cold.time_s[0], operands / 4.8e12);
    cr_assert_geq(cold.time_s[0], cold.l2_bytes[0] / (4930 * 1.98e9) * 0.999);
    cr_assert_geq(cold.hbm_bytes[0], operands);
    cr_assert(isfinite(cold.time_s[0]));
}

Test(cost_gemm, never_under_a_bound) {
    each_shape(check_bounds);
}

static void check_residency(const op *o) {
    machine m = test_machine();
    double cold = cost_on(&m, o, RESIDENCY_COLD).time_s[0];
    double left = cost_on(&m, o, RESIDENCY_PREDECESSORS).time_s[0];
    cr_assert_leq(left, cold * (1 + 1e-12));
}

Test(cost_gemm, hot_activations_never_cost_time) {
    each_shape(check_residency);
}

/* The power limit follows its curve within this. */
static const double PICK_SLACK = 1.01;

static void check_monotone(const op *o) {
    static const char *const keys[] = {"hbm.bandwidth_bytes_per_s", "l2.bytes_per_clk", "sm.clock_max_hz"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        machine slow = test_machine(), fast = slow;
        const machine_key *key = machine_key_find(keys[i]);
        machine_set(&fast, key, machine_get(&slow, key) * 1.3);
        double slow_s = cost_on(&slow, o, RESIDENCY_PREDECESSORS).time_s[0];
        double fast_s = cost_on(&fast, o, RESIDENCY_PREDECESSORS).time_s[0];
        cr_assert_leq(fast_s, slow_s * PICK_SLACK, "%s, m=%d n=%d k=%d: %g > %g", keys[i], (int)o->as.gemm.m,
                      (int)o->as.gemm.n, (int)o->as.gemm.k, fast_s, slow_s);
    }
}

Test(cost_gemm, faster_parts_do_not_slow_it) {
    each_shape(check_monotone);
}

Test(cost_gemm, lanes_do_not_mix) {
    machine a = test_machine(), b = a;
    b.sm.count = 78, b.hbm.bandwidth_bytes_per_s = 2e12;
    calibration c = calibration_priors();
    const machine *machines[] = {&a, &b};
    const calibration *calibrations[] = {&c, &c};
    machine_block block;
    machine_block_fill(&block, machines, calibrations, 2);
    op o = gemm(154, 11008, 4096, DTYPE_bf16, DTYPE_bf16);
    cost_block both;
    cost_gemm(&o, RESIDENCY_PREDECESSORS, &block, &both);
    cr_assert_eq(both.time_s[0], cost_on(&a, &o, RESIDENCY_PREDECESSORS).time_s[0]);
    cr_assert_eq(both.time_s[1], cost_on(&b, &o, RESIDENCY_PREDECESSORS).time_s[0]);
    cr_assert_gt(both.time_s[1], both.time_s[0]);
}

/* One row reads each weight once: time is weight bytes over bandwidth, and the bound says so. */
Test(cost_gemm, decode_streams_weights) {
    machine m = test_machine();
    op o = gemm(1, 32000, 4096, DTYPE_bf16, DTYPE_bf16);
    cost_block out = cost_on(&m, &o, RESIDENCY_PREDECESSORS);
    double stream_s = 32000.0 * 4096 * 2 / 4.8e12;
    cr_assert_eq(out.bound[0], BOUND_HBM);
    cr_assert_lt(out.time_s[0], 1.3 * stream_s);
    op narrow = gemm(1, 32000, 4096, DTYPE_bf16, DTYPE_int8);
    cr_assert_lt(cost_on(&m, &narrow, RESIDENCY_PREDECESSORS).time_s[0], 0.7 * out.time_s[0]);
}

Test(cost_gemm, power_limit_lengthens_large_products) {
    machine m = test_machine(), cooled = m;
    cooled.power.limit_w = 1e5;
    op o = gemm(8192, 8192, 8192, DTYPE_bf16, DTYPE_bf16);
    double limited_s = cost_on(&m, &o, RESIDENCY_REPEATED).time_s[0];
    double free_s = cost_on(&cooled, &o, RESIDENCY_REPEATED).time_s[0];
    cr_assert_gt(limited_s, 1.05 * free_s);
    cr_assert_eq(cost_on(&m, &o, RESIDENCY_REPEATED).bound[0], BOUND_COMPUTE);
    /* In a graph the clock is all operators' together (power.h). */
    double in_graph_s = cost_on(&m, &o, RESIDENCY_PREDECESSORS).time_s[0];
    cr_assert_eq(in_graph_s, cost_on(&cooled, &o, RESIDENCY_PREDECESSORS).time_s[0]);
}

static void check_plans(const op *o) {
    machine m = test_machine();
    for (int g = 0; g < GENERATION_COUNT; g++) {
        m.generation = (generation)g;
        plan_limits limits = plan_limits_of(&m);
        plan_list plans;
        plan_gemm(o, &limits, &plans);
        cr_assert(plans.count >= 1 && plans.count < PLAN_CANDIDATES_MAX);
        for (size_t i = 0; i < plans.count; i++) {
            const plan *p = &plans.plans[i];
            int64_t rows = p->swapped ? o->as.gemm.n : o->as.gemm.m, cols = p->swapped ? o->as.gemm.m : o->as.gemm.n;
            double tiles = ceil((double)rows / p->tile_m) * ceil((double)cols / p->tile_n);
            cr_assert_geq(p->ctas, tiles * p->split_k);
            cr_assert(p->stages >= 1 && p->ctas_per_sm >= 1);
        }
    }
}

Test(plan_gemm, candidates_cover_the_output) {
    each_shape(check_plans);
}

/* Block-scaled instructions take 128 rows, and nothing is summed across CTAs. */
Test(plan_gemm, block_scaled_products_have_tall_tiles) {
    machine m = test_machine();
    static const generation generations[] = {GENERATION_BLACKWELL, GENERATION_BLACKWELL_RTX};
    op o = gemm(1, 512, 7168, DTYPE_nvfp4, DTYPE_nvfp4);
    for (size_t g = 0; g < 2; g++) {
        m.generation = generations[g];
        plan_limits limits = plan_limits_of(&m);
        plan_list plans;
        plan_gemm(&o, &limits, &plans);
        for (size_t i = 0; i < plans.count; i++)
            cr_expect(plans.plans[i].tile_m >= 128 && plans.plans[i].split_k == 1, "plan %zu", i);
    }
}

Test(cost_gemm, method_terms_stand_apart) {
    machine m = test_machine();
    const machine *machines[] = {&m};
    calibration c = calibration_priors();
    const calibration *calibrations[] = {&c};
    machine_block block;
    machine_block_fill(&block, machines, calibrations, 1);
    op o = gemm(64, 4096, 4096, DTYPE_fp8, DTYPE_fp8);
    lanes plain, chain;
    cost_method_graph_steady(&o, "vllm:x", &block, plain);
    cost_method_graph_steady(&o, "trtllm:x", &block, chain);
    cr_assert_eq(plain[0], c.method.graph_steady_gap_ratio * m.host.graph_node_s);
    cr_assert_gt(chain[0], plain[0] + c.method.trtllm_quantise_s);
}

/* A plugin's rows are measured once, behind other products: no replays, weights cold. */
Test(cost_gemm, harnesses_leave_operands_where_they_do) {
    machine m = test_machine();
    const machine *machines[] = {&m};
    calibration c = calibration_priors();
    const calibration *calibrations[] = {&c};
    machine_block block, room;
    machine_block_fill(&block, machines, calibrations, 1);
    op plain = gemm(64, 4096, 4096, DTYPE_bf16, DTYPE_bf16), narrow = gemm(64, 4096, 4096, DTYPE_bf16, DTYPE_int4);
    lanes extra;
    cr_assert_eq(cost_method_residency(&plain, "vllm:x"), RESIDENCY_REPEATED);
    cr_assert_eq(cost_method_residency(&plain, "trtllm:x"), RESIDENCY_REPEATED_FEW);
    cr_assert_eq(cost_method_residency(&narrow, "trtllm:x"), RESIDENCY_PREDECESSORS);
    cost_method_graph_steady(&narrow, "trtllm:x", &block, extra);
    cr_assert_eq(extra[0], c.method.trtllm_plugin_s);
    cr_assert_eq(cost_method_machines(&plain, "trtllm:x", &block, &room), &block);
    cr_assert_eq(cost_method_machines(&plain, "vllm:x", &block, &room), &room);
    cr_assert_eq(room.gemm_switching_frac[0], c.gemm.switching_frac * c.method.vllm_switching_ratio);
}

/* Before Hopper, slices of a reduction are whole steps and add up within one kernel; kernels of vectors are tried for
 * up to 15 rows of 16 bits, and are the only ones for up to 4 of 8. */
Test(plan_gemm, kernels_of_narrow_weights) {
    machine m = test_machine();
    m.generation = GENERATION_AMPERE;
    plan_limits limits = plan_limits_of(&m);
    for (int64_t rows = 1; rows <= 64; rows *= 2)
        for (int int8 = 0; int8 < 2; int8++) {
            op o = gemm(rows, 1024, 7 * 64 * 5, int8 ? DTYPE_int8 : DTYPE_bf16, DTYPE_int8);
            plan_list plans;
            plan_gemm(&o, &limits, &plans);
            int32_t most = 0;
            bool vectors = false, tiles = false;
            for (size_t i = 0; i < plans.count; i++) {
                const plan *p = &plans.plans[i];
                cr_assert_eq(p->launches, 1);
                cr_assert_eq(7 * 5 % p->split_k, 0);
                cr_assert_leq(p->ctas_per_sm * p->block_threads, limits.max_threads);
                most = most > p->split_k ? most : p->split_k;
                *(gemm_cutlass_is_vector(p) ? &vectors : &tiles) = true;
            }
            cr_assert_eq(most, int8 ? 1 : 7);
            cr_assert_eq(vectors, rows <= (int8 ? 4 : 15));
            cr_assert_eq(tiles, !int8 || rows > 4);
        }
    cr_assert_eq(gemm_cutlass_profiled_rows(5), 5);
    cr_assert_eq(gemm_cutlass_profiled_rows(80), 128);
    cr_assert_eq(gemm_cutlass_profiled_rows(128), 128);
    cr_assert_eq(gemm_cutlass_profiled_rows(10000), 8192);
}

/* Before Hopper, short series of replays find memory slower than long ones and models do. */
Test(cost_gemm, memory_is_slower_at_the_start_of_a_series) {
    machine m = test_machine();
    m.generation = GENERATION_AMPERE;
    calibration plain = calibration_priors(), slow = plain;
    plain.method.series_loss_frac = 0, slow.method.series_loss_frac = 0.2;
    const machine *machines[] = {&m, &m};
    const calibration *calibrations[] = {&plain, &slow};
    machine_block block;
    machine_block_fill(&block, machines, calibrations, 2);
    double ratio[3];
    static const residency where[] = {RESIDENCY_REPEATED, RESIDENCY_REPEATED, RESIDENCY_PREDECESSORS};
    static const int64_t outputs[] = {8192, 262144, 8192};
    for (int c = 0; c < 3; c++) {
        op o = gemm(1, outputs[c], 16384, DTYPE_bf16, DTYPE_bf16);
        cost_block out;
        cost_analytic(&o, where[c], &block, &out);
        ratio[c] = out.time_s[1] / out.time_s[0];
    }
    cr_assert_gt(ratio[0], 1.1);
    cr_assert_lt(ratio[1], 1.02);
    cr_assert_eq(ratio[2], 1);
}

/* On Ada, a product of few rows is split where its whole tiles fill few of the SMs, and else only if its reduction is
 * long. */
Test(plan_gemm, few_rows_on_ada) {
    machine m = test_machine();
    m.generation = GENERATION_ADA;
    m.sm.count = 142, m.sm.shared_bytes = 102400, m.sm.max_threads = 1536, m.sm.max_ctas = 24;
    const struct {
        int64_t n, k;
        bool splits;
    } cases[] = {{1024, 4096, true}, {1536, 3584, false}, {2560, 2560, false}, {1536, 8192, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        op o = gemm(8, cases[i].n, cases[i].k, DTYPE_bf16, DTYPE_bf16);
        cost_block out = cost_on(&m, &o, RESIDENCY_REPEATED);
        cr_expect_eq(out.picked[0].split_k > 1, cases[i].splits, "n %ld k %ld: split %d", (long)cases[i].n,
                     (long)cases[i].k, out.picked[0].split_k);
    }
}

/* Few rows against each of very many sequences' matrices: tiles that a huge grid would not use are all there are. */
Test(cost_gemm, a_huge_batch_of_few_rows_has_a_plan) {
    machine m = test_machine();
    m.generation = GENERATION_AMPERE;
    op o = gemm(14, 1040, 128, DTYPE_bf16, DTYPE_bf16);
    o.as.gemm.activations_only = true;
    double before_s = 0;
    for (int64_t batch = 64; batch <= 4096; batch *= 2) {
        o.as.gemm.batch = batch;
        double time_s = cost_on(&m, &o, RESIDENCY_COLD).time_s[0];
        cr_expect(time_s > before_s && time_s < 10e-3, "batch %lld: %g s", (long long)batch, time_s);
        before_s = time_s;
    }
}

/* PyTorch's traces on an H200 show a tile of 8 columns for one row; small weights then take what two rows take. Before
 * Hopper, and where weights are widened, vector kernels do it. */
Test(cost_gemm, one_row_runs_on_tiles_where_warpgroups_are) {
    machine m = test_machine();
    op one = gemm(1, 256, 7168, DTYPE_bf16, DTYPE_bf16), two = gemm(2, 256, 7168, DTYPE_bf16, DTYPE_bf16);
    cr_expect_gt(cost_on(&m, &one, RESIDENCY_REPEATED).time_s[0],
                 0.9 * cost_on(&m, &two, RESIDENCY_REPEATED).time_s[0]);
    static const struct {
        generation family;
        data_type weights;
        bool vectors;
    } cases[] = {{GENERATION_HOPPER, DTYPE_bf16, false},
                 {GENERATION_BLACKWELL, DTYPE_bf16, false},
                 {GENERATION_HOPPER, DTYPE_int4, true},
                 {GENERATION_AMPERE, DTYPE_bf16, true}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        op o = gemm(1, 4096, 4096, DTYPE_bf16, cases[c].weights);
        plan_limits limits = {.generation = cases[c].family,
                              .shared_bytes = 233472,
                              .registers = 65536,
                              .max_threads = 2048,
                              .max_ctas = 32};
        plan_list plans;
        plan_gemm(&o, &limits, &plans);
        bool vectors = false; /* tiles of at most four rows */
        for (size_t i = 0; i < plans.count; i++)
            vectors = vectors || plans.plans[i].tile_m <= 4;
        cr_expect_eq(vectors, cases[c].vectors, "case %zu", c);
    }
}
