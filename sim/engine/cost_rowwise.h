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

void row_cost(const op *o, const row_kernel *k, residency where, const machine_block *m, cost_block *out);

#endif
