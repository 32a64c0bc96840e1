#include "kernels/ref/ref.h"

ref_function *ref_function_of(op_kind kind) {
    static ref_function *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) ref_##kind,
#include "core/ops.def"
    };
    return table[kind];
}
