#include "core/dataflow.h"

#include "core/base/hash.h"
#include "core/base/random.h"

#include <assert.h>
#include <math.h>
#include <string.h>

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

/* Sized and laid out by its operand, 4 bytes an element. */
static bool register_is_vector(register_kind kind) {
    return register_is_input(kind) || kind == REGISTER_TOKENS;
}

static double element_bytes(const graph_register *r) {
    return register_is_vector(r->kind) ? (double)sizeof(int32_t) : dtype_bytes(r->type);
}

static size_t aligned(double bytes) {
    return (size_t)ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
}

/* ---- walking the nodes of all phases ---- */

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

static int64_t layers_of(const graph_phase *phase, size_t node) {
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        if (node >= segment->first_node && node < segment->first_node + segment->node_count)
            return segment->layers;
    }
    return 1;
}

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

/* ---- weights ---- */

/* So that activations keep their size through the layers: a sum of k products of variance-1 inputs has variance 1 when
 * the weights' is 1 / k, and uniform numbers of [-s, s] have variance s^2 / 3. */
static weight_fill fill_of(const graph_node *node, const op *o, int operand_index, const operand *item) {
    if (o->kind == OP_gemm) {
        double spread = sqrt(3 / (double)o->as.gemm.k);
        data_type type = o->as.gemm.weights_dtype;
        double levels = type == DTYPE_int8 ? 127 : type == DTYPE_int4 ? 7 : 0;
        if (operand_index == OPERAND_gemm_b_scales) /* fp8 values reach 1, levels reach `levels` */
            return (weight_fill){.base = (float)(levels > 0 ? spread / levels : spread)};
        if (levels > 0)
            return (weight_fill){.spread = (float)levels};
        return (weight_fill){.spread = type == DTYPE_fp8 ? 1 : (float)spread};
    }
    if (o->kind == OP_rope)
        return (weight_fill){.rotary = true, .theta = node->rope_theta};
    if (o->kind == OP_embedding)
        return (weight_fill){.spread = 1};
    if (strcmp(item->name, "bias") == 0)
        return (weight_fill){.spread = 0.1f};
    return (weight_fill){.base = 1, .spread = 0.1f}; /* norms */
}

static const char *weight_name(const graph_node *node) {
    return node->weight_id ? node->weight_id : node->id;
}

static int32_t find_weight(const memory_plan *plan, const char *node, const char *operand_name) {
    for (size_t i = 0; i < plan->weight_count; i++)
        if (strcmp(plan->weights[i].node, node) == 0 && strcmp(plan->weights[i].operand_name, operand_name) == 0)
            return (int32_t)i;
    return REGISTER_NONE;
}

/* Layers that a weight has: a node may use but some of them (drafts, and the verification behind them). */
static int64_t layers_of_weight(const graph *g, const char *name) {
    int64_t layers = 0;
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++) {
            const graph_node *node = &g->phases[p].nodes[n];
            int64_t end = node->first_layer + layers_of(&g->phases[p], n);
            if (strcmp(weight_name(node), name) == 0 && end > layers)
                layers = end;
        }
    }
    return layers;
}

static uint64_t weight_stream(const graph_node *node, const operand *item) {
    const char *name = weight_name(node);
    uint64_t hash = hash_fnv1a64(HASH_FNV1A64_BASIS, name, strlen(name) + 1);
    return hash_mix64(hash_fnv1a64(hash, item->name, strlen(item->name)));
}

static int32_t add_weight(memory_plan *plan, const graph_node *node, const op *o, int index, const operand *item) {
    int32_t known = find_weight(plan, weight_name(node), item->name);
    if (known != REGISTER_NONE)
        return known;
    int64_t layers = layers_of_weight(plan->graph, weight_name(node));
    plan_weight *w = &plan->weights[plan->weight_count];
    *w = (plan_weight){
        .node = weight_name(node),
        .operand_name = item->name,
        .item = *item,
        .fill = fill_of(node, o, index, item),
        .offset_bytes = plan->weight_bytes,
        .layer_stride_bytes = aligned((double)operand_bytes(item)),
        .layers = layers,
        .stream = weight_stream(node, item),
    };
    plan->weight_bytes += w->layer_stride_bytes * (size_t)layers;
    return (int32_t)plan->weight_count++;
}

static void collect_weights(arena *a, memory_plan *plan) {
    const graph *g = plan->graph;
    for (size_t p = 0; p < g->phase_count; p++)
        plan->node_total += g->phases[p].node_count;
    plan->weights = ARENA_ARRAY(a, plan_weight, plan->node_total * OPERANDS_MAX);
    plan->node_weights = ARENA_ARRAY(a, int32_t, plan->node_total * OPERANDS_MAX);
    size_t number = 0;
    for (size_t p = 0; p < g->phase_count; p++) {
        for (size_t n = 0; n < g->phases[p].node_count; n++, number++) {
            const graph_node *node = &g->phases[p].nodes[n];
            op o = node_op_at(node, plan->scenario, 0, 0);
            operand_list list;
            operands_of(&o, &list);
            for (size_t i = 0; i < OPERANDS_MAX; i++) {
                bool weight =
                    node->operands && i < list.count && operand_present(&list.at[i]) && list.at[i].role == ROLE_WEIGHT;
                plan->node_weights[number * OPERANDS_MAX + i] =
                    weight ? add_weight(plan, node, &o, (int)i, &list.at[i]) : REGISTER_NONE;
            }
        }
    }
}

double weight_element(const memory_plan *plan, const plan_weight *w, int64_t index) {
    if (w->fill.rotary)
        return pow(w->fill.theta, -(double)(index % w->item.cols) / (double)w->item.cols);
    /* 24 random bits: exact in fp32, so that a GPU computes the same numbers. */
    uint64_t bits = random_bits(plan->scenario->seed, w->stream, (uint64_t)index) >> 40;
    float u = (float)bits * 0x1p-23f - 1;
    float value = w->fill.spread * u;
    if (w->item.type == DTYPE_int8 || w->item.type == DTYPE_int4)
        return nearbyintf(value);
    return w->fill.base + value;
}

/* ---- registers ---- */

static int32_t bound_register(const operand_binding *binding, int64_t layer) {
    return layer == 0 && binding->first_reg != REGISTER_NONE ? binding->first_reg : binding->reg;
}

/* Rows of the operand in a row of the register. */
static int64_t rows_together(const operand_binding *binding, const operand *item) {
    return binding->width > item->cols ? binding->width / item->cols : 1;
}

static double rows_wanted(const memory_plan *plan, const graph_register *r, const operand_binding *binding,
                          const operand *item) {
    if (r->kind == REGISTER_CACHE)
        return plan->scenario->values[SCENARIO_BATCH] * (double)plan->cache_tokens;
    if (r->kind == REGISTER_PAGES)
        return plan->scenario->values[SCENARIO_BATCH] * (double)plan->cache_pages;
    double blocks = (double)(binding->block + 1);
    if (register_is_vector(r->kind))
        return blocks * (double)operand_elements(item);
    return blocks * (double)(item->blocks * item->rows) / (double)rows_together(binding, item);
}

static void size_registers(memory_plan *plan, const graph_view *view) {
    for (size_t i = 0; i < view->count; i++) {
        const flat_op *flat = &view->ops[i];
        operand_list list;
        operands_of(&flat->op, &list);
        for (size_t j = 0; j < list.count && flat->node->operands; j++) {
            int32_t reg = bound_register(&flat->node->operands[j], flat->layer);
            if (reg == REGISTER_NONE || !operand_present(&list.at[j]))
                continue;
            const graph_register *r = &plan->graph->registers[reg];
            double bytes =
                rows_wanted(plan, r, &flat->node->operands[j], &list.at[j]) * (double)r->cols * element_bytes(r);
            if (aligned(bytes) > plan->register_bytes[reg])
                plan->register_bytes[reg] = aligned(bytes);
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
        int32_t reg = bound_register(binding, flat->layer);
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
                if (g->phases[p].nodes[n].operands[j].reg == reg && layers_of(&g->phases[p], n) > layers)
                    layers = layers_of(&g->phases[p], n);
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
    collect_weights(a, out);
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

/* ---- views ---- */

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
    int64_t together = rows_together(binding, &v->item);
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
    v->offset_bytes += (size_t)((double)column * element_bytes(r));
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
        int32_t reg = binding ? bound_register(binding, flat->layer) : REGISTER_NONE;
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

/* ---- inputs ---- */

/* Streams of random numbers that no weight has: token ids', by prompt; and each step's draws, below them. */
static const uint64_t TOKEN_STREAM = UINT64_MAX, DRAW_STREAM = UINT64_MAX - 16;

static double vocabulary_of(const graph *g) {
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            if (g->phases[p].nodes[n].op.kind == OP_embedding)
                return (double)g->phases[p].nodes[n].op.as.embedding.table_rows;
    return 1;
}

/* Pages are dealt out piece by piece to one sequence after the other, so that a sequence's own lie apart. */
static int64_t page_of(const memory_plan *plan, int64_t sequence, int64_t piece) {
    return piece * (int64_t)plan->scenario->values[SCENARIO_BATCH] + sequence;
}

/* Where a token is kept: the first in their places, the last in turn. */
static int64_t kept_place(const graph *g, int64_t position) {
    if (g->kept_last == 0 || position < g->kept_first)
        return position;
    return g->kept_first + (position - g->kept_first) % g->kept_last;
}

static int64_t cache_row(const memory_plan *plan, int64_t sequence, int64_t token) {
    int64_t position = kept_place(plan->graph, token);
    int64_t page = plan->graph->page_tokens;
    if (page == 0)
        return sequence * plan->cache_tokens + position;
    return page_of(plan, sequence, position / page) * page + position % page;
}

/* A token id is its position's, so that it is the same whichever step brings it. */
static int32_t token_at(const memory_plan *plan, const graph_register *r, int64_t sequence, int64_t position) {
    static const int POSITION_BITS = 32;
    uint64_t index = (uint64_t)sequence << POSITION_BITS | (uint64_t)position;
    return (int32_t)(random_uniform(plan->scenario->seed, TOKEN_STREAM - r->draw, index) * vocabulary_of(plan->graph));
}

static void fill_tokens(const memory_plan *plan, const graph_register *r, bool prefill, int64_t step, int32_t *out) {
    const scenario *s = plan->scenario;
    int64_t prompt = (int64_t)s->values[SCENARIO_PROMPT_TOKENS], batch = (int64_t)s->values[SCENARIO_BATCH];
    int64_t tokens = prefill ? prompt : r->queries > 0 ? r->queries : 1;
    int64_t first = prefill ? 0 : prompt + (int64_t)scenario_progress(s, step) - r->behind;
    for (int64_t i = 0; i < batch * tokens; i++) {
        int64_t sequence = r->token_major ? i % batch : i / tokens;
        int64_t position = first + (r->token_major ? i / batch : i % tokens);
        if (r->kind == REGISTER_POSITIONS)
            out[i] = (int32_t)position;
        else if (r->kind == REGISTER_SLOTS)
            out[i] = (int32_t)cache_row(plan, sequence, position);
        else
            out[i] = token_at(plan, r, sequence, position);
    }
}

/* Uniforms, and tokens that sequences have seen. */
static void fill_draws(const memory_plan *plan, size_t reg, bool prefill, int64_t step, int32_t *out) {
    bool uniforms = plan->graph->registers[reg].kind == REGISTER_UNIFORMS;
    uint64_t stream = DRAW_STREAM - (prefill ? 0 : (uint64_t)step + 1);
    double vocabulary = vocabulary_of(plan->graph);
    for (size_t i = 0; i < plan->register_bytes[reg] / sizeof(int32_t); i++) {
        double u = random_uniform(plan->scenario->seed, stream, i);
        float uniform = (float)(u * (1 - 0x1p-24)); /* below 1 in fp32 too */
        if (uniforms)
            memcpy(&out[i], &uniform, sizeof uniform);
        else
            out[i] = (int32_t)(u * vocabulary);
    }
}

static void fill_pages(const memory_plan *plan, int32_t *out) {
    int64_t batch = (int64_t)plan->scenario->values[SCENARIO_BATCH];
    for (int64_t i = 0; i < batch * plan->cache_pages; i++)
        out[i] = (int32_t)page_of(plan, i / plan->cache_pages, i % plan->cache_pages);
}

void memory_plan_input(const memory_plan *plan, size_t reg, bool prefill, int64_t step, int32_t *out) {
    const graph_register *r = &plan->graph->registers[reg];
    if (r->kind == REGISTER_PAGES)
        fill_pages(plan, out);
    else if (r->kind == REGISTER_UNIFORMS || r->kind == REGISTER_SEEN)
        fill_draws(plan, reg, prefill, step, out);
    else if (!prefill || r->queries == 0)
        fill_tokens(plan, r, prefill, step, out);
}
