/* Autoquant on the real GPU: every weight that leaves a choice is timed in each form at every phase that reads it, and
 * the form that is fastest over the whole request is taken, as the engines choose (sim/engine/picks.c). Weights do not
 * lie in L2 when a model reads them, so they are timed with a cold one. */
#include "cli/run_graph.h"

#include <math.h>
#include <string.h>

/* Executions of a phase's node in a request. */
static double executions_of(const graph_phase *phase, size_t node, const scenario *s) {
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        if (node >= segment->first_node && node < segment->first_node + segment->node_count)
            return (double)graph_segment_repetitions(segment, s) * s->values[phase->steps];
    }
    return 0;
}

/* Seconds of one candidate at a node over the request; infinite where it has no kernel. */
static status time_candidate(const gpu_setup *gpu, const graph_phase *phase, size_t n, size_t candidate,
                             const scenario *s, double *total_s, error *err) {
    const graph_node *node = &phase->nodes[n];
    double times = executions_of(phase, n, s);
    int64_t middle = (int64_t)s->values[phase->steps] / 2;
    op o = candidate == 0 ? node_op_at(node, s, middle, 0) : node_alternative_at(node, candidate - 1, s, middle, 0);
    bench_result measured;
    error why = {0};
    if (times < 1 || isinf(*total_s))
        return STATUS_OK;
    status result = gpu->api->bench(gpu->context, &o, BENCH_CUPTI_COLD_L2, &measured, &why);
    if (result == STATUS_ENVIRONMENT)
        return error_set(err, result, "%s: %.900s", node->id, why.text);
    *total_s = result == STATUS_OK ? *total_s + times * measured.median_s : INFINITY;
    return STATUS_OK;
}

/* Every node that reads the weight, at one candidate. */
static status time_weight(const gpu_setup *gpu, const graph *g, const scenario *s, const char *weight, size_t candidate,
                          double *total_s, error *err) {
    status result = STATUS_OK;
    *total_s = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count && result == STATUS_OK; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            if (node->op.kind == OP_gemm && node->alternative_count >= candidate && node->alternative_count > 0 &&
                strcmp(node_weight_name(node), weight) == 0)
                result = time_candidate(gpu, &g->phases[p], n, candidate, s, total_s, err);
        }
    return result;
}

static status choose(const gpu_setup *gpu, graph *g, const scenario *s, const graph_node *node, run_pick *out,
                     error *err) {
    weight_pick best = weight_pick_of(node, 0);
    *out = (run_pick){.request_s = INFINITY};
    for (size_t c = 0; c <= node->alternative_count; c++) {
        double total_s;
        if (time_weight(gpu, g, s, best.weight, c, &total_s, err) != STATUS_OK)
            return STATUS_ENVIRONMENT;
        if (total_s < out->request_s)
            *out = (run_pick){weight_pick_of(node, c), total_s};
    }
    if (isinf(out->request_s))
        return error_set(err, STATUS_NEGATIVE, "%s: no form of its weight has a kernel", node->id);
    graph_take_pick(g, &out->pick);
    return STATUS_OK;
}

status run_autoquant(arena *a, const gpu_setup *gpu, graph *g, const scenario *s, run_picks *out, error *err) {
    size_t nodes = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        nodes += g->phases[p].node_count;
    *out = (run_picks){.picks = ARENA_ARRAY(a, run_pick, nodes + 1)};
    status result = STATUS_OK;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count && result == STATUS_OK; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            if (node->alternative_count > 0 && node->op.kind == OP_gemm)
                result = choose(gpu, g, s, node, &out->picks[out->count++], err);
        }
    return result;
}

void run_picks_json(json_writer *w, const run_picks *picks) {
    if (picks->count == 0)
        return;
    json_array_begin(w, "picks");
    for (size_t i = 0; i < picks->count; i++) {
        const weight_pick *p = &picks->picks[i].pick;
        json_object_begin(w, NULL);
        json_text(w, "weight", p->weight);
        json_text(w, "dtype", dtype_name(p->dtype));
        json_text(w, "weights_dtype", dtype_name(p->weights_dtype));
        json_integer(w, "group_size", p->group_size);
        json_bool(w, "dynamic_quantise", p->dynamic_quantise);
        json_number(w, "request_s", picks->picks[i].request_s);
        json_object_end(w);
    }
    json_array_end(w);
}
