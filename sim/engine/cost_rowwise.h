/* Between the files of the row-wise costs: what a memory-bound kernel asks for, and its time. */
#ifndef INGOT_COST_ROWWISE_H
#define INGOT_COST_ROWWISE_H

#include "sim/engine/cost_memory.h"

/* Dependent steps, as parts of a reduction across a block. */
static const double POINTER_CHAINS = 0.8;     /* an address is loaded first */
static const double FUNCTION_CHAINS = 0.7;    /* exp and a division */
static const double WARP_REDUCE_CHAINS = 0.3; /* shuffles within a warp */

typedef struct row_kernel {
    double read_bytes, write_bytes, elements;
    double hot_bytes; /* reads that the predecessor has just written */
    bool joins;       /* strided, and the part that an element comes from is looked up */
    bool strided;     /* an operand is not contiguous: addresses are computed for each element */
    double chains;    /* dependent steps besides one load and one store, as parts of a reduction across a block */
    bool streams;     /* a thread walks its row; otherwise a block has all its bytes on their way at once */
    double launches;
    double walkers_per_sm; /* blocks an SM whose threads walk all elements, one each at a time; 0: a grid as planned */
} row_kernel;

/* Bytes as the work formulas count them; activations read are what a predecessor leaves behind. */
row_kernel row_kernel_of(const op *o, double elements);

/* A kernel with everything that its time needs besides the machine. */
typedef struct row_recipe {
    row_kernel k;
    plan planned;
    double moved_bytes, hot_frac; /* of them, found in L2 where they fit */
} row_recipe;

row_recipe row_prepare(const row_kernel *k, const plan *planned, residency where);
void row_times(const row_recipe *r, const machine_block *m, cost_times *out);

/* Kinds that are one row-wise kernel and nothing else, and what each asks for under its plan. Copies over the host link
 * are none: row_recipe_of is false for them, as for other kinds. */
#define ROW_KINDS(X)                                                                                                   \
    X(embedding)                                                                                                       \
    X(rmsnorm)                                                                                                         \
    X(layernorm)                                                                                                       \
    X(groupnorm)                                                                                                       \
    X(rope)                                                                                                            \
    X(kv_append)                                                                                                       \
    X(kv_concat)                                                                                                       \
    X(kv_reorder)                                                                                                      \
    X(activation)                                                                                                      \
    X(add)                                                                                                             \
    X(elementwise)                                                                                                     \
    X(reduce)                                                                                                          \
    X(softmax)                                                                                                         \
    X(sample)                                                                                                          \
    X(topk)                                                                                                            \
    X(penalty)                                                                                                         \
    X(cfg_mix)                                                                                                         \
    X(accept)                                                                                                          \
    X(quantise)                                                                                                        \
    X(fbank)                                                                                                           \
    X(copy)

typedef row_kernel row_kernel_function(const op *o, const plan *planned);
#define X(kind) row_kernel_function row_kernel_##kind;
ROW_KINDS(X)
#undef X

bool row_recipe_of(const op *o, residency where, const plan_limits *limits, row_recipe *out);

void row_cost(const op *o, const row_kernel *k, residency where, const machine_block *m, cost_block *out);

#endif
