/* The HSTU family: embeddings of a user's history, three layers over all of it, eleven over its recent part, and a
 * small head. One forward pass answers a request.
 *
 * attention=naive with flavour hf is the research code, everything else the production code's fused kernels; gptfast
 * stands for the same compiled and captured. */
#include "workloads/family.h"
#include "workloads/hstu.h"

#include <string.h>

static const double LAYERS_MAX = 1000, WIDTH_MAX = 1e6, HEADS_MAX = 4096, TABLE_MAX = 1e9;
static const double GATHER_CALLS = 3;

typedef struct hstu_file {
    model_file common; /* first: model_bind */
    model shape;
    hstu_shape parts;
} hstu_file;

static double parameters_of(const model *m, const hstu_shape *p) {
    double width = m->heads * m->head_dim, d = m->hidden;
    double layer = d * 4 * width + 4 * width + width * d + d + 2 * d + 2 * width;
    double input = 2 * (d * d + d), head = d * d + d + d + 1;
    return (p->history_layers + p->recent_layers) * layer + input + head + p->table_rows * d;
}

static status load(arena *a, const config_node *root, model *out, error *err) {
#define NUMBER(key, member, max)                                                                                       \
    { "model." key, CONFIG_NUMBER, offsetof(hstu_file, member), 1, max, true }
    const config_field own[] = {
        NUMBER("hidden", shape.hidden, WIDTH_MAX),
        NUMBER("heads", shape.heads, HEADS_MAX),
        NUMBER("head_dim", shape.head_dim, HEADS_MAX),
        NUMBER("history_layers", parts.history_layers, LAYERS_MAX),
        NUMBER("recent_layers", parts.recent_layers, LAYERS_MAX),
        NUMBER("table_rows", parts.table_rows, TABLE_MAX),
    };
#undef NUMBER
    hstu_file file = {.shape = *out};
    status result = model_bind(root, own, sizeof own / sizeof own[0], &file, err);
    if (result == STATUS_OK)
        result = model_take_common(root, &file.common, &file.shape, err);
    *out = file.shape;
    out->kv_heads = out->heads;
    out->layers = file.parts.history_layers + file.parts.recent_layers;
    hstu_shape *parts = ARENA_NEW(a, hstu_shape);
    *parts = file.parts;
    out->shape = parts;
    out->parameters = parameters_of(out, parts);
    static const char *const required[] = {"history", "recent", NULL}, *const none[] = {NULL};
    if (result == STATUS_OK && file.common.tasks)
        result = tasks_read(file.common.tasks, required, none, out->tasks, &out->task_count, err);
    return result;
}

static status make_scenario(arena *a, const workload *w, const workload_request *request, const levers *l,
                            scenario *out, error *err) {
    (void)a, (void)l;
    if (!w->task)
        return error_set(err, STATUS_BAD_INPUT, "%s needs a task for its lengths, as %s/h-a", w->name, w->name);
    double history = (double)request->prompt_tokens, recent = 0;
    status result = history > 0 ? STATUS_OK : workload_length(w, request, "history", &history, err);
    if (result == STATUS_OK)
        result = workload_length(w, request, "recent", &recent, err);
    if (result == STATUS_OK)
        result = scenario_fixed(request->batch, (int64_t)history, 1, 0, request->seed, out, err);
    if (result != STATUS_OK)
        return result;
    double batch = (double)request->batch, *v = out->values;
    recent = recent < history ? recent : history;
    v[SCENARIO_HISTORY] = history;
    v[SCENARIO_HISTORY_ROWS] = batch * history;
    v[SCENARIO_RECENT] = recent;
    v[SCENARIO_RECENT_ROWS] = batch * recent;
    return STATUS_OK;
}

/* Gather, the content's two-layer network, positions and times. */
static void input(hstu_builder *h, const hstu_shape *p) {
    double d = h->m->hidden;
    build_segment(&h->b, 1);
    op gather = {.kind = OP_embedding,
                 .as.embedding = {.cols = (int64_t)d, .table_rows = (int64_t)p->table_rows, .dtype = h->m->dtype}};
    hstu_row_op(h, "embedding", gather, GATHER_CALLS);
    hstu_linear(h, "content_up", d, d);
    hstu_silu(h, "content_silu", d);
    hstu_linear(h, "content_down", d, d);
    hstu_row_op(h, "position_embedding", gather, GATHER_CALLS);
    hstu_residual(h, "position_add");
    hstu_copy(h, "jagged_concat", d);
}

/* The last action's state to a score a task. */
static void head(hstu_builder *h) {
    double d = h->m->hidden;
    h->rows = SCENARIO_BATCH, h->length = SCENARIO_ONE;
    build_segment(&h->b, 1);
    hstu_copy(h, "take_targets", d);
    hstu_norm(h, "final_norm", false);
    hstu_linear(h, "head_up", d, d);
    hstu_silu(h, "head_silu", d);
    hstu_linear(h, "head_down", d, 1);
    op squash = {.kind = OP_activation,
                 .as.activation = {.cols = 1, .dtype = DTYPE_fp32, .function = activation_function_sigmoid}};
    hstu_row_op(h, "probability", squash, GATHER_CALLS);
    if (h->l->launch == LAUNCH_EAGER)
        build_node(&h->b, "sync", (op){.kind = OP_sync}, 0);
}

static double stored_bytes(const graph *g, const model *m) {
    double bytes = 0, weights = 0;
    const graph_phase *phase = &g->phases[0];
    for (size_t i = 0; i < phase->segment_count; i++)
        for (size_t n = 0; n < phase->segments[i].node_count; n++) {
            op o = phase->nodes[phase->segments[i].first_node + n].op;
            if (o.kind != OP_gemm || o.as.gemm.activations_only)
                continue;
            o.as.gemm.m = 1;
            bytes += op_work_of(&o).weight_bytes * (double)phase->segments[i].layers;
            weights += (double)(o.as.gemm.k * o.as.gemm.n * phase->segments[i].layers);
        }
    return bytes + (m->parameters - weights) * dtype_bytes(m->dtype);
}

static status build(arena *a, const workload *w, const levers *l, graph *out, error *err) {
    const model *m = &w->shape;
    const hstu_shape *p = m->shape;
    if (l->flavour == FLAVOUR_FAIRSEQ2)
        return error_set(err, STATUS_NEGATIVE, "not applicable: fairseq2 has no %s", m->name);
    if (l->flavour == FLAVOUR_META)
        return error_set(err, STATUS_NEGATIVE, "not applicable: flavour=meta is Chameleon's code, it has no %s",
                         m->name);
    *out = (graph){
        .name = m->name, .phases = ARENA_ARRAY(a, graph_phase, 1), .parameter_count = m->parameters, .memory = a};
    hstu_builder h = {.b = {.out = out}, .m = m, .l = l, .length = SCENARIO_HISTORY, .rows = SCENARIO_HISTORY_ROWS};
    build_phase(&h.b, "forward", true);
    h.b.phase->captured = l->launch == LAUNCH_GRAPH;
    input(&h, p);
    build_segment(&h.b, (int64_t)p->history_layers);
    hstu_layer(&h, "history");
    h.length = SCENARIO_RECENT, h.rows = SCENARIO_RECENT_ROWS;
    build_segment(&h.b, 1);
    hstu_copy(&h, "keep_recent", m->hidden);
    build_segment(&h.b, (int64_t)p->recent_layers);
    hstu_layer(&h, "recent");
    head(&h);
    out->weight_bytes = stored_bytes(out, m);
    return STATUS_OK;
}

const family family_hstu = {"hstu", load, make_scenario, build};
