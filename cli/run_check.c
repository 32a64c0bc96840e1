/* Whether the GPU computes what the CPU reference does, and whether eager and CUDA Graph agree bit for bit.
 *
 * Both executors round every operator's outputs to the same types, and weights keep activations at their size. An
 * operator's fp32 sums differ in their last bits, which tips some of the roundings: at most one unit in the last place
 * of its outputs (2^-8 relative in bf16), independent between operators. N operators in a row leave sqrt(N) of it; a
 * factor of 2 covers norms that divide by a smaller number than they multiply by. */
#include "cli/run_graph.h"

#include "kernels/ref/encode.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double OUTPUT_UNIT_BF16 = 0x1p-8, OUTPUT_UNIT_FP16 = 0x1p-11, MARGIN = 2;

typedef struct logits {
    size_t offset_bytes;
    int64_t count;
    data_type type;
} logits;

/* What the head writes, in the first phase that can be run. */
static bool find_logits(const memory_plan *layout, logits *out) {
    const graph *g = layout->graph;
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            if (strcmp(node->id, "head") != 0 || !node->operands)
                continue;
            op o = node_op_at(node, layout->scenario, 0, 0);
            operand_list list;
            operands_of(&o, &list);
            const operand *item = &list.at[OPERAND_gemm_out];
            int32_t reg = node->operands[OPERAND_gemm_out].reg;
            *out = (logits){layout->register_offset_bytes[reg], operand_elements(item), item->type};
            return true;
        }
    }
    return false;
}

static double relative_error(const logits *l, const void *got, const void *exact) {
    double *a = calloc((size_t)l->count, sizeof *a), *b = calloc((size_t)l->count, sizeof *b);
    if (!a || !b)
        abort();
    decode_row(l->type, got, l->count, a);
    decode_row(l->type, exact, l->count, b);
    double off = 0, size = 0;
    for (int64_t i = 0; i < l->count; i++) {
        off += (a[i] - b[i]) * (a[i] - b[i]);
        size += b[i] * b[i];
    }
    free(a);
    free(b);
    return size > 0 ? sqrt(off / size) : INFINITY; /* all zeros is no result */
}

static double allowed(const memory_plan *layout, const logits *l) {
    arena scratch = {0};
    size_t phase = 0;
    while (!phase_is_bound(&layout->graph->phases[phase])) /* one is: find_logits */
        phase++;
    graph_view view = graph_at(layout->graph, phase, layout->scenario, 0, &scratch);
    double ops = (double)view.count;
    arena_free(&scratch);
    return MARGIN * sqrt(ops) * (l->type == DTYPE_fp16 ? OUTPUT_UNIT_FP16 : OUTPUT_UNIT_BF16);
}

typedef struct checking {
    const memory_plan *plan;
    const gpu_api *api;
    executor cpu;
    gpu_executor *eager, *graph;
    logits where;
    unsigned char *a, *b; /* of the larger of logits and caches */
    run_check *out;
} checking;

static status compare_region(checking *c, size_t offset, size_t bytes, error *err) {
    status result = c->api->executor_read(c->eager, offset, bytes, c->a, err);
    if (result == STATUS_OK)
        result = c->api->executor_read(c->graph, offset, bytes, c->b, err);
    for (size_t i = 0; i < bytes && result == STATUS_OK; i++)
        c->out->differing_bytes += c->a[i] != c->b[i];
    c->out->compared_bytes += bytes;
    return result;
}

static status check_step(checking *c, size_t phase, int64_t step, error *err) {
    size_t logit_bytes = (size_t)((double)c->where.count * dtype_bytes(c->where.type));
    status result = c->api->executor_step(c->eager, phase, step, NULL, err);
    if (result == STATUS_OK)
        result = c->api->executor_step(c->graph, phase, step, NULL, err);
    if (result == STATUS_OK)
        result = compare_region(c, c->where.offset_bytes, logit_bytes, err);
    if (result == STATUS_OK)
        result = compare_region(c, c->plan->weight_bytes, c->plan->cache_bytes, err);
    if (result == STATUS_OK)
        result = c->cpu.step(c->cpu.self, phase, step, err);
    if (result == STATUS_OK)
        result = c->cpu.read(c->cpu.self, c->where.offset_bytes, logit_bytes, c->b, err);
    if (result == STATUS_OK)
        result = c->api->executor_read(c->eager, c->where.offset_bytes, logit_bytes, c->a, err);
    if (result != STATUS_OK)
        return result;
    double off = relative_error(&c->where, c->a, c->b);
    if (!(off <= c->out->largest_error)) /* a NaN stays */
        c->out->largest_error = off;
    c->out->steps++;
    return STATUS_OK;
}

static status check_steps(checking *c, error *err) {
    const graph *g = c->plan->graph;
    for (size_t p = 0; p < g->phase_count; p++) {
        int64_t steps = (int64_t)c->plan->scenario->values[g->phases[p].steps];
        for (int64_t s = 0; s < steps && phase_is_bound(&g->phases[p]); s++)
            if (check_step(c, p, s, err) != STATUS_OK)
                return STATUS_ENVIRONMENT;
    }
    return STATUS_OK;
}

status run_check_graph(const gpu_setup *gpu, const memory_plan *layout, run_check *out, error *err) {
    *out = (run_check){0};
    checking c = {.plan = layout, .api = gpu->api, .out = out};
    if (!find_logits(layout, &c.where))
        return error_set(err, STATUS_NEGATIVE, "%s: no logits to compare", layout->graph->name);
    out->allowed_error = allowed(layout, &c.where);
    size_t bytes = (size_t)c.where.count * sizeof(double);
    if (layout->cache_bytes > bytes)
        bytes = layout->cache_bytes;
    c.a = malloc(bytes);
    c.b = malloc(bytes);
    if (!c.a || !c.b)
        abort();
    const gpu_run_options eager = {.mode = GPU_LAUNCH_EAGER, .repeats = 1};
    const gpu_run_options captured = {.mode = GPU_LAUNCH_GRAPH, .repeats = 1};
    status result = ref_executor_open(layout, &c.cpu, err);
    if (result == STATUS_OK)
        result = gpu->api->executor_open(gpu->context, layout, &eager, &c.eager, err);
    if (result == STATUS_OK)
        result = gpu->api->executor_open(gpu->context, layout, &captured, &c.graph, err);
    if (result == STATUS_OK)
        result = check_steps(&c, err);
    gpu->api->executor_close(c.eager);
    gpu->api->executor_close(c.graph);
    if (c.cpu.close)
        c.cpu.close(c.cpu.self);
    free(c.a);
    free(c.b);
    return result;
}
