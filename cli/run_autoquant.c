/* Autoquant on the real GPU: every matrix that leaves a choice is timed each way, and the fastest way is taken. */
#include "cli/run_graph.h"

#include <stdio.h>
#include <string.h>

/* Several forwards of a step may read one weight. */
static const char *weight_of(const graph_node *node) {
    return node->weight_id ? node->weight_id : node->id;
}

/* A weight is stored once: what a decode step is fastest with, the prefill uses too. */
static void take(graph *g, const char *weight, const op *chosen) {
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            graph_node *node = &g->phases[p].nodes[n];
            if (strcmp(weight_of(node), weight) != 0)
                continue;
            gemm_params *to = &node->op.as.gemm;
            const gemm_params *from = &chosen->as.gemm;
            to->dtype = from->dtype;
            to->weights_dtype = from->weights_dtype;
            to->group_size = from->group_size;
            to->dynamic_quantise = from->dynamic_quantise;
            node->alternative_count = 0;
        }
    }
}

static status choose(const gpu_setup *gpu, graph *g, const scenario *s, const graph_node *node, error *err) {
    op best = node_op_at(node, s, 0, 0);
    bench_result measured;
    status result = gpu->api->bench(gpu->context, &best, BENCH_GRAPH_STEADY, &measured, err);
    double best_s = measured.median_s;
    for (size_t i = 0; i < node->alternative_count && result == STATUS_OK; i++) {
        op other = node_alternative_at(node, i, s, 0, 0);
        error why = {0};
        result = gpu->api->bench(gpu->context, &other, BENCH_GRAPH_STEADY, &measured, &why);
        if (result == STATUS_ENVIRONMENT)
            return error_set(err, result, "%s: %.900s", node->id, why.text);
        if (result == STATUS_OK && measured.median_s < best_s) {
            best = other;
            best_s = measured.median_s;
        }
        result = STATUS_OK; /* one without a kernel is passed over */
    }
    if (result == STATUS_OK)
        take(g, weight_of(node), &best);
    return result;
}

status run_autoquant(const gpu_setup *gpu, graph *g, const scenario *s, error *err) {
    for (size_t p = g->phase_count; p-- > 0;) { /* decode before prefill */
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            if (node->alternative_count > 0 && node->op.kind == OP_gemm && choose(gpu, g, s, node, err) != STATUS_OK)
                return STATUS_ENVIRONMENT;
        }
    }
    return STATUS_OK;
}
