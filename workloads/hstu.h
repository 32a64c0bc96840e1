/* HSTU, the generative recommender: pointwise-gated attention without softmax over users' histories. */
#ifndef INGOT_HSTU_H
#define INGOT_HSTU_H

#include "workloads/build.h"

/* Numbers of the model file beyond struct model. */
typedef struct hstu_shape {
    double history_layers, recent_layers; /* over the whole history, then over what is kept of it */
    double table_rows;                    /* embeddings of items */
} hstu_shape;

typedef struct hstu_builder {
    graph_builder b;
    const model *m;
    const levers *l;
    /* The rows that the current layers work on. */
    scenario_variable length, rows;
} hstu_builder;

/* One layer, in the current segment; ids begin with `prefix`. Written out (research code: attention in steps over
 * padded N x N matrices, with a bias of positions and times) or fused (production code: jagged, no bias). */
void hstu_layer(hstu_builder *h, const char *prefix);

/* Parts that the stages around the layers share. */
graph_node *hstu_row_op(hstu_builder *h, const char *id, op o, double calls);
graph_node *hstu_linear(hstu_builder *h, const char *id, double k, double n);
void hstu_norm(hstu_builder *h, const char *id, bool gated);
void hstu_copy(hstu_builder *h, const char *id, double width);
void hstu_silu(hstu_builder *h, const char *id, double width);
void hstu_residual(hstu_builder *h, const char *id);

/* Whether attention is written out as the research code does it. */
bool hstu_written_out(const levers *l);

#endif
