#include "sim/engine/cost_own.h"

#include <assert.h>

const char *bound_name(bound_kind b) {
    static const char *const names[BOUND_COUNT] = {
        [BOUND_COMPUTE] = "compute", [BOUND_HBM] = "hbm",       [BOUND_L2] = "l2",
        [BOUND_LATENCY] = "latency", [BOUND_LAUNCH] = "launch", [BOUND_LINK] = "link",
    };
    assert(b < BOUND_COUNT);
    return names[b];
}

void cost_analytic(const op *o, residency where, const machine_block *machines, cost_block *out) {
    static cost_function *const table[OP_KIND_COUNT] = {
#define OP(kind, category, text) cost_##kind,
#include "core/ops.def"
    };
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out->clocked_s[i] = out->limited_s[i] = 0; /* unless the kind says more */
    if (!o->own || !cost_own(o, where, machines, out))
        table[o->kind](o, where, machines, out);
}

/* Host work and waiting take no GPU time; scheduling charges them to the host. */
static void cost_nothing(cost_block *out) {
    *out = (cost_block){0};
    for (size_t i = 0; i < MACHINE_LANES; i++)
        out->bound[i] = BOUND_LAUNCH;
}

void cost_host_call(const op *o, residency where, const machine_block *machines, cost_block *out) {
    (void)o, (void)where, (void)machines;
    cost_nothing(out);
}

void cost_sync(const op *o, residency where, const machine_block *machines, cost_block *out) {
    (void)o, (void)where, (void)machines;
    cost_nothing(out);
}

void cost_roofline(const op *o, residency where, const machine_block *machines, cost_block *out) {
    (void)where; /* a datasheet knows no cache */
    cost_nothing(out);
    if (o->kind == OP_host_call || o->kind == OP_sync)
        return;
    op_work work = op_work_of(o);
    double bytes = work.weight_bytes + work.read_bytes + work.write_bytes;
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        double fp32_flops_per_s = machines->peak_flops_per_s[DTYPE_fp32][i];
        double rate = work.tensor_flops ? machines->peak_flops_per_s[work.flops_dtype][i] : fp32_flops_per_s;
        if (rate <= 0) /* a type that this machine's tensor cores lack runs on the FP32 lanes */
            rate = fp32_flops_per_s;
        double compute_s = work.flops / rate, hbm_s = bytes / machines->hbm_bandwidth_bytes_per_s[i];
        out->time_s[i] = compute_s > hbm_s ? compute_s : hbm_s;
        out->bound[i] = compute_s > hbm_s ? BOUND_COMPUTE : BOUND_HBM;
        out->hbm_bytes[i] = bytes;
        out->l2_bytes[i] = bytes;
        out->launches[i] = 1;
    }
}
