/* Loads that go on for as long as they are launched, each made of little but one thing: for telling apart what a board
 * spends its power on. */
#ifndef INGOT_POWER_LOADS_H
#define INGOT_POWER_LOADS_H

#include "kernels/bench.h"

typedef enum power_kind {
    POWER_IDLE,   /* nothing is launched */
    POWER_SLEEP,  /* a warp an SM, asleep */
    POWER_SPIN,   /* a warp an SM, a chain of integer operations */
    POWER_ISSUE,  /* the same on all warps that fit */
    POWER_FMA,    /* FP32, from registers */
    POWER_SHARED, /* 16-byte loads from shared memory */
    POWER_TENSOR, /* bf16 products of tiles that stay in shared memory (wgmma) */
    POWER_L2,     /* 16-byte loads of a buffer that L2 holds */
    POWER_READ,   /* of device memory */
    POWER_WRITE,
    POWER_COPY,
    POWER_GEMM, /* a library's product of square matrices */
} power_kind;

typedef struct power_load {
    power_kind kind;
    const char *name;
    data_type type; /* of products */
    double size;    /* bytes of the buffer, side of the product */
    double data;    /* 1: random, 0: zeros */
    double sm_frac; /* of the SMs that have work */
    double after_s; /* idle: how long after the work before it the window begins */
} power_load;

/* What the loads work on. */
typedef struct power_memory {
    char *a, *b;
    size_t bytes; /* of each */
    unsigned *sink;
    op product;
    bench_operands operands;
} power_memory;

/* Of one launch. */
typedef struct power_work {
    double flops, bytes;
    int32_t sm_count;
} power_work;

/* Before the first launch of a load: its data, and a library's algorithm. */
status power_prepare(gpu_context *context, const power_load *load, power_memory *memory, error *err);

/* One launch of some milliseconds at most; what it does to `work`. STATUS_NEGATIVE: this GPU cannot. */
status power_launch(gpu_context *context, const power_load *load, const power_memory *memory, power_work *work,
                    error *err);

#endif
