#include "core/plan_gemm_cutlass.h"

#include <math.h>

enum {
    TILE_K = 64, /* of most tiles; what slices of a reduction are multiples of */
    SLICES_MAX = 7,
    THREADS_PER_WARP = 32,
    REGISTERS_THREAD_MAX = 255,
    VECTOR_THREADS = 128,
    VECTOR_CTAS_PER_SM = 16,
    VECTOR_LOAD_BYTES = 16,     /* of a thread, at once */
    VECTOR_ROWS_MAX = 15,       /* of 16-bit activations; among others tried */
    VECTOR_ROWS_MAX_INT8 = 4,   /* of 8-bit ones; always taken */
    VECTOR_COLS_INT8 = 2,       /* of a block */
    VECTOR_COLS_INTERLEAVED = 8 /* of a block, each of as many columns as share a line of weights */
};
/* Weights of 64 k of each column lie together, and columns share lines of 128 bytes. */
static const double INTERLEAVED_LINE_BYTES = 128;
/* Registers of a thread besides its accumulators: fragments, addresses, and weights on their way to 16 bits. */
static const double REGISTERS_BESIDES = 64, REGISTERS_WIDENING = 16;
static const double ROWS_PROFILED_MAX = 8192;

typedef struct tile_shape {
    int32_t m, n, k, warps;
} tile_shape;

static const tile_shape widening_tiles[] = {
    {16, 128, 64, 4}, {16, 256, 64, 4}, {32, 128, 64, 4}, {64, 128, 64, 4}, {128, 128, 64, 4}};
static const tile_shape int8_tiles[] = {{32, 128, 64, 4}, {64, 128, 64, 4},  {128, 128, 64, 8},
                                        {64, 64, 128, 2}, {128, 256, 64, 8}, {256, 128, 64, 8}};
enum { WIDENING_STAGES_MIN = 2, WIDENING_STAGES_MAX = 4, INT8_STAGES_MIN = 3, INT8_STAGES_MAX = 6 };

bool gemm_is_cutlass(const op *gemm, generation family) {
    const gemm_params *g = &gemm->as.gemm;
    bool warpgroups = generation_has_warpgroups(family);
    bool narrow = g->dtype == DTYPE_int8 || dtype_bytes(g->weights_dtype) < dtype_bytes(g->dtype);
    return !gemm->own && !warpgroups && narrow && !g->dynamic_quantise;
}

bool gemm_cutlass_is_vector(const plan *p) {
    return p->stages == 1;
}

double gemm_cutlass_profiled_rows(double rows) {
    return rows <= VECTOR_ROWS_MAX ? rows : fmin(exp2(ceil(log2(rows))), ROWS_PROFILED_MAX);
}

double gemm_cutlass_ctas(const plan *p, const gemm_params *g, double rows) {
    return ceil(rows / p->tile_m) * ceil((double)g->n / p->tile_n) * (double)g->batch * p->split_k;
}

static void add(plan p, const gemm_params *g, plan_list *out) {
    p.ctas = gemm_cutlass_ctas(&p, g, (double)g->m);
    if (out->count < PLAN_CANDIDATES_MAX)
        out->plans[out->count++] = p;
}

static void add_vectors(const gemm_params *g, plan_list *out) {
    double weight_bytes = dtype_bytes(g->weights_dtype);
    double thread_k = VECTOR_LOAD_BYTES / weight_bytes, interleaved = INTERLEAVED_LINE_BYTES / TILE_K / weight_bytes;
    bool int8 = g->dtype == DTYPE_int8;
    plan p = {.tile_m = (int32_t)g->m, .cluster_m = 1, .cluster_n = 1, .split_k = 1, .stages = 1, .launches = 1};
    p.tile_n = int8 ? VECTOR_COLS_INT8 : (int32_t)(VECTOR_COLS_INTERLEAVED * interleaved);
    p.tile_k = (int32_t)(VECTOR_THREADS * thread_k / (int8 ? 1 : interleaved));
    p.block_threads = VECTOR_THREADS, p.ctas_per_sm = VECTOR_CTAS_PER_SM;
    add(p, g, out);
}

/* Blocks of a tile that an SM holds; 0 where it holds none. */
static int32_t residents(const tile_shape *t, double stage_bytes, int32_t stages, bool widening,
                         const plan_limits *limits) {
    double threads = t->warps * THREADS_PER_WARP;
    double registers = (double)t->m * t->n / threads + REGISTERS_BESIDES + (widening ? REGISTERS_WIDENING : 0);
    double by_registers = limits->registers / (threads * fmin(registers, REGISTERS_THREAD_MAX));
    double by_shared = limits->shared_bytes / (stages * stage_bytes);
    double least = fmin(fmin(by_registers, by_shared), fmin(limits->max_threads / threads, limits->max_ctas));
    return (int32_t)floor(least);
}

static void add_tile(const gemm_params *g, const tile_shape *t, int32_t stages, const plan_limits *limits,
                     plan_list *out) {
    bool widening = g->dtype != DTYPE_int8;
    double stage_bytes = t->k * (t->m * dtype_bytes(g->dtype) + t->n * dtype_bytes(g->weights_dtype));
    plan p = {.tile_m = t->m, .tile_n = t->n, .tile_k = t->k, .cluster_m = 1, .cluster_n = 1, .launches = 1};
    p.stages = stages, p.block_threads = t->warps * THREADS_PER_WARP;
    p.ctas_per_sm = residents(t, stage_bytes, stages, widening, limits);
    if (p.ctas_per_sm < 1)
        return;
    for (p.split_k = 1; p.split_k <= (widening ? SLICES_MAX : 1); p.split_k++)
        if (p.split_k == 1 || g->k % (TILE_K * p.split_k) == 0)
            add(p, g, out);
}

void plan_gemm_cutlass(const op *gemm, const plan_limits *limits, plan_list *out) {
    const gemm_params *g = &gemm->as.gemm;
    bool int8 = g->dtype == DTYPE_int8;
    out->count = 0;
    if (g->m <= (int8 ? VECTOR_ROWS_MAX_INT8 : VECTOR_ROWS_MAX))
        add_vectors(g, out);
    if (int8 && out->count > 0)
        return;
    const tile_shape *tiles = int8 ? int8_tiles : widening_tiles;
    size_t count = int8 ? sizeof int8_tiles / sizeof *int8_tiles : sizeof widening_tiles / sizeof *widening_tiles;
    int32_t first = int8 ? INT8_STAGES_MIN : WIDENING_STAGES_MIN, last = int8 ? INT8_STAGES_MAX : WIDENING_STAGES_MAX;
    for (size_t t = 0; t < count; t++)
        for (int32_t stages = first; stages <= last; stages++)
            add_tile(g, &tiles[t], stages, limits, out);
}
