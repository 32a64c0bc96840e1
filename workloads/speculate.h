/* Speculative decoding: a decode step is a round that drafts tokens cheaply and verifies them together.
 *
 * LayerSkip (arXiv 2404.16710, facebookresearch/LayerSkip): layers 0 to E-1 and the shared head draft D tokens one by
 * one; their hidden states at the exit and their keys and values are kept; layers E to L-1 then run once over D+1 rows.
 * The last draft's row has not been through the first layers yet, so one more pass of these goes before. Crop of the
 * cache is a change of length, no kernel.
 *
 * A draft model: D steps of it, then one forward of the model over D+1 rows. Where a round rejects nothing, its last
 * draft has not been through the draft model: the first step of the next round takes the token before its own along, so
 * that it has two rows a sequence. */
#ifndef INGOT_SPECULATE_H
#define INGOT_SPECULATE_H

#include "workloads/build.h"
#include "workloads/workload.h"

typedef struct speculation {
    int64_t drafts;     /* a round; 0: no speculation */
    int64_t exit;       /* layers that draft; 0: a model of its own does */
    const model *draft; /* that model, or NULL */
} speculation;

/* From levers as workload_levers gives them; loads the draft model. STATUS_NEGATIVE when its vocabulary is another. */
status speculation_of(arena *a, const workload *w, const levers *l, speculation *out, error *err);

/* Forwards in a round. */
size_t speculation_forwards(const speculation *s);

/* A draft model reads the prompt too. Nothing without one. */
void build_draft_prefill(graph_builder *b, const speculation *s, const levers *l);
/* A round, in place of a step. */
void build_speculation_round(graph_builder *b, const model *m, const speculation *s, const levers *l);
/* A draft model's embedding, norms and cache; its matrices are in the round. */
void add_draft_memory(graph *g, const speculation *s, const levers *l);

/* Draws what each round accepts: DECODE_STEPS becomes the number of rounds until the slowest sequence is complete, and
 * `progress` the mean tokens of a sequence before each. A draft is accepted with the levers' probability, given that
 * those before it were, so that a round yields 1 + sum of its powers on average. Nothing without speculation. */
void scenario_speculate(arena *a, const levers *l, scenario *s);

#endif
