#include "workloads/predicted_only.h"

#include <string.h>

static const char *flavour_text(arena *a, const levers *l) {
    size_t count;
    const lever_info *table = lever_table(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].key, "flavour") == 0)
            return lever_value_text(a, l, &table[i]);
    return "?";
}

const char *predicted_only(arena *a, const workload *w, const levers *l) {
    if (!w->shape.decoder_only)
        return arena_printf(a, "%s is predicted only: executors run decoders of text and images", w->shape.name);
    if (w->shape.experts > 0)
        return arena_printf(a, "%s is predicted only: executors run no mixtures of experts", w->shape.name);
    if (w->shape.head_rms_norm || w->shape.sandwich_norm || w->shape.windowed_layers > 0)
        return arena_printf(a, "%s is predicted only: executors run no windows and no norms beyond Llama's",
                            w->shape.name);
    if (l->flavour != FLAVOUR_INGOT)
        return arena_printf(a, "flavour=%s is predicted only: executors run flavour=ingot", flavour_text(a, l));
    if (l->tp * l->pp * l->ep > 1)
        return "tp, pp and ep are predicted only: executors run on one GPU";
    if (l->kv_keep == KEEP_TOPK)
        return "kv_keep=topk is predicted only: executors have no kernels that evict tokens";
    if (l->weights == DTYPE_fp8 && l->activations != DTYPE_fp8)
        return "weights=fp8 is run with activations=fp8; without, it is predicted only";
    return NULL;
}
