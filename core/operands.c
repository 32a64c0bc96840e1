/* Shapes, types and error bounds of every kind's operands.
 *
 * Error bounds. Inputs are in [-1, 1] and exact (they are rounded to their type before the exact result is computed),
 * kernels compute in fp32 and round once on the way out. So a result is off by
 *   - the output's rounding: half a unit in the last place, doubled because an intermediate error may tip it to the
 *     other neighbour: `rounding` below, relative;
 *   - the fp32 arithmetic before it: a sum of L terms of magnitude at most 1 keeps an error of about L * 2^-24 when
 *     errors add like the partial sums they round (which grow like sqrt(L), as do errors); tensor cores truncate
 *     instead of rounding, 4 times that: `sum_error`, absolute. */
#include "core/operands.h"

#include <assert.h>
#include <math.h>

static const double FP32_UNIT = 0x1p-24;
static const double TENSOR_CORE_UNIT = 0x1p-22;
/* exp, sigmoid, sin and the like through fast hardware functions: relative error of a few fp32 units (CUDA C++
 * Programming Guide, intrinsic functions), for arguments of magnitude near 1. */
static const double FUNCTION_ERROR = 0x1p-18;
/* GELU x (1 + tanh) / 2 through the hardware's tanh, whose relative error is 2^-11 (PTX ISA, tanh.approx) until it is
 * one, beyond arguments of magnitude 4: half of 4 times that. */
static const double GELU_ERROR = 4 * 0x1p-11 / 2;
static const int64_t SCALE_GROUP_NONE = 0;

/* Spacing of the type's numbers just above 1: twice the rounding error. */
static double rounding(data_type type) {
    switch (type) {
    case DTYPE_bf16:
        return 0x1p-7;
    case DTYPE_fp16:
    case DTYPE_tf32:
        return 0x1p-10;
    case DTYPE_fp8: /* E4M3 */
        return 0x1p-3;
    case DTYPE_fp32:
        return 0x1p-22;
    default:
        return 0;
    }
}

static double sum_error(double terms, data_type inputs) {
    return terms * (inputs == DTYPE_fp32 ? FP32_UNIT : TENSOR_CORE_UNIT);
}

static bool is_quantised_with_scale(data_type type) {
    return type == DTYPE_int8 || type == DTYPE_int4;
}

static bool is_eight_bit(data_type type) {
    return type == DTYPE_int8 || type == DTYPE_fp8;
}

/* Smallest magnitude that an fp8 or fp16 output resolves. */
static double smallest(data_type type) {
    return type == DTYPE_fp8 ? 0x1p-10 : type == DTYPE_fp16 ? 0x1p-25 : 0;
}

static operand *set(operand_list *list, int index, data_type type, int64_t blocks, int64_t rows, int64_t cols) {
    operand *item = &list->at[index];
    item->type = type;
    item->blocks = blocks;
    item->rows = rows;
    item->cols = cols;
    return item;
}

static void set_output(operand_list *list, int index, data_type type, int64_t blocks, int64_t rows, int64_t cols,
                       double error_absolute) {
    operand *item = set(list, index, type, blocks, rows, cols);
    item->error_relative = rounding(type);
    item->error_absolute = error_absolute + smallest(type);
}

static void set_indices(operand_list *list, int index, operand_content content, int64_t count, int64_t limit) {
    operand *item = set(list, index, DTYPE_fp32, 1, 1, count);
    item->content = content;
    item->index_limit = limit;
}

static void set_scales(operand_list *list, int index, data_type type, int64_t rows, int64_t cols) {
    set(list, index, type, 1, rows, cols)->content = CONTENT_SCALES;
}

/* ---- one a kind ---- */

static void operands_gemm(const op *o, operand_list *out) {
    const gemm_params *p = &o->as.gemm;
    bool quantises = p->dynamic_quantise;
    data_type stored = quantises ? DTYPE_bf16 : p->dtype;
    data_type result = is_eight_bit(p->dtype) ? DTYPE_bf16 : p->dtype;
    set(out, OPERAND_gemm_a, stored, p->batch, p->m, p->k);
    if (is_eight_bit(p->dtype) && !quantises)
        set_scales(out, OPERAND_gemm_a_scales, DTYPE_fp32, 1, p->m);
    operand *b = set(out, OPERAND_gemm_b, p->weights_dtype, p->batch, p->n, p->k);
    if (p->activations_only)
        b->role = ROLE_INPUT;
    bool grouped = p->group_size != SCALE_GROUP_NONE;
    /* Scales of weight-only types are fp16, as in GPTQ and torchao checkpoints; cuBLASLt takes fp32 with 8-bit inputs.
     */
    data_type scale_type = is_eight_bit(p->dtype) ? DTYPE_fp32 : DTYPE_fp16;
    if (is_quantised_with_scale(p->weights_dtype) || p->weights_dtype == DTYPE_fp8)
        set_scales(out, OPERAND_gemm_b_scales, scale_type, p->batch * p->n,
                   grouped ? (p->k + p->group_size - 1) / p->group_size : 1);
    double bound = sum_error((double)p->k, p->dtype);
    /* Activations rounded to 127 levels of their row's largest (at most 1): each term is off by up to 1/254, and K of
     * them of either sign by sqrt(K) times a third of that; 6 standard deviations. E4M3 is off by up to 2^-4 of each
     * activation, whose root mean square is 0.58. */
    if (quantises)
        bound += 6 * sqrt((double)p->k) / sqrt(3) * (p->dtype == DTYPE_fp8 ? 0.58 * 0x1p-4 : 1.0 / 254);
    if (gemm_has_bias(p))
        set(out, OPERAND_gemm_bias, result, 1, 1, p->n);
    if (p->epilogue == gemm_epilogue_gelu || p->epilogue == gemm_epilogue_bias_gelu)
        bound += GELU_ERROR;
    set_output(out, OPERAND_gemm_out, result, p->batch, p->m, p->n, bound);
}

static void operands_attention(const op *o, operand_list *out) {
    const attention_params *p = &o->as.attention;
    int64_t kv_cols = p->kv_heads * p->head_dim, q_cols = p->heads * p->head_dim;
    set(out, OPERAND_attention_q, p->dtype, p->batch, p->q_len, q_cols)->strided = true;
    /* A paged cache is one pool of rows, of which sequences hold whole pages. */
    int64_t pages = p->page_tokens > 0 ? (p->kv_len + p->page_tokens - 1) / p->page_tokens : 0;
    int64_t blocks = pages > 0 ? 1 : p->batch, rows = pages > 0 ? p->batch * pages * p->page_tokens : p->kv_len;
    set(out, OPERAND_attention_k, p->kv_dtype, blocks, rows, kv_cols)->strided = true;
    set(out, OPERAND_attention_v, p->kv_dtype, blocks, rows, kv_cols)->strided = true;
    if (pages > 0) {
        operand *table = set(out, OPERAND_attention_pages, DTYPE_fp32, 1, p->batch, pages);
        table->content = CONTENT_SLOTS;
        table->index_limit = p->batch * pages;
        table->strided = true;
    }
    if (is_quantised_with_scale(p->kv_dtype)) {
        const int scales[] = {OPERAND_attention_k_scales, OPERAND_attention_v_scales};
        for (int i = 0; i < 2; i++) {
            operand *item = set(out, scales[i], DTYPE_fp16, blocks, rows, p->kv_heads);
            item->content = CONTENT_SCALES;
            item->strided = true;
        }
    }
    set_indices(out, OPERAND_attention_kv_lens, CONTENT_LENGTHS, p->batch, p->kv_len);
    out->at[OPERAND_attention_kv_lens].optional = true;
    /* Weights are rounded to 16 bits before they meet the values: by a quarter of `rounding` at most, evenly spread, so
     * that of either sign they add up, over any number of keys, to a seventh of it times the size of the result: its
     * row's root mean square, since a result may cancel and its row does not. 2 * rounding is 14 standard deviations,
     * and more than the worst case of two keys. Scores are sums of head_dim terms, and exp turns their error into a
     * relative one. */
    set_output(out, OPERAND_attention_out, p->dtype, p->batch, p->q_len, q_cols, 0);
    out->at[OPERAND_attention_out].error_row =
        2 * rounding(p->dtype) + 4 * sum_error((double)p->head_dim, p->dtype) + FUNCTION_ERROR;
}

static void operands_embedding(const op *o, operand_list *out) {
    const embedding_params *p = &o->as.embedding;
    set_indices(out, OPERAND_embedding_ids, CONTENT_INDICES, p->rows, p->table_rows);
    set(out, OPERAND_embedding_table, p->dtype, 1, p->table_rows, p->cols);
    set(out, OPERAND_embedding_out, p->dtype, 1, p->rows, p->cols); /* exact */
}

static void operands_rmsnorm(const op *o, operand_list *out) {
    const rmsnorm_params *p = &o->as.rmsnorm;
    set(out, OPERAND_rmsnorm_x, p->dtype, 1, p->rows, p->cols);
    set(out, OPERAND_rmsnorm_weight, p->dtype, 1, 1, p->cols);
    set_output(out, OPERAND_rmsnorm_out, p->dtype, 1, p->rows, p->cols, FUNCTION_ERROR);
    if (!p->residual)
        return;
    set(out, OPERAND_rmsnorm_residual, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_rmsnorm_sum, p->dtype, 1, p->rows, p->cols, FP32_UNIT);
    out->at[OPERAND_rmsnorm_out].error_relative *= 2; /* the sum was rounded once already */
}

static void operands_layernorm(const op *o, operand_list *out) {
    const layernorm_params *p = &o->as.layernorm;
    set(out, OPERAND_layernorm_x, p->dtype, 1, p->rows, p->cols);
    set(out, OPERAND_layernorm_weight, p->dtype, 1, 1, p->cols);
    set(out, OPERAND_layernorm_bias, p->dtype, 1, 1, p->cols);
    if (p->gated)
        set(out, OPERAND_layernorm_gate, p->dtype, 1, p->rows, p->cols);
    /* A row of two nearly equal elements is a difference blown up by 1 / sqrt(epsilon) at most. */
    double bound = FUNCTION_ERROR + 2 * FP32_UNIT / sqrt(LAYERNORM_EPSILON);
    set_output(out, OPERAND_layernorm_out, p->dtype, 1, p->rows, p->cols, bound);
    if (!p->residual)
        return;
    set(out, OPERAND_layernorm_residual, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_layernorm_sum, p->dtype, 1, p->rows, p->cols, FP32_UNIT);
    /* The sum, of magnitude 2 at most, was rounded once already; normalising stretches that by up to 1 / deviation, and
     * the deviation of more than a few random elements of such a sum is above one half. */
    out->at[OPERAND_layernorm_out].error_absolute += 4 * rounding(p->dtype);
}

static void operands_rope(const op *o, operand_list *out) {
    const rope_params *p = &o->as.rope;
    int64_t q_cols = p->heads * p->head_dim, kv_cols = p->kv_heads * p->head_dim;
    /* Longest context of the models (Llama 3.1); the angle's fp32 rounding is what limits a rotation. */
    const int64_t positions_limit = 131072;
    double bound = (double)positions_limit * FP32_UNIT + FUNCTION_ERROR;
    set(out, OPERAND_rope_q, p->dtype, 1, p->rows, q_cols)->strided = true;
    set(out, OPERAND_rope_k, p->dtype, 1, p->rows, kv_cols)->strided = true;
    set_indices(out, OPERAND_rope_positions, CONTENT_INDICES, p->rows, positions_limit);
    set(out, OPERAND_rope_frequencies, DTYPE_fp32, 1, 1, p->head_dim / 2)->content = CONTENT_UNIFORMS;
    set_output(out, OPERAND_rope_q_out, p->dtype, 1, p->rows, q_cols, bound);
    out->at[OPERAND_rope_q_out].strided = true;
    if (!p->kv_write) {
        set_output(out, OPERAND_rope_k_out, p->dtype, 1, p->rows, kv_cols, bound);
        out->at[OPERAND_rope_k_out].strided = true;
        return;
    }
    /* A test's cache is twice what is written, so that half of it must stay. */
    int64_t cache_rows = 2 * p->rows;
    set(out, OPERAND_rope_v, p->dtype, 1, p->rows, kv_cols)->strided = true;
    set_indices(out, OPERAND_rope_slots, CONTENT_SLOTS, p->rows, cache_rows);
    set_output(out, OPERAND_rope_k_cache, p->dtype, 1, cache_rows, kv_cols, bound);
    set(out, OPERAND_rope_v_cache, p->dtype, 1, cache_rows, kv_cols)->written = true;
    out->at[OPERAND_rope_k_cache].written = true;
}

static void operands_kv_append(const op *o, operand_list *out) {
    const kv_append_params *p = &o->as.kv_append;
    int64_t cols = p->kv_heads * p->head_dim, cache_rows = 2 * p->rows;
    bool scaled = is_quantised_with_scale(p->kv_dtype);
    const int states[] = {OPERAND_kv_append_k_cache, OPERAND_kv_append_v_cache};
    const int scales[] = {OPERAND_kv_append_k_scales, OPERAND_kv_append_v_scales};
    set(out, OPERAND_kv_append_k, p->dtype, 1, p->rows, cols)->strided = true;
    set(out, OPERAND_kv_append_v, p->dtype, 1, p->rows, cols)->strided = true;
    set_indices(out, OPERAND_kv_append_slots, CONTENT_SLOTS, p->rows, cache_rows);
    for (int i = 0; i < 2; i++) {
        set_output(out, states[i], p->kv_dtype, 1, cache_rows, cols, 0);
        out->at[states[i]].written = true;
        if (!scaled)
            continue;
        out->at[states[i]].error_absolute = 1; /* a level: the scale's rounding may tip a value to its neighbour */
        set_output(out, scales[i], DTYPE_fp16, 1, cache_rows, p->kv_heads, 0);
        out->at[scales[i]].content = CONTENT_SCALES;
        out->at[scales[i]].written = true;
    }
}

static void operands_kv_concat(const op *o, operand_list *out) {
    const kv_concat_params *p = &o->as.kv_concat;
    int64_t blocks = p->batch * p->kv_heads;
    if (p->kv_len > 1)
        set(out, OPERAND_kv_concat_past, p->dtype, blocks, p->kv_len - 1, p->head_dim);
    set(out, OPERAND_kv_concat_token, p->dtype, blocks, 1, p->head_dim);
    set(out, OPERAND_kv_concat_out, p->dtype, blocks, p->kv_len, p->head_dim);
}

static void operands_activation(const op *o, operand_list *out) {
    const activation_params *p = &o->as.activation;
    set(out, OPERAND_activation_a, p->dtype, 1, p->rows, p->cols)->strided = true;
    if (p->gated)
        set(out, OPERAND_activation_b, p->dtype, 1, p->rows, p->cols)->strided = true;
    set_output(out, OPERAND_activation_out, p->dtype, 1, p->rows, p->cols, FUNCTION_ERROR);
}

static void operands_add(const op *o, operand_list *out) {
    const add_params *p = &o->as.add;
    set(out, OPERAND_add_a, p->dtype, 1, p->rows, p->cols);
    set(out, OPERAND_add_b, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_add_out, p->dtype, 1, p->rows, p->cols, FP32_UNIT);
}

static void operands_elementwise(const op *o, operand_list *out) {
    const elementwise_params *p = &o->as.elementwise;
    if (p->function != pointwise_function_fill)
        set(out, OPERAND_elementwise_a, p->dtype, 1, p->rows, p->cols);
    if (p->inputs == 2)
        set(out, OPERAND_elementwise_b, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_elementwise_out, p->out_dtype, 1, p->rows, p->cols, FUNCTION_ERROR);
    if (p->function == pointwise_function_rsqrt) /* of positive numbers */
        out->at[OPERAND_elementwise_a].content = CONTENT_SCALES;
}

static void operands_reduce(const op *o, operand_list *out) {
    const reduce_params *p = &o->as.reduce;
    set(out, OPERAND_reduce_x, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_reduce_out, p->dtype, 1, p->rows, 1,
               sum_error((double)p->cols, DTYPE_fp32) / (double)p->cols);
}

static void operands_softmax(const op *o, operand_list *out) {
    const softmax_params *p = &o->as.softmax;
    set(out, OPERAND_softmax_x, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_softmax_out, p->dtype, 1, p->rows, p->cols, 0);
    out->at[OPERAND_softmax_out].error_relative += FUNCTION_ERROR + (double)p->cols * FP32_UNIT;
}

static void operands_sample(const op *o, operand_list *out) {
    const sample_params *p = &o->as.sample;
    set(out, OPERAND_sample_logits, p->dtype, 1, p->rows, p->cols);
    if (p->method != sample_method_argmax)
        set(out, OPERAND_sample_uniforms, DTYPE_fp32, 1, 1, p->rows)->content = CONTENT_UNIFORMS;
    set_indices(out, OPERAND_sample_tokens, CONTENT_INDICES, p->rows, p->cols);
}

static void operands_copy(const op *o, operand_list *out) {
    const copy_params *p = &o->as.copy;
    set(out, OPERAND_copy_source, p->dtype, 1, p->rows, p->cols)->strided = p->strided;
    set_output(out, OPERAND_copy_destination, p->out_dtype, 1, p->rows, p->cols, 0);
    if (p->dtype == p->out_dtype)
        out->at[OPERAND_copy_destination].error_relative = out->at[OPERAND_copy_destination].error_absolute = 0;
}

static void operands_topk(const op *o, operand_list *out) {
    const topk_params *p = &o->as.topk;
    set(out, OPERAND_topk_x, p->dtype, 1, p->rows, p->cols);
    set(out, OPERAND_topk_values, p->dtype, 1, p->rows, p->top); /* exact */
    operand *columns = set(out, OPERAND_topk_columns, DTYPE_fp32, 1, p->rows, p->top);
    columns->content = CONTENT_INDICES;
    columns->index_limit = p->cols;
}

static void operands_penalty(const op *o, operand_list *out) {
    const penalty_params *p = &o->as.penalty;
    operand *seen = set(out, OPERAND_penalty_seen, DTYPE_fp32, 1, p->rows, p->len);
    seen->content = CONTENT_INDICES;
    seen->index_limit = p->cols;
    set_output(out, OPERAND_penalty_logits, p->dtype, 1, p->rows, p->cols, FP32_UNIT);
    out->at[OPERAND_penalty_logits].written = true;
}

static void operands_cfg_mix(const op *o, operand_list *out) {
    const cfg_mix_params *p = &o->as.cfg_mix;
    set(out, OPERAND_cfg_mix_logits, p->dtype, p->ways, p->rows, p->cols);
    /* Differences of magnitude 2, weighted and summed in fp32. */
    double weights = 2 * (CFG_IMAGE_WEIGHT + CFG_FULL_WEIGHT + CFG_TWO_WAY_WEIGHT);
    set_output(out, OPERAND_cfg_mix_out, p->dtype, 1, p->rows, p->cols, 4 * weights * FP32_UNIT);
}

static void operands_accept(const op *o, operand_list *out) {
    const accept_params *p = &o->as.accept;
    const int64_t test_vocabulary = 3; /* so that drafts agree often enough to have prefixes */
    const int inputs[] = {OPERAND_accept_drafted, OPERAND_accept_verified};
    for (int i = 0; i < 2; i++) {
        operand *tokens = set(out, inputs[i], DTYPE_fp32, 1, p->rows, p->drafts);
        tokens->content = CONTENT_INDICES;
        tokens->index_limit = test_vocabulary;
    }
    set_indices(out, OPERAND_accept_count, CONTENT_INDICES, p->rows, p->drafts + 1);
}

static void operands_quantise(const op *o, operand_list *out) {
    const quantise_params *p = &o->as.quantise;
    set(out, OPERAND_quantise_x, p->dtype, 1, p->rows, p->cols);
    set_output(out, OPERAND_quantise_scales, DTYPE_fp32, 1, p->rows, 1, 0);
    set_output(out, OPERAND_quantise_out, p->out_dtype, 1, p->rows, p->cols, 0);
    if (p->out_dtype == DTYPE_int8) /* fp32 division may tip a value that lies between two levels */
        out->at[OPERAND_quantise_out].error_absolute = 1;
}

static void operands_kv_reorder(const op *o, operand_list *out) {
    const kv_reorder_params *p = &o->as.kv_reorder;
    int64_t rows = p->kv_heads * p->kv_len;
    set(out, OPERAND_kv_reorder_cache, p->dtype, p->batch, rows, p->head_dim);
    set_indices(out, OPERAND_kv_reorder_beams, CONTENT_INDICES, p->batch, p->batch);
    set(out, OPERAND_kv_reorder_out, p->dtype, p->batch, rows, p->head_dim); /* exact */
}

/* What one rank holds and gets. */
static void operands_collective(const op *o, operand_list *out) {
    const collective_params *p = &o->as.collective;
    int64_t whole = (int64_t)((double)p->bytes / dtype_bytes(p->dtype)), part = whole / p->ranks;
    bool gathers = p->collective == collective_pattern_all_gather;
    bool scatters = p->collective == collective_pattern_reduce_scatter;
    bool sums = scatters || p->collective == collective_pattern_all_reduce;
    set(out, OPERAND_collective_in, p->dtype, 1, 1, gathers ? part : whole);
    set(out, OPERAND_collective_out, p->dtype, 1, 1, scatters ? part : whole);
    /* Partial sums go from rank to rank in the elements' own type: each of the ranks - 1 additions rounds a sum of
     * magnitude `ranks` at most. */
    double ranks = (double)p->ranks;
    if (sums)
        out->at[OPERAND_collective_out].error_absolute = (ranks - 1) * ranks * rounding(p->dtype) / 2;
}

/* ---- the table ---- */

typedef struct kind_operands {
    size_t count;
    void (*fill)(const op *o, operand_list *out);
    struct {
        const char *name, *text;
        operand_role role;
    } items[OPERANDS_MAX];
} kind_operands;

/* clang-format off */
static const kind_operands kinds[OP_KIND_COUNT] = {
#define OPERANDS(kind) [OP_##kind] = { .count = OPERAND_COUNT_##kind, .fill = operands_##kind, .items = {
#define OPERAND(kind, name, role, text) {#name, text, ROLE_##role},
#define END_OPERANDS(kind) } },
#include "core/operands.def"
};
/* clang-format on */

void operands_of(const op *o, operand_list *out) {
    const kind_operands *kind = &kinds[o->kind];
    *out = (operand_list){.count = kind->count};
    for (size_t i = 0; i < kind->count; i++)
        out->at[i] = (operand){.name = kind->items[i].name,
                               .text = kind->items[i].text,
                               .role = kind->items[i].role,
                               .written = kind->items[i].role == ROLE_OUTPUT};
    if (kind->fill)
        kind->fill(o, out);
}

bool operand_present(const operand *item) {
    return item->blocks > 0;
}

int64_t operand_elements(const operand *item) {
    return item->blocks * item->rows * item->cols;
}

bool operand_is_integer(const operand *item) {
    return item->content == CONTENT_INDICES || item->content == CONTENT_LENGTHS || item->content == CONTENT_SLOTS;
}

int64_t operand_row_bytes(const operand *item) {
    double element_bytes = operand_is_integer(item) ? sizeof(int32_t) : dtype_bytes(item->type);
    return (int64_t)ceil((double)item->cols * element_bytes);
}

int64_t operand_bytes(const operand *item) {
    return item->blocks * item->rows * operand_row_bytes(item);
}
