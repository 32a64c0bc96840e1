/* Registers and their bindings, and whether a graph can be run. */
#include "core/dataflow_private.h"

#include <assert.h>
#include <math.h>

operand_binding *operand_bindings_new(arena *a) {
    operand_binding *bindings = ARENA_ARRAY(a, operand_binding, OPERANDS_MAX);
    for (size_t i = 0; i < OPERANDS_MAX; i++)
        bindings[i] = (operand_binding){.reg = REGISTER_NONE, .first_reg = REGISTER_NONE};
    return bindings;
}

bool register_is_input(register_kind kind) {
    return kind == REGISTER_PROMPT || kind == REGISTER_POSITIONS || kind == REGISTER_SLOTS || kind == REGISTER_SEEN ||
           kind == REGISTER_UNIFORMS || kind == REGISTER_PAGES;
}

bool register_is_vector(register_kind kind) {
    return register_is_input(kind) || kind == REGISTER_TOKENS;
}

double register_element_bytes(const graph_register *r) {
    return register_is_vector(r->kind) ? (double)sizeof(int32_t) : dtype_bytes(r->type);
}

int32_t binding_register(const operand_binding *binding, int64_t layer) {
    return layer == 0 && binding->first_reg != REGISTER_NONE ? binding->first_reg : binding->reg;
}

int64_t binding_rows_together(const operand_binding *binding, const operand *item) {
    return binding->width > item->cols ? binding->width / item->cols : 1;
}

size_t memory_aligned(double bytes) {
    return (size_t)ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
}

int64_t phase_layers_of(const graph_phase *phase, size_t node) {
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        if (node >= segment->first_node && node < segment->first_node + segment->node_count)
            return segment->layers;
    }
    return 1;
}

/* ---- what can be run ---- */

bool phase_is_bound(const graph_phase *phase) {
    for (size_t n = 0; n < phase->node_count; n++)
        if (phase->nodes[n].operands)
            return true;
    return false;
}

/* A register of one type, read or written as another, would be other numbers. */
static status check_types(const graph *g, const graph_node *node, const scenario *s, error *err) {
    op o = node_op_at(node, s, 0, 0);
    operand_list list;
    operands_of(&o, &list);
    for (size_t i = 0; i < list.count; i++) {
        int32_t reg = node->operands[i].reg;
        if (reg == REGISTER_NONE || !operand_present(&list.at[i]) || register_is_vector(g->registers[reg].kind))
            continue;
        if (list.at[i].type != g->registers[reg].type)
            return error_set(err, STATUS_BAD_INPUT, "%s cannot be run: %s takes %s as %s, which is kept as %s", g->name,
                             node->id, list.at[i].name, dtype_name(list.at[i].type),
                             dtype_name(g->registers[reg].type));
    }
    return STATUS_OK;
}

static status check_phase(const graph *g, const graph_phase *phase, const scenario *s, error *err) {
    for (size_t n = 0; n < phase->node_count; n++) {
        const graph_node *node = &phase->nodes[n];
        bool computes = node->op.kind != OP_sync && node->op.kind != OP_host_call;
        if (computes && !node->operands)
            return error_set(err, STATUS_BAD_INPUT, "%s cannot be run: operands of %s/%s are not bound", g->name,
                             phase->name, node->id);
        if (computes && check_types(g, node, s, err) != STATUS_OK)
            return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}

status graph_can_run(const graph *g, const scenario *s, error *err) {
    if (g->predicted_only)
        return error_set(err, STATUS_BAD_INPUT, "%s", g->predicted_only);
    if (g->register_count == 0)
        return error_set(err, STATUS_BAD_INPUT, "%s is predicted only: its operands are not bound", g->name);
    assert(g->register_count <= REGISTERS_MAX);
    double kept = (double)(g->kept_first + g->kept_last);
    if (kept > 0 && s->values[SCENARIO_PROMPT_TOKENS] > kept)
        return error_set(err, STATUS_BAD_INPUT,
                         "a prompt of %.0f tokens does not fit in the %.0f that are kept, which is predicted only",
                         s->values[SCENARIO_PROMPT_TOKENS], kept);
    for (size_t p = 0; p < g->phase_count; p++)
        if (phase_is_bound(&g->phases[p]) && check_phase(g, &g->phases[p], s, err) != STATUS_OK)
            return STATUS_BAD_INPUT;
    return STATUS_OK;
}
