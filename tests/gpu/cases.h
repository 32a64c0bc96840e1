/* Cases of the kernel test: operators, by family of kinds, one file a family. The rest follows from operands_of. */
#ifndef INGOT_KERNEL_CASES_H
#define INGOT_KERNEL_CASES_H

#include "core/op.h"

/* `ids` names the catalogue entries (LM-2, LS-5, CH-1) whose kernel and shape this is; NULL for shapes that are there
 * because they are odd. */
/* Inputs: random; of few different values, so that many are equal; rising along a row; or with the larger ones next to
 * each other, in few lanes of a warp. */
typedef enum case_pattern { PATTERN_RANDOM, PATTERN_TIES, PATTERN_RISING, PATTERN_BUNCHED } case_pattern;

typedef struct kernel_case {
    const char *ids;
    case_pattern pattern;
    op op;
} kernel_case;

typedef struct kernel_cases {
    const kernel_case *items;
    size_t count;
} kernel_cases;

/* Whether the case is of that entry: LM-6 is not LM-6b. */
bool kernel_case_has_id(const kernel_case *item, const char *id);

/* A family is cases_NAME.c with kernel_cases_NAME(). */
#define KERNEL_FAMILIES(X) X(pointwise) X(gemm) X(tokens) X(attention) X(collective)

#define X(name) kernel_cases kernel_cases_##name(void);
KERNEL_FAMILIES(X)
#undef X

#endif
