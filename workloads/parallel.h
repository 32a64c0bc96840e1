/* Several GPUs and several streams: rewrites of a decoder's graph.
 *
 * A graph describes one rank. Tensor parallelism gives it a share of heads, FFN and vocabulary (Megatron's split) and
 * all-reduces behind the embedding, attention and FFN, an all-gather of the logits. Expert parallelism gives it a share
 * of the experts and all-to-alls around them; the rest is done by all ranks alike. Pipeline stages follow one another:
 * the graph shows all of them, with a send between two, and its memory is the fullest stage's. */
#ifndef INGOT_PARALLEL_H
#define INGOT_PARALLEL_H

#include "workloads/build.h"

/* One rank's share of a model. STATUS_NEGATIVE when heads, FFN, layers or experts do not divide. */
status rank_model(const model *m, const levers *l, model *out, error *err);

/* Puts collectives behind the nodes that need them and splits layers into stages; before the graph's bytes are counted.
 * `rank` is rank_model's. */
void parallel_rewrite(graph *g, const model *rank, const levers *l);
/* Leaves the fullest stage's share of weights and caches; after they are counted. */
void parallel_memory(graph *g, const model *rank, const levers *l);

/* Gives independent products of a layer (queries, keys and values; gate and up) a stream each, with dependencies at the
 * fork and the join. */
void streams_rewrite(graph *g, const levers *l);

#endif
