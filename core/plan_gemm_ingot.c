#include "core/plan_gemm_ingot.h"

#include <math.h>

enum {
    VECTOR_ROWS_MAX = 4,  /* beyond, the library's tiles read the weights as fast */
    VECTOR_BYTES = 16,    /* a lane reads at once */
    VECTOR_ELEMENTS = 8,  /* of 16 bits */
    FEATURES = 16,        /* of an mma's rows */
    ROWS = 8,             /* of its columns */
    STREAM_THREADS = 256, /* 8 warps, which share k */
    STREAM_CTAS = 2,      /* an SM, by registers (up to 128 a thread, as compiled for sm_90a) */
    GROUPED_CTAS = 1,     /* of 16 rows and 4-bit weights scaled by group (134 registers) */
};

bool gemm_ingot_is_vector(const gemm_params *p) {
    bool narrow = p->dtype == DTYPE_bf16 || p->dtype == DTYPE_fp16;
    if (p->epilogue != gemm_epilogue_none) /* the library's */
        return false;
    return narrow && p->weights_dtype == p->dtype && p->batch == 1 && p->m <= VECTOR_ROWS_MAX &&
           p->k % VECTOR_ELEMENTS == 0;
}

plan gemm_ingot_plan(const gemm_params *p) {
    plan t = {.tile_m = ROWS,
              .tile_n = FEATURES,
              .cluster_m = 1,
              .cluster_n = 1,
              .split_k = 1,
              .stages = 1,
              .block_threads = STREAM_THREADS,
              .launches = 1};
    if (p->m > ROWS && p->m <= 2 * ROWS) /* twice the features share what is read of the rows */
        t.tile_m = 2 * ROWS, t.tile_n = 2 * FEATURES;
    else if (p->m > ROWS)
        t.tile_m = (p->weights_dtype == DTYPE_int4 ? 4 : 8) * ROWS;
    bool grouped = p->weights_dtype == DTYPE_int4 && p->group_size > 0 && p->group_size < p->k;
    t.ctas_per_sm = grouped && t.tile_m == 2 * ROWS ? GROUPED_CTAS : STREAM_CTAS;
    t.tile_k = (int32_t)(4 * VECTOR_BYTES / dtype_bytes(p->weights_dtype)); /* of a quad of lanes */
    t.ctas = ceil((double)p->m / t.tile_m) * ceil((double)p->n / t.tile_n);
    return t;
}
