/* Ways a library could run a matrix multiply: output tile, orientation, split of the reduction. */
#include "core/plan_gemm_cutlass.h"

#include <math.h>

/* One reduction step stages 128 bytes of k of each operand row, the width of a shared-memory swizzle line. */
static const double STEP_BYTES = 128;
/* Registers a thread needs besides its accumulators: addresses, fragments, loop state (compiled tiles, rounded). */
static const double REGISTERS_BESIDES_ACCUMULATORS = 80;
/* Largest accumulator tile: 256 x 128 fp32 fills half of the register file. */
enum {
    TILE_AREA_MAX = 256 * 128,
    THREADS_PER_WARPGROUP = 128,
    VECTOR_TILE_K = 1024,
    VECTOR_ROWS_MAX = 4,
    TILE_N_GRANULE = 8,
    BALANCED_TILES_MAX = 16,
    SPLIT_MAX = 64,
    SPLIT_MAX_SECOND = 2,
    TILES_MANY = 8
};
/* Grids beyond this many CTAs fill every machine many times over: small tiles only lose there. */
static const double CTAS_PLENTY = 2400;
static const double CTAS_PLENTY_SMALL = 640; /* of tiles under 64 x 64 */
/* A split is worth trying while the grid is under this many CTAs, and leaves each CTA a pipeline's worth of steps. */
static const double CTAS_SPLIT_MAX = 512;
static const double CTAS_UNSPLIT_MAX = 200; /* about a wave */
static const double CTAS_SPLIT_MIN = 48;
static const double STEPS_SPLIT_MIN = 4;

/* Tiles of a generation: tile_m along the rows that the instruction fixes, tile_n along its free width. */
typedef struct tile_set {
    int32_t tile_m[6], tile_n[8];
    size_t m_count, n_count;
    bool swaps;     /* the transpose is a different choice */
    bool multicast; /* CTA pairs share operands */
    bool balances;  /* tile_n may be any multiple of its granule */
} tile_set;

/* Warpgroup instructions are 64 rows by 8 to 256 columns. */
static const tile_set warpgroup_tiles = {{64, 128, 256}, {8, 16, 32, 64, 128, 192, 256}, 3, 7, true, true, true};
/* Warp instructions are 16 by 8; library kernels come in powers of two. */
static const tile_set warp_tiles = {{16, 32, 64, 128, 256}, {16, 32, 64, 128, 256}, 5, 5, false, false, false};

/* Kernels that scale 8-bit products on the way out come in fewer sizes, and neither split nor swap. */
static const tile_set warpgroup_scaled_tiles[] = {{{64}, {64, 128}, 1, 2, false, false, false},
                                                  {{64}, {128}, 1, 1, false, true, false},
                                                  {{128}, {128}, 1, 1, false, true, false}};

/* vLLM's kernels for 8-bit products of warp instructions, by the most rows and the most columns (rounded up to a power
 * of two) that each is for, and how many steps of 128 bytes its stages hold (vllm-project/vllm,
 * csrc/quantization/cutlass_w8a8/scaled_mm_c2x_sm89_fp8_dispatch.cuh). One block fits an SM. */
typedef struct scaled_kernel {
    int64_t rows_max, cols_max;
    tile_set tiles;
    int32_t stages;
} scaled_kernel;

#define SCALED_TILE(m, n)                                                                                              \
    { {m}, {n}, 1, 1, false, false, false }
#define ANY INT64_MAX
static const scaled_kernel warp_scaled_kernels[] = {
    {16, 8192, SCALED_TILE(16, 64), 5},     {16, 16384, SCALED_TILE(16, 128), 2},
    {16, ANY, SCALED_TILE(32, 64), 5},      {32, 8192, SCALED_TILE(32, 64), 5},
    {32, 16384, SCALED_TILE(32, 128), 4},   {32, ANY, SCALED_TILE(32, 64), 5},
    {64, 8192, SCALED_TILE(64, 64), 5},     {64, 16384, SCALED_TILE(64, 128), 3},
    {64, ANY, SCALED_TILE(64, 64), 5},      {128, 8192, SCALED_TILE(64, 128), 3},
    {128, 16384, SCALED_TILE(128, 128), 2}, {128, ANY, SCALED_TILE(128, 64), 3},
    {256, 4096, SCALED_TILE(64, 128), 3},   {256, ANY, SCALED_TILE(128, 128), 2},
    {ANY, 4096, SCALED_TILE(128, 128), 2},  {ANY, 8192, SCALED_TILE(256, 128), 3},
    {ANY, ANY, SCALED_TILE(128, 128), 2}};
#undef ANY
#undef SCALED_TILE

/* Block-scaled instructions of Blackwell take whole 128 rows, a CTA or a half of a pair each; the kernels do not split.
 * Those of warps (RTX) have tiles of 128 x 128. */
static const tile_set block_scaled_tiles = {{128, 256}, {8, 16, 32, 64, 128, 192, 256}, 2, 7, true, true, true};
static const tile_set warp_block_scaled_tiles = {{128}, {128}, 1, 1, false, false, false};

static const scaled_kernel *scaled_warp_kernel(int64_t rows, int64_t cols) {
    const scaled_kernel *k = warp_scaled_kernels;
    while (rows > k->rows_max || cols > k->cols_max)
        k++;
    return k;
}

static bool is_block_scaled(const gemm_params *p, generation g) {
    return p->dtype == DTYPE_nvfp4 && (g == GENERATION_BLACKWELL || g == GENERATION_BLACKWELL_RTX);
}

static bool scales_by_warps(generation g) {
    return g == GENERATION_ADA || g == GENERATION_BLACKWELL_RTX;
}

static const tile_set *tiles_of(generation g, const gemm_params *p) {
    bool scaled = p->dynamic_quantise;
    int64_t rows = p->m, cols = p->n;
    if (is_block_scaled(p, g))
        return generation_has_warpgroups(g) ? &block_scaled_tiles : &warp_block_scaled_tiles;
    if (scaled && scales_by_warps(g))
        return &scaled_warp_kernel(rows, cols)->tiles;
    if (scaled && generation_has_warpgroups(g)) /* picked by rows alone */
        return &warpgroup_scaled_tiles[rows > 64 ? rows > 128 ? 2 : 1 : 0];
    return generation_has_warpgroups(g) ? &warpgroup_tiles : &warp_tiles;
}

/* Whether a smaller tile of the set already covers the whole extent. */
static bool oversized(const int32_t *tiles, size_t i, double extent) {
    return i > 0 && tiles[i - 1] >= extent;
}

/* Whether the extent takes so many of the tile that libraries use a wider one. */
static bool undersized(int32_t tile, double extent) {
    return tile < 64 && extent >= TILES_MANY * tile;
}

/* Fills stages, threads and occupancy, which follow from the tile. */
static void fill_resources(plan *p, const plan_limits *limits, double row_bytes_m, double row_bytes_n) {
    double area = (double)p->tile_m * p->tile_n;
    double stage_bytes = p->tile_m * row_bytes_m + p->tile_n * row_bytes_n;
    p->block_threads = area > 64 * 128 ? 2 * THREADS_PER_WARPGROUP : THREADS_PER_WARPGROUP;
    double registers = area + p->block_threads * REGISTERS_BESIDES_ACCUMULATORS;
    double ctas = floor(limits->registers / registers);
    ctas = fmax(1, fmin(ctas, fmin(limits->max_ctas, (double)limits->max_threads / p->block_threads)));
    double stages = floor(limits->shared_bytes / ctas / stage_bytes);
    p->stages = (int32_t)fmax(2, fmin(stages, PLAN_STAGES_MAX));
    p->ctas_per_sm = (int32_t)fmax(1, fmin(ctas, floor(limits->shared_bytes / (p->stages * stage_bytes))));
}

typedef struct gemm_shape {
    double rows, cols, batch, steps; /* rows lie along tile_m */
    double row_bytes_m, row_bytes_n; /* of a step */
    bool swapped;
    int32_t split_max; /* how far libraries split the reduction of this type */
} gemm_shape;

static void add_splits(const gemm_shape *s, plan base, plan_list *out) {
    static const int32_t splits[] = {1, 2, 3, 4, 6, 8, 16, 32, 64};
    const size_t count = sizeof splits / sizeof *splits;
    double tiles = base.ctas;
    for (size_t i = 0; i < count && out->count < PLAN_CANDIDATES_MAX; i++) {
        double ctas = tiles * splits[i];
        bool last = i + 1 == count || splits[i + 1] > s->split_max || s->steps < STEPS_SPLIT_MIN * splits[i + 1];
        bool enough = (ctas >= CTAS_SPLIT_MIN || last) && tiles <= CTAS_UNSPLIT_MAX;
        bool useful =
            splits[i] <= s->split_max && ctas <= CTAS_SPLIT_MAX && enough && s->steps >= STEPS_SPLIT_MIN * splits[i];
        if (splits[i] > 1 && !useful)
            continue;
        plan p = base;
        p.split_k = splits[i];
        p.ctas = ctas;
        p.launches = splits[i] > 1 ? 2 : 1;
        out->plans[out->count++] = p;
    }
}

/* Narrows a tile so that few of them cover the extent evenly; false where the next smaller tile comes to the same. */
static bool balance(const tile_set *set, size_t j, double extent, int32_t *tile_n) {
    double tiles = ceil(extent / *tile_n);
    if (tiles > BALANCED_TILES_MAX)
        return true;
    if (j > 0 && ceil(extent / set->tile_n[j - 1]) == tiles)
        return false;
    *tile_n = (int32_t)(ceil(extent / tiles / TILE_N_GRANULE) * TILE_N_GRANULE);
    return true;
}

/* Tiles that a huge grid loses with are left out; where the extents allow no larger ones, the largest stays. */
static void add_orientation(const gemm_shape *s, const tile_set *set, const plan_limits *limits, plan_list *out) {
    size_t before = out->count;
    plan largest = {0};
    for (size_t i = 0; i < set->m_count; i++)
        for (size_t j = 0; j < set->n_count; j++) {
            plan p = {.tile_m = set->tile_m[i], .tile_n = set->tile_n[j], .cluster_m = 1, .cluster_n = 1};
            if (set->balances && !balance(set, j, s->cols, &p.tile_n))
                continue;
            if (oversized(set->tile_m, i, s->rows) || oversized(set->tile_n, j, s->cols))
                continue;
            bool choice = set->m_count * set->n_count > 2;
            if (choice && (undersized(p.tile_m, s->rows) || undersized(p.tile_n, s->cols)))
                continue;
            int32_t area = p.tile_m * p.tile_n;
            p.cluster_m = set->multicast && s->rows > p.tile_m ? 2 : 1;
            double tiles_m = ceil(s->rows / (p.tile_m * p.cluster_m)) * p.cluster_m; /* whole clusters */
            p.ctas = tiles_m * ceil(s->cols / p.tile_n) * s->batch;
            double plenty = area < 64 * 64 ? CTAS_PLENTY_SMALL : CTAS_PLENTY;
            if (area > TILE_AREA_MAX)
                continue;
            p.swapped = s->swapped;
            fill_resources(&p, limits, s->row_bytes_m, s->row_bytes_n);
            if (choice && p.ctas > plenty && area < 128 * 128 && s->cols > p.tile_n)
                largest = p;
            else
                add_splits(s, p, out);
        }
    if (out->count == before && largest.ctas > 0)
        add_splits(s, largest, out);
}

/* Integer and scaled 8-bit kernels do not split; those that widen weights on the way do so little. */
static int32_t split_max_of(const gemm_params *g) {
    bool weight_only = dtype_bytes(g->weights_dtype) < dtype_bytes(g->dtype);
    return g->dynamic_quantise || g->dtype == DTYPE_int8 || g->dtype == DTYPE_nvfp4 ? 1 : weight_only ? 2 : SPLIT_MAX;
}

/* A product with a row or few: CTAs of a few outputs, whose threads lie along k and add up at the end. */
static void add_vector_plans(const gemm_params *g, plan_list *out) {
    for (int32_t tile_n = 4; tile_n <= 16 && out->count < PLAN_CANDIDATES_MAX; tile_n *= 4)
        out->plans[out->count++] = (plan){.tile_m = (int32_t)g->m,
                                          .tile_n = tile_n,
                                          .tile_k = VECTOR_TILE_K,
                                          .cluster_m = 1,
                                          .cluster_n = 1,
                                          .split_k = 1,
                                          .stages = 1,
                                          .block_threads = THREADS_PER_WARPGROUP,
                                          .ctas_per_sm = 8,
                                          .launches = 1,
                                          .ctas = ceil((double)g->n / tile_n) * (double)g->batch};
}

void plan_gemm(const op *o, const plan_limits *limits, plan_list *out) {
    const gemm_params *g = &o->as.gemm;
    if (gemm_is_cutlass(o, limits->generation)) {
        plan_gemm_cutlass(o, limits, out);
        return;
    }
    const tile_set *set = tiles_of(limits->generation, g);
    double step = STEP_BYTES / dtype_bytes(g->dtype); /* elements of k */
    double weight_row_bytes = step * dtype_bytes(g->weights_dtype);
    out->count = 0;
    /* One row against each sequence's own matrix (decoding without fused attention) goes to vector kernels alone. */
    if (g->m == 1 && g->batch > 1 && g->activations_only) {
        add_vector_plans(g, out);
        return;
    }
    gemm_shape s = {.rows = (double)g->m,
                    .cols = (double)g->n,
                    .batch = (double)g->batch,
                    .steps = ceil((double)g->k / step),
                    .row_bytes_m = STEP_BYTES,
                    .row_bytes_n = weight_row_bytes,
                    .split_max = split_max_of(g)};
    if (set->swaps) {
        gemm_shape t = s;
        t.rows = s.cols, t.cols = s.rows;
        t.row_bytes_m = s.row_bytes_n, t.row_bytes_n = s.row_bytes_m;
        t.swapped = true;
        add_orientation(&t, set, limits, out);
        /* The swapped tiles cover most shapes; this way round few splits add anything. */
        s.split_max = s.split_max < SPLIT_MAX_SECOND ? s.split_max : SPLIT_MAX_SECOND;
    }
    if (!set->swaps || g->m > 2 * set->tile_m[0])
        add_orientation(&s, set, limits, out);
    for (size_t i = 0; i < out->count; i++)
        out->plans[i].tile_k = (int32_t)step;
    if (g->dynamic_quantise && scales_by_warps(limits->generation) && !is_block_scaled(g, limits->generation)) {
        out->plans[0].stages = scaled_warp_kernel(g->m, g->n)->stages;
        out->plans[0].ctas_per_sm = 1;
    }
    bool narrow = dtype_bytes(g->weights_dtype) < 2 && !g->dynamic_quantise && g->dtype != DTYPE_fp8;
    /* cuBLASLt gives one row to tiles of 8 columns there (traces of PyTorch on an H200), as it does to 2 to 8. */
    bool tiled = generation_has_warpgroups(limits->generation) && !narrow;
    bool vectors = (g->m == 1 && !g->dynamic_quantise && !tiled) || (g->m <= VECTOR_ROWS_MAX && narrow);
    if (vectors && !is_block_scaled(g, limits->generation))
        add_vector_plans(g, out);
}
