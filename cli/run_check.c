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

enum { HEADS_MAX = 4 }; /* with logits of their own: the model's, and a draft model's */

typedef struct logits_list {
    logits at[HEADS_MAX];
    size_t count;
    size_t operators; /* in a row before the last head: those of its forward */
} logits_list;

static bool is_head(const flat_op *flat) {
    return strncmp(flat->node->id, "head", strcspn(flat->node->id, ".")) == 0 && flat->op.kind == OP_gemm &&
           flat->node->operands;
}

static const char *suffix_of(const flat_op *flat) {
    return flat->node->id + strcspn(flat->node->id, ".");
}

/* Operators of the forward that one belongs to. */
static size_t forward_length(const graph_view *view, const flat_op *of) {
    size_t count = 0;
    for (size_t i = 0; i < view->count; i++)
        count += strcmp(suffix_of(&view->ops[i]), suffix_of(of)) == 0;
    return count;
}

/* What the heads of a step leave behind: of forwards that write to one place, the last. */
static logits_list find_logits(const memory_plan *layout, size_t phase, int64_t step) {
    arena scratch = {0};
    graph_view view = graph_at(layout->graph, phase, layout->scenario, step, &scratch);
    logits_list out = {.count = 0};
    for (size_t i = view.count; i-- > 0;) {
        if (!is_head(&view.ops[i]))
            continue;
        op_views views;
        memory_plan_views(layout, &view.ops[i], &views);
        const tensor_view *v = &views.at[OPERAND_gemm_out];
        bool known = out.count == HEADS_MAX;
        for (size_t k = 0; k < out.count; k++)
            known = known || out.at[k].offset_bytes == v->offset_bytes;
        if (known)
            continue;
        if (out.count == 0)
            out.operators = forward_length(&view, &view.ops[i]);
        out.at[out.count++] = (logits){v->offset_bytes, operand_elements(&v->item), v->item.type};
    }
    arena_free(&scratch);
    return out;
}

static size_t logits_bytes(const logits *l) {
    return (size_t)((double)l->count * dtype_bytes(l->type));
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

/* A prompt's forward is the whole model's; none of a later step is longer, nor is a draft model's meant to be. */
static double allowed(const logits_list *first) {
    double unit = first->at[0].type == DTYPE_fp16 ? OUTPUT_UNIT_FP16 : OUTPUT_UNIT_BF16;
    return MARGIN * sqrt((double)first->operators) * unit;
}

typedef struct checking {
    const memory_plan *plan;
    const gpu_api *api;
    executor cpu;
    gpu_executor *eager, *graph;
    unsigned char *a, *b; /* as large as all that is compared */
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

static status compare_logits(checking *c, const logits *l, error *err) {
    status result = compare_region(c, l->offset_bytes, logits_bytes(l), err);
    if (result == STATUS_OK)
        result = c->cpu.read(c->cpu.self, l->offset_bytes, logits_bytes(l), c->b, err);
    if (result == STATUS_OK)
        result = c->api->executor_read(c->eager, l->offset_bytes, logits_bytes(l), c->a, err);
    if (result != STATUS_OK)
        return result;
    double off = relative_error(l, c->a, c->b);
    if (!(off <= c->out->largest_error)) /* a NaN stays */
        c->out->largest_error = off;
    return STATUS_OK;
}

static status check_step(checking *c, size_t phase, int64_t step, error *err) {
    logits_list list = find_logits(c->plan, phase, step);
    status result = c->api->executor_step(c->eager, phase, step, NULL, err);
    if (result == STATUS_OK)
        result = c->api->executor_step(c->graph, phase, step, NULL, err);
    if (result == STATUS_OK)
        result = compare_region(c, c->plan->weight_bytes, c->plan->cache_bytes, err);
    if (result == STATUS_OK)
        result = c->cpu.step(c->cpu.self, phase, step, err);
    for (size_t i = 0; i < list.count && result == STATUS_OK; i++)
        result = compare_logits(c, &list.at[i], err);
    c->out->steps += result == STATUS_OK;
    return result;
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
    logits_list first = {.count = 0};
    for (size_t p = 0; p < layout->graph->phase_count && first.count == 0; p++)
        if (phase_is_bound(&layout->graph->phases[p]))
            first = find_logits(layout, p, 0);
    if (first.count == 0)
        return error_set(err, STATUS_NEGATIVE, "%s: no logits to compare", layout->graph->name);
    out->allowed_error = allowed(&first);
    size_t bytes = layout->total_bytes - layout->weight_bytes; /* what regions are part of */
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
