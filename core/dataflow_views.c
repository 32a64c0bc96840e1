/* Operands of one operator of a step: where they begin and how their rows lie. */
#include "core/dataflow_private.h"

#include <assert.h>

/* A node's position over all phases, for tables by node. */
static size_t node_number(const graph *g, const graph_node *node) {
    size_t number = 0;
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        if (node >= phase->nodes && node < phase->nodes + phase->node_count)
            return number + (size_t)(node - phase->nodes);
        number += phase->node_count;
    }
    assert(!"a node of another graph");
    return 0;
}

/* Rows that lie token after token, as blocks of one sequence each. */
static void view_by_sequence(const memory_plan *plan, bool vector, tensor_view *v) {
    int64_t batch = (int64_t)plan->scenario->values[SCENARIO_BATCH];
    if (vector) { /* a row a sequence, an element a token */
        v->item.blocks = v->item.rows;
        v->item.rows = v->item.cols;
        v->item.cols = 1;
    } else {
        v->item.blocks = batch;
        v->item.rows /= batch;
    }
    v->row_stride = batch * v->item.cols;
    v->block_stride = v->item.cols;
}

static void view_register(const memory_plan *plan, const flat_op *flat, const operand_binding *binding, int32_t reg,
                          tensor_view *v) {
    const graph_register *r = &plan->graph->registers[reg];
    bool vector = register_is_vector(r->kind);
    int64_t prompt = (int64_t)plan->scenario->values[SCENARIO_PROMPT_TOKENS];
    int64_t column = binding->column + binding->block * operand_elements(&v->item);
    v->row_stride = r->cols;
    v->block_stride = v->item.rows * r->cols;
    v->offset_bytes = plan->register_offset_bytes[reg];
    if (r->kind == REGISTER_CACHE) {
        v->offset_bytes += plan->register_bytes[reg] * (size_t)(flat->node->first_layer + flat->layer);
        if (v->item.blocks > 1)
            v->block_stride = plan->cache_tokens * r->cols;
    }
    int64_t together = binding_rows_together(binding, &v->item);
    if (together > 1) { /* a block a row of the register */
        v->item.blocks = v->item.rows / together;
        v->item.rows = together;
        v->row_stride = v->item.cols;
        v->block_stride = r->cols;
    }
    if (binding->last_tokens) {
        int64_t tokens = binding->tokens > 0 ? binding->tokens : prompt;
        column += (tokens - 1) * r->cols;
        v->row_stride = tokens * r->cols;
    }
    if (r->kind == REGISTER_PAGES) {
        v->row_stride = plan->cache_pages;
    } else if (vector) {
        /* Several tokens a sequence, of which the operand may want the first alone. */
        v->row_stride = r->queries > v->item.cols && v->item.rows > 1 ? r->queries : v->item.cols;
        v->block_stride = v->item.rows * v->item.cols;
    }
    if (binding->token_major && r->token_major)
        view_by_sequence(plan, vector, v);
    v->offset_bytes += (size_t)((double)column * register_element_bytes(r));
    bool rows_apart = v->item.rows > 1 && v->row_stride != v->item.cols;
    bool blocks_apart = v->item.blocks > 1 && v->block_stride != v->item.rows * v->item.cols;
    v->gathered = !v->item.strided && (rows_apart || blocks_apart);
}

double operands_packed_bytes(const graph *g, const scenario *s, const graph_node *node, const op *o) {
    const memory_plan nowhere = {.graph = g, .scenario = s};
    flat_op flat = {.op = *o, .node = node};
    operand_list list;
    operands_of(o, &list);
    double bytes = 0;
    for (size_t i = 0; node->operands && i < list.count; i++) {
        const operand_binding *binding = &node->operands[i];
        if (binding->reg == REGISTER_NONE || !operand_present(&list.at[i]) ||
            g->registers[binding->reg].kind != REGISTER_ACTIVATION)
            continue;
        tensor_view v = {.item = list.at[i]};
        view_register(&nowhere, &flat, binding, binding->reg, &v);
        bytes += v.gathered ? (double)operand_bytes(&v.item) : 0;
    }
    return bytes;
}

void memory_plan_views(const memory_plan *plan, const flat_op *flat, op_views *out) {
    operand_list list;
    operands_of(&flat->op, &list);
    *out = (op_views){.count = list.count};
    size_t number = node_number(plan->graph, flat->node);
    for (size_t i = 0; i < list.count; i++) {
        tensor_view *v = &out->at[i];
        v->item = list.at[i];
        v->packed_row_stride = v->item.cols;
        int32_t weight = plan->node_weights[number * OPERANDS_MAX + i];
        const operand_binding *binding = flat->node->operands ? &flat->node->operands[i] : NULL;
        int32_t reg = binding ? binding_register(binding, flat->layer) : REGISTER_NONE;
        v->present = operand_present(&v->item) && (weight != REGISTER_NONE || reg != REGISTER_NONE);
        if (!v->present)
            continue;
        if (reg != REGISTER_NONE) {
            view_register(plan, flat, binding, reg, v);
            continue;
        }
        const plan_weight *w = &plan->weights[weight];
        int64_t layer = w->layers > 1 ? flat->node->first_layer + flat->layer : 0;
        v->offset_bytes = w->offset_bytes + w->layer_stride_bytes * (size_t)layer;
        v->row_stride = v->item.cols;
        v->block_stride = v->item.rows * v->item.cols;
    }
}
