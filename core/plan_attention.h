/* Which kernel stands behind an attention backend on a generation, and how it tiles: what plans and costs both need. */
#ifndef INGOT_PLAN_ATTENTION_H
#define INGOT_PLAN_ATTENTION_H

#include "core/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum attention_kernel {
    KERNEL_FA2,         /* warp mma, one q tile a block (FlashAttention-2, ours) */
    KERNEL_FA2_PAGED,   /* its split-key variant, which paged caches use */
    KERNEL_FA3,         /* warp-specialised, asynchronous tensor cores (FlashAttention-3, cuDNN) */
    KERNEL_FA3_PAGED,   /* the same on a paged cache, a group's heads packed into one tile */
    KERNEL_FLASHINFER,  /* tiles by the queries of a group */
    KERNEL_FMHA,        /* TensorRT-LLM context kernels before Hopper */
    KERNEL_FMHA_HOPPER, /* and from Hopper on */
} attention_kernel;

attention_kernel attention_kernel_of(attention_backend backend, generation g);

/* Whether tensor cores work asynchronously beside the softmax: Hopper's warp-specialised kernels. */
bool attention_is_asynchronous(attention_kernel kernel);

/* Whether the query heads that share keys share a tile. */
bool attention_packs_group(attention_kernel kernel);

/* Whether the step runs a decoding kernel: one query, and a cache to read. A first token is a context step for
 * TensorRT-LLM, which chooses by phase and not by shape. */
bool attention_decodes(const attention_params *p, attention_kernel kernel);

/* Keys that a query may see, by the window. */
double attention_visible_keys(const attention_params *p);

/* The tile of a context kernel. */
plan attention_context_plan(const attention_params *p, attention_kernel kernel);

/* ---- our own kernels (kernels/attention.cu), which obey this ---- */

typedef enum ingot_attention {
    INGOT_ATTENTION_GENERAL, /* any width and type, a warp a query */
    INGOT_ATTENTION_SPLIT,   /* few queries, or a cache of 8 or 4 bits: keys are streamed and may be split */
    INGOT_ATTENTION_TILES,   /* many queries over a 16-bit cache: tiles of queries by tiles of keys */
} ingot_attention;

enum { ATTENTION_SPLITS_MAX = 64 };

ingot_attention attention_ingot_kernel(const attention_params *p);

/* split_k: blocks that share a sequence's keys; launches: 2 where a kernel combines their results. */
plan attention_ingot_plan(const attention_params *p);

/* Tiles of 16 rows that a block of the split kernel takes, of `rows` that share keys. */
int32_t attention_ingot_row_tiles(int64_t rows);

#ifdef __cplusplus
}
#endif

#endif
