#include "workloads/llama_registers.h"

#include "workloads/kv_levers.h"

#include <assert.h>
#include <string.h>

static_assert((int)LLAMA_REGISTERS_WITH_DRAFT <= (int)REGISTERS_MAX, "sets of registers are one word");

static graph_register make_register(const char *name, register_kind kind, data_type type, int64_t cols) {
    return (graph_register){.name = name, .kind = kind, .type = type, .cols = cols};
}

/* R_MODEL to R_MODEL_END, to `out`. */
static void model_registers(const model *m, const levers *l, graph_register *out) {
    data_type kept = kv_cache_dtype(m, l);
    int64_t vocabulary = (int64_t)m->vocabulary, heads = (int64_t)m->kv_heads;
    int64_t q = (int64_t)(m->heads * m->head_dim), kv = (int64_t)(m->kv_heads * m->head_dim);
    int64_t d = (int64_t)m->hidden, f = (int64_t)m->ffn;
    const graph_register all[R_MODEL_END - R_MODEL] = {
        [R_ZEROS - R_MODEL] = make_register("zeros", REGISTER_ZEROS, m->dtype, d),
        [R_RESIDUAL - R_MODEL] = make_register("residual", REGISTER_ACTIVATION, m->dtype, d),
        [R_BLOCK - R_MODEL] = make_register("block", REGISTER_ACTIVATION, m->dtype, d),
        [R_NORMED - R_MODEL] = make_register("normed", REGISTER_ACTIVATION, m->dtype, d),
        [R_QKV - R_MODEL] = make_register("qkv", REGISTER_ACTIVATION, m->dtype, q + 2 * kv),
        [R_Q - R_MODEL] = make_register("q", REGISTER_ACTIVATION, m->dtype, q),
        [R_ATTENTION - R_MODEL] = make_register("attention", REGISTER_ACTIVATION, m->dtype, q),
        [R_GATE_UP - R_MODEL] = make_register("gate_up", REGISTER_ACTIVATION, m->dtype, 2 * f),
        [R_GATE - R_MODEL] = make_register("gate", REGISTER_ACTIVATION, m->dtype, f),
        [R_UP - R_MODEL] = make_register("up", REGISTER_ACTIVATION, m->dtype, f),
        [R_GATED - R_MODEL] = make_register("gated", REGISTER_ACTIVATION, m->dtype, f),
        [R_LOGITS - R_MODEL] = make_register("logits", REGISTER_ACTIVATION, m->dtype, vocabulary),
        [R_Q_NORMED - R_MODEL] = make_register("q_normed", REGISTER_ACTIVATION, m->dtype, q),
        [R_K_NORMED - R_MODEL] = make_register("k_normed", REGISTER_ACTIVATION, m->dtype, kv),
        [R_KEYS - R_MODEL] = make_register("keys", REGISTER_CACHE, kept, kv),
        [R_VALUES - R_MODEL] = make_register("values", REGISTER_CACHE, kept, kv),
        [R_KEY_SCALES - R_MODEL] = make_register("key_scales", REGISTER_CACHE, DTYPE_fp16, heads),
        [R_VALUE_SCALES - R_MODEL] = make_register("value_scales", REGISTER_CACHE, DTYPE_fp16, heads),
    };
    memcpy(out, all, sizeof all);
    out[R_LOGITS - R_MODEL].kept = true;
}

/* The second forward of guidance. */
static void uncond_registers(const model *m, graph_register *all) {
    static const llama_register caches[][2] = {{R_KEYS, R_KEYS_UNCOND},
                                               {R_VALUES, R_VALUES_UNCOND},
                                               {R_KEY_SCALES, R_KEY_SCALES_UNCOND},
                                               {R_VALUE_SCALES, R_VALUE_SCALES_UNCOND}};
    static const char *const names[] = {"keys_uncond", "values_uncond", "key_scales_uncond", "value_scales_uncond"};
    for (size_t i = 0; i < sizeof caches / sizeof caches[0]; i++) {
        all[caches[i][1]] = all[caches[i][0]];
        all[caches[i][1]].name = names[i];
    }
    all[R_PROMPT_UNCOND] = make_register("prompt_uncond", REGISTER_PROMPT, m->dtype, 1);
    all[R_PROMPT_UNCOND].draw = 1;
}

static void speculation_registers(const model *m, const levers *l, graph_register *all) {
    all[R_DRAFT_PROMPT] = make_register("draft_prompt", REGISTER_PROMPT, m->dtype, 1);
    all[R_DRAFT_POSITIONS] = make_register("draft_positions", REGISTER_POSITIONS, m->dtype, 1);
    all[R_DRAFT_SLOTS] = make_register("draft_slots", REGISTER_SLOTS, m->dtype, 1);
    all[R_DRAFTED] = make_register("drafted", REGISTER_TOKENS, m->dtype, 1);
    all[R_EXIT] = make_register("exit_states", REGISTER_ACTIVATION, m->dtype, (int64_t)m->hidden);
    all[R_VERIFY_PROMPT] = make_register("verify_prompt", REGISTER_PROMPT, m->dtype, 1);
    all[R_VERIFY_POSITIONS] = make_register("verify_positions", REGISTER_POSITIONS, m->dtype, 1);
    all[R_VERIFY_SLOTS] = make_register("verify_slots", REGISTER_SLOTS, m->dtype, 1);
    all[R_VERIFIED] = make_register("verified", REGISTER_TOKENS, m->dtype, 1);
    all[R_ACCEPTED] = make_register("accepted", REGISTER_TOKENS, m->dtype, 1);
    all[R_CATCH_UP_PROMPT] = make_register("catch_up_prompt", REGISTER_PROMPT, m->dtype, 1);
    all[R_CATCH_UP_POSITIONS] = make_register("catch_up_positions", REGISTER_POSITIONS, m->dtype, 1);
    all[R_CATCH_UP_SLOTS] = make_register("catch_up_slots", REGISTER_SLOTS, m->dtype, 1);
    for (int r = R_DRAFT_PROMPT; r <= R_VERIFIED; r++) {
        all[r].queries = (int64_t)l->speculation.drafts + 1;
        all[r].token_major = r <= R_EXIT;
    }
    for (int r = R_CATCH_UP_PROMPT; r <= R_CATCH_UP_SLOTS; r++) {
        all[r].queries = CATCH_UP_TOKENS;
        all[r].behind = CATCH_UP_TOKENS - 1;
    }
}

graph_register *llama_registers(arena *a, const model *m, const model *draft, const levers *l, size_t *count) {
    graph_register *all = ARENA_ARRAY(a, graph_register, LLAMA_REGISTERS_WITH_DRAFT);
    all[R_PROMPT] = make_register("prompt", REGISTER_PROMPT, m->dtype, 1);
    all[R_POSITIONS] = make_register("positions", REGISTER_POSITIONS, m->dtype, 1);
    all[R_SLOTS] = make_register("slots", REGISTER_SLOTS, m->dtype, 1);
    all[R_TOKENS] = make_register("tokens", REGISTER_TOKENS, m->dtype, 1);
    all[R_PAGES] = make_register("pages", REGISTER_PAGES, m->dtype, 1);
    all[R_SEEN] = make_register("seen", REGISTER_SEEN, m->dtype, 1);
    all[R_UNIFORMS] = make_register("uniforms", REGISTER_UNIFORMS, DTYPE_fp32, 1);
    all[R_SCORES] = make_register("scores", REGISTER_ACTIVATION, DTYPE_fp32, (int64_t)m->vocabulary);
    all[R_FILTERED] = make_register("filtered", REGISTER_ACTIVATION, DTYPE_fp32, (int64_t)m->vocabulary);
    model_registers(m, l, all + R_MODEL);
    uncond_registers(m, all);
    speculation_registers(m, l, all);
    *count = LLAMA_REGISTERS;
    if (draft) {
        *count = LLAMA_REGISTERS_WITH_DRAFT;
        model_registers(draft, l, all + R_DRAFT_MODEL);
        for (int r = R_DRAFT_MODEL; r < LLAMA_REGISTERS_WITH_DRAFT; r++)
            all[r].name = arena_printf(a, "draft_%s", all[r].name);
    }
    return all;
}

llama_register llama_draft_register(llama_register reg) {
    bool wide = reg >= R_MODEL && reg < R_MODEL_END;
    return wide ? (llama_register)(reg - R_MODEL + R_DRAFT_MODEL) : reg;
}
