/* Levers that exclude each other. */
#include "workloads/levers.h"

static status no(error *err, const char *why) {
    return error_set(err, STATUS_NEGATIVE, "%s", why);
}

static status check_cache(const levers *l, error *err) {
    bool dynamic = l->kv_cache == KV_DYNAMIC;
    if (l->launch == LAUNCH_GRAPH && dynamic)
        return no(err, "launch=graph needs kv_cache=static: a captured graph cannot allocate a longer cache");
    if (l->flavour == FLAVOUR_GPTFAST && dynamic)
        return no(err, "flavour=gptfast needs kv_cache=static: it has no other cache");
    if (l->flavour == FLAVOUR_META && dynamic)
        return no(err, "flavour=meta needs kv_cache=static: it has no other cache");
    if (l->flavour == FLAVOUR_INGOT && dynamic)
        return no(err, "flavour=ingot needs kv_cache=static: it has no other cache");
    if (l->flavour == FLAVOUR_HF && l->fuse == FUSE_NONE && !dynamic)
        return no(err, "flavour=hf with fuse=none needs kv_cache=dynamic: its operators concatenate the cache");
    if (l->flavour == FLAVOUR_HF && l->fuse != FUSE_NONE && dynamic)
        return no(err, "kv_cache=dynamic needs fuse=none: fused operators write into a reserved cache");
    if (l->kv_cache == KV_PAGED && l->attention == ATTENTION_NAIVE)
        return no(err, "kv_cache=paged needs attention=flash: written-out products read a contiguous cache");
    if (l->kv_dtype != DTYPE_bf16 && dynamic)
        return no(err, "kv_dtype needs kv_cache=static or paged: a concatenated cache is in the model's own type");
    if (l->kv_dtype != DTYPE_bf16 && l->attention == ATTENTION_NAIVE)
        return no(err, "kv_dtype needs attention=flash: written-out products do not widen what they read");
    if (l->kv_keep != KEEP_FULL && dynamic)
        return no(err, "kv_keep needs kv_cache=static: evicted tokens' slots are written over");
    if (l->kv_keep == KEEP_TOPK && l->kv_cache == KV_PAGED)
        return no(err, "kv_keep=topk excludes kv_cache=paged: tokens leave from the middle of pages");
    return STATUS_OK;
}

static status check_speculation(const levers *l, error *err) {
    if (l->speculate == SPECULATE_NONE || l->speculate == SPECULATE_AUTO)
        return STATUS_OK;
    if (l->kv_keep != KEEP_FULL)
        return no(err, "speculate excludes kv_keep: rejected drafts cannot be taken back once they evicted others");
    if (l->pp > 1)
        return no(err, "speculate excludes pp: drafts would wait for every stage of the pipeline");
    return STATUS_OK;
}

static status check_types(const levers *l, error *err) {
    bool narrow = dtype_bytes((data_type)l->activations) < 2;
    if (narrow && levers_autoquant(l))
        return no(err, "activations excludes weights=autoquant, which picks both");
    if (narrow && l->weights != l->activations)
        return no(err, "activations in 8 bits need weights of the same type: tensor cores multiply like with like");
    return STATUS_OK;
}

status levers_check(const levers *l, error *err) {
    status result = check_cache(l, err);
    if (result == STATUS_OK)
        result = check_speculation(l, err);
    if (result == STATUS_OK)
        result = check_types(l, err);
    if (result == STATUS_OK && l->speculate == SPECULATE_DRAFT && l->tp > 1)
        return no(err, "speculate=draft excludes tp: how a draft model is split is not modelled");
    if (result == STATUS_OK && l->ep > 1 && l->tp > 1)
        return no(err, "ep excludes tp: splitting experts and heads over the same GPUs is not modelled");
    if (result == STATUS_OK && l->streams > 1 && l->tp * l->pp * l->ep > 1)
        return no(err, "streams excludes tp, pp and ep: collectives on side streams are not modelled");
    return result;
}
