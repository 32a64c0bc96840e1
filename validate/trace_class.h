/* What a GPU event does, read from its kernel's name and the framework operator that launched it. */
#ifndef INGOT_TRACE_CLASS_H
#define INGOT_TRACE_CLASS_H

#include "validate/trace.h"

/* Traits of the work in one kernel; a fused kernel has several. */
#define KERNEL_TRAITS(X)                                                                                               \
    X(GEMM)                                                                                                            \
    X(GEMM_HELPER) /* reduces the parts of a split product */                                                          \
    X(ATTENTION)                                                                                                       \
    X(GATHER)                                                                                                          \
    X(NORM) /* a whole normalisation */                                                                                \
    X(ROPE) /* a whole rotary embedding */                                                                             \
    X(CONCAT)                                                                                                          \
    X(COPY) /* device to device, casts included */                                                                     \
    X(INDEX_WRITE)                                                                                                     \
    X(ADD)                                                                                                             \
    X(MUL)                                                                                                             \
    X(NEG)                                                                                                             \
    X(POW)                                                                                                             \
    X(RSQRT)                                                                                                           \
    X(REDUCE)                                                                                                          \
    X(SOFTMAX)                                                                                                         \
    X(ACTIVATION)                                                                                                      \
    X(ANGLE) /* sine or cosine */                                                                                      \
    X(FILL)                                                                                                            \
    X(COMPARE)                                                                                                         \
    X(SAMPLE)                                                                                                          \
    X(CONV)                                                                                                            \
    X(COLLECTIVE)                                                                                                      \
    X(MEMCPY)                                                                                                          \
    X(MEMSET)                                                                                                          \
    X(FUSED)

enum {
#define X(name) TRAIT_BIT_##name,
    KERNEL_TRAITS(X)
#undef X
        TRAIT_COUNT
};
typedef enum kernel_trait {
#define X(name) TRAIT_##name = 1 << TRAIT_BIT_##name,
    KERNEL_TRAITS(X)
#undef X
} kernel_trait;

/* The traits of a kernel name, with the innermost framework operator behind it ("" when not known). */
uint32_t kernel_traits(trace_kind kind, const char *kernel, const char *framework_op);

/* One entry a GPU event. */
typedef struct classified {
    uint32_t traits;      /* 0: not recognised */
    op_category category; /* by the event's surroundings too: CATEGORY_MISC when not recognised */
} classified;

/* As many entries as the trace has GPU events; the caller frees them. */
classified *trace_classify(const trace *t);

#endif
