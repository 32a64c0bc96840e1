/* The registers of ingot's own decoder graphs (llama_dataflow.c binds operators to them). */
#ifndef INGOT_LLAMA_REGISTERS_H
#define INGOT_LLAMA_REGISTERS_H

#include "core/dataflow.h"
#include "workloads/decoder.h"

typedef enum llama_register {
    /* Inputs and outcomes of a step with one forward. */
    R_PROMPT,
    R_POSITIONS,
    R_SLOTS,
    R_TOKENS,
    R_PAGES, /* of a paged cache */
    R_SEEN,
    R_UNIFORMS,
    /* As wide as the model: a draft model has a set of its own, in the same order. */
    R_MODEL,
    R_ZEROS = R_MODEL,
    R_RESIDUAL, /* the stream that blocks add to */
    R_BLOCK,    /* what a block has computed, not yet added */
    R_NORMED,
    R_QKV,
    R_Q, /* rotated queries */
    R_ATTENTION,
    R_GATE_UP,
    R_GATE,
    R_UP,
    R_GATED,
    R_LOGITS,
    R_Q_NORMED, /* with norms of heads */
    R_K_NORMED,
    R_KEYS,
    R_VALUES,
    R_KEY_SCALES,
    R_VALUE_SCALES,
    R_MODEL_END,
    R_SCORES = R_MODEL_END, /* logits in fp32, where sampling is more than a maximum */
    R_FILTERED,
    /* The second forward of guidance has a prompt and caches of its own. */
    R_PROMPT_UNCOND,
    R_KEYS_UNCOND,
    R_VALUES_UNCOND,
    R_KEY_SCALES_UNCOND,
    R_VALUE_SCALES_UNCOND,
    /* Speculation: a block a draft, then one of the last draft's way through the first layers; and what the verifying
     * forward sees, all of a sequence's tokens together. */
    R_DRAFT_PROMPT,
    R_DRAFT_POSITIONS,
    R_DRAFT_SLOTS,
    R_DRAFTED,
    R_EXIT,
    /* What a draft model's first step of a round sees: two tokens. */
    R_CATCH_UP_PROMPT,
    R_CATCH_UP_POSITIONS,
    R_CATCH_UP_SLOTS,
    R_VERIFY_PROMPT,
    R_VERIFY_POSITIONS,
    R_VERIFY_SLOTS,
    R_VERIFIED,
    R_ACCEPTED,
    R_DRAFT_MODEL, /* a draft model's R_MODEL to R_MODEL_END */
    LLAMA_REGISTERS = R_DRAFT_MODEL,
    LLAMA_REGISTERS_WITH_DRAFT = R_DRAFT_MODEL + R_MODEL_END - R_MODEL,
} llama_register;

/* Tokens a sequence in a draft model's first step of a round: its own, and the one before. */
enum { CATCH_UP_TOKENS = 2 };

/* Registers of a graph; `draft` is the model that drafts, or NULL. Sets the number of them. */
graph_register *llama_registers(arena *a, const model *m, const model *draft, const levers *l, size_t *count);

/* A register that is as wide as the model, as the draft model has it; others as they are. */
llama_register llama_draft_register(llama_register reg);

#endif
