/* How our own attention kernels (kernels/attention.cu) run a shape: a fixed rule, so that what is predicted is what is
 * launched. */
#include "core/plan_attention.h"

#include <math.h>

enum {
    FAST_WIDTH_MAX = 128,
    SMALL_WIDTH = 64,     /* kernels are compiled for widths of 64 and 128; others are padded */
    FEW_QUERIES = 16,     /* of a sequence: beyond, tiles of queries share what they read of the keys */
    WARP_ROWS = 16,       /* rows of one warp's mma */
    SPLIT_ROW_TILES = 4,  /* a block's at most */
    SPLIT_KEYS_MIN = 256, /* below, combining costs more than splitting saves */
    SPLIT_THREADS = 256,  /* 8 warps, one block an SM */
    GENERAL_QUERIES = 4,  /* warps of a block */
    TILE_ROWS = 64,       /* queries of a tile */
    TILE_KEYS = 64,
    TILE_THREADS = 128,
};

/* Blocks that run at once on the GPU that the rule was made for: an H100 or H200, one an SM. */
static const double SPLIT_WAVE = 132;
/* A further split must save this share of the time. */
static const double SPLIT_WORTH = 0.05;

/* Elements that a lane reads at once, which a head must be a multiple of. */
static int64_t granule_of(const attention_params *p) {
    int64_t vector = (int64_t)(16 / dtype_bytes(p->kv_dtype)), quarter = p->head_dim <= SMALL_WIDTH ? 16 : 32;
    return vector < quarter ? vector : quarter;
}

ingot_attention attention_ingot_kernel(const attention_params *p) {
    bool narrow = p->dtype == DTYPE_bf16 || p->dtype == DTYPE_fp16;
    if (!narrow || p->head_dim > FAST_WIDTH_MAX || p->head_dim % 8 != 0 || p->head_dim % granule_of(p) != 0)
        return INGOT_ATTENTION_GENERAL;
    bool paged = p->page_tokens > 0;
    if (paged && (p->page_tokens & (p->page_tokens - 1)) != 0) /* pages are found by shifts */
        return INGOT_ATTENTION_GENERAL;
    bool tiles = !paged && p->q_len > FEW_QUERIES && p->kv_dtype == p->dtype && p->head_dim % WARP_ROWS == 0;
    return tiles ? INGOT_ATTENTION_TILES : INGOT_ATTENTION_SPLIT;
}

int32_t attention_ingot_row_tiles(int64_t rows) {
    int32_t tiles = 1;
    while (tiles < SPLIT_ROW_TILES && (int64_t)tiles * WARP_ROWS < rows)
        tiles *= 2;
    return tiles;
}

/* The split that needs the fewest waves of the whole work; the smallest that is nearly as good. */
static int32_t splits_of(double blocks, double keys) {
    double most = floor(keys / SPLIT_KEYS_MIN), least = ceil(blocks / SPLIT_WAVE);
    most = fmax(1, fmin(most, ATTENTION_SPLITS_MAX));
    int32_t best = 1;
    for (int32_t splits = 2; splits <= (int32_t)most; splits++) {
        double waves = ceil(blocks * splits / SPLIT_WAVE) / splits;
        if (waves < least * (1 - SPLIT_WORTH)) {
            least = waves;
            best = splits;
        }
    }
    return best;
}

plan attention_ingot_plan(const attention_params *p) {
    double sequences = (double)p->batch, heads = (double)p->heads, queries = (double)p->q_len;
    plan t = {.tile_m = 1,
              .tile_n = 1,
              .tile_k = (int32_t)p->head_dim,
              .cluster_m = 1,
              .cluster_n = 1,
              .split_k = 1,
              .stages = 1,
              .ctas_per_sm = 1,
              .launches = 1};
    int32_t padded = p->head_dim <= SMALL_WIDTH ? SMALL_WIDTH : FAST_WIDTH_MAX;
    switch (attention_ingot_kernel(p)) {
    case INGOT_ATTENTION_GENERAL:
        t.block_threads = GENERAL_QUERIES * 32;
        t.ctas = ceil(sequences * heads * queries / GENERAL_QUERIES);
        break;
    case INGOT_ATTENTION_SPLIT: {
        int64_t rows = p->q_len * (p->heads / p->kv_heads);
        t.tile_m = attention_ingot_row_tiles(rows) * WARP_ROWS;
        t.tile_n = dtype_bytes(p->kv_dtype) < 2 ? 2 * WARP_ROWS : WARP_ROWS; /* of a warp */
        t.tile_k = padded;
        t.block_threads = SPLIT_THREADS;
        double blocks = sequences * (double)p->kv_heads * ceil((double)rows / t.tile_m);
        t.split_k = splits_of(blocks, attention_visible_keys(p));
        t.launches = t.split_k > 1 ? 2 : 1;
        t.ctas = blocks * t.split_k;
        break;
    }
    case INGOT_ATTENTION_TILES:
        t.tile_m = TILE_ROWS, t.tile_n = TILE_KEYS, t.tile_k = padded;
        t.stages = 2, t.ctas_per_sm = padded > SMALL_WIDTH ? 2 : 3; /* by registers */
        t.block_threads = TILE_THREADS;
        t.ctas = sequences * heads * ceil(queries / TILE_ROWS);
        break;
    }
    return t;
}
