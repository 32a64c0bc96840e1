/* Method terms of graph_steady rows. */
#include "sim/engine/cost_method.h"

#include "sim/engine/cost_memory.h"

#include <string.h>

/* The chain reads 16-bit activations several times; they stay in L2 while two copies of them fit. */
static const double CHAIN_FOOTPRINT_BYTES_PER_ELEMENT = 4;

/* Quantisation as a chain of elementwise kernels. */
static double quantise_chain_s(const gemm_params *g, const machine_block *m, size_t i) {
    double elements = (double)g->m * (double)g->k * (double)g->batch;
    double share = operand_share_bytes(m, i);
    double missed = (elements * CHAIN_FOOTPRINT_BYTES_PER_ELEMENT / share - 1) / m->gemm_residency_fall_ratio[i];
    missed = missed < 0 ? 0 : missed > 1 ? 1 : missed;
    double issue_s = m->method_trtllm_quantise_ops[i] / lane_operations_per_s(m, i);
    double moved_s = m->method_trtllm_quantise_bytes_per_element[i] * missed / m->hbm_bandwidth_bytes_per_s[i];
    return m->method_trtllm_quantise_s[i] + elements * larger(issue_s, moved_s);
}

static bool is_trtllm(const char *source) {
    static const char harness[] = "trtllm";
    return source && strncmp(source, harness, sizeof harness - 1) == 0;
}

/* Rows of a plugin inside an engine: integer weights. */
static bool is_plugin(const op *o, const char *source) {
    data_type weights = o->as.gemm.weights_dtype;
    return o->kind == OP_gemm && is_trtllm(source) && (weights == DTYPE_int8 || weights == DTYPE_int4);
}

residency cost_method_residency(const op *o, const char *source) {
    if (is_plugin(o, source))
        return RESIDENCY_PREDECESSORS;
    return o->kind == OP_gemm && is_trtllm(source) ? RESIDENCY_REPEATED_FEW : RESIDENCY_REPEATED;
}

static bool is_vllm(const char *source) {
    static const char harness[] = "vllm";
    return source && strncmp(source, harness, sizeof harness - 1) == 0;
}

const machine_block *cost_method_machines(const op *o, const char *source, const machine_block *machines,
                                          machine_block *room) {
    bool plugin = is_plugin(o, source), vllm = o->kind == OP_gemm && is_vllm(source);
    if (!plugin && !vllm)
        return machines;
    *room = *machines;
    EACH_LANE {
        room->gemm_hbm_efficiency_frac[i] *= plugin                        ? room->method_trtllm_plugin_hbm_ratio[i]
                                             : o->as.gemm.dynamic_quantise ? 1
                                                                           : room->method_vllm_hbm_ratio[i];
        room->gemm_switching_frac[i] *= vllm ? room->method_vllm_switching_ratio[i] : 1;
    }
    return room;
}

void cost_method_graph_steady(const op *o, const char *source, const machine_block *machines, lanes out) {
    const gemm_params *g = &o->as.gemm;
    bool trtllm = o->kind == OP_gemm && is_trtllm(source);
    bool chain = trtllm && g->dtype == DTYPE_fp8;
    bool plugin = is_plugin(o, source);
    for (size_t i = 0; i < MACHINE_LANES; i++) {
        out[i] = plugin ? machines->method_trtllm_plugin_s[i] : steady_gap_s(machines, i);
        if (chain)
            out[i] += quantise_chain_s(g, machines, i);
    }
}
