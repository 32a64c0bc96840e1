/* What levers come to on a given workload. */
#include "workloads/workload.h"

/* Why a workload cannot speculate, or NULL. */
static const char *speculation_obstacle(const workload *w) {
    if (!w->shape.speculates)
        return "speculation is modelled for decoders of plain text";
    if (w->shape.experts > 0)
        return "each drafted token chooses experts of its own, which is not modelled";
    return NULL;
}

static status check_speculation(const workload *w, levers *l, error *err) {
    const model *m = &w->shape;
    speculate_arguments *s = &l->speculation;
    const char *obstacle = speculation_obstacle(w);
    if (l->speculate == SPECULATE_AUTO)
        l->speculate = !obstacle && m->layerskip_exit_layer > 0 ? SPECULATE_LAYERSKIP : SPECULATE_NONE;
    if (l->speculate == SPECULATE_LAYERSKIP && s->exit == 0) {
        if (m->layerskip_exit_layer == 0)
            return error_set(err, STATUS_NEGATIVE,
                             "not applicable: no LayerSkip checkpoint of %s is published, and other checkpoints do not "
                             "exit early",
                             m->name);
        s->exit = m->layerskip_exit_layer;
    }
    if (l->speculate != SPECULATE_NONE && obstacle)
        return error_set(err, STATUS_NEGATIVE, "not applicable: %s: %s", m->name, obstacle);
    if (l->speculate == SPECULATE_LAYERSKIP && s->exit >= m->layers)
        return error_set(err, STATUS_NEGATIVE, "not applicable: %s has %.0f layers, none is left behind layer %.0f",
                         m->name, m->layers, s->exit);
    return STATUS_OK;
}

/* Levers that are built into decoder-only transformers alone, or into those that speak nothing but text. */
static status check_decoder(const workload *w, const levers *l, error *err) {
    const struct {
        bool set;
        bool text_only;
        const char *key;
    } levers_of_decoders[] = {{l->kv_cache == KV_PAGED, false, "kv_cache=paged"},
                              {l->kv_dtype != DTYPE_bf16, false, "kv_dtype"},
                              {l->kv_keep != KEEP_FULL, false, "kv_keep"},
                              {l->streams > 1, true, "streams"},
                              {l->tp > 1, true, "tp"},
                              {l->pp > 1, true, "pp"},
                              {l->ep > 1, true, "ep"}};
    for (size_t i = 0; i < sizeof levers_of_decoders / sizeof levers_of_decoders[0]; i++)
        if (levers_of_decoders[i].set &&
            !(levers_of_decoders[i].text_only ? w->shape.speculates : w->shape.decoder_only))
            return error_set(err, STATUS_NEGATIVE, "not applicable: %s: %s is modelled for decoders of %s",
                             w->shape.name, levers_of_decoders[i].key,
                             levers_of_decoders[i].text_only ? "plain text" : "text and images");
    return STATUS_OK;
}

status workload_levers(const workload *w, const levers *l, levers *out, error *err) {
    *out = *l;
    if (out->beam_reorder == BEAM_AUTO)
        out->beam_reorder = w->shape.beams ? BEAM_INDIRECT : BEAM_COPY;
    /* What the authors of the paper's tasks ran eagerly is their own code. */
    bool reference = out->flavour == FLAVOUR_HF && out->fuse == FUSE_NONE && out->kv_cache == KV_DYNAMIC;
    if (reference && w->task && w->task->attended_tokens > 0)
        out->flavour = FLAVOUR_META, out->kv_cache = KV_STATIC;
    status result = check_decoder(w, out, err);
    if (result == STATUS_OK)
        result = check_speculation(w, out, err);
    return result == STATUS_OK ? levers_check(out, err) : result;
}
