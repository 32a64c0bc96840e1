/* Operands of one case in host and device memory: random inputs, poisoned outputs, guard bytes around and between. */
#ifndef INGOT_TEST_BUFFERS_H
#define INGOT_TEST_BUFFERS_H

#include "kernels/gpu.h"
#include "kernels/ref/ref.h"
#include "tests/gpu/cases.h"

typedef struct case_buffer {
    operand item;
    int64_t row_stride, block_stride; /* elements */
    double *exact;                    /* contiguous: inputs as their type holds them, outputs NaN until computed */
    unsigned char *image, *returned;  /* what went to the GPU, guards included, and what came back */
    size_t image_bytes;
    void *device;
} case_buffer;

typedef struct case_buffers {
    operand_list list;
    case_buffer at[OPERANDS_MAX];
    gpu_operands gpu;
    ref_operands ref;
} case_buffers;

/* Fills everything from the seed and copies it to the GPU. Free with buffers_free, also after an error. */
status buffers_make(const gpu_api *gpu, gpu_context *context, const op *o, case_pattern pattern, uint64_t seed,
                    case_buffers *out, error *err);
void buffers_free(const gpu_api *gpu, gpu_context *context, case_buffers *buffers);

/* Fetches what the GPU holds now. */
status buffers_fetch(const gpu_api *gpu, gpu_context *context, case_buffers *buffers, error *err);

/* What is wrong with what came back, in words; false when nothing is. `worst` receives the largest error as a share of
 * what is allowed. */
bool buffers_wrong(const case_buffers *buffers, char *text, size_t bytes, double *worst);

#endif
