/* A weight and the form that a run stored it in (autoquant). */
#ifndef INGOT_WEIGHT_PICK_H
#define INGOT_WEIGHT_PICK_H

#include "core/op.h"

typedef struct weight_pick {
    const char *weight; /* of the nodes that read it: graph_picks.h */
    data_type dtype, weights_dtype;
    int64_t group_size;
    bool dynamic_quantise;
} weight_pick;

#endif
