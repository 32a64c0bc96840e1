#include "workloads/parallel.h"

#include "workloads/decoder.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Framework calls behind a collective. */
static const double COLLECTIVE_CALLS = 6;
static const double TOKEN_BYTES = 8; /* int64, as PyTorch keeps them */

static bool divides(double parts, double whole) {
    return fmod(whole, parts) == 0;
}

static status refuse(const model *m, const char *key, double parts, const char *what, double whole, error *err) {
    return error_set(err, STATUS_NEGATIVE, "not applicable: %s=%.0f does not divide the %.0f %s of %s", key, parts,
                     whole, what, m->name);
}

status rank_model(const model *m, const levers *l, model *out, error *err) {
    *out = *m;
    if (!divides(l->tp, m->heads))
        return refuse(m, "tp", l->tp, "heads", m->heads, err);
    if (!divides(l->tp, m->ffn))
        return refuse(m, "tp", l->tp, "columns of the FFN", m->ffn, err);
    if (!divides(l->tp, m->kv_heads) && !divides(m->kv_heads, l->tp))
        return refuse(m, "tp", l->tp, "key-value heads", m->kv_heads, err);
    if (l->pp > m->layers)
        return error_set(err, STATUS_NEGATIVE, "not applicable: %s has %.0f layers, fewer than pp=%.0f", m->name,
                         m->layers, l->pp);
    if (l->ep > 1 && m->experts == 0)
        return error_set(err, STATUS_NEGATIVE, "not applicable: %s has no experts to split", m->name);
    if (l->ep > 1 && !divides(l->ep, m->experts))
        return refuse(m, "ep", l->ep, "experts", m->experts, err);
    out->heads = m->heads / l->tp;
    out->kv_heads = fmax(1, m->kv_heads / l->tp); /* more ranks than heads: several hold the same */
    out->ffn = m->ffn / l->tp;
    out->vocabulary = ceil(m->vocabulary / l->tp);
    return STATUS_OK;
}

/* ---- rewriting a phase ---- */

/* Whether a node's id is `name`, whatever follows a dot. */
static bool is_named(const graph_node *node, const char *name) {
    size_t length = strcspn(node->id, ".");
    return strlen(name) == length && strncmp(node->id, name, length) == 0;
}

static bool is_one_of(const graph_node *node, const char *const *names) {
    for (; *names; names++)
        if (is_named(node, *names))
            return true;
    return false;
}

/* A collective over `elements` a row of the rows that `like` has (its first dimension that varies). */
static graph_node collective_after(graph *g, const graph_node *like, collective_pattern pattern, double ranks,
                                   double row_bytes, const char *id) {
    const char *dot = strchr(like->id, '.');
    graph_node node = {
        .id = dot ? arena_printf(g->memory, "%s%s", id, dot) : id,
        .op = {.kind = OP_collective,
               .as.collective = {.ranks = (int64_t)ranks, .dtype = DTYPE_bf16, .collective = pattern}},
        .category = CATEGORY_MISC,
        .host_calls = COLLECTIVE_CALLS,
    };
    assert(like->dim_count > 0);
    dim_expression bytes = like->dims[0].value;
    bytes.constant *= row_bytes, bytes.per_step *= row_bytes, bytes.per_variable *= row_bytes;
    const op_info *info = op_info_get(OP_collective);
    for (size_t i = 0; i < info->param_count; i++)
        if (strcmp(info->params[i].name, "bytes") == 0)
            node.dims[node.dim_count++] = (node_dim){.param = &info->params[i], .value = bytes};
    return node;
}

/* What follows a node on several ranks; returns whether anything does. */
static bool collective_of(graph *g, const model *rank, const levers *l, const graph_node *node, graph_node *out) {
    static const char *const partial_sums[] = {"o", "down", "combine", NULL};
    static const char *const exchanged[] = {"dispatch", "experts_down", NULL};
    double row_bytes = rank->hidden * dtype_bytes(rank->dtype);
    if (l->tp > 1 && is_named(node, "embedding")) {
        *out = collective_after(g, node, collective_pattern_all_reduce, l->tp, row_bytes, "embedding_reduce");
        return true;
    }
    if (l->tp > 1 && is_one_of(node, partial_sums)) {
        double rows = is_named(node, "combine") ? 1 / rank->experts_per_token : 1; /* summed over a token's experts */
        *out = collective_after(g, node, collective_pattern_all_reduce, l->tp, row_bytes * rows,
                                is_named(node, "o") ? "o_reduce" : "ffn_reduce");
        return true;
    }
    if (l->tp > 1 && is_named(node, "head")) {
        double logits_bytes = rank->vocabulary * l->tp * dtype_bytes(rank->dtype);
        *out = collective_after(g, node, collective_pattern_all_gather, l->tp, logits_bytes, "logits_gather");
        return true;
    }
    if (l->ep > 1 && is_one_of(node, exchanged)) {
        bool before = is_named(node, "dispatch");
        graph_node rows = *node; /* the product's rows are an expert's: its tokens are those that were dispatched */
        if (!before) {
            const graph_node *dispatch = node;
            while (!is_named(dispatch, "dispatch"))
                dispatch--;
            rows = *dispatch;
        }
        *out = collective_after(g, &rows, collective_pattern_alltoall, l->ep, row_bytes,
                                before ? "experts_scatter" : "experts_gather");
        return true;
    }
    return false;
}

/* A rank's experts: those in use, rounded up to whole ones, and a share of those stored. */
static void share_experts(graph_node *node, double ranks) {
    if (node->op.kind != OP_gemm || strncmp(node->id, "experts_", strlen("experts_")) != 0)
        return;
    node->op.as.gemm.batch /= (int64_t)ranks;
    for (size_t i = 0; i < node->dim_count; i++)
        if (strcmp(node->dims[i].param->name, "batch") == 0) {
            node->dims[i].value.per_variable /= ranks;
            node->dims[i].value.constant = 1 - 1 / ranks; /* ceil(n / ranks) of whole n, once cut to a whole number */
        }
}

typedef struct phase_copy {
    graph *g;
    graph_phase out;
} phase_copy;

static void copy_segment(phase_copy *copy, const graph_phase *from, const graph_segment *segment, int64_t layers,
                         const char *suffix, const model *rank, const levers *l) {
    graph_segment *out = &copy->out.segments[copy->out.segment_count++];
    *out = *segment;
    out->first_node = copy->out.node_count;
    out->layers = layers;
    for (size_t n = segment->first_node; n < segment->first_node + segment->node_count; n++) {
        graph_node *node = &copy->out.nodes[copy->out.node_count++];
        *node = from->nodes[n];
        if (l->ep > 1)
            share_experts(node, l->ep);
        if (node->op.kind == OP_sample) /* of all ranks' logits, gathered */
            node->op.as.sample.cols *= (int64_t)l->tp;
        if (suffix)
            node->id = arena_printf(copy->g->memory, "%s.%s", node->id, suffix);
        graph_node after;
        if (collective_of(copy->g, rank, l, &from->nodes[n], &after)) {
            if (suffix)
                after.id = arena_printf(copy->g->memory, "%s.%s", after.id, suffix);
            copy->out.nodes[copy->out.node_count++] = after;
        }
    }
    out->node_count = copy->out.node_count - out->first_node;
}

static void add_send(phase_copy *copy, const graph_node *like, double row_bytes, const char *id) {
    graph_segment *segment = &copy->out.segments[copy->out.segment_count++];
    *segment = (graph_segment){.first_node = copy->out.node_count, .node_count = 1, .layers = 1};
    copy->out.nodes[copy->out.node_count++] =
        collective_after(copy->g, like, collective_pattern_send, 2, row_bytes, id);
}

/* Any node whose first dimension is the forward's rows. */
static const graph_node *rows_node(const graph_phase *phase) {
    for (size_t n = 0; n < phase->node_count; n++)
        if (is_named(&phase->nodes[n], "embedding"))
            return &phase->nodes[n];
    return NULL;
}

static void rewrite_phase(graph *g, graph_phase *phase, const model *rank, const levers *l) {
    size_t stages = (size_t)l->pp;
    phase_copy copy = {.g = g, .out = *phase};
    copy.out.nodes = ARENA_ARRAY(g->memory, graph_node, 2 * phase->node_count * stages + stages);
    copy.out.segments = ARENA_ARRAY(g->memory, graph_segment, 2 * phase->segment_count * stages + stages);
    copy.out.node_count = copy.out.segment_count = 0;
    const graph_node *rows = rows_node(phase);
    double row_bytes = rank->hidden * dtype_bytes(rank->dtype);
    for (size_t i = 0; i < phase->segment_count; i++) {
        const graph_segment *segment = &phase->segments[i];
        bool split = stages > 1 && segment->layers == (int64_t)rank->layers;
        for (size_t stage = 0; stage < (split ? stages : 1); stage++) {
            int64_t first = segment->layers * (int64_t)stage / (split ? (int64_t)stages : 1);
            int64_t end = split ? segment->layers * (int64_t)(stage + 1) / (int64_t)stages : segment->layers;
            const char *suffix = stage > 0 ? arena_printf(g->memory, "stage%zu", stage + 1) : NULL;
            if (stage > 0)
                add_send(&copy, rows, row_bytes, arena_printf(g->memory, "send.stage%zu", stage));
            copy_segment(&copy, phase, segment, end - first, suffix, rank, l);
        }
    }
    if (stages > 1 && phase->per_output) /* the first stage embeds what the last one has chosen */
        add_send(&copy, rows, TOKEN_BYTES, "token_send");
    *phase = copy.out;
}

void parallel_rewrite(graph *g, const model *rank, const levers *l) {
    g->ranks = fmax(l->tp, l->ep);
    g->stages = l->pp;
    if (g->ranks * g->stages == 1)
        return;
    for (size_t p = 0; p < g->phase_count; p++)
        rewrite_phase(g, &g->phases[p], rank, l);
}

void parallel_memory(graph *g, const model *rank, const levers *l) {
    if (l->pp == 1)
        return;
    const graph_phase *last = &g->phases[g->phase_count - 1];
    double head_bytes = 0, ends_bytes = decoder_other_bytes(rank);
    for (size_t n = 0; n < last->node_count; n++) {
        op head = last->nodes[n].op;
        if (!is_named(&last->nodes[n], "head"))
            continue;
        head.as.gemm.m = 1;
        head_bytes = op_work_of(&head).weight_bytes;
    }
    double layers_bytes = g->weight_bytes - head_bytes - ends_bytes, share = ceil(rank->layers / l->pp) / rank->layers;
    g->weight_bytes = layers_bytes * share + fmax(head_bytes, ends_bytes);
    g->kv_bytes_per_token *= share;
    for (size_t i = 0; i < g->state_count; i++)
        g->states[i].unit_bytes *= share;
}
