/* The memory plan: how large registers are, which are alive together, and where everything lies. */
#include "core/dataflow_private.h"

#include <math.h>

/* ---- registers ---- */

static double rows_wanted(const memory_plan *plan, const graph_register *r, const operand_binding *binding,
                          const operand *item) {
    if (r->kind == REGISTER_CACHE)
        return plan->scenario->values[SCENARIO_BATCH] * (double)plan->cache_tokens;
    if (r->kind == REGISTER_PAGES)
        return plan->scenario->values[SCENARIO_BATCH] * (double)plan->cache_pages;
    double blocks = (double)(binding->block + 1);
    if (register_is_vector(r->kind))
        return blocks * (double)operand_elements(item);
    return blocks * (double)(item->blocks * item->rows) / (double)binding_rows_together(binding, item);
}

static void size_registers(memory_plan *plan, const graph_view *view) {
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        operand_list list;
        operands_of(&flat->op, &list);
        for (size_t j = 0; j < list.count && flat->node->operands; j++) {
            int32_t reg = binding_register(&flat->node->operands[j], flat->layer);
            if (reg == REGISTER_NONE || !operand_present(&list.at[j]))
                continue;
            const graph_register *r = &plan->graph->registers[reg];
            double bytes = rows_wanted(plan, r, &flat->node->operands[j], &list.at[j]) * (double)r->cols *
                           register_element_bytes(r);
            if (memory_aligned(bytes) > plan->register_bytes[reg])
                plan->register_bytes[reg] = memory_aligned(bytes);
        }
    }
}

/* ---- liveness ---- */

typedef uint64_t register_set; /* REGISTERS_MAX bits */

static register_set one(int32_t reg) {
    return (register_set)1 << reg;
}

/* Registers that an operator reads, and those that it overwrites whole. */
static void accesses(const memory_plan *plan, const flat_op *flat, register_set *read, register_set *write,
                     register_set *kill) {
    *read = *write = *kill = 0;
    operand_list list;
    operands_of(&flat->op, &list);
    for (size_t j = 0; j < list.count && flat->node->operands; j++) {
        const operand_binding *binding = &flat->node->operands[j];
        int32_t reg = binding_register(binding, flat->layer);
        if (reg == REGISTER_NONE || !operand_present(&list.at[j]))
            continue;
        int64_t width = binding->width > 0 ? binding->width : list.at[j].cols;
        bool whole = binding->column == 0 && binding->block == 0 && width == plan->graph->registers[reg].cols;
        if (list.at[j].written)
            *write |= one(reg);
        if (list.at[j].written && whole && list.at[j].role == ROLE_OUTPUT)
            *kill |= one(reg);
        if (!list.at[j].written || !whole || list.at[j].role == ROLE_STATE)
            *read |= one(reg);
    }
    *kill &= ~*read;
}

/* Backwards over a step: two registers are apart when both hold something at the same operator. */
static void find_conflicts(const memory_plan *plan, const graph_view *view, register_set *conflicts) {
    register_set live = 0;
    for (int32_t r = 0; r < (int32_t)plan->graph->register_count; r++)
        live |= plan->graph->registers[r].kept ? one(r) : 0;
    for (size_t i = view->count; i-- > 0;) {
        register_set read, write, kill;
        accesses(plan, &view->ops[i], &read, &write, &kill);
        register_set here = live | read | write;
        for (int32_t r = 0; r < (int32_t)plan->graph->register_count; r++)
            if (here & one(r))
                conflicts[r] |= here;
        live = (live & ~kill) | read;
    }
}

/* Whether operator `late` has to wait for `early`, by way of others between them. */
static bool waits_for(const graph_view *view, size_t late, size_t early) {
    const flat_op *flat = &view->ops[late];
    for (size_t d = 0; d < flat->dependency_count; d++)
        if (flat->dependencies[d] == early ||
            (flat->dependencies[d] > early && waits_for(view, flat->dependencies[d], early)))
            return true;
    return false;
}

/* Operators on several streams may run at once, so that what they touch must lie apart, whatever their order. A branch
 * is a few operators long. */
static void find_concurrent_conflicts(const memory_plan *plan, const graph_view *view, register_set *conflicts) {
    enum { BRANCHES_LENGTH = 8 };
    for (size_t i = 0; i < view->count; i++) {
        for (size_t j = i > BRANCHES_LENGTH ? i - BRANCHES_LENGTH : 0; j < i; j++) {
            bool one_stream = view->ops[i].node->stream == view->ops[j].node->stream;
            if (one_stream || waits_for(view, i, j))
                continue;
            register_set read[2], write[2], kill[2];
            accesses(plan, &view->ops[i], &read[0], &write[0], &kill[0]);
            accesses(plan, &view->ops[j], &read[1], &write[1], &kill[1]);
            register_set both = read[0] | write[0] | read[1] | write[1];
            for (int32_t r = 0; r < (int32_t)plan->graph->register_count; r++)
                if (both & one(r))
                    conflicts[r] |= both;
        }
    }
}

/* First fit, the largest first: the lowest place that no register apart from this one overlaps. */
static void place_activations(memory_plan *plan, const register_set *conflicts, size_t begin_bytes) {
    const graph *g = plan->graph;
    register_set placed = 0;
    for (;;) {
        int32_t next = REGISTER_NONE;
        for (int32_t r = 0; r < (int32_t)g->register_count; r++)
            if (g->registers[r].kind == REGISTER_ACTIVATION && !(placed & one(r)) &&
                (next == REGISTER_NONE || plan->register_bytes[r] > plan->register_bytes[next]))
                next = r;
        if (next == REGISTER_NONE)
            return;
        size_t place = 0;
        for (bool moved = true; moved;) {
            moved = false;
            for (int32_t r = 0; r < (int32_t)g->register_count; r++) {
                bool apart = (placed & one(r)) && (conflicts[next] & one(r));
                size_t first = plan->register_offset_bytes[r] - begin_bytes, end = first + plan->register_bytes[r];
                if (apart && place < end && first < place + plan->register_bytes[next]) {
                    place = end;
                    moved = true;
                }
            }
        }
        plan->register_offset_bytes[next] = begin_bytes + place;
        placed |= one(next);
        plan->activation_bytes_apart += plan->register_bytes[next];
        if (place + plan->register_bytes[next] > plan->activation_bytes)
            plan->activation_bytes = place + plan->register_bytes[next];
    }
}

/* ---- the plan ---- */

static int64_t cache_layers(const graph *g, int32_t reg) {
    int64_t layers = 0;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            for (size_t j = 0; g->phases[p].nodes[n].operands && j < OPERANDS_MAX; j++)
                if (g->phases[p].nodes[n].operands[j].reg == reg && phase_layers_of(&g->phases[p], n) > layers)
                    layers = phase_layers_of(&g->phases[p], n);
    return layers;
}

static void place_fixed(memory_plan *plan) {
    const graph *g = plan->graph;
    size_t place = plan->weight_bytes;
    for (size_t r = 0; r < g->register_count; r++) {
        if (g->registers[r].kind != REGISTER_CACHE)
            continue;
        plan->register_offset_bytes[r] = place;
        size_t bytes = plan->register_bytes[r] * (size_t)cache_layers(g, (int32_t)r);
        plan->cache_bytes += bytes;
        place += bytes;
    }
    for (size_t r = 0; r < g->register_count; r++) {
        register_kind kind = g->registers[r].kind;
        if (kind == REGISTER_CACHE || kind == REGISTER_ACTIVATION)
            continue;
        plan->register_offset_bytes[r] = place;
        plan->input_bytes += plan->register_bytes[r];
        place += plan->register_bytes[r];
    }
}

status memory_plan_make(arena *a, const graph *g, const scenario *s, memory_plan *out, error *err) {
    *out = (memory_plan){.graph = g, .scenario = s};
    if (graph_can_run(g, s, err) != STATUS_OK)
        return STATUS_BAD_INPUT;
    double longest = s->values[SCENARIO_PROMPT_TOKENS] + s->values[SCENARIO_DECODE_STEPS];
    out->cache_tokens = (int64_t)fmax(longest, s->values[SCENARIO_KV_RESERVED]);
    if (g->page_tokens > 0) { /* whole pages */
        out->cache_pages = (out->cache_tokens + g->page_tokens - 1) / g->page_tokens;
        out->cache_tokens = out->cache_pages * g->page_tokens;
    }
    memory_plan_weights(a, out);
    register_set conflicts[REGISTERS_MAX] = {0};
    arena scratch = {0};
    for (size_t p = 0; p < g->phase_count; p++) {
        int64_t steps = (int64_t)s->values[g->phases[p].steps];
        if (steps < 1 || !phase_is_bound(&g->phases[p]))
            continue;
        const int64_t sized[] = {0, steps - 1}; /* dimensions are linear in the step: the ends are the largest */
        for (size_t i = 0; i < 2; i++) {
            graph_view view = graph_at(g, p, s, sized[i], &scratch);
            size_registers(out, &view);
            find_conflicts(out, &view, conflicts);
            find_concurrent_conflicts(out, &view, conflicts);
        }
    }
    arena_free(&scratch);
    place_fixed(out);
    size_t begin = out->weight_bytes + out->cache_bytes + out->input_bytes;
    place_activations(out, conflicts, begin);
    out->total_bytes = begin + out->activation_bytes;
    return STATUS_OK;
}
