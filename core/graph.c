#include "core/graph.h"

#include <assert.h>
#include <stdio.h>

double dim_evaluate(const dim_expression *e, const scenario *s, int64_t step, int64_t layer) {
    double value = e->constant + e->per_step * scenario_progress(s, step) + e->per_layer * (double)layer +
                   e->per_variable * s->values[e->variable];
    return e->most > 0 && value > e->most ? e->most : value;
}

static op with_dims(op o, const graph_node *node, const scenario *s, int64_t step, int64_t layer) {
    for (size_t i = 0; i < node->dim_count; i++)
        op_param_set(&o, node->dims[i].param, dim_evaluate(&node->dims[i].value, s, step, layer));
    return o;
}

op node_op_at(const graph_node *node, const scenario *s, int64_t step, int64_t layer) {
    return with_dims(node->op, node, s, step, layer);
}

op node_alternative_at(const graph_node *node, size_t alternative, const scenario *s, int64_t step, int64_t layer) {
    assert(alternative < node->alternative_count);
    return with_dims(node->alternatives[alternative], node, s, step, layer);
}

bool node_varies_with_step(const graph_node *node) {
    for (size_t i = 0; i < node->dim_count; i++)
        if (node->dims[i].value.per_step != 0)
            return true;
    return false;
}

int64_t graph_segment_repetitions(const graph_segment *segment, const scenario *s) {
    return segment->layers * (int64_t)s->values[segment->repeats];
}

static size_t flat_count(const graph_phase *phase, const scenario *s) {
    size_t count = 0;
    for (size_t i = 0; i < phase->segment_count; i++)
        count += phase->segments[i].node_count * (size_t)graph_segment_repetitions(&phase->segments[i], s);
    return count;
}

/* The flat index of dependency `target` for node `index` of the repetition that starts at `base`. A dependency on the
 * previous repetition of the first one, or on a node of an earlier segment, is met by that segment's last repetition;
 * `last_of` holds, for each node, its latest flat index so far. */
static size_t resolve_dependency(const graph_segment *segment, size_t base, int64_t layer, size_t index, int32_t target,
                                 const size_t *last_of) {
    size_t first = segment->first_node, wanted = (size_t)target;
    bool inside = wanted >= first && wanted < first + segment->node_count;
    if (!inside)
        return last_of[wanted];
    if (wanted < index)
        return base + (wanted - first);
    if (layer > 0)
        return base - segment->node_count + (wanted - first);
    assert(base > 0); /* graph_check: the first repetition of the first segment has no previous one */
    return base - 1;
}

graph_view graph_at(const graph *g, size_t phase_index, const scenario *s, int64_t step, arena *memory) {
    assert(phase_index < g->phase_count);
    const graph_phase *phase = &g->phases[phase_index];
    graph_view view = {.phase = phase, .step = step};
    view.ops = ARENA_ARRAY(memory, flat_op, flat_count(phase, s));
    size_t *last_of = ARENA_ARRAY(memory, size_t, phase->node_count);
    for (size_t si = 0; si < phase->segment_count; si++) {
        const graph_segment *segment = &phase->segments[si];
        int64_t repetitions = graph_segment_repetitions(segment, s);
        for (int64_t layer = 0; layer < repetitions; layer++) {
            size_t base = view.count;
            for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
                const graph_node *node = &phase->nodes[n];
                flat_op *flat = &view.ops[view.count];
                *flat = (flat_op){.op = node_op_at(node, s, step, layer), .node = node, .layer = layer};
                for (size_t d = 0; d < node->dependency_count; d++)
                    flat->dependencies[flat->dependency_count++] =
                        resolve_dependency(segment, base, layer, n, node->dependencies[d], last_of);
                if (node->dependency_count == 0 && view.count > 0)
                    flat->dependencies[flat->dependency_count++] = view.count - 1;
                last_of[n] = view.count++;
            }
        }
    }
    return view;
}

/* ---- memory ---- */

/* Of attention that is written out: a matrix before and after its softmax. */
static double scores_bytes(const attention_params *p) {
    if (p->backend != attention_backend_naive)
        return 0;
    return (double)p->batch * (double)p->heads * (double)p->q_len * (double)p->kv_len * dtype_bytes(p->dtype);
}

/* Bytes of activations that live while a node runs: its inputs and outputs, caches apart. */
static double working_set_bytes(const op *o) {
    op_work work = op_work_of(o);
    switch (o->kind) {
    case OP_attention: /* reads are mostly the cache; queries are as large as the output */
        return 2 * work.write_bytes + 2 * scores_bytes(&o->as.attention);
    case OP_kv_append: /* writes the cache */
        return work.read_bytes;
    default: /* a concatenation's result is the second copy of one layer's cache */
        return work.read_bytes + work.write_bytes;
    }
}

/* One tensor of the stream that blocks add to, which lives while they run; 0 for operators that tell nothing of it. */
static double stream_bytes(const op *o) {
    switch (o->kind) {
    case OP_add:
        return (double)o->as.add.rows * (double)o->as.add.cols * dtype_bytes(o->as.add.dtype);
    case OP_rmsnorm:
        return (double)o->as.rmsnorm.rows * (double)o->as.rmsnorm.cols * dtype_bytes(o->as.rmsnorm.dtype);
    case OP_layernorm:
        return (double)o->as.layernorm.rows * (double)o->as.layernorm.cols * dtype_bytes(o->as.layernorm.dtype);
    default:
        return 0;
    }
}

/* The largest operator's inputs and outputs, and the stream beside them. */
static double phase_activation_bytes(const graph_phase *phase, const scenario *s, int64_t step) {
    double largest = 0, stream = 0;
    for (size_t n = 0; n < phase->node_count; n++) {
        op o = node_op_at(&phase->nodes[n], s, step, 0);
        double bytes = working_set_bytes(&o), beside = stream_bytes(&o);
        largest = bytes > largest ? bytes : largest;
        stream = beside > stream ? beside : stream;
    }
    return largest + stream;
}

graph_memory graph_memory_of(const graph *g, const scenario *s) {
    graph_memory memory = {.weight_bytes = g->weight_bytes};
    for (size_t i = 0; i < g->state_count; i++)
        memory.kv_bytes += g->states[i].unit_bytes * s->values[g->states[i].units];
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        int64_t last_step = (int64_t)s->values[phase->steps] - 1;
        if (last_step < 0)
            continue;
        double bytes = phase_activation_bytes(phase, s, last_step);
        memory.activation_bytes = bytes > memory.activation_bytes ? bytes : memory.activation_bytes;
    }
    memory.total_bytes = memory.weight_bytes + memory.kv_bytes + memory.activation_bytes;
    return memory;
}

/* ---- checks ---- */

static status check_node(const graph_phase *phase, size_t index, const scenario *s, error *err) {
    const graph_node *node = &phase->nodes[index];
    for (size_t d = 0; d < node->dependency_count; d++)
        if (node->dependencies[d] < 0 || (size_t)node->dependencies[d] >= phase->node_count)
            return error_set(err, STATUS_BAD_INPUT, "%s/%s: dependency %d is no node", phase->name, node->id,
                             node->dependencies[d]);
    for (size_t i = 0; i < node->alternative_count; i++)
        if (node->alternatives[i].kind != node->op.kind)
            return error_set(err, STATUS_BAD_INPUT, "%s/%s: alternative %zu is of another kind", phase->name, node->id,
                             i);
    int64_t steps = (int64_t)s->values[phase->steps];
    int64_t checked[] = {0, steps - 1};
    for (size_t i = 0; i < 2 && steps > 0; i++) {
        op o = node_op_at(node, s, checked[i], 0);
        error inner;
        if (op_check(&o, &inner) != STATUS_OK)
            return error_set(err, STATUS_BAD_INPUT, "%s/%s at step %lld: %s", phase->name, node->id,
                             (long long)checked[i], inner.text);
    }
    return STATUS_OK;
}

status graph_check(const graph *g, const scenario *s, error *err) {
    for (size_t p = 0; p < g->phase_count; p++) {
        const graph_phase *phase = &g->phases[p];
        size_t covered = 0;
        for (size_t i = 0; i < phase->segment_count; i++) {
            const graph_segment *segment = &phase->segments[i];
            if (segment->first_node != covered || segment->layers < 1 || segment->node_count < 1)
                return error_set(err, STATUS_BAD_INPUT, "%s: segment %zu does not follow the one before", phase->name,
                                 i);
            covered += segment->node_count;
        }
        if (covered != phase->node_count)
            return error_set(err, STATUS_BAD_INPUT, "%s: segments cover %zu of %zu nodes", phase->name, covered,
                             phase->node_count);
        for (size_t n = 0; n < phase->node_count; n++)
            if (check_node(phase, n, s, err) != STATUS_OK)
                return STATUS_BAD_INPUT;
    }
    return STATUS_OK;
}
