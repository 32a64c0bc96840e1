/* The catalogue of operators that the models need (facts: their checklists), where each is, and what tests it. */
#ifndef INGOT_CATALOGUE_H
#define INGOT_CATALOGUE_H

#include "core/op.h"

typedef struct catalogue_entry {
    const char *id; /* "LM-8b" */
    op_kind kind;
    const char *text;
    const char *runtime_test; /* what shows it where it has no kernel of its own; NULL: cases do */
} catalogue_entry;

/* A case of the kernel test: "gemm m=1 n=12288 k=4096 batch=1 dtype=bf16 weights_dtype=bf16". */
typedef struct catalogue_case {
    const char *id, *name;
} catalogue_case;

const catalogue_entry *catalogue(size_t *count);
const catalogue_case *catalogue_cases(size_t *count);

#endif
