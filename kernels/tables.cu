/* Launchers by kind. */
#include "kernels/launch.h"

#include <cuda_runtime.h>

gpu_launcher *gpu_launcher_of(op_kind kind) {
    static gpu_launcher *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) gpu_##kind,
#include "core/ops.def"
    };
    return table[kind];
}

gpu_workspace *gpu_workspace_of(op_kind kind) {
    static gpu_workspace *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) gpu_##kind##_workspace_bytes,
#include "core/ops.def"
    };
    return table[kind];
}

gpu_preparer *gpu_preparer_of(op_kind kind) {
    static gpu_preparer *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) gpu_##kind##_prepare,
#include "core/ops.def"
    };
    return table[kind];
}

gpu_status gpu_last_error(void) {
    return cudaGetLastError();
}
