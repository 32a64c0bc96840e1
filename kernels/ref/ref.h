/* CPU references: what each operator computes, in double, as plainly as possible. One file a kind; a kind without one
 * has NULL in the table. */
#ifndef INGOT_REF_H
#define INGOT_REF_H

#include "core/operands.h"

/* Any element type is a double here: inputs hold what their type holds (encode.h), outputs are not rounded. Strides
 * are in elements. */
typedef struct ref_tensor {
    double *data; /* NULL: left out */
    int64_t row_stride, block_stride;
} ref_tensor;

/* By operand index: at[OPERAND_gemm_a]. */
typedef struct ref_operands {
    ref_tensor at[OPERANDS_MAX];
} ref_operands;

typedef void ref_function(const op *o, const ref_operands *x);

/* ref_KIND of every kind; weak, so that a kind without a reference is NULL. */
#define OP(kind, category, text) void ref_##kind(const op *o, const ref_operands *x) __attribute__((weak));
#include "core/ops.def"

ref_function *ref_function_of(op_kind kind);

/* The first element of a row. */
static inline double *ref_row(const ref_tensor *t, int64_t block, int64_t row) {
    return t->data + block * t->block_stride + row * t->row_stride;
}

/* A contiguous tensor of an operand's shape over `data`. */
static inline ref_tensor ref_contiguous(const operand *item, double *data) {
    return (ref_tensor){.data = data, .row_stride = item->cols, .block_stride = item->rows * item->cols};
}

#endif
