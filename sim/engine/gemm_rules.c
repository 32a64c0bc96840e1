#include "sim/engine/gemm_rules.h"

#include "sim/engine/cost_memory.h"

#include <math.h>

static const double NEVER_S = 1e3; /* rules a plan out */
static const double HALF_BYTES = 2;
/* cuBLASLt's largest tile on Hopper (nvjet 256x160), and what its asynchronous copies require of a row. */
static const double LARGEST_TILE_M = 256, LARGEST_TILE_N = 160, ALIGNED_BYTES = 16;

/* cuBLASLt splits what it streams from memory where no whole tile's grid fills this share of the SMs (traces of decode
 * on H200: 4,096 outputs, 64 blocks for 132 SMs, are split by 2 and 3; 11,008 and 32,000 are not). It is a share: split
 * on an A100, too, 64 blocks for 108 SMs would leave the paper's decoding of Code Llama 34B 15 % too slow. Streams
 * shorter than a few reductions are left to the estimate. */
static const double UNSPLIT_FILL_FRAC = 0.5;
static const double SPLIT_STREAM_S = 6.4e-6; /* three reductions on H200, each with a gap */

/* CTAs that an unsplit plan can reach; without limit where no plan splits. */
static double unsplit_ctas(const plan_list *plans) {
    double widest = 0;
    bool splits = false;
    for (size_t c = 0; c < plans->count; c++) {
        const plan *p = &plans->plans[c];
        if (p->split_k > 1)
            splits = true;
        else if (!gemm_is_vector(p) && p->ctas > widest)
            widest = p->ctas;
    }
    return splits ? widest : INFINITY;
}

/* Before Hopper, cuBLAS gives products of 16-bit types its largest tile wherever those fill half of the SMs, even where
 * smaller ones would take shorter waves (A100 rows: 1024 x 4096 outputs are 128 such tiles, which take two whole waves
 * of 108 SMs for every k up to 5,120), and splits them from these lengths of the reduction on, in bytes of k: grids of
 * one wave, and of more. Read off A100 rows; depends on SMs alone, so that a faster machine picks alike. */
static const double LARGEST_FILL_FRAC = 0.5;
static const double SPLIT_ONE_WAVE_BYTES = 7168, SPLIT_WAVES_BYTES = 12288;

/* On Ada, reductions of few rows that are shorter than that are split only where tiles of 64 x 64 fill less than this
 * share of the SMs, though a split would take less time (L40S rows whose weights lie in L2: 1,024 outputs are split,
 * 1,536 and more are not, up to k of 3,584). */
static const double SPLIT_FEW_FILL_FRAC = 1.0 / 6, FEW_TILE = 64;
static const int64_t FEW_ROWS_MAX = 32;

/* Tiles of 64 x 64 that a product takes; 0 where the rule above does not hold. */
static double few_tiles(const gemm_params *g, generation family) {
    bool follows = family == GENERATION_ADA && g->m <= FEW_ROWS_MAX && g->batch == 1 &&
                   dtype_bytes(g->dtype) == HALF_BYTES && dtype_bytes(g->weights_dtype) == HALF_BYTES &&
                   (double)g->k * HALF_BYTES < SPLIT_WAVES_BYTES;
    return follows ? ceil((double)g->m / FEW_TILE) * ceil((double)g->n / FEW_TILE) : 0;
}

/* CTAs of the largest tile, whole reductions, the better way round; 0 where the rule above does not hold. */
static double largest_ctas(const plan_list *plans, const gemm_params *g, generation family) {
    double least = INFINITY;
    bool follows = family == GENERATION_AMPERE && g->batch == 1 && dtype_bytes(g->dtype) == HALF_BYTES &&
                   dtype_bytes(g->weights_dtype) == HALF_BYTES;
    for (size_t c = 0; follows && c < plans->count; c++) {
        const plan *p = &plans->plans[c];
        if (!gemm_is_small(p) && p->split_k == 1)
            least = smaller(least, p->ctas);
    }
    return isfinite(least) ? least : 0;
}

void gemm_pass_over(const op *o, residency where, const plan_list *plans, const machine_block *m, const lanes hbm_s,
                    passed_over *out) {
    const gemm_params *g = &o->as.gemm;
    double widest = unsplit_ctas(plans), largest = largest_ctas(plans, g, m->generation);
    double outputs = (double)g->m * (double)g->n, k_bytes = (double)g->k * HALF_BYTES;
    double stream_s = isfinite(widest) ? SPLIT_STREAM_S : INFINITY;
    double few = few_tiles(g, m->generation);
    double filling = largest > 0 ? LARGEST_FILL_FRAC * GEMM_LARGEST_TILE_AREA : INFINITY;
    EACH_LANE {
        double per_sm = 1 / m->sm_count[i];
        out->whole_s[i] = ((hbm_s[i] > stream_s) & (widest * per_sm < UNSPLIT_FILL_FRAC)) ? NEVER_S : 0;
        out->small_s[i] = outputs * per_sm >= filling ? NEVER_S : 0;
        out->small_split_s[i] = few * per_sm >= SPLIT_FEW_FILL_FRAC ? NEVER_S : out->small_s[i];
        double split_bytes = largest * per_sm > 1 ? SPLIT_WAVES_BYTES : SPLIT_ONE_WAVE_BYTES;
        out->split_s[i] = k_bytes >= split_bytes ? 0 : out->small_s[i];
        out->gap_s[i] = is_repeated(where) ? 0 : steady_gap_s(m, i);
    }
}

/* Hopper's persistent kernels draw their tiles from a counter that a memset clears beforehand, where the largest tiles
 * take more than one wave (traces on H200: of the products of 1,024 tokens, those with 11,008 and 32,000 outputs; all
 * of those of 8,192). Rows that are not whole 16-byte words go to older kernels. Its time is within the fitted start.
 */
bool gemm_needs_counter(const op *o, double per_sm, generation g) {
    const gemm_params *p = &o->as.gemm;
    double element_bytes = dtype_bytes(p->dtype);
    bool aligned = fmod((double)p->k * element_bytes, ALIGNED_BYTES) == 0 &&
                   fmod((double)p->n * element_bytes, ALIGNED_BYTES) == 0;
    if (g != GENERATION_HOPPER || !aligned || p->m < LARGEST_TILE_N || p->dynamic_quantise)
        return false;
    double m = (double)p->m, n = (double)p->n, batch = (double)p->batch;
    double tall = ceil(m / LARGEST_TILE_M) * ceil(n / LARGEST_TILE_N);
    double wide = ceil(m / LARGEST_TILE_N) * ceil(n / LARGEST_TILE_M);
    return smaller(tall, wide) * batch * per_sm > 1;
}
