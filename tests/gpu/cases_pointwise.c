/* Kernels that treat elements or rows one by one. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define ADD(ids, r, c, type) {ids, PATTERN_RANDOM, {.kind = OP_add, .as.add = {.rows = (r), .cols = (c), .dtype = DTYPE_##type}}}
#define RMSNORM(ids, r, c, type, with_residual) \
    {ids, PATTERN_RANDOM, {.kind = OP_rmsnorm, .as.rmsnorm = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .residual = (with_residual)}}}
#define LAYERNORM(ids, r, c, type, with_residual, with_gate) \
    {ids, PATTERN_RANDOM, {.kind = OP_layernorm, .as.layernorm = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .residual = (with_residual), .gated = (with_gate)}}}
#define EMBEDDING(ids, r, c, table, type) \
    {ids, PATTERN_RANDOM, {.kind = OP_embedding, .as.embedding = {.rows = (r), .cols = (c), .table_rows = (table), .dtype = DTYPE_##type}}}
#define ACTIVATION(ids, r, c, type, f, with_gate) \
    {ids, PATTERN_RANDOM, {.kind = OP_activation, .as.activation = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .function = activation_function_##f, .gated = (with_gate)}}}
#define ELEMENTWISE(ids, r, c, in, out, f, count) \
    {ids, PATTERN_RANDOM, {.kind = OP_elementwise, .as.elementwise = {.rows = (r), .cols = (c), .inputs = (count), .dtype = DTYPE_##in, .out_dtype = DTYPE_##out, .function = pointwise_function_##f}}}
#define COPY(ids, r, c, in, out, apart) \
    {ids, PATTERN_RANDOM, {.kind = OP_copy, .as.copy = {.rows = (r), .cols = (c), .dtype = DTYPE_##in, .out_dtype = DTYPE_##out, .strided = (apart)}}}
#define REDUCE(ids, r, c, type) {ids, PATTERN_RANDOM, {.kind = OP_reduce, .as.reduce = {.rows = (r), .cols = (c), .dtype = DTYPE_##type}}}
#define SOFTMAX(ids, r, c, type, logarithm) \
    {ids, PATTERN_RANDOM, {.kind = OP_softmax, .as.softmax = {.rows = (r), .cols = (c), .dtype = DTYPE_##type, .log = (logarithm)}}}
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
    RMSNORM(NULL, 1037, 128, bf16, true),
    RMSNORM(NULL, 4099, 64, fp32, false),
    RMSNORM(NULL, 77, 264, fp16, true),
    RMSNORM(NULL, 1100, 1500, fp32, true),
    LAYERNORM("LM-4", 64, 128, bf16, false, false),
    LAYERNORM("LM-4", 8 * 1030, 128, bf16, false, false),
    LAYERNORM("LM-4", 64 * 1030, 128, bf16, false, false),
    LAYERNORM(NULL, 218, 1024, fp16, true, false),
    LAYERNORM(NULL, 77, 512, bf16, false, true),
    LAYERNORM(NULL, 9, 160, fp16, false, false),
    LAYERNORM(NULL, 5, 1001, fp32, true, true),
    LAYERNORM(NULL, 3, 8192, bf16, true, false),
    LAYERNORM(NULL, 2, 40000, fp16, false, false),
    LAYERNORM(NULL, 1033, 40, fp32, true, true),
    LAYERNORM(NULL, 131, 264, bf16, true, true),
    LAYERNORM(NULL, 1100, 5360, bf16, false, false),
    EMBEDDING("LM-1", 154, 4096, 32000, bf16),
    EMBEDDING("LM-1", 1, 8192, 32000, bf16),
    EMBEDDING("LM-1", 1030, 4096, 65536, bf16),
    EMBEDDING(NULL, 33, 77, 101, fp16),
    EMBEDDING(NULL, 1000, 64, 7, fp32),
    EMBEDDING(NULL, 301, 8200, 50, bf16),
    ACTIVATION("LM-12", 1, 11008, bf16, silu, true),
    ACTIVATION("LM-12", 154, 22016, bf16, silu, true),
    ACTIVATION(NULL, 7, 333, fp16, gelu, false),
    ACTIVATION(NULL, 7, 1000, bf16, gelu, true),
    ACTIVATION(NULL, 7, 1000, fp32, gelu, true),
    ACTIVATION(NULL, 13, 1024, fp32, sigmoid, true),
    ACTIVATION(NULL, 3, 8192, fp16, relu, false),
    ACTIVATION(NULL, 5, 1000, bf16, tanh, false),
    ACTIVATION(NULL, 1, 100003, fp16, leaky_relu, false),
    ELEMENTWISE("LM-19", 4, 1, fp32, fp32, compare, 1),
    COPY("LM-19", 4, 1, fp32, fp32, true), /* a 32-bit token a sequence */
    ELEMENTWISE(NULL, 7, 4096, bf16, fp32, cast, 1),
    ELEMENTWISE(NULL, 7, 4096, fp32, bf16, cast, 1),
    ELEMENTWISE(NULL, 3, 4097, bf16, fp8, cast, 1),
    ELEMENTWISE(NULL, 5, 1023, bf16, bf16, mul, 2),
    ELEMENTWISE(NULL, 37, 1024, bf16, fp8, cast, 1),
    ELEMENTWISE(NULL, 5, 1000, fp32, fp32, mul, 2),
    ELEMENTWISE(NULL, 5, 1000, bf16, bf16, where, 2),
    ELEMENTWISE(NULL, 5, 1000, fp16, fp32, scale, 1),
    ELEMENTWISE(NULL, 1, 129, fp32, fp32, rsqrt, 1),
    ELEMENTWISE(NULL, 4, 128, fp32, fp32, cos, 1),
    ELEMENTWISE(NULL, 4, 128, fp32, bf16, sin, 1),
    ELEMENTWISE("CH-2,LM-18", 3, 65536, fp32, fp32, where, 1), /* allowed tokens */
    ELEMENTWISE(NULL, 2, 501, fp16, fp16, compare, 2),
    ELEMENTWISE("LM-16", 1, 32000, fp32, fp32, scale, 1),
    ELEMENTWISE(NULL, 9, 1000, fp16, fp16, fill, 1),
    ELEMENTWISE(NULL, 9, 1000, bf16, bf16, neg, 1),
    ELEMENTWISE(NULL, 9, 1000, fp32, fp32, pow, 1),
    COPY("LM-15", 1, 32000, bf16, fp32, false),
    COPY("LM-15", 3, 65536, bf16, fp32, false),
    COPY("LM-14", 1, 8192, bf16, bf16, true),
    COPY("LM-14", 8, 4096, bf16, bf16, true),
    COPY("LS-3", 6, 4096, bf16, bf16, false),
    COPY("CH-3", 3, 4, fp32, fp32, true), /* 32-bit tokens of three conditions */
    COPY(NULL, 17, 65, fp16, fp16, true),
    COPY(NULL, 3, 4099, fp32, fp16, false),
    REDUCE(NULL, 218, 8192, fp32),
    REDUCE(NULL, 1, 4096, fp32),
    REDUCE(NULL, 1030, 100, bf16),
    REDUCE(NULL, 3, 65537, fp16),
    REDUCE(NULL, 3, 65536, fp16),
    REDUCE(NULL, 2051, 96, fp32),
    REDUCE(NULL, 1100, 5360, fp32),
    SOFTMAX("LM-7b", 32 * 154, 154, fp32, false),
    SOFTMAX("LM-7b", 32, 1025, fp32, false),
    SOFTMAX("LM-16", 1, 32000, fp32, false),
    SOFTMAX(NULL, 5, 256102, fp32, true),
    SOFTMAX(NULL, 2, 65536, fp32, false),
    SOFTMAX(NULL, 2, 33333, bf16, true),
    SOFTMAX(NULL, 40, 512, fp16, false),
    SOFTMAX(NULL, 3, 7, bf16, true),
    SOFTMAX(NULL, 1033, 64, fp32, false),
    SOFTMAX(NULL, 1100, 1025, fp32, true),
    SOFTMAX(NULL, 300, 32000, fp32, false), /* registers and shared memory of a block or a cluster */
    SOFTMAX(NULL, 140, 65536, fp32, false),
    SOFTMAX(NULL, 150, 66000, bf16, true),
    SOFTMAX(NULL, 140, 50257, fp32, false),
    SOFTMAX(NULL, 70, 256102, fp32, true),
    SOFTMAX(NULL, 2, 1000004, fp16, false),
    SOFTMAX(NULL, 2, 1000003, fp32, false), /* beyond them */
};

kernel_cases kernel_cases_pointwise(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
