/* What no engine may do, on random machines and shapes: predict less than a bound, or let a faster part slow an
 * operator down. docs/model.md lists the exceptions, and so does `exceptions` here. */
#include "core/base/random.h"
#include "core/plan_gemm_cutlass.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/event.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const uint64_t SEED = 9;

enum { BASES = 7, CASES = 3000 };
static const char *const base_names[BASES] = {"h200-sxm", "h100-sxm", "a100-sxm-80gb", "l40s",
                                              "b200-sxm", "v100-sxm", "rtx-pro-6000"};

typedef struct base {
    machine m;
    calibration c;
} base;

typedef struct draws {
    uint64_t stream, index;
} draws;

static double uniform(draws *d, double low, double high) {
    return low + (high - low) * random_uniform(SEED, d->stream, d->index++);
}

/* Log-uniform whole number. */
static int64_t size_in(draws *d, double low, double high) {
    return (int64_t)floor(exp(uniform(d, log(low), log(high + 1))));
}

static size_t choice(draws *d, size_t count) {
    return (size_t)uniform(d, 0, (double)count) % count;
}

static void load_bases(arena *a, base *bases) {
    for (size_t b = 0; b < BASES; b++) {
        error err = {0};
        cr_assert_eq(machine_load(a, CONFIG_DIR, base_names[b], &bases[b].m, NULL, &err), STATUS_OK, "%s", err.text);
        cr_assert_eq(calibration_load(a, CONFIG_DIR, &bases[b].m, &bases[b].c, &err), STATUS_OK, "%s", err.text);
    }
}

static machine random_machine(draws *d, const machine *m) {
    machine out = *m;
    double clock = uniform(d, 0.5, 1.5);
    out.sm.count = fmax(4, floor(m->sm.count * uniform(d, 0.3, 1.7)));
    out.sm.clock_max_hz *= clock, out.sm.clock_tensor_hz *= clock;
    out.hbm.bandwidth_bytes_per_s *= uniform(d, 0.3, 3);
    out.l2.bytes *= uniform(d, 0.3, 3);
    out.l2.bytes_per_clk *= uniform(d, 0.5, 2);
    return out;
}

static op random_gemm(draws *d) {
    static const data_type types[][2] = {{DTYPE_bf16, DTYPE_bf16}, {DTYPE_fp16, DTYPE_fp16}, {DTYPE_fp8, DTYPE_fp8},
                                         {DTYPE_bf16, DTYPE_int8}, {DTYPE_bf16, DTYPE_int4}, {DTYPE_fp32, DTYPE_fp32}};
    size_t t = choice(d, sizeof types / sizeof *types);
    op o = {.kind = OP_gemm};
    o.as.gemm = (gemm_params){.m = size_in(d, 1, 8192),
                              .n = size_in(d, 16, 32768),
                              .k = size_in(d, 16, 16384),
                              .batch = size_in(d, 1, 4),
                              .dtype = types[t][0],
                              .weights_dtype = types[t][1]};
    return o;
}

static op random_attention(draws *d) {
    static const int64_t groups[] = {1, 4, 8};
    op o = {.kind = OP_attention};
    int64_t kv_heads = size_in(d, 1, 32), queries = choice(d, 2) ? 1 : size_in(d, 2, 4096);
    o.as.attention = (attention_params){.batch = size_in(d, 1, 32),
                                        .heads = kv_heads * groups[choice(d, 3)],
                                        .kv_heads = kv_heads,
                                        .head_dim = choice(d, 2) ? 64 : 128,
                                        .q_len = queries,
                                        .kv_len = queries > 1 ? queries : size_in(d, 16, 16384),
                                        .dtype = DTYPE_bf16,
                                        .kv_dtype = DTYPE_bf16,
                                        .causal = queries > 1,
                                        .backend = choice(d, 2) ? attention_backend_flash : attention_backend_best};
    return o;
}

static op random_row(draws *d) {
    int64_t rows = size_in(d, 1, 65536), cols = size_in(d, 32, 16384);
    switch (choice(d, 4)) {
    case 0:
        return (op){.kind = OP_add, .as.add = {.rows = rows, .cols = cols, .dtype = DTYPE_bf16}};
    case 1:
        return (op){.kind = OP_rmsnorm, .as.rmsnorm = {.rows = rows, .cols = cols, .dtype = DTYPE_bf16}};
    case 2:
        return (op){.kind = OP_softmax, .as.softmax = {.rows = rows, .cols = cols, .dtype = DTYPE_bf16}};
    default:
        return (op){.kind = OP_copy,
                    .as.copy = {.rows = rows, .cols = cols, .dtype = DTYPE_bf16, .out_dtype = DTYPE_bf16}};
    }
}

static op random_op(draws *d) {
    switch (choice(d, 3)) {
    case 0:
        return random_gemm(d);
    case 1:
        return random_attention(d);
    default:
        return random_row(d);
    }
}

typedef enum engine { ROOFLINE, ANALYTIC, EVENT, ENGINES } engine;
static const char *const engine_names[ENGINES] = {"roofline", "analytic", "event"};

static cost_block cost_on(engine e, const machine *m, const calibration *c, const op *o, residency where) {
    machine_block block;
    machine_block_fill(&block, &m, &c, 1);
    cost_block out;
    if (e == EVENT)
        cost_event(o, where, &block, NULL, &out);
    else if (e == ANALYTIC)
        cost_analytic(o, where, &block, &out);
    else
        cost_roofline(o, where, &block, &out);
    return out;
}

/* The fastest that the machine could multiply and add. */
static double flops_per_s(const machine *m, const op_work *work) {
    const machine *machines[] = {m};
    calibration c = calibration_priors();
    const calibration *calibrations[] = {&c};
    machine_block block;
    machine_block_fill(&block, machines, calibrations, 1);
    double lanes_rate = block.peak_flops_per_s[DTYPE_fp32][0], rate = lanes_rate;
    if (work->tensor_flops)
        rate = block.peak_flops_per_s[work->flops_dtype][0];
    if (rate <= 0)
        rate = fmax(lanes_rate, block.peak_flops_per_s[DTYPE_fp16][0]);
    return rate * m->sm.clock_max_hz / m->sm.clock_tensor_hz;
}

Test(bounds, no_engine_predicts_less_than_compute_cache_or_memory_need) {
    static const double ROUNDING = 1 - 1e-9;
    arena a = {0};
    base bases[BASES];
    load_bases(&a, bases);
    for (uint64_t i = 0; i < CASES; i++) {
        draws d = {.stream = 1, .index = i << 32};
        const base *b = &bases[choice(&d, BASES)];
        machine m = random_machine(&d, &b->m);
        op o = random_op(&d);
        op_work work = op_work_of(&o);
        char shape[256];
        op_shape_text(&o, shape, sizeof shape);
        for (int e = 0; e < ENGINES; e++) {
            cost_block cost = cost_on((engine)e, &m, &b->c, &o, RESIDENCY_COLD);
            double time_s = cost.time_s[0] / ROUNDING, l2_rate = m.l2.bytes_per_clk * m.sm.clock_max_hz;
            const char *name = op_info_get(o.kind)->name;
            cr_expect(isfinite(time_s) && time_s > 0);
            cr_expect_geq(time_s, work.flops / flops_per_s(&m, &work), "%s, %s %s on %s: compute", engine_names[e],
                          name, shape, m.name);
            cr_expect_geq(time_s, cost.hbm_bytes[0] / m.hbm.bandwidth_bytes_per_s, "%s, %s %s on %s: memory",
                          engine_names[e], name, shape, m.name);
            cr_expect_geq(cost.hbm_bytes[0], (work.weight_bytes + work.read_bytes) * ROUNDING, "%s, %s %s: cold bytes",
                          engine_names[e], name, shape);
            if (e != ROOFLINE) /* a datasheet knows no cache */
                cr_expect_geq(time_s, cost.l2_bytes[0] / l2_rate, "%s, %s %s on %s: cache", engine_names[e], name,
                              shape, m.name);
        }
    }
    arena_free(&a);
}

typedef struct growth {
    const char *name, *keys[2];
} growth;

static const growth growths[] = {
    {"memory bandwidth", {"hbm.bandwidth_bytes_per_s", NULL}},
    {"cache bandwidth", {"l2.bytes_per_clk", NULL}},
    {"SM clock", {"sm.clock_max_hz", "sm.clock_tensor_hz"}},
    {"SM count", {"sm.count", NULL}},
};
enum { GROWTHS = sizeof growths / sizeof *growths };

/* Where a faster part may slow an operator down, and by how much at most; docs/model.md says why. */
typedef struct exception {
    const char *growth; /* NULL: any */
    op_kind kind;       /* OP_KIND_COUNT: memory-bound rows */
    bool event_only, plugins_only;
    double at_most;
} exception;

static const exception exceptions[] = {
    {"SM count", OP_attention, false, false,
     1.5}, /* each SM has less of the L2; libraries choose kernels and splits by SM count */
    {"SM count", OP_KIND_COUNT, false, false, 1.06}, /* fewer waves hide less of the start of each */
    {"SM count", OP_gemm, false, false, 1.25},      /* libraries split reductions by the SMs a grid fills; last waves */
    {"cache bandwidth", OP_gemm, true, false, 1.1}, /* it runs the plan that the estimate picks, fastest there and not
                                                       here */
    {"SM clock", OP_gemm, false, false,
     1.05}, /* the library counts a gap before a split reduction's second kernel, which is no part of a duration */
    {NULL, OP_gemm, false, true, 1.1}, /* plugins choose kernels by how they would be measured, not as they run */
};

/* The power limit follows its curve within 1 %. */
static double allowed(const growth *g, engine e, const op *o, generation family) {
    static const double SLACK = 1.01;
    op_kind kind = o->kind;
    bool plugin = kind == OP_gemm && gemm_is_cutlass(o, family);
    bool row = kind != OP_gemm && kind != OP_attention;
    for (size_t x = 0; x < sizeof exceptions / sizeof *exceptions; x++) {
        const exception *excepted = &exceptions[x];
        bool same_kind = excepted->kind == kind || (row && excepted->kind == OP_KIND_COUNT);
        bool same_growth = !excepted->growth || strcmp(excepted->growth, g->name) == 0;
        if (same_growth && same_kind && e != ROOFLINE && (e == EVENT || !excepted->event_only) &&
            (plugin || !excepted->plugins_only))
            return excepted->at_most;
    }
    return SLACK;
}

Test(bounds, a_faster_part_slows_nothing_down) {
    arena a = {0};
    base bases[BASES];
    load_bases(&a, bases);
    for (uint64_t i = 0; i < CASES; i++) {
        draws d = {.stream = 2, .index = i << 32};
        const base *b = &bases[choice(&d, BASES)];
        machine slow = random_machine(&d, &b->m);
        op o = random_op(&d);
        double by = uniform(&d, 1.05, 1.6);
        char shape[256];
        op_shape_text(&o, shape, sizeof shape);
        for (size_t g = 0; g < GROWTHS; g++) {
            machine fast = slow;
            for (size_t k = 0; k < 2 && growths[g].keys[k]; k++) {
                const machine_key *key = machine_key_find(growths[g].keys[k]);
                double value = machine_get(&slow, key) * by;
                machine_set(&fast, key, key->offset == offsetof(machine, sm.count) ? ceil(value) : value);
            }
            for (int e = 0; e < ENGINES; e++) {
                double slow_s = cost_on((engine)e, &slow, &b->c, &o, RESIDENCY_PREDECESSORS).time_s[0];
                double fast_s = cost_on((engine)e, &fast, &b->c, &o, RESIDENCY_PREDECESSORS).time_s[0];
                cr_expect_leq(fast_s, slow_s * allowed(&growths[g], (engine)e, &o, slow.generation),
                              "%s, %s x%.2f, %s %s on %s: %.4g us to %.4g us", engine_names[e], growths[g].name, by,
                              op_info_get(o.kind)->name, shape, slow.name, slow_s * 1e6, fast_s * 1e6);
            }
        }
    }
    arena_free(&a);
}
