/* Kernels that treat elements or rows one by one. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define ADD(ids, r, c, type) {ids, {.kind = OP_add, .as.add = {.rows = (r), .cols = (c), .dtype = DTYPE_##type}}}
#define RMSNORM(ids, r, c, type, with_residual) \
    {ids, {.kind = OP_rmsnorm, .as.rmsnorm = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .residual = (with_residual)}}}
/* clang-format on */

static const kernel_case cases[] = {
    ADD("LM-10", 1, 4096, bf16),
    ADD("LM-10", 218, 8192, bf16),
    ADD(NULL, 1, 1, bf16),
    ADD(NULL, 3, 1, fp16),
    ADD(NULL, 7, 129, fp32),
    ADD(NULL, 1023, 1025, bf16),
    ADD(NULL, 2048, 2049, fp16),
    RMSNORM("LM-2", 1, 4096, bf16, false),
    RMSNORM("LM-2", 1, 4096, bf16, true),
    RMSNORM("LM-2", 218, 8192, fp16, true),
    RMSNORM("LM-2", 64, 5120, bf16, true),
    RMSNORM(NULL, 1, 1, bf16, false),
    RMSNORM(NULL, 3, 7, fp32, true),
    RMSNORM(NULL, 5, 1000, bf16, true),
    RMSNORM(NULL, 2, 4097, fp16, true),
    RMSNORM(NULL, 2, 33000, bf16, false), /* more than one block's registers hold */
};

kernel_cases kernel_cases_pointwise(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
