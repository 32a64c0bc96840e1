/* Matrix products at the language models' shapes and at odd ones. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define GEMM(ids, M, N, K, B, type, wtype, group, quantise) \
    {ids, PATTERN_RANDOM, {.kind = OP_gemm, .as.gemm = {.m = (M), .n = (N), .k = (K), .batch = (B), .dtype = DTYPE_##type, \
        .weights_dtype = DTYPE_##wtype, .group_size = (group), .dynamic_quantise = (quantise), .activations_only = (B) > 1}}}
#define EPILOGUE(M, N, K, type, what) \
    {NULL, PATTERN_RANDOM, {.kind = OP_gemm, .as.gemm = {.m = (M), .n = (N), .k = (K), .batch = 1, .dtype = DTYPE_##type, \
        .weights_dtype = DTYPE_##type, .epilogue = gemm_epilogue_##what}}}
/* clang-format on */

static const kernel_case cases[] = {
    GEMM("LM-3,LS-1", 1, 12288, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-3", 1, 10240, 8192, 1, bf16, bf16, 0, false),
    GEMM("LM-3", 218, 12288, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-3", 154, 10240, 8192, 1, fp16, fp16, 0, false),
    GEMM("LM-9,LS-1", 1, 4096, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-9", 1, 8192, 8192, 1, bf16, bf16, 0, false),
    GEMM("LM-9", 4, 8192, 8192, 1, fp16, fp16, 0, false),
    GEMM("LM-9", 154, 8192, 8192, 1, bf16, bf16, 0, false),
    GEMM("LM-11,LS-1", 1, 22016, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-11", 1, 44032, 8192, 1, bf16, bf16, 0, false),
    GEMM("LM-11", 154, 22016, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-13,LS-1", 1, 4096, 11008, 1, bf16, bf16, 0, false),
    GEMM("LM-13", 2, 4096, 11008, 1, bf16, bf16, 0, false),
    GEMM("LM-13", 154, 4096, 11008, 1, fp16, fp16, 0, false),
    GEMM("LM-13", 1, 8192, 22016, 1, bf16, bf16, 0, false),
    GEMM("LM-15,LS-2", 1, 32000, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-15", 1, 32000, 8192, 1, bf16, bf16, 0, false),
    GEMM("LM-15", 3, 65536, 4096, 1, bf16, bf16, 0, false), /* Chameleon, three conditions */
    GEMM("LS-4", 7, 12288, 4096, 1, bf16, bf16, 0, false),
    GEMM("LS-4", 7, 22016, 4096, 1, bf16, bf16, 0, false),
    GEMM("LS-4", 7, 4096, 11008, 1, bf16, bf16, 0, false),
    GEMM(NULL, 218, 1536, 4096, 1, bf16, bf16, 0, false),
    GEMM("LM-7a", 1, 218, 128, 32, bf16, bf16, 0, false),
    GEMM("LM-7a", 64, 218, 128, 32, bf16, bf16, 0, false),
    GEMM("LM-7a", 218, 218, 128, 32, bf16, bf16, 0, false),
    GEMM("LM-7c", 1, 128, 218, 32, bf16, bf16, 0, false),
    GEMM("LM-7c", 64, 128, 224, 32, fp16, fp16, 0, false),
    GEMM("LM-7c", 218, 128, 218, 32, bf16, bf16, 0, false),
    GEMM("LM-22", 218, 12288, 4096, 1, int8, int8, 0, false),
    GEMM("LM-22", 218, 1536, 4096, 1, int8, int8, 0, false),
    GEMM("LM-22", 16, 4096, 4096, 1, int8, int8, 0, true),
    GEMM("LM-21,LM-22", 218, 1536, 4096, 1, int8, int8, 0, true),
    GEMM(NULL, 256, 1536, 4096, 1, fp8, fp8, 0, false),
    GEMM(NULL, 16, 4096, 11008, 1, fp8, fp8, 0, false),
    GEMM(NULL, 32, 4096, 4096, 1, fp8, fp8, 0, true),
    GEMM(NULL, 3, 1000, 520, 1, fp32, fp32, 0, false),
    GEMM(NULL, 1, 8, 8, 1, bf16, bf16, 0, false),
    GEMM(NULL, 33, 136, 72, 1, bf16, bf16, 0, false),
    GEMM(NULL, 129, 257, 65, 1, bf16, bf16, 0, false), /* nothing is a multiple of anything */
    GEMM(NULL, 127, 511, 1023, 3, fp16, fp16, 0, false),
    GEMM("LM-20", 1, 12288, 4096, 1, bf16, int8, 0, false),
    GEMM("LM-20", 4, 4096, 11008, 1, bf16, int8, 0, false),
    GEMM("LM-20", 1, 10240, 8192, 1, fp16, int8, 0, false),
    GEMM("LM-23", 1, 12288, 4096, 1, bf16, int4, 128, false),
    GEMM("LM-23", 1, 12288, 4096, 1, bf16, int4, 64, false),
    GEMM("LM-23", 1, 12288, 4096, 1, bf16, int4, 32, false),
    GEMM("LM-23", 8, 4096, 11008, 1, bf16, int4, 128, false),
    GEMM(NULL, 3, 1000, 512, 1, bf16, int8, 0, false),
    GEMM(NULL, 5, 1001, 640, 1, fp16, int4, 128, false),
    GEMM(NULL, 1, 33, 264, 1, bf16, bf16, 0, false),
    GEMM(NULL, 4, 1000, 1096, 1, fp16, fp16, 0, false),
    GEMM(NULL, 3, 257, 4104, 1, bf16, bf16, 0, false),
    GEMM(NULL, 17, 200, 272, 1, bf16, int8, 0, false),
    GEMM(NULL, 12, 333, 768, 1, fp16, int8, 0, false),
    GEMM(NULL, 9, 65, 130, 1, bf16, int8, 0, false), /* rows of no whole vectors */
    GEMM(NULL, 70, 96, 384, 1, fp16, int4, 128, false),
    GEMM(NULL, 16, 48, 1152, 1, bf16, int4, 128, false),
    GEMM(NULL, 2, 48, 256, 1, bf16, int4, 32, false), /* groups shorter than what lanes read at once */
    GEMM(NULL, 33, 40, 160, 1, bf16, int4, 0, false),
    EPILOGUE(218, 1024, 1024, bf16, bias),
    EPILOGUE(218, 4096, 1024, fp16, bias_relu),
    EPILOGUE(1, 1024, 4096, fp16, bias), /* few rows, which go to the library with an epilogue */
    EPILOGUE(77, 512, 512, bf16, relu),
    EPILOGUE(64, 1536, 512, bf16, gelu),
    EPILOGUE(130, 1536, 512, fp16, bias_gelu),
    EPILOGUE(33, 136, 72, bf16, bias_gelu),
    EPILOGUE(50, 200, 104, fp32, bias_relu),
    EPILOGUE(32, 1024, 1024, fp8, bias),
    GEMM("LM-20", 218, 1536, 4096, 1, bf16, int8, 0, false),
    GEMM("LM-23", 154, 1536, 4096, 1, fp16, int4, 128, false),
};

kernel_cases kernel_cases_gemm(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
