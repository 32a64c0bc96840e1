/* What the levers kv_cache, kv_dtype and kv_keep do to a decoder's cache. */
#ifndef INGOT_KV_LEVERS_H
#define INGOT_KV_LEVERS_H

#include "workloads/build.h"

/* Element type of cached keys and values; bf16 stands for the model's own 16 bits. */
data_type kv_cache_dtype(const model *m, const levers *l);
/* Bytes of a cached key or value of one head, its scale included. */
double kv_vector_bytes(const model *m, const levers *l);
/* Tokens of a sequence that stay cached at most; 0: all. */
double kv_kept_tokens(const levers *l);

/* The cache's lengths as the levers make them: kept tokens, whole pages. */
void scenario_cache(const levers *l, scenario *s);

/* A paged cache's table of pages goes to the GPU before a step. Nothing otherwise. */
void build_page_table(graph_builder *b, const levers *l);
/* What topk does behind a layer's attention; nothing otherwise. Fused attention yields no scores: they are computed
 * again, summed over queries and heads of a group, and added to what has accumulated. A decode step then finds the
 * token that is attended to least, whose slot the next one takes; a prefill picks those that stay and moves them
 * together. */
void build_eviction(graph_builder *b, const model *m, const levers *l);
/* Limits an attention operator to what is kept. */
void limit_attention(const graph_builder *b, graph_node *attention, const levers *l);

/* ---- models some or all of whose layers attend to a window ---- */

/* A layer's nodes, in the segment that has been begun. */
typedef void layer_builder(graph_builder *b, const model *m, const levers *l, bool windowed);
/* `layers` layers in a segment of those that attend to a window, whose nodes are named apart where only some do
 * ("attention.windowed"), and one of the others. Their order among the layers changes no time. */
void build_layers_by_window(graph_builder *b, const model *m, const levers *l, int64_t layers, layer_builder *build);
/* Limits an attention operator to the model's window. The cache is kept, and copied, in full. */
void window_attention(const graph_builder *b, graph_node *attention, const model *m);

#endif
