/* The parts of a decoder-only transformer's step: embedding, layers, logits, and the choice of a token. */
#ifndef INGOT_DECODER_H
#define INGOT_DECODER_H

#include "workloads/build.h"

/* STATUS_NEGATIVE "not applicable: why" for what no decoder-only model has: fairseq2's operators. */
status decoder_applies(const model *m, const levers *l, error *err);

/* By the levers' flavour. Each appends to the current phase, in segments of its own. */
void build_embedding(graph_builder *b, const model *m, const levers *l);
void build_layers(graph_builder *b, const model *m, const levers *l, int64_t layers);
void build_logits(graph_builder *b, const model *m, const levers *l);
/* The most likely token of each sequence, and the host's wait for it where steps are issued eagerly. */
void build_greedy(graph_builder *b, const model *m, const levers *l);

/* A mixture of experts in place of the FFN: router, permutation, grouped products, weighted sum. */
void build_experts(graph_builder *b, const model *m, const levers *l, double host_calls);

/* Weights of the graph's decoder as stored: the matrices of its last phase in the levers' types, the rest (embedding,
 * norms, biases) in the model's. */
double decoder_stored_bytes(const graph *g, const model *m);
/* Of these, what is no matrix of a layer or the head. */
double decoder_other_bytes(const model *m);

/* How many experts the tokens of a forward choose, and how many tokens each of these gets. Nothing without experts. */
void scenario_experts(const model *m, scenario *s);

/* The cache of a decoder: `sequences` times the batch's own. */
void build_kv_state(graph *g, const model *m, const levers *l, double sequences);

/* Binds the operands of a graph of flavour ingot to registers, so that it can be run; other flavours stay as they are.
 * `draft` is the model that drafts, or NULL.
 */
void bind_llama_dataflow(graph *g, const model *m, const model *draft, const levers *l);

/* ---- the flavours ---- */

void build_hf_embedding(graph_builder *b, const model *m, const levers *l);
void build_hf_layers(graph_builder *b, const model *m, const levers *l, int64_t layers);
void build_hf_logits(graph_builder *b, const model *m, const levers *l);
/* Chameleon's own code, as its authors ran it. */
void build_meta_layers(graph_builder *b, const model *m, const levers *l, int64_t layers);
void build_meta_logits(graph_builder *b, const model *m, const levers *l);
/* Reserved keys and values written out once for each query head, where several share one. */
void build_repeated_heads(graph_builder *b, const model *m);
void build_fused_embedding(graph_builder *b, const model *m, const levers *l);
void build_fused_layers(graph_builder *b, const model *m, const levers *l, int64_t layers);
void build_fused_logits(graph_builder *b, const model *m, const levers *l);

#endif
