#include "sim/engine/gemm_operands.h"

#include "sim/engine/cost_memory.h"

#include <math.h>

gemm_bytes gemm_bytes_of(const gemm_params *g, const op_work *work) {
    gemm_bytes b = {.element_bytes = dtype_bytes(g->dtype), .out = work->write_bytes};
    b.left = (double)g->m * (double)g->k * (double)g->batch * b.element_bytes;
    b.right = work->weight_bytes + work->read_bytes - b.left;
    b.right_element_bytes = dtype_bytes(g->weights_dtype);
    b.out_element_bytes = b.element_bytes < 2 ? 2 : b.element_bytes;
    return b;
}

/* TensorRT-LLM's harness multiplies by as many copies of the weights as overflow L2, up to so many: on an L40S, whose
 * L2 holds 96 MiB, rows of 96, 48, 32 and 24 MiB of weights run at the L2's rate, and none of 28, 36 to 45 or 56 to 90.
 */
static const double FEW_COPIES_MAX = 5;

missing_bytes gemm_missing_of(const gemm_params *g, const gemm_bytes *b, residency where, const machine_block *m,
                              size_t i) {
    double share = operand_share_bytes(m, i), fall = m->gemm_residency_fall_ratio[i];
    double all = b->left + b->right + b->out, weights = g->activations_only ? 0 : b->right;
    double activations = b->left + b->right - weights;
    double activations_missed = missed_frac(all, share, fall);
    /* Dirty lines leave L2 when as much again has come in. */
    missing_bytes missing = {.written = b->out * activations_missed};
    switch (where) {
    case RESIDENCY_COLD:
        missing.read = activations + weights;
        break;
    case RESIDENCY_REPEATED:
    case RESIDENCY_REPEATED_FEW: {
        double copies = m->method_graph_steady_weight_copies[i];
        if (where == RESIDENCY_REPEATED_FEW)
            copies = smaller(FEW_COPIES_MAX, ceil(m->l2_bytes[i] / larger(weights, 1) - 1e-9));
        double round = copies * (weights + b->out) + activations;
        missing.read = activations * activations_missed + weights * missed_frac(round, share, fall);
        break;
    }
    case RESIDENCY_PREDECESSORS:
        missing.read = weights + activations * missed_frac(activations, share, fall);
        break;
    }
    return missing;
}
