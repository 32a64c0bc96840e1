/* Launchers: one a kind, each in its own .cu file.
 *
 *     gpu_status gpu_KIND(const op *o, const plan *p, const gpu_operands *x, void *workspace, gpu_stream stream);
 *     size_t gpu_KIND_workspace_bytes(const op *o, const plan *p);
 *
 * A launcher checks its operands and returns errors; it is asynchronous, and never allocates, synchronises or prints,
 * so that it can be captured into a CUDA graph. It ends with the last error of its launches (gpu_last_error). A NULL
 * plan is its own fixed rule. Workspaces begin at 256 bytes and hold nothing between launches.
 *
 * gpu_KIND_prepare is for kinds that ask a library which algorithm it would take: called once before the first launch
 * of an operator, it may allocate and measure. `actual` (may be NULL) receives what was taken.
 *
 * All are weak: a kind without a launcher has NULL in the tables of api.cu. */
#ifndef INGOT_LAUNCH_H
#define INGOT_LAUNCH_H

#include "kernels/gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CUstream_st *gpu_stream;

typedef gpu_status gpu_launcher(const op *o, const plan *p, const gpu_operands *x, void *workspace, gpu_stream stream);
typedef size_t gpu_workspace(const op *o, const plan *p);
typedef gpu_status gpu_preparer(gpu_context *context, const op *o, plan *actual);

#define OP(kind, category, text)                                                                                       \
    gpu_status gpu_##kind(const op *o, const plan *p, const gpu_operands *x, void *workspace, gpu_stream stream)       \
        __attribute__((weak));                                                                                         \
    size_t gpu_##kind##_workspace_bytes(const op *o, const plan *p) __attribute__((weak));                             \
    gpu_status gpu_##kind##_prepare(gpu_context *context, const op *o, plan *actual) __attribute__((weak));
#include "core/ops.def"

gpu_launcher *gpu_launcher_of(op_kind kind);
gpu_workspace *gpu_workspace_of(op_kind kind); /* NULL: needs none */
gpu_preparer *gpu_preparer_of(op_kind kind);   /* NULL: nothing to prepare */

/* cudaGetLastError, as a gpu_status. */
gpu_status gpu_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
