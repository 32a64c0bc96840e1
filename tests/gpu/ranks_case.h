/* Cases of kernels that run on several GPUs at once. */
#ifndef INGOT_TEST_RANKS_CASE_H
#define INGOT_TEST_RANKS_CASE_H

#include "kernels/gpu.h"

typedef enum ranks_verdict { RANKS_PASSED, RANKS_FAILED, RANKS_SKIPPED } ranks_verdict;

/* Every rank with inputs, outputs and guards of its own. `text` says what is wrong, or why it was skipped. */
ranks_verdict run_ranks_case(const gpu_api *gpu, const op *o, uint64_t seed, char *text, size_t bytes, double *worst);

#endif
