/* Tiles of attention kernels, as their sources set them: FlashAttention 2 (flash_fwd_launch_template.h), 3
 * (hopper/tile_size.h), FlashInfer (FA2DetermineCtaTileQ), TensorRT-LLM (fmha kernel metadata: 64 query rows). */
#include "core/plan_attention.h"

#include <math.h>

enum {
    WARP_ROWS = 16,      /* rows of one warp's mma */
    WARPGROUP_ROWS = 64, /* rows of one warp group's wgmma */
    DECODE_TILE_ROWS = 64,
    DECODE_TILE_KEYS = 128,
    WIDTHS = 5,
};

/* Head widths that kernels are compiled for; others are padded up to the next. */
static const int32_t compiled_widths[WIDTHS] = {64, 96, 128, 192, 256};

/* Keys of a tile, by compiled width. FlashAttention-3 sizes them to fill the shared memory. */
static const int32_t fa3_keys[WIDTHS] = {192, 144, 176, 112, 80};
static const int32_t fa3_causal_keys[WIDTHS] = {128, 144, 128, 112, 80};
static const int32_t fa3_paged_keys[WIDTHS] = {128, 128, 128, 96, 80};
static const int32_t fa3_paged_8bit_keys[WIDTHS] = {160, 128, 160, 160, 64};
static const int32_t fa2_keys[WIDTHS] = {128, 64, 64, 64, 64};
static const int32_t fa2_paged_keys[WIDTHS] = {256, 128, 128, 64, 64};
static const int32_t fmha_keys[WIDTHS] = {128, 128, 128, 64, 64};
static const int32_t fmha_hopper_keys[WIDTHS] = {256, 128, 128, 64, 64};
static const int32_t flashinfer_keys[WIDTHS] = {128, 64, 64, 32, 32};

attention_kernel attention_kernel_of(attention_backend backend, generation g) {
    bool async = generation_has_warpgroups(g);
    switch (backend) {
    case attention_backend_best:
    case attention_backend_fa3:
    case attention_backend_cudnn:
        return async ? KERNEL_FA3 : KERNEL_FA2;
    case attention_backend_vllm:
        return async ? KERNEL_FA3_PAGED : KERNEL_FA2_PAGED;
    case attention_backend_vllm_fa2:
    case attention_backend_triton:
        return KERNEL_FA2_PAGED;
    case attention_backend_flashinfer: /* its own kernels use no tensor memory; on Blackwell it takes others' that do */
        return g == GENERATION_BLACKWELL ? KERNEL_FA3_PAGED : KERNEL_FLASHINFER;
    case attention_backend_trtllm:
        return async ? KERNEL_FMHA_HOPPER : KERNEL_FMHA;
    default:
        return KERNEL_FA2;
    }
}

bool attention_is_asynchronous(attention_kernel kernel) {
    return kernel == KERNEL_FA3 || kernel == KERNEL_FA3_PAGED || kernel == KERNEL_FMHA_HOPPER;
}

bool attention_packs_group(attention_kernel kernel) {
    return kernel == KERNEL_FA3_PAGED || kernel == KERNEL_FLASHINFER;
}

bool attention_decodes(const attention_params *p, attention_kernel kernel) {
    bool by_phase = kernel == KERNEL_FMHA || kernel == KERNEL_FMHA_HOPPER;
    return p->q_len == 1 && !(by_phase && p->kv_len == 1);
}

double attention_visible_keys(const attention_params *p) {
    double keys = (double)p->kv_len, window = (double)p->window;
    return window > 0 && window < keys ? window : keys;
}

static size_t width_index(int64_t head_dim) {
    size_t i = 0;
    while (i + 1 < WIDTHS && head_dim > compiled_widths[i])
        i++;
    return i;
}

/* The smallest of 16, 32, 64 that holds n, or 128: tiles of kernels that adapt to short sequences. */
static int32_t short_tile(double n) {
    int32_t tile = WARP_ROWS;
    while (tile < 128 && n > tile)
        tile *= 2;
    return tile;
}

/* TensorRT-LLM's context kernels on Hopper hold rows of 64, 128 or 256 elements (fmha_v2: the padded head size). */
static int32_t power_of_two_width(int32_t width) {
    return width <= 64 ? 64 : width <= 128 ? 128 : width <= 256 ? 256 : width;
}

static int32_t smaller(int32_t a, int32_t b) {
    return a < b ? a : b;
}

/* FlashAttention-3 gives up warp groups that would have no rows. */
static int32_t fa3_rows(double rows, int32_t width) {
    int32_t tile = width <= 96 ? 192 : 128;
    double needed = ceil(rows / WARPGROUP_ROWS) * WARPGROUP_ROWS;
    return needed < tile ? (int32_t)needed : tile;
}

plan attention_context_plan(const attention_params *p, attention_kernel kernel) {
    size_t i = width_index(p->head_dim);
    double group = (double)p->heads / (double)p->kv_heads;
    double rows = (double)p->q_len * (attention_packs_group(kernel) ? group : 1), keys = (double)p->kv_len;
    plan t = {.tile_k = compiled_widths[i],
              .cluster_m = 1,
              .cluster_n = 1,
              .split_k = 1,
              .stages = 2,
              .ctas_per_sm = 1,
              .launches = 1,
              .block_threads = attention_is_asynchronous(kernel) ? 384 : 128};
    if (p->head_dim > t.tile_k)
        t.tile_k = (int32_t)(ceil((double)p->head_dim / WARPGROUP_ROWS) * WARPGROUP_ROWS);
    switch (kernel) {
    case KERNEL_FA2:
        t.tile_m = 128, t.tile_n = fa2_keys[i];
        break;
    case KERNEL_FA2_PAGED:
        t.tile_m = 64, t.tile_n = fa2_paged_keys[i];
        break;
    case KERNEL_FA3:
        t.tile_m = fa3_rows(rows, t.tile_k), t.tile_n = p->causal ? fa3_causal_keys[i] : fa3_keys[i];
        break;
    case KERNEL_FA3_PAGED:
        t.tile_m = fa3_rows(rows, t.tile_k);
        t.tile_n = dtype_bytes(p->kv_dtype) < 2 ? fa3_paged_8bit_keys[i] : fa3_paged_keys[i];
        break;
    case KERNEL_FLASHINFER:
        t.tile_m = rows <= WARP_ROWS ? WARP_ROWS : rows <= WARPGROUP_ROWS || t.tile_k >= 256 ? WARPGROUP_ROWS : 128;
        t.tile_n = smaller(flashinfer_keys[i], short_tile(keys));
        break;
    case KERNEL_FMHA:
        if (t.tile_k == 192) /* not compiled before Hopper */
            t.tile_k = 256;
        t.tile_m = smaller(64, short_tile(rows)), t.tile_n = smaller(fmha_keys[i], short_tile(keys));
        break;
    case KERNEL_FMHA_HOPPER:
        t.tile_k = power_of_two_width(t.tile_k);
        /* two warp groups of 64 rows each share what is loaded */
        t.tile_m = 2 * WARPGROUP_ROWS, t.tile_n = fmha_hopper_keys[i];
        break;
    }
    t.ctas = (double)p->batch * (double)p->heads / (rows / (double)p->q_len) * ceil(rows / t.tile_m);
    return t;
}

void plan_attention(const op *o, const plan_limits *limits, plan_list *out) {
    const attention_params *p = &o->as.attention;
    if (p->backend == attention_backend_ingot) {
        out->plans[out->count++] = attention_ingot_plan(p);
        return;
    }
    attention_kernel kernel = attention_kernel_of(p->backend, limits->generation);
    plan t = attention_context_plan(p, kernel);
    if (attention_decodes(p, kernel)) {
        t.tile_m = DECODE_TILE_ROWS, t.tile_n = DECODE_TILE_KEYS;
        /* Keys are split over as many blocks as a machine has room for: the cost decides. */
        t.ctas =
            (double)p->batch * (double)p->kv_heads * ceil((double)p->heads / (double)p->kv_heads / DECODE_TILE_ROWS);
    }
    out->plans[out->count++] = t;
}
