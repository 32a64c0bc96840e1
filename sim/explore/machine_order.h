/* Whether predictions order machines as measurements do: the same row on two of them, faster on the same one. */
#ifndef INGOT_MACHINE_ORDER_H
#define INGOT_MACHINE_ORDER_H

#include "core/base/arena.h"
#include "sim/explore/ensemble.h"
#include "validate/rows.h"

/* Rows that differ by less between two machines do not say which is faster. */
static const double MACHINE_ORDER_LEAST_RATIO = 1.1;

typedef struct machine_order {
    size_t pairs;           /* rows that both tables hold, same operator, method and source */
    size_t apart;           /* of these, measured times that differ by more than the least ratio */
    size_t ordered;         /* of these, predicted in the measured order */
    double ratio_error_sum; /* over all pairs, of |predicted ratio / measured ratio - 1| */
} machine_order;

/* Adds the pairs of two tables to `sum`, which the caller has zeroed at first. */
void machine_order_add(arena *a, const row_table *rows_a, const machine_block *a_block, const row_table *rows_b,
                       const machine_block *b_block, machine_order *sum);

#endif
