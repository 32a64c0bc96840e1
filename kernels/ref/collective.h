/* The reference of exchanges between ranks. */
#ifndef INGOT_REF_COLLECTIVE_H
#define INGOT_REF_COLLECTIVE_H

#include "kernels/ref/ref.h"

/* `ranks`: the operands of each of the operator's ranks. all_reduce, all_gather, reduce_scatter and alltoall. */
void ref_collective_ranks(const op *o, const ref_operands *ranks);

#endif
