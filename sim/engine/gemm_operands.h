/* Bytes of a matrix product's operands, and which of them come from and go to device memory. */
#ifndef INGOT_GEMM_OPERANDS_H
#define INGOT_GEMM_OPERANDS_H

#include "sim/engine/cost.h"

typedef struct gemm_bytes {
    double left, right, out; /* [m,k], [k,n], [m,n] */
    double element_bytes, right_element_bytes, out_element_bytes;
} gemm_bytes;

gemm_bytes gemm_bytes_of(const gemm_params *g, const op_work *work);

typedef struct missing_bytes {
    double read, written; /* from and to device memory */
} missing_bytes;

/* Part of a buffer that is gone when so many other bytes passed through L2 since its last use. */
static inline double missed_frac(double distance_bytes, double share_bytes, double fall) {
    double missed = (distance_bytes / share_bytes - 1) / fall;
    return missed < 0 ? 0 : missed > 1 ? 1 : missed;
}

/* On machine i of the block. */
missing_bytes gemm_missing_of(const gemm_params *g, const gemm_bytes *b, residency where, const machine_block *m,
                              size_t i);

#endif
