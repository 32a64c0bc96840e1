/* Exchanges between GPUs; a single rank's runs on any machine that has NCCL. */
#include "tests/gpu/cases.h"

/* clang-format off */
#define COLLECTIVE(ids, how, count, size, type) \
    {ids, PATTERN_RANDOM, {.kind = OP_collective, .as.collective = {.ranks = (count), .bytes = (size), .dtype = DTYPE_##type, .collective = collective_pattern_##how}}}
/* clang-format on */

static const kernel_case cases[] = {
    COLLECTIVE("LM-24", all_reduce, 1, 8192, bf16),
    COLLECTIVE("LM-24", all_gather, 1, 64000, fp16),
    COLLECTIVE("LM-24", all_reduce, 2, 8192, bf16), /* one token of Code Llama 7B */
    COLLECTIVE("LM-24", all_reduce, 2, 218 * 8192 * 2, bf16),
    COLLECTIVE("LM-24", all_reduce, 2, 8192 * 2, fp16),
    COLLECTIVE("LM-24", all_gather, 2, 32000 * 2, bf16), /* logits */
    COLLECTIVE("LM-24", all_gather, 2, 8 * 32000 * 2, fp16),
    COLLECTIVE(NULL, all_reduce, 2, 2 * 4099 * 4, fp32),
    COLLECTIVE(NULL, all_reduce, 2, 4, bf16),
    COLLECTIVE(NULL, all_gather, 2, 2 * 1001 * 2, bf16),
    COLLECTIVE(NULL, reduce_scatter, 2, 2 * 777 * 4, fp32),
    COLLECTIVE(NULL, reduce_scatter, 2, 1 << 20, bf16),
    COLLECTIVE(NULL, alltoall, 2, 2 * 333 * 2, fp16),
    COLLECTIVE(NULL, all_reduce, 4, 65536, bf16),
    COLLECTIVE(NULL, all_gather, 4, 4 * 1003 * 2, fp16),
};

kernel_cases kernel_cases_collective(void) {
    return (kernel_cases){cases, sizeof cases / sizeof cases[0]};
}
