/* Which registers the operators of ingot's own decoder graphs read and write, by node id. An id may end in which
 * forward of a step its node belongs to: "qkv.draft2", "qkv.verify" (speculation), "qkv.uncond" (guidance). */
#include "workloads/kv_levers.h"
#include "workloads/llama_registers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct binding_row {
    const char *node;
    int32_t operand;
    llama_register reg;
    int64_t column;
    int64_t width; /* operand_binding's */
} binding_row;

enum { ROWS_MAX = 128 };

typedef struct binding_table {
    binding_row rows[ROWS_MAX];
    size_t count;
} binding_table;

static void bind(binding_table *t, const char *node, int32_t operand_index, llama_register reg, int64_t column) {
    assert(t->count < ROWS_MAX);
    t->rows[t->count++] = (binding_row){node, operand_index, reg, column, 0};
}

static void bind_heads(binding_table *t, const char *node, int32_t operand_index, llama_register reg, int64_t column,
                       int64_t width) {
    bind(t, node, operand_index, reg, column);
    t->rows[t->count - 1].width = width;
}

static void bind_gemm(binding_table *t, const char *node, llama_register in, llama_register out) {
    bind(t, node, OPERAND_gemm_a, in, 0);
    bind(t, node, OPERAND_gemm_out, out, 0);
}

static void bind_norm(binding_table *t, const char *node, llama_register in, bool residual) {
    bind(t, node, OPERAND_rmsnorm_x, in, 0);
    bind(t, node, OPERAND_rmsnorm_out, R_NORMED, 0);
    if (!residual)
        return;
    bind(t, node, OPERAND_rmsnorm_residual, R_RESIDUAL, 0);
    bind(t, node, OPERAND_rmsnorm_sum, R_RESIDUAL, 0);
}

static void bind_residual(binding_table *t, const char *node, llama_register added) {
    bind(t, node, OPERAND_add_a, R_RESIDUAL, 0);
    bind(t, node, OPERAND_add_b, added, 0);
    bind(t, node, OPERAND_add_out, R_RESIDUAL, 0);
}

static void bind_attention(binding_table *t, const model *m) {
    int64_t q = (int64_t)(m->heads * m->head_dim), kv = (int64_t)(m->kv_heads * m->head_dim);
    const char *const ropes[] = {"rope_kv_write", "rope"};
    bind_heads(t, "q_norm", OPERAND_layernorm_x, R_QKV, 0, q);
    bind_heads(t, "q_norm", OPERAND_layernorm_out, R_Q_NORMED, 0, q);
    bind_heads(t, "k_norm", OPERAND_layernorm_x, R_QKV, q, kv);
    bind_heads(t, "k_norm", OPERAND_layernorm_out, R_K_NORMED, 0, kv);
    for (size_t i = 0; i < 2; i++) {
        bind(t, ropes[i], OPERAND_rope_q, m->qk_norm ? R_Q_NORMED : R_QKV, 0);
        bind(t, ropes[i], OPERAND_rope_k, m->qk_norm ? R_K_NORMED : R_QKV, m->qk_norm ? 0 : q);
        bind(t, ropes[i], OPERAND_rope_v, R_QKV, q + kv);
        bind(t, ropes[i], OPERAND_rope_positions, R_POSITIONS, 0);
        bind(t, ropes[i], OPERAND_rope_slots, R_SLOTS, 0);
        bind(t, ropes[i], OPERAND_rope_q_out, R_Q, 0);
        bind(t, ropes[i], OPERAND_rope_k_out, R_QKV, q); /* in place */
        bind(t, ropes[i], OPERAND_rope_k_cache, R_KEYS, 0);
        bind(t, ropes[i], OPERAND_rope_v_cache, R_VALUES, 0);
    }
    bind(t, "kv_append", OPERAND_kv_append_k, R_QKV, q);
    bind(t, "kv_append", OPERAND_kv_append_v, R_QKV, q + kv);
    bind(t, "kv_append", OPERAND_kv_append_slots, R_SLOTS, 0);
    bind(t, "kv_append", OPERAND_kv_append_k_cache, R_KEYS, 0);
    bind(t, "kv_append", OPERAND_kv_append_v_cache, R_VALUES, 0);
    bind(t, "kv_append", OPERAND_kv_append_k_scales, R_KEY_SCALES, 0);
    bind(t, "kv_append", OPERAND_kv_append_v_scales, R_VALUE_SCALES, 0);
    bind(t, "attention", OPERAND_attention_q, R_Q, 0);
    bind(t, "attention", OPERAND_attention_k, R_KEYS, 0);
    bind(t, "attention", OPERAND_attention_v, R_VALUES, 0);
    bind(t, "attention", OPERAND_attention_k_scales, R_KEY_SCALES, 0);
    bind(t, "attention", OPERAND_attention_v_scales, R_VALUE_SCALES, 0);
    bind(t, "attention", OPERAND_attention_pages, R_PAGES, 0);
    bind(t, "attention", OPERAND_attention_out, R_ATTENTION, 0);
    bind_gemm(t, "o", R_ATTENTION, R_BLOCK);
}

static void bind_ffn(binding_table *t, const model *m, const levers *l, llama_register in) {
    bool joined = l->fuse != FUSE_NONE;
    bind_gemm(t, "gate_up", in, R_GATE_UP);
    bind_gemm(t, "gate", in, R_GATE);
    bind_gemm(t, "up", in, R_UP);
    bind(t, "gate_mul", OPERAND_activation_a, joined ? R_GATE_UP : R_GATE, 0);
    bind(t, "gate_mul", OPERAND_activation_b, joined ? R_GATE_UP : R_UP, joined ? (int64_t)m->ffn : 0);
    bind(t, "gate_mul", OPERAND_activation_out, R_GATED, 0);
    bind_gemm(t, "down", R_GATED, R_BLOCK);
}

/* Guidance and filters in 32 bits: Chameleon's. */
static void bind_sampling(binding_table *t, const graph *g) {
    bool mixed = false;
    for (size_t p = 0; p < g->phase_count; p++)
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            mixed = mixed || strcmp(g->phases[p].nodes[n].id, "cfg_mix") == 0;
    llama_register first = mixed ? R_FILTERED : R_SCORES, second = mixed ? R_SCORES : R_FILTERED;
    bind(t, "logits_cast", OPERAND_copy_source, R_LOGITS, 0);
    bind(t, "logits_cast", OPERAND_copy_destination, R_SCORES, 0);
    bind(t, "cfg_mix", OPERAND_cfg_mix_logits, R_SCORES, 0);
    bind(t, "cfg_mix", OPERAND_cfg_mix_out, R_FILTERED, 0);
    bind(t, "allowed_tokens", OPERAND_elementwise_a, first, 0);
    bind(t, "allowed_tokens", OPERAND_elementwise_out, second, 0);
    bind(t, "temperature", OPERAND_elementwise_a, second, 0);
    bind(t, "temperature", OPERAND_elementwise_out, first, 0);
    bind(t, "repetition_penalty", OPERAND_penalty_seen, R_SEEN, 0);
    bind(t, "repetition_penalty", OPERAND_penalty_logits, first, 0);
    bind(t, "sample", OPERAND_sample_uniforms, R_UNIFORMS, 0);
    bind(t, "sample", OPERAND_sample_tokens, R_TOKENS, 0);
    bind(t, "sample", OPERAND_sample_logits, first, 0);
}

/* Kept at the exit: the stream, with what the last block computed where that is still to be added. */
static void bind_speculation(binding_table *t, bool fused) {
    bind(t, "exit_state", fused ? (int32_t)OPERAND_add_a : (int32_t)OPERAND_copy_source, R_RESIDUAL, 0);
    if (fused)
        bind(t, "exit_state", OPERAND_add_b, R_BLOCK, 0);
    bind(t, "exit_state", fused ? (int32_t)OPERAND_add_out : (int32_t)OPERAND_copy_destination, R_EXIT, 0);
    bind(t, "accept", OPERAND_accept_drafted, R_DRAFTED, 0);
    bind(t, "accept", OPERAND_accept_verified, R_VERIFIED, 0);
    bind(t, "accept", OPERAND_accept_count, R_ACCEPTED, 0);
}

static void bind_model(binding_table *t, const model *m, const levers *l) {
    bool fused = l->fuse != FUSE_NONE && !m->post_norm; /* norms take the residual in */
    llama_register stream = m->post_norm ? R_BLOCK : R_RESIDUAL;
    bind(t, "page_table", OPERAND_copy_destination, R_PAGES, 0);
    bind(t, "embedding", OPERAND_embedding_out, fused ? R_BLOCK : R_RESIDUAL, 0);
    bind_norm(t, "norm1", fused ? R_BLOCK : stream, fused);
    bind_gemm(t, "qkv", m->post_norm ? R_RESIDUAL : R_NORMED, R_QKV);
    bind_attention(t, m);
    bind_residual(t, "attention_residual", m->post_norm ? R_NORMED : R_BLOCK);
    bind_norm(t, "norm2", fused ? R_BLOCK : stream, fused);
    bind_ffn(t, m, l, m->post_norm ? R_RESIDUAL : R_NORMED);
    bind_residual(t, "ffn_residual", m->post_norm ? R_NORMED : R_BLOCK);
    bind_norm(t, "norm", fused ? R_BLOCK : R_RESIDUAL, fused);
    bind_gemm(t, "head", R_NORMED, R_LOGITS);
    bind_speculation(t, fused);
}

/* ---- forwards ---- */

typedef enum forward_kind {
    FORWARD_ONLY,
    FORWARD_UNCOND,
    FORWARD_DRAFT_PROMPT, /* a draft model reads the prompt */
    FORWARD_CATCH_UP,     /* its first step of a round, over two rows a sequence */
    FORWARD_DRAFT,
    FORWARD_VERIFY,
    FORWARD_UNKNOWN
} forward_kind;

/* Which forward of a step a node belongs to. */
typedef struct forward {
    forward_kind kind;
    int64_t block; /* of a draft: which, counted from 0; the last draft's way through the first layers comes behind */
} forward;

static size_t base_length(const char *id) {
    return strcspn(id, ".");
}

static bool is_base(const char *id, const char *base) {
    return strlen(base) == base_length(id) && strncmp(id, base, base_length(id)) == 0;
}

static forward forward_of(const char *id, const levers *l) {
    static const char draft[] = "draft";
    const char *suffix = id + base_length(id);
    int64_t block = -1;
    if (!*suffix)
        return (forward){FORWARD_ONLY, 0};
    suffix++;
    if (strcmp(suffix, "uncond") == 0)
        return (forward){FORWARD_UNCOND, 0};
    if (strcmp(suffix, "last") == 0)
        return (forward){FORWARD_DRAFT, (int64_t)l->speculation.drafts};
    if (strcmp(suffix, "verify") == 0)
        return (forward){FORWARD_VERIFY, 0};
    if (strcmp(suffix, draft) == 0)
        return (forward){FORWARD_DRAFT_PROMPT, 0};
    if (strncmp(suffix, draft, strlen(draft)) == 0)
        block = strtoll(suffix + strlen(draft), NULL, 10) - 1;
    if (block >= 0)
        return (forward){block == 0 && l->speculate == SPECULATE_DRAFT ? FORWARD_CATCH_UP : FORWARD_DRAFT, block};
    return (forward){FORWARD_UNKNOWN, 0};
}

/* Registers that a forward has of its own, instead of those of a step with a single one. */
static llama_register forward_register(forward_kind kind, llama_register reg) {
    static const struct {
        forward_kind kind;
        llama_register of, own;
    } table[] = {
        {FORWARD_UNCOND, R_PROMPT, R_PROMPT_UNCOND},
        {FORWARD_UNCOND, R_KEYS, R_KEYS_UNCOND},
        {FORWARD_UNCOND, R_VALUES, R_VALUES_UNCOND},
        {FORWARD_UNCOND, R_KEY_SCALES, R_KEY_SCALES_UNCOND},
        {FORWARD_UNCOND, R_VALUE_SCALES, R_VALUE_SCALES_UNCOND},
        {FORWARD_DRAFT, R_PROMPT, R_DRAFT_PROMPT},
        {FORWARD_DRAFT, R_POSITIONS, R_DRAFT_POSITIONS},
        {FORWARD_DRAFT, R_SLOTS, R_DRAFT_SLOTS},
        {FORWARD_DRAFT, R_TOKENS, R_DRAFTED},
        {FORWARD_CATCH_UP, R_PROMPT, R_CATCH_UP_PROMPT},
        {FORWARD_CATCH_UP, R_POSITIONS, R_CATCH_UP_POSITIONS},
        {FORWARD_CATCH_UP, R_SLOTS, R_CATCH_UP_SLOTS},
        {FORWARD_CATCH_UP, R_TOKENS, R_DRAFTED},
        {FORWARD_VERIFY, R_PROMPT, R_VERIFY_PROMPT},
        {FORWARD_VERIFY, R_POSITIONS, R_VERIFY_POSITIONS},
        {FORWARD_VERIFY, R_SLOTS, R_VERIFY_SLOTS},
        {FORWARD_VERIFY, R_TOKENS, R_VERIFIED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].kind == kind && table[i].of == reg)
            return table[i].own;
    return reg;
}

/* A verification goes on from the exit states, which lie token after token. */
static void begin_at_exit(graph_node *node, operand_binding *bindings, bool fused) {
    int32_t read = REGISTER_NONE;
    if (is_base(node->id, "norm1")) {
        read = fused ? (int32_t)OPERAND_rmsnorm_residual : (int32_t)OPERAND_rmsnorm_x;
        if (fused)
            bindings[OPERAND_rmsnorm_x].first_reg = R_ZEROS;
    } else if (is_base(node->id, "attention_residual")) {
        read = OPERAND_add_a;
    }
    if (read == REGISTER_NONE)
        return;
    bindings[read].first_reg = R_EXIT;
    bindings[read].token_major = true;
}

/* Everything that is as wide as a model, in the draft model's own width. */
static void bind_draft_model(operand_binding *bindings) {
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        operand_binding *b = &bindings[i];
        if (b->reg != REGISTER_NONE)
            b->reg = (int32_t)llama_draft_register((llama_register)b->reg);
        if (b->first_reg != REGISTER_NONE)
            b->first_reg = (int32_t)llama_draft_register((llama_register)b->first_reg);
    }
}

/* Logits are wanted of each sequence's last row alone; the rows are as one behind the other from the norm on. */
static void see_last_tokens(const graph_node *node, bool fused, operand_binding *bindings) {
    if (!is_base(node->id, "norm"))
        return;
    const int32_t seen[] = {OPERAND_rmsnorm_x, OPERAND_rmsnorm_residual};
    for (size_t i = 0; i < (fused ? 2 : 1); i++) {
        bindings[seen[i]].last_tokens = true;
        bindings[seen[i]].tokens = CATCH_UP_TOKENS;
    }
}

static void bind_forward(graph_node *node, const forward *f, const levers *l, bool fused, operand_binding *bindings) {
    static const char *const without_layers[] = {"norm", "head", "sample", "accept", "exit_state", "embedding"};
    for (size_t i = 0; i < OPERANDS_MAX; i++) {
        operand_binding *b = &bindings[i];
        if (b->reg == REGISTER_NONE)
            continue;
        b->reg = (int32_t)forward_register(f->kind, (llama_register)b->reg);
        bool apart = b->reg >= R_DRAFT_PROMPT && b->reg <= R_EXIT;
        b->block = f->kind == FORWARD_DRAFT && apart ? f->block : 0;
    }
    if (f->kind == FORWARD_UNCOND && is_base(node->id, "logits_cast"))
        bindings[OPERAND_copy_destination].block = 1;
    if (is_base(node->id, "accept"))
        bindings[OPERAND_accept_drafted].token_major = true;
    if (f->kind == FORWARD_CATCH_UP)
        see_last_tokens(node, fused, bindings);
    if (f->kind != FORWARD_VERIFY || l->speculate != SPECULATE_LAYERSKIP)
        return;
    bool layered = true;
    for (size_t i = 0; i < sizeof without_layers / sizeof without_layers[0]; i++)
        layered = layered && !is_base(node->id, without_layers[i]);
    node->first_layer = layered ? (int64_t)l->speculation.exit : 0;
    begin_at_exit(node, bindings, fused);
}

/* ---- nodes ---- */

/* A node whose id the table does not know stays unbound, and says so when the graph is to be run. */
static operand_binding *bind_node(arena *a, const binding_table *t, graph_node *node, bool prefill) {
    operand_binding *bindings = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const binding_row *row = &t->rows[i];
        if (!is_base(node->id, row->node))
            continue;
        if (!bindings)
            bindings = operand_bindings_new(a);
        bindings[row->operand].reg = (int32_t)row->reg;
        bindings[row->operand].column = row->column;
        bindings[row->operand].width = row->width;
        bool last = strcmp(row->node, "head") == 0 && row->operand == OPERAND_gemm_a;
        bindings[row->operand].last_tokens = last && prefill;
        /* Before the first layer nothing has been added yet. */
        if (strcmp(row->node, "norm1") == 0 && row->operand == OPERAND_rmsnorm_residual)
            bindings[row->operand].first_reg = R_ZEROS;
    }
    if (bindings &&
        node->op.kind == OP_embedding) /* decode steps too: outcomes are the scenario's, never the logits' */
        bindings[OPERAND_embedding_ids].reg = R_PROMPT;
    /* Argmax takes the logits as they are. */
    if (bindings && node->op.kind == OP_sample && node->op.as.sample.dtype != DTYPE_fp32)
        bindings[OPERAND_sample_logits].reg = R_LOGITS;
    return bindings;
}

/* What a prompt attends to where the cache is of another type or in pages: its keys and values as they are at hand. */
static void bind_prompt_attention(graph_node *node, const model *m, operand_binding *bindings) {
    if (node->op.kind != OP_attention || !bindings || node->op.as.attention.kv_dtype != m->dtype)
        return;
    int64_t q = (int64_t)(m->heads * m->head_dim), kv = (int64_t)(m->kv_heads * m->head_dim);
    bindings[OPERAND_attention_k] = (operand_binding){.reg = R_QKV, .first_reg = REGISTER_NONE, .column = q};
    bindings[OPERAND_attention_v] = (operand_binding){.reg = R_QKV, .first_reg = REGISTER_NONE, .column = q + kv};
}

/* How the nodes of one model are bound. */
typedef struct model_binding {
    const model *m;
    binding_table table;
    bool fused;          /* norms take the residual in */
    bool prompt_at_hand; /* a prompt attends to what is not in the cache as it is */
} model_binding;

static void bind_one_model(model_binding *out, const graph *g, const model *m, const levers *l) {
    out->m = m;
    out->table.count = 0;
    bind_model(&out->table, m, l);
    bind_sampling(&out->table, g);
    out->fused = l->fuse != FUSE_NONE && !m->post_norm;
    out->prompt_at_hand = kv_cache_dtype(m, l) != m->dtype || g->page_tokens > 0;
}

static void bind_one_node(graph *g, graph_node *node, bool prefill, const levers *l, const model_binding *of_target,
                          const model_binding *of_draft) {
    forward f = forward_of(node->id, l);
    bool drafts = f.kind == FORWARD_DRAFT_PROMPT || f.kind == FORWARD_CATCH_UP ||
                  (f.kind == FORWARD_DRAFT && l->speculate == SPECULATE_DRAFT);
    const model_binding *of = drafts ? of_draft : of_target;
    operand_binding *bindings =
        f.kind == FORWARD_UNKNOWN || !of ? NULL : bind_node(g->memory, &of->table, node, prefill);
    node->operands = bindings;
    if (!bindings)
        return;
    if (prefill && of->prompt_at_hand)
        bind_prompt_attention(node, of->m, bindings);
    node->rope_theta = node->op.kind == OP_rope ? of->m->rope_theta : 0;
    if (f.kind != FORWARD_ONLY && !node->weight_id)
        node->weight_id = arena_printf(g->memory, "%.*s", (int)base_length(node->id), node->id);
    bind_forward(node, &f, l, of->fused, bindings);
    if (drafts)
        bind_draft_model(bindings);
}

void bind_llama_dataflow(graph *g, const model *m, const model *draft, const levers *l) {
    if (l->flavour != FLAVOUR_INGOT)
        return;
    g->registers = llama_registers(g->memory, m, draft, l, &g->register_count);
    g->kept_first = l->kv_keep == KEEP_WINDOW ? (int64_t)l->keep.sinks : 0;
    g->kept_last = l->kv_keep == KEEP_WINDOW ? (int64_t)l->keep.recent : 0;
    g->page_tokens = l->kv_cache == KV_PAGED ? (int64_t)l->page_tokens : 0;
    model_binding of_target, of_draft;
    bind_one_model(&of_target, g, m, l);
    if (draft)
        bind_one_model(&of_draft, g, draft, l);
    for (size_t p = 0; p < g->phase_count; p++) {
        bool prefill = strcmp(g->phases[p].name, "prefill") == 0;
        if (!prefill && strcmp(g->phases[p].name, "decode") != 0)
            continue;
        for (size_t n = 0; n < g->phases[p].node_count; n++)
            bind_one_node(g, &g->phases[p].nodes[n], prefill, l, &of_target, draft ? &of_draft : NULL);
    }
}
