#include "core/plan.h"

#include <assert.h>

plan_limits plan_limits_of(const machine *m) {
    return (plan_limits){
        .generation = m->generation,
        .shared_bytes = (int32_t)m->sm.shared_bytes,
        .max_threads = (int32_t)m->sm.max_threads,
        .max_ctas = (int32_t)m->sm.max_ctas,
        .registers = (int32_t)m->sm.registers,
    };
}

plan_limits plan_limits_of_block(const machine_block *block) {
    return (plan_limits){
        .generation = block->generation,
        .shared_bytes = (int32_t)block->sm_shared_bytes[0],
        .max_threads = (int32_t)block->sm_max_threads[0],
        .max_ctas = (int32_t)block->sm_max_ctas[0],
        .registers = (int32_t)block->sm_registers[0],
    };
}

void plan_host_call(const op *o, const plan_limits *limits, plan_list *out) {
    (void)o, (void)limits;
    out->count = 0;
}

void plan_sync(const op *o, const plan_limits *limits, plan_list *out) {
    (void)o, (void)limits;
    out->count = 0;
}

void plan_enumerate(const op *o, const plan_limits *limits, plan_list *out) {
    typedef void plan_function(const op *, const plan_limits *, plan_list *);
    static plan_function *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) plan_##kind,
#include "core/ops.def"
    };
    out->count = 0;
    table[o->kind](o, limits, out);
    assert(out->count <= PLAN_CANDIDATES_MAX);
}
