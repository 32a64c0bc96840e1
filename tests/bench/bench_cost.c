/* How many operator costs and whole workloads the analytic engine predicts a second on one core, and the event engine:
 * with one machine in the block, and with all lanes filled. Prints a line a measurement. */
#include "core/base/clock.h"
#include "core/base/random.h"
#include "hwmodels/calibration_load.h"
#include "hwmodels/machine_load.h"
#include "sim/engine/engine.h"
#include "workloads/workload.h"

#include <stdio.h>

static const char CONFIG_DIR[] = INGOT_SOURCE_DIR "/configs";
static const double MEASURE_S = 0.5; /* each line, at least */
enum { OPS = 4096 };                 /* different ones, so that no branch predictor learns them */

/* ---- operators ---- */

/* 2^0 to 2^bits, evenly in the logarithm and odd more often than not. */
static int64_t size(int bits, uint64_t draw) {
    int shift = (int)(draw % (uint64_t)(bits + 1));
    return ((int64_t)1 << shift) + (int64_t)((draw >> 32) & (((uint64_t)1 << shift) - 1));
}

static op gemm(int64_t i) {
    uint64_t draw = (uint64_t)i * 0x9e3779b97f4a7c15ull; /* Fibonacci hashing: well mixed, and the same everywhere */
    draw ^= draw >> 29;
    return (op){.kind = OP_gemm,
                .as.gemm = {.m = size(13, draw),
                            .n = 256 * size(7, draw >> 8),
                            .k = 256 * size(6, draw >> 16),
                            .batch = 1,
                            .dtype = DTYPE_bf16,
                            .weights_dtype = DTYPE_bf16}};
}

static op attention(int64_t i) {
    uint64_t draw = (uint64_t)i * 0x9e3779b97f4a7c15ull;
    draw ^= draw >> 29;
    bool decode = (draw & 1) != 0;
    int64_t keys = size(13, draw >> 4);
    return (op){.kind = OP_attention,
                .as.attention = {.batch = size(5, draw >> 12),
                                 .heads = 64,
                                 .kv_heads = 8,
                                 .head_dim = 128,
                                 .q_len = decode ? 1 : keys,
                                 .kv_len = keys,
                                 .causal = true,
                                 .dtype = DTYPE_bf16,
                                 .kv_dtype = DTYPE_bf16}};
}

static void bench_ops(const char *name, op (*make)(int64_t), const machine_block *block) {
    static op ops[OPS];
    for (int i = 0; i < OPS; i++)
        ops[i] = make(i + 1);
    double start_s = clock_now_s(), elapsed_s, sum_s = 0;
    int64_t count = 0;
    do {
        for (int i = 0; i < OPS; i++, count++) {
            cost_block cost;
            cost_analytic(&ops[i], RESIDENCY_COLD, block, &cost);
            sum_s += cost.time_s[0];
        }
        elapsed_s = clock_now_s() - start_s;
    } while (elapsed_s < MEASURE_S);
    double rate = (double)count / elapsed_s;
    printf("%-28s %12.0f a second  (%zu machine%s each: %.0f predictions a second)\n", name, rate, block->count,
           block->count > 1 ? "s" : "", rate * (double)block->count);
    if (!(sum_s > 0)) /* the compiler must not drop the work */
        puts("?");
}

/* ---- whole workloads ---- */

/* `steps`: decode steps; -1: the task's. */
static status bench_workload(arena *a, const char *name, const char *preset, engine_kind kind, int64_t steps,
                             const machine_block *block, error *err) {
    workload w;
    levers l;
    scenario s;
    graph g;
    host_profile host;
    status result = workload_find(a, CONFIG_DIR, name, &w, err);
    workload_request request = {.batch = 1, .decode_steps = steps, .statistic = "mean"};
    if (result == STATUS_OK)
        result = levers_parse(preset, &l, err);
    if (result == STATUS_OK)
        result = workload_scenario(a, &w, &request, &l, &s, err);
    if (result == STATUS_OK)
        result = workload_build(a, &w, &l, &g, err);
    if (result == STATUS_OK)
        result = host_load(a, CONFIG_DIR, levers_host(&l), &host, err);
    engine_options options = {.kind = kind, .host = &host};
    engine_result *r = ARENA_NEW(a, engine_result);
    double start_s = clock_now_s(), elapsed_s = 0;
    int64_t count = 0;
    while (result == STATUS_OK && elapsed_s < MEASURE_S) {
        arena scratch = {0};
        result = engine_run(&g, &s, block, &options, &scratch, r, NULL, err);
        arena_free(&scratch);
        elapsed_s = clock_now_s() - start_s;
        count++;
    }
    if (result == STATUS_OK) {
        double rate = (double)count / elapsed_s;
        printf(
            "%s, %s, %s engine: %.3f ms each, %.0f requests a second (%zu machine%s each: %.0f predictions a second)\n",
            name, preset, engine_name(kind), 1e3 / rate, rate, block->count, block->count > 1 ? "s" : "",
            rate * (double)block->count);
    }
    return result;
}

static status bench(arena *a, error *err) {
    machine m;
    calibration c;
    status result = machine_load(a, CONFIG_DIR, "h200-sxm", &m, NULL, err);
    if (result == STATUS_OK)
        result = calibration_load(a, CONFIG_DIR, &m, &c, err);
    if (result != STATUS_OK)
        return result;
    const machine *machines[MACHINE_LANES];
    const calibration *calibrations[MACHINE_LANES];
    for (int i = 0; i < MACHINE_LANES; i++) {
        machines[i] = &m;
        calibrations[i] = &c;
    }
    for (size_t lanes_used = 1; lanes_used <= MACHINE_LANES && result == STATUS_OK; lanes_used += MACHINE_LANES - 1) {
        machine_block *block = ARENA_NEW(a, machine_block);
        machine_block_fill(block, machines, calibrations, lanes_used);
        bench_ops("gemm", gemm, block);
        bench_ops("attention", attention, block);
        for (int kind = ENGINE_ANALYTIC; kind <= ENGINE_EVENT && result == STATUS_OK; kind++) {
            result = bench_workload(a, "codellama-34b/humaneval", "baseline", (engine_kind)kind, -1, block, err);
            if (result == STATUS_OK)
                result = bench_workload(a, "codellama-34b/humaneval", "compile", (engine_kind)kind, -1, block, err);
        }
        /* Every layer written out, with kernels side by side. */
        if (result == STATUS_OK && lanes_used == 1)
            result = bench_workload(a, "codellama-34b/humaneval", "sdpa streams=2", ENGINE_EVENT, 1, block, err);
    }
    return result;
}

int main(void) {
    arena a = {0};
    error err = {""};
    status result = bench(&a, &err);
    if (result != STATUS_OK)
        fprintf(stderr, "%s\n", err.text);
    arena_free(&a);
    return (int)result;
}
