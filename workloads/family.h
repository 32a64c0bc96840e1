/* Model families: how a kind of model is described, what its requests are made of, and its graph. */
#ifndef INGOT_FAMILY_H
#define INGOT_FAMILY_H

#include "core/graph.h"
#include "workloads/levers.h"
#include "workloads/workload.h"

/* One row a family. All text and graphs are owned by the arena. */
typedef struct family {
    const char *name; /* `family:` of a model file */
    /* Reads the whole file: the keys that all share (model.h: MODEL_COMMON_FIELDS) and the family's own. */
    status (*load)(arena *a, const config_node *root, model *out, error *err);
    /* Draws or fixes everything that depends on the data. */
    status (*scenario)(arena *a, const workload *w, const workload_request *request, const levers *l, scenario *out,
                       error *err);
    /* STATUS_NEGATIVE "not applicable: why" when a lever does not apply. */
    status (*build)(arena *a, const workload *w, const levers *l, graph *out, error *err);
} family;

extern const family family_llama, family_chameleon, family_seamless, family_hstu;

const family *family_find(const char *name); /* NULL when unknown */
/* Names of all, for messages. */
size_t family_names(const char *const **names);

#endif
