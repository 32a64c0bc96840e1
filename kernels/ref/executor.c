/* The CPU reference executor: operands are read from the stored bytes into doubles, the reference computes, and what it
 * wrote is rounded back into the bytes. So it rounds where a GPU does, and nowhere else. */
#include "kernels/executor.h"

#include "core/base/si.h"
#include "kernels/ref/encode.h"
#include "kernels/ref/ref.h"

#include <stdlib.h>
#include <string.h>

typedef struct ref_executor {
    const memory_plan *plan;
    unsigned char *memory;
} ref_executor;

static void *checked_malloc(size_t bytes) {
    void *memory = malloc(bytes ? bytes : 1);
    if (!memory)
        abort();
    return memory;
}

/* ---- weights ---- */

static void weight_row_encode(const memory_plan *plan, const plan_weight *w, int64_t layer, int64_t row, void *out) {
    double *values = checked_malloc((size_t)w->item.cols * sizeof *values);
    int64_t first = (layer * w->item.blocks * w->item.rows + row) * w->item.cols;
    for (int64_t c = 0; c < w->item.cols; c++)
        values[c] = weight_element(plan, w, first + c);
    encode_row(w->item.type, values, w->item.cols, out);
    free(values);
}

static void fill_weights(ref_executor *x) {
    for (size_t i = 0; i < x->plan->weight_count; i++) {
        const plan_weight *w = &x->plan->weights[i];
        int64_t rows = w->item.blocks * w->item.rows, row_bytes = operand_row_bytes(&w->item);
#pragma omp parallel for schedule(static)
        for (int64_t r = 0; r < rows * w->layers; r++) {
            int64_t layer = r / rows, row = r % rows;
            size_t place = w->offset_bytes + w->layer_stride_bytes * (size_t)layer + (size_t)(row * row_bytes);
            weight_row_encode(x->plan, w, layer, row, x->memory + place);
        }
    }
}

/* ---- operands ---- */

static unsigned char *row_place(const ref_executor *x, const tensor_view *v, int64_t block, int64_t row) {
    operand distance = v->item;
    distance.cols = block * v->block_stride + row * v->row_stride;
    return x->memory + v->offset_bytes + (size_t)operand_row_bytes(&distance);
}

/* A state may be larger than the operand says (the cache behind slots): what an operator reaches through slots is
 * addressed by row, so the whole cache is presented. */
static int64_t rows_behind(const ref_executor *x, const op *o, int index, const tensor_view *v) {
    bool through_slots = (o->kind == OP_rope && (index == OPERAND_rope_k_cache || index == OPERAND_rope_v_cache)) ||
                         (o->kind == OP_kv_append && v->item.role == ROLE_STATE);
    if (!through_slots)
        return v->item.rows;
    return (int64_t)x->plan->scenario->values[SCENARIO_BATCH] * x->plan->cache_tokens;
}

static void load_operand(const ref_executor *x, tensor_view *v, ref_tensor *out) {
    const operand *item = &v->item;
    int64_t rows = item->blocks * item->rows;
    out->data = checked_malloc((size_t)(rows * item->cols) * sizeof *out->data);
    out->row_stride = v->gathered ? v->packed_row_stride : item->cols;
    out->block_stride = item->rows * item->cols;
    if (item->role == ROLE_OUTPUT)
        return;
    operand one_row = *item;
    one_row.blocks = one_row.rows = 1;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < rows; r++)
        decode_operand(&one_row, row_place(x, v, r / item->rows, r % item->rows), out->data + r * item->cols);
}

static void store_operand(const ref_executor *x, const tensor_view *v, const ref_tensor *in) {
    const operand *item = &v->item;
    operand one_row = *item;
    one_row.blocks = one_row.rows = 1;
    for (int64_t r = 0; r < item->blocks * item->rows; r++)
        encode_operand(&one_row, in->data + r * item->cols, row_place(x, v, r / item->rows, r % item->rows));
}

static status run_op(ref_executor *x, const flat_op *flat, error *err) {
    op_views views;
    memory_plan_views(x->plan, flat, &views);
    bool from_host = flat->op.kind == OP_copy && flat->op.as.copy.direction != copy_direction_device;
    if (views.count == 0 || from_host)
        return STATUS_OK; /* the host's; what it copies was there from the beginning */
    ref_function *reference = ref_function_of(flat->op.kind);
    if (!reference)
        return error_set(err, STATUS_NEGATIVE, "%s: %s has no reference", flat->node->id,
                         op_info_get(flat->op.kind)->name);
    ref_operands operands = {0};
    for (size_t i = 0; i < views.count; i++) {
        tensor_view *v = &views.at[i];
        if (!v->present)
            continue;
        v->item.rows = rows_behind(x, &flat->op, (int)i, v);
        load_operand(x, v, &operands.at[i]);
    }
    reference(&flat->op, &operands);
    for (size_t i = 0; i < views.count; i++) {
        if (views.at[i].present && views.at[i].item.written)
            store_operand(x, &views.at[i], &operands.at[i]);
        free(operands.at[i].data);
    }
    return STATUS_OK;
}

/* ---- steps ---- */

static status ref_step(void *self, size_t phase, int64_t step, error *err) {
    ref_executor *x = self;
    const graph *g = x->plan->graph;
    bool prefill = g->phases[phase].steps == SCENARIO_ONE;
    for (size_t r = 0; r < g->register_count; r++)
        if (register_is_input(g->registers[r].kind) && x->plan->register_bytes[r] > 0)
            memory_plan_input(x->plan, r, prefill, step,
                              (int32_t *)(void *)(x->memory + x->plan->register_offset_bytes[r]));
    arena scratch = {0};
    graph_view view = graph_at(g, phase, x->plan->scenario, step, &scratch);
    status result = STATUS_OK;
    for (size_t i = 0; i < view.count && result == STATUS_OK; i++)
        result = run_op(x, &view.ops[i], err);
    arena_free(&scratch);
    return result;
}

static status ref_read(void *self, size_t offset_bytes, size_t bytes, void *out, error *err) {
    (void)err;
    ref_executor *x = self;
    memcpy(out, x->memory + offset_bytes, bytes);
    return STATUS_OK;
}

static void ref_close(void *self) {
    ref_executor *x = self;
    if (x)
        free(x->memory);
    free(x);
}

status ref_executor_open(const memory_plan *plan, executor *out, error *err) {
    ref_executor *x = checked_malloc(sizeof *x);
    *x = (ref_executor){.plan = plan, .memory = calloc(1, plan->total_bytes)};
    *out = (executor){.self = x, .step = ref_step, .read = ref_read, .close = ref_close};
    if (!x->memory) {
        ref_close(x);
        *out = (executor){0};
        return error_set(err, STATUS_ENVIRONMENT, "no memory for a model of %.3g GB",
                         (double)plan->total_bytes / BYTES_PER_GB);
    }
    fill_weights(x);
    return STATUS_OK;
}
